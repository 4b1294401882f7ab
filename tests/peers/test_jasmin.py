"""A whole story over a real Jasmin: event, rule, gateway, Jasmin's own SMPP client, a carrier, receipts and a reply.

Jasmin wants RabbitMQ and Redis; both run from .peers/ on free ports. The carrier is certify/smsc.py: so Jasmin is also
an independent client of it.
"""

from __future__ import annotations

import re
import socket
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app import token_of
from certify.smsc import Client, Smsc, Submitted, deliver_body, receipt_text, smsc
from tests.fakes.service import Service, free_port, running, tick, until
from tests.peers.processes import DEBIAN, LIBRARIES, PEERS, answers, needs, process

ERLANG = DEBIAN / "usr/lib/erlang"
EPMD = ERLANG / "erts-13.1.5/bin/epmd"
RABBIT = DEBIAN / "usr/lib/rabbitmq/lib/rabbitmq_server-3.10.8/sbin/rabbitmq-server"
REDIS = DEBIAN / "usr/bin/redis-server"
JASMIN = PEERS / "jasmin/bin/jasmind.py"
SPEC = PEERS / "jasmin/lib/python3.11/site-packages/txamqp/specs/standard/amqp0-9-1.stripped.xml"
pytestmark = [needs(EPMD, RABBIT, REDIS, JASMIN, SPEC), pytest.mark.timeout(180)]
CONFIG = """
[amqp-broker]
host = 127.0.0.1
port = {amqp}
spec = {spec}
[redis-client]
host = 127.0.0.1
port = {redis}
[http-api]
bind = 127.0.0.1
port = {http}
[jcli]
bind = 127.0.0.1
port = {jcli}
authentication = False
[router]
bind = 127.0.0.1
port = {router}
authentication = False
[client-management]
bind = 127.0.0.1
port = {clients}
authentication = False
[smpp-server]
bind = 127.0.0.1
port = {smpps}
[smpp-server-pb]
bind = 127.0.0.1
port = {smpps_pb}
[dlr-thrower]
retry_delay = 1
[deliversm-thrower]
retry_delay = 1
"""
PORTS = ("amqp", "distribution", "epmd", "redis", "http", "jcli", "router", "clients", "smpps", "smpps_pb")
OURS = b"12345"
PROMPT = re.compile(rb"(jcli : |> )(\x1b\[\S*)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A service that sends through a Jasmin, and the carrier behind it."""

    service: Service
    carrier: Smsc

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self.service.database}?mode=ro", uri=True, timeout=10)) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder, ports = tmp_path_factory.mktemp("jasmin"), {name: free_port() for name in PORTS}
    jasmin = {"kind": "jasmin", "username": "tidings", "password": "sample", "from": "12345",
              "base_url": f"http://127.0.0.1:{ports['http']}"}  # fmt: skip
    service = Service(folder, settings={"mode": "live", "routes": {"order": ["jasmin"]}}, gateways={"jasmin": jasmin})
    with smsc() as carrier, running(service), ExitStack() as peers:
        carrier.always = report
        start(peers, folder, ports)
        found = Story(service=service, carrier=carrier)
        key = str(found.rows("select value from settings where name = 'receipt_key'")[0][0])
        replies = f"{service.address}/replies/jasmin/{token_of(key, 'jasmin')}"
        tell(ports["jcli"], orders(carrier.port, replies))
        carrier.bound()
        yield found


def report(client: Client, submitted: Submitted) -> None:
    """Take a text, and report it as delivered a moment later: Jasmin looks an id up when it has stored it."""
    message_id = f"id-{len(client.smsc.seen)}"
    client.answer(submitted, 0, message_id)
    time.sleep(3)
    client.deliver(deliver_body(receipt_text(message_id), submitted.to[2], submitted.source[2], esm_class=4))


