"""A provider of our own on 127.0.0.1 whose behaviour is scripted request by request, the bad manners included."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

BOUND = 10.0  # no misbehaviour outlasts this, whatever the client does
RELEASED_POLL = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request as it came over the wire. `headers` has lower-case names."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> list[tuple[str, str]]:
        return parse_qsl(self.body.decode(), keep_blank_values=True, strict_parsing=bool(self.body))

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Provider:
    """Answers requests in the order of its script; after the script it repeats the last step."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._script: deque[Callable[[_Handler], None]] = deque()
        self._last: Callable[[_Handler], None] = _answer(200, {}, b"{}")
        self._lock = threading.Lock()
        self.released = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.provider = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def count(self) -> int:
        return len(self.seen)

    def waits_for(self, count: int, seconds: float = 5.0) -> int:
        """Return how many requests came, giving a busy machine time to read `count` of them."""
        deadline = time.monotonic() + seconds
        while self.count < count and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.count

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(BOUND)

    def answer(
        self, status: int = 200, body: bytes | str | Any = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer the next request; a body that is neither text nor bytes goes out as JSON."""
        raw = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else json.dumps(body).encode()
        self._then(_answer(status, headers or {}, raw))

    def redirect(self, status: int = 307) -> None:
        self._then(_answer(status, {"Location": f"{self.url}/elsewhere"}, b"gone elsewhere"))

    def hang(self) -> None:
        """Read the request and say nothing until the test is over."""
        self._then(_hang)

    def close(self) -> None:
        """Read the request and hang up."""
        self._then(lambda handler: None)

    def reset(self) -> None:
        """Begin an answer and tear the connection down in the middle of it."""
        self._then(_reset)

    def trickle(self, status: int = 200) -> None:
        """Answer one byte at a time, quickly enough that no single read times out."""
        self._then(lambda handler: _trickle(handler, status))

    def huge(self, status: int = 200, size: int = 3_000_000) -> None:
        """Stream an answer much larger than any provider has reason to send."""
        self._then(lambda handler: _huge(handler, status, size))

    def garbage(self, raw: bytes = b"\x16\x03\x01 this is not HTTP\r\n\r\n") -> None:
        """Answer bytes that are not HTTP."""
        self._then(lambda handler: _write(handler, raw))

    def _then(self, step: Callable[[_Handler], None]) -> None:
        with self._lock:
            self._script.append(step)

    def play(self, handler: _Handler, seen: Seen) -> None:
        with self._lock:
            self.seen.append(seen)
            self._last = self._script.popleft() if self._script else self._last
            step = self._last
        step(handler)


@contextmanager
def provider() -> Iterator[Provider]:
    """Run a provider for the length of a `with` block; also usable from a fixture by `yield from`."""
    running = Provider()
    running.start()
    try:
        yield running
    finally:
        running.stop()


def closed_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    provider: Provider

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up is what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _serve(self) -> None:
        self.close_connection = True
        parts = urlsplit(self.path)
        seen = Seen(
            method=self.command,
            path=parts.path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(self.headers.get("Content-Length") or 0)),
        )
        self.server.provider.play(self, seen)

    do_GET = do_POST = do_PUT = _serve  # noqa: N815 - the base class calls these names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Stay quiet: what came is in `seen`."""


def _answer(status: int, headers: Mapping[str, str], body: bytes) -> Callable[[_Handler], None]:
    def step(handler: _Handler) -> None:
        handler.close_connection = False
        handler.send_response_only(status)  # without a Date: a script may say what time it is at the provider
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        _write(handler, body)

    return step


def _write(handler: _Handler, raw: bytes) -> None:
    handler.wfile.write(raw)
    handler.wfile.flush()


def _wait(handler: _Handler, seconds: float) -> bool:
    return handler.server.provider.released.wait(seconds)


def _hang(handler: _Handler) -> None:
    _wait(handler, BOUND)


def _begin(handler: _Handler, status: int, length: int) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(length))
    handler.end_headers()
    handler.wfile.flush()


def _reset(handler: _Handler) -> None:
    _begin(handler, 201, 1000)
    _write(handler, b'{"sid": "SM1", "stat')
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def _trickle(handler: _Handler, status: int) -> None:
    steps = int(BOUND / RELEASED_POLL)
    _begin(handler, status, steps)
    for _ in range(steps):
        _write(handler, b" ")
        if _wait(handler, RELEASED_POLL):
            return


def _huge(handler: _Handler, status: int, size: int) -> None:
    _begin(handler, status, size)
    for _ in range(size // 50_000):
        _write(handler, b'{"a": 1},' * 5556)
