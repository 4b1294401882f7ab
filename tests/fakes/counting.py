"""A Twilio-compatible provider on 127.0.0.1 that counts what it takes: which text, how often, when.

Small and quick, so that the service is what a measurement measures. Inside a test it runs in a thread (`counting`); the
bench runs it as a process of its own: `python -m tests.fakes.counting --delay 0.1`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import parse_qs, urlsplit

ACCOUNT = "AC" + "0" * 32
SETTINGS = {"kind": "twilio", "account_sid": ACCOUNT, "auth_token": "count", "from": "+15005550006"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One text the provider took. `at` is the wall clock in seconds."""

    sid: str
    to: str
    body: str
    at: float


class Counting:
    """What was taken so far. `delay` is how long each answer takes, in seconds.

    `manner` is asked how to answer each submit, instead of as agreed: it may take the text or not, and write anything.
    """

    def __init__(self, delay: float = 0.0, host: str = "127.0.0.1") -> None:
        self.delay, self.host = delay, host
        self.manner: Callable[[Counting, asyncio.Transport, str, str], bool] | None = None
        self.port = 0
        self.taken: list[Taken] = []
        self._by_number: dict[str, list[Taken]] = {}
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._done: asyncio.Event | None = None

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def times(self) -> Counter[tuple[str, str]]:
        """How often each text was taken for each number."""
        return Counter((one.to, one.body) for one in self.taken)

    @property
    def doubled(self) -> list[tuple[str, str]]:
        """The texts a phone got more than once."""
        return [what for what, count in self.times.items() if count > 1]

    def take(self, to: str, body: str) -> Taken:
        """Count one text."""
        taken = Taken(sid=f"SM{len(self.taken):032x}", to=to, body=body, at=time.time())
        self.taken.append(taken)
        self._by_number.setdefault(to, []).append(taken)
        return taken

    def sent_to(self, number: str) -> list[Taken]:
        return self._by_number.get(number, [])

    async def run(self) -> None:
        """Serve until `stop`."""
        self._loop, self._done = asyncio.get_running_loop(), asyncio.Event()
        server = await self._loop.create_server(lambda: _Wire(self), self.host, 0, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._done.wait()
        server.close()

    def wait(self) -> None:
        if not self._ready.wait(10):
            raise TimeoutError("the provider did not start")

    def stop(self) -> None:
        if self._loop is not None and self._done is not None:
            self._loop.call_soon_threadsafe(self._done.set)


@contextmanager
def counting(delay: float = 0.0) -> Iterator[Counting]:
    """Run a counting provider in a thread for the length of a `with` block."""
    provider = Counting(delay)
    thread = threading.Thread(target=lambda: asyncio.run(provider.run()), name="counting", daemon=True)
    thread.start()
    provider.wait()
    try:
        yield provider
    finally:
        provider.stop()
        thread.join(10)


class _Wire(asyncio.Protocol):
    """One keep-alive connection: just enough HTTP/1.1 for a client that states Content-Length."""

    def __init__(self, provider: Counting) -> None:
        self._provider = provider
        self._gathered = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._gathered += data
        while (end := self._gathered.find(b"\r\n\r\n")) >= 0:
            head = self._gathered[:end]
            size = end + 4 + _length(head)
            if len(self._gathered) < size:
                return
            body, self._gathered = self._gathered[end + 4 : size], self._gathered[size:]
            self._answer(head.split(b"\r\n", 1)[0].decode(), body)

    def _answer(self, first_line: str, body: bytes) -> None:
        method, target, _ = first_line.split(" ", 2)
        parts = urlsplit(target)
        if parts.path == "/counts":
            self._write(200, _counts(self._provider))
        elif parts.path == "/taken":
            self._write(200, json.dumps([[one.body, one.at] for one in self._provider.taken]))
        elif method == "GET":
            number = parse_qs(parts.query).get("To", [""])[0]
            rows = [_row(taken) for taken in self._provider.sent_to(number)]
            self._write(200, json.dumps({"messages": rows, "next_page_uri": None}))
        else:
            form = parse_qs(body.decode(), keep_blank_values=True)
            manner, wire = self._provider.manner, self._transport
            if manner and wire and manner(self._provider, wire, form["To"][0], form["Body"][0]):
                return
            answer = json.dumps(_row(self._provider.take(form["To"][0], form["Body"][0])))
            if self._provider.delay:
                asyncio.get_running_loop().call_later(self._provider.delay, self._write, 201, answer)
            else:
                self._write(201, answer)

    def _write(self, status: int, text: str) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        raw = text.encode()
        date = format_datetime(datetime.now(UTC), usegmt=True)
        head = (
            f"HTTP/1.1 {status} OK\r\ncontent-type: application/json\r\ndate: {date}\r\ncontent-length: {len(raw)}\r\n"
        )
        self._transport.write(head.encode() + b"\r\n" + raw)


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def _row(taken: Taken) -> dict[str, object]:
    return {
        "sid": taken.sid,
        "to": taken.to,
        "body": taken.body,
        "status": "queued",
        "direction": "outbound-api",
        "date_created": format_datetime(datetime.fromtimestamp(taken.at, UTC)),
        "num_segments": "1",
        "price": None,
        "error_code": None,
    }


def _counts(provider: Counting) -> str:
    return json.dumps({"taken": len(provider.taken), "doubled": len(provider.doubled)})


def main() -> None:
    """Serve until killed; the port is the first line printed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--host", default="127.0.0.1")
    said = parser.parse_args()
    provider = Counting(said.delay, said.host)

    async def serve() -> None:
        running = asyncio.create_task(provider.run())
        await asyncio.to_thread(provider.wait)
        print(provider.port, flush=True)  # noqa: T201 - the process that started us reads it
        await running

    asyncio.run(serve())


if __name__ == "__main__":
    main()
