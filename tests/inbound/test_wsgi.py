"""The door over real sockets against `tidings serve`: what only a server and a wire can do wrong."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.fakes.service import SOURCES, Service, running, tick, until

LIMIT = 100_000
PATIENCE = 10.0


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder: Path = tmp_path_factory.mktemp("served")
    sources = {
        "ticks": {**SOURCES["ticks"], "max_body": LIMIT},
        "open": {"connector": "generic", "verify": "none", "max_body": LIMIT},
    }
    with running(Service(folder, sources=sources)) as service:
        yield service


def talk(service: Service, *pieces: bytes, half_close: bool = False) -> bytes:
    """Write the pieces as they are and return everything that comes back until the other side hangs up or is done."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE) as wire:
        try:
            for piece in pieces:
                wire.sendall(piece)
            if half_close:
                wire.shutdown(socket.SHUT_WR)
        except OSError:  # refused while we still talk: what it said stands
            pass
        return _answer(wire)


def _answer(wire: socket.socket) -> bytes:
    """Read one whole answer."""
    gathered = b""
    while True:
        try:
            piece = wire.recv(65_536)
        except OSError:
            return gathered
        gathered += piece
        head, end, body = gathered.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        if not piece or (end and length and len(body) >= int(length[1])):
            return gathered


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def request(path: str, *lines: str, method: str = "POST") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *lines, "", ""]).encode("latin-1")


def chunked(body: bytes, size: int = 10_000) -> bytes:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def kept(service: Service, number: int) -> int:
    return _count(service, f"transport_id = 'tick-{number}'")


def _count(service: Service, where: str) -> int:
    with closing(sqlite3.connect(f"file:{service.database}?mode=ro", uri=True, timeout=10)) as connection:
        found: int = connection.execute(f"select count(*) from events where {where}").fetchone()[0]  # noqa: S608
        return found


def test_a_signed_event_is_on_disk_when_it_is_answered(service: Service) -> None:
    assert service.post("ticks", *tick(1))[0] == 200
    assert kept(service, 1) == 1
    assert service.post("ticks", *tick(1))[0] == 200
    assert kept(service, 1) == 1


def test_a_body_in_chunks_without_a_length_is_read_whole(service: Service) -> None:
    body, headers = tick(2, size=50_000)
    head = request("/hooks/ticks", "Transfer-Encoding: chunked", *(f"{n}: {v}" for n, v in headers.items()))

    assert status(talk(service, head, chunked(body))) == 200
    assert kept(service, 2) == 1


def test_chunks_without_end_are_cut_at_the_limit(service: Service) -> None:
    head = request("/hooks/ticks", "Transfer-Encoding: chunked")

    assert status(talk(service, head, *[b"2710\r\n" + b"x" * 10_000 + b"\r\n"] * 1000)) == 413


@pytest.mark.parametrize("stated", [10_000_000, LIMIT + 1, 10**18])
def test_a_large_body_is_refused_by_its_length_alone(service: Service, stated: int) -> None:
    assert status(talk(service, request("/hooks/ticks", f"Content-Length: {stated}"), b"x" * 10_000)) == 413


def test_ten_megabytes_are_refused_and_the_service_lives(service: Service) -> None:
    assert status(talk(service, request("/hooks/ticks", "Content-Length: 10000000"), b"x" * 10_000_000)) in {0, 413}
    assert service.get("/healthz")[0] == 200


@pytest.mark.parametrize("source", ["ticks", "open"])
@pytest.mark.parametrize("half_close", [True, False])
def test_a_body_shorter_than_promised_is_no_event(service: Service, source: str, half_close: bool) -> None:
    before = _count(service, "transport_id <> 'tick-4'")
    body, headers = tick(3)
    lines = [f"{name}: {value}" for name, value in headers.items()]
    with socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE) as wire:
        wire.sendall(request(f"/hooks/{source}", f"Content-Length: {len(body) + 50}", *lines) + body)
        if half_close:
            wire.shutdown(socket.SHUT_WR)
            assert status(_answer(wire)) in {0, 400, 503}

    assert service.post("ticks", *tick(4))[0] == 200
    assert _count(service, "transport_id <> 'tick-4'") == before


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /hooks/ticks\r\n\r\n",
        b"POST /hooks/ticks HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\nhello",
        b"POST /hooks/ticks HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"POST /hooks/ticks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
        b"POST /hooks/ticks HTTP/1.1\r\nHost: x\r\nX-Nul: a\x00b\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /hooks/ticks HTTP/1.1\r\nHost: x\r\nX-High: \xff\xfe\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /hooks/%ff%fe%00 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /hooks/ticks/../../etc HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
        b"POST http://evil.example/hooks/ticks HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
        b"BREW /hooks/ticks HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
def test_bytes_that_are_hardly_http_are_answered_or_dropped_never_500(service: Service, raw: bytes) -> None:
    assert status(talk(service, raw, half_close=True)) in {0, 400, 401, 404, 405, 413, 503}
    assert service.get("/healthz")[0] == 200


def test_a_flood_of_headers_is_refused_and_the_service_lives(service: Service) -> None:
    many = request("/hooks/ticks", *(f"X-Noise-{number}: n" for number in range(5_000)), "Content-Length: 0")
    huge = request("/hooks/ticks", f"X-Huge: {'h' * 2_000_000}", "Content-Length: 0")

    assert status(talk(service, many)) in {0, 400, 401, 431}
    assert status(talk(service, huge)) in {0, 400, 401, 431}
    assert service.get("/healthz")[0] == 200


def test_genuine_garbage_is_answered_200_and_kept(service: Service) -> None:
    body = b'{"id": "cut off'

    assert service.post("open", body, {"content-type": "application/json"})[0] == 200
    assert _count(service, "state = 'unreadable' and source = 'open'") >= 1


def test_some_slow_senders_do_not_keep_others_waiting(service: Service) -> None:
    """Forty that never finish their request. The server has 64 threads; more of these want a proxy that buffers."""
    with ExitStack() as wires:
        for _ in range(40):
            wire = wires.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE))
            wire.sendall(request("/hooks/ticks", "Content-Length: 1000") + b"{")

        assert service.post("ticks", *tick(5))[0] == 200


def test_keep_alive_survives_a_refusal(service: Service) -> None:
    body, headers = tick(6)
    lines = [f"{name}: {value}" for name, value in headers.items()]
    with socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE) as wire:
        wire.sendall(request("/hooks/ticks", "Content-Length: 2") + b"{}")
        assert status(_answer(wire)) == 401
        wire.sendall(request("/hooks/ticks", f"Content-Length: {len(body)}", *lines) + body)
        assert status(_answer(wire)) == 200


def test_rules_broken_while_serving_are_shown_and_the_old_ones_go_on(service: Service) -> None:
    good = service.rules_path.read_text("utf-8")
    try:
        service.rules_path.write_text("rules: [", "utf-8")
        until(lambda: b"tidings_rules_broken 1.0" in service.get("/metrics")[1], lambda: "not shown")
        assert service.post("ticks", *tick(7))[0] == 200
        until(lambda: _count(service, "transport_id = 'tick-7' and state = 'planned'") == 1, lambda: "not planned")
    finally:
        service.rules_path.write_text(good, "utf-8")
    until(lambda: b"tidings_rules_broken 0.0" in service.get("/metrics")[1], lambda: "still shown")


def test_nothing_of_all_this_was_an_error_of_ours(service: Service) -> None:
    body = json.dumps({"id": "last"}).encode()
    service.post("open", body, {})

    assert "Traceback" not in service.log
