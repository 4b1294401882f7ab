"""Magic numbers: in sink mode the console plays each outcome, through the real receipt and reply doors."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from werkzeug.serving import make_server

import app
from dispatch.manual import Wish, send
from gateways.console import MAGIC, PLAIN, play_of
from settings import GatewaySettings, Settings
from tests.fakes.service import free_port, until

ENDS = {
    "80": "delivered", "85": "sent", "86": "delivered", "87": "delivered", "88": "delivered", "89": "delivered",
    "90": "rejected", "91": "rejected", "92": "delivered", "93": "unknown", "94": "undelivered", "95": "accepted",
    "96": "expired", "97": "delivered", "98": "rejected",
}  # fmt: skip
REPLIES = {"86": "C", "87": "Can I come an hour later?", "88": "STOP"}


@dataclass
class Desk:
    """A service that is stepped by hand behind a real HTTP server, with a clock that can be moved on."""

    service: app.Tidings
    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def text(self, number: str) -> None:
        wish = Wish(to=number, text=f"A text to {number[-4:]}.", actor="Kim")
        assert send(self.service.store, wish, self.service.worker.new_id, self.now()).message is not None

    def step(self) -> None:
        while self.service.worker.send_due(self.now()):
            pass

    def state(self, number: str) -> str:
        with self.service.store.read() as tx:
            row = tx.execute("select state from messages where number = ? order by id desc", (number,)).fetchone()
        return str(row["state"])

    def replies(self, number: str) -> list[str]:
        with self.service.store.read() as tx:
            return [row["text"] for row in tx.execute("select text from replies where number = ?", (number,))]

    def opted_out(self) -> set[str]:
        with self.service.store.read() as tx:
            return {row["number"] for row in tx.execute("select number from consent where status = 'out'")}

    def tried_twice(self) -> set[str]:
        with self.service.store.read() as tx:
            return {row["number"][-2:] for row in tx.execute("select number from messages where attempts = 2")}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    port = free_port()
    quiet = GatewaySettings.model_validate({"kind": "console", "show": False, "receipt_delay": 0.01})
    found = app.build(Settings(port=port, database=f"sqlite:///{tmp_path}/t.db", gateways={"console": quiet}), seed=1)
    server = make_server("127.0.0.1", port, found.wsgi, threaded=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield Desk(found)
    finally:
        server.shutdown()
        server.server_close()
        found.store.close()


def test_every_magic_number_plays_what_the_table_says(desk: Desk) -> None:
    numbers = {ending: f"+120255501{ending}" for ending in ENDS}
    for number in numbers.values():
        desk.text(number)
    desk.step()
    desk.ahead = timedelta(minutes=1)
    desk.step()

    def found() -> dict[str, str]:
        return {ending: desk.state(number) for ending, number in numbers.items()}

    until(lambda: found() == ENDS, lambda: str(found()), 5)
    for ending in REPLIES:
        number = numbers[ending]
        until(lambda: bool(desk.replies(number)), lambda: f"no reply from {number}", 5)  # noqa: B023 - called at once
    assert {ending: desk.replies(numbers[ending])[0] for ending in REPLIES} == REPLIES
    assert desk.opted_out() == {numbers["88"], numbers["91"]}
    assert desk.tried_twice() == {"89", "92"}


def test_a_text_without_credit_rests_the_console_and_no_text_is_lost(desk: Desk) -> None:
    desk.text("+12025550199")
    desk.step()
    desk.text("+12025550123")
    desk.step()
    with desk.service.store.read() as tx:
        row = tx.execute("select state, error from gateway_health").fetchone()

    assert (row["state"], row["error"]) == ("resting", "Simulated by a magic number.")
    assert (desk.state("+12025550199"), desk.state("+12025550123")) == ("queued", "queued")


@pytest.mark.parametrize("number", ["+12125550190", "+447700900190", "+491713920090"])
def test_the_endings_hold_in_every_range_reserved_for_fiction(number: str) -> None:
    assert play_of(number) is MAGIC["90"]


@pytest.mark.parametrize(
    "number", ["+12025550290", "+12025560190", "+447700910190", "+491723920090", "+33712345690", ""]
)
def test_a_number_that_may_be_real_is_never_magic(number: str) -> None:
    assert play_of(number) is PLAIN


def test_the_table_is_complete() -> None:
    assert {*ENDS, "99"} == MAGIC.keys()
