"""A whole story over a real Kannel: event, rule, gateway, its receipts and a reply, each by our real doors.

Kannel's own fakesmsc is the carrier: it takes every text, and texts us as phones do. Kannel is no SMSC for our gateway
`smpp`: its bearerbox only binds to others (opensmppbox, which serves, is no Debian package).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app import token_of
from tests.fakes.service import Service, free_port, running, tick, until
from tests.peers.processes import DEBIAN, LIBRARIES, needs, process

BEARERBOX, SMSBOX = DEBIAN / "usr/sbin/bearerbox", DEBIAN / "usr/sbin/smsbox"
FAKESMSC = DEBIAN / "usr/lib/kannel/test/fakesmsc"
pytestmark = needs(BEARERBOX, SMSBOX, FAKESMSC)
CONFIG = """
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = x
smsbox-port = {smsbox}
smsbox-interface = 127.0.0.1
box-allow-ip = 127.0.0.1

group = smsc
smsc = fake
smsc-id = fake
port = {smsc}
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}
sendsms-interface = 127.0.0.1

group = sendsms-user
username = tidings
password = sample
max-messages = 10
concatenation = true

group = sms-service
keyword = default
catch-all = true
max-messages = 0
omit-empty = true
get-url = "{replies}?id=%I&from=%p&to=%P&text=%b"
"""
PHONE = "+491710000001"
"""The phone of the first tick."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A service that sends through a Kannel, and the log of the carrier behind it."""

    service: Service
    carrier: Path

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self.service.database}?mode=ro", uri=True, timeout=10)) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("kannel")
    ports = {name: free_port() for name in ("admin", "smsbox", "smsc", "sendsms")}
    kannel = {"kind": "kannel", "username": "tidings", "password": "sample", "from": "12345",
              "base_url": f"http://127.0.0.1:{ports['sendsms']}"}  # fmt: skip
    service = Service(
        folder, settings={"mode": "live", "routes": {"order": ["kannel"]}}, gateways={"kannel": kannel},
    )  # fmt: skip
    with running(service), ExitStack() as peers:
        found = Story(service=service, carrier=folder / "fakesmsc.log")
        key = str(found.rows("select value from settings where name = 'receipt_key'")[0][0])
        replies = f"{service.address}/replies/kannel/{token_of(key, 'kannel')}"
        config = folder / "kannel.conf"
        config.write_text(CONFIG.format(**ports, replies=replies), "utf-8")
        peers.enter_context(process([BEARERBOX, config], folder, port=ports["smsbox"], environment=LIBRARIES))
        peers.enter_context(process([SMSBOX, config], folder, port=ports["sendsms"], environment=LIBRARIES))
        yield found


@pytest.fixture
def carrier(story: Story) -> Iterator[Path]:
    """Let the carrier come; it takes texts, and a phone says STOP once."""
    config = (story.service.folder / "kannel.conf").read_text("utf-8")
    port = config.partition("smsc-id = fake\nport = ")[2].partition("\n")[0]
    words: list[str | Path] = [
        FAKESMSC,
        "-H",
        "127.0.0.1",
        "-r",
        port,
        "-m",
        "1",
        "-i",
        "0.1",
        f"{PHONE} 12345 text STOP",
    ]
    with process(words, story.service.folder, environment=LIBRARIES) as log:
        yield log


def test_a_text_goes_through_kannel_and_its_receipt_and_a_stop_come_back(story: Story, carrier: Path) -> None:
    until(lambda: bool(story.rows("select 1 from replies")), lambda: "the phone's STOP did not arrive", 30)
    for number in (1, 2):
        story.service.post("ticks", *tick(number))

    states = "select number, state from messages order by id"
    until(lambda: ("+491710000002", "delivered") in story.rows(states), lambda: f"{story.rows(states)}", 30)

    assert "text Tick 2" in carrier.read_text("utf-8", "replace")
    assert story.rows("select status from consent where status = 'out'")
    assert [row for row in story.rows(states) if row[0] == PHONE] == []
    decided = "select reason from journal where kind = 'decision' and reason = 'opted_out'"
    assert story.rows(decided) == [("opted_out",)]