def start(peers: ExitStack, folder: Path, ports: dict[str, int]) -> None:
    """Start what Jasmin needs, and Jasmin."""
    (folder / "plugins").write_text("[].\n")
    for name in ("store", "log"):
        (folder / name).mkdir()
    rabbit = {
        **LIBRARIES, "HOME": str(folder), "PATH": f"{ERLANG / 'bin'}:/usr/bin:/bin", "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(ports["epmd"]), "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": "peer@localhost",
        "RABBITMQ_NODE_PORT": str(ports["amqp"]), "RABBITMQ_DIST_PORT": str(ports["distribution"]),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"), "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"), "RABBITMQ_CONF_ENV_FILE": str(folder / "none.conf"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
    }  # fmt: skip
    epmd: list[str | Path] = [EPMD, "-address", "127.0.0.1", "-port", str(ports["epmd"])]
    peers.enter_context(process(epmd, folder, port=ports["epmd"], environment=LIBRARIES))
    peers.enter_context(process([RABBIT], folder, port=ports["amqp"], environment=rabbit))
    redis: list[str | Path] = [REDIS, "--bind", "127.0.0.1", "--port", str(ports["redis"]), "--save", ""]
    peers.enter_context(process(redis, folder, port=ports["redis"], environment=LIBRARIES))
    config, program = folder / "jasmin.cfg", folder / "jasmind.py"
    # Its lock has one place for the whole machine; a killed Jasmin leaves it behind.
    program.write_text(JASMIN.read_text("utf-8").replace("/tmp/jasmind", str(folder / "jasmind")), "utf-8")
    config.write_text(CONFIG.format(**ports, spec=SPEC), "utf-8")
    words: list[str | Path] = [
        JASMIN.with_name("python"),
        program,
        "-c",
        config,
        "--enable-dlr-thrower",
        "--enable-dlr-lookup",
    ]
    places = {"ROOT_PATH": str(folder), "LOG_PATH": str(folder / "log"), "STORE_PATH": str(folder / "store")}
    peers.enter_context(process(words, folder, port=ports["jcli"], environment=places))
    until(lambda: answers(ports["http"]), lambda: "Jasmin's HTTP API does not answer", 30)


def orders(port: int, replies: str) -> list[str]:
    """Say in Jasmin's console language what it is to do."""
    return [
        "group -a", "gid g1", "ok",
        "user -a", "username tidings", "password sample", "gid g1", "uid u1", "ok",
        "smppccm -a", "cid carrier", "host 127.0.0.1", f"port {port}", "username us", "password secret",
        "submit_throughput 0", "ok", "smppccm -1 carrier",
        "mtrouter -a", "type DefaultRoute", "connector smppc(carrier)", "rate 0", "ok",
        "httpccm -a", f"url {replies}", "method GET", "cid door", "ok",
        "morouter -a", "type DefaultRoute", "connector http(door)", "ok",
    ]  # fmt: skip


def tell(port: int, lines: Sequence[str]) -> None:
    """Type lines at Jasmin's console, waiting for its prompt after each."""
    with socket.create_connection(("127.0.0.1", port), 10) as console:
        for line in ("", *lines):  # the first prompt comes after the first line
            console.sendall(line.encode() + b"\r\n")
            heard = until_prompt(console)
            assert b"rror" not in heard, heard


def until_prompt(console: socket.socket) -> bytes:
    """Read until Jasmin waits for a line."""
    console.settimeout(10)
    heard = b""
    while not PROMPT.search(heard):
        try:
            heard += console.recv(4096)
        except TimeoutError:
            raise TimeoutError(f"no prompt in {heard!r}") from None
    return heard


def test_a_text_goes_through_jasmin_and_its_receipts_come_back(story: Story) -> None:
    story.service.post("ticks", *tick(1))

    states = "select number, state from messages order by id"
    until(lambda: story.rows(states) == [("+491710000001", "delivered")], lambda: f"{story.rows(states)}", 60)

    (seen,) = story.carrier.seen
    assert (seen.text, seen.to[2].lstrip(b"+")) == (b"Tick 1", b"491710000001")


def test_a_stop_that_comes_through_jasmin_ends_the_texts(story: Story) -> None:
    story.carrier.bound().deliver(deliver_body(b"STOP", b"491710000003", OURS))
    until(lambda: bool(story.rows("select 1 from consent where status = 'out'")), lambda: "STOP did not arrive", 60)

    story.service.post("ticks", *tick(3))

    decided = "select reason from journal where kind = 'decision' and reason = 'opted_out'"
    until(lambda: story.rows(decided) == [("opted_out",)], lambda: f"{story.rows(decided)}")
