"""An SMSC on 127.0.0.1 that takes every text, counts which and when, and reports each as delivered.

Small and quick, as tests/fakes/counting.py is over HTTP. A receipt that was not answered is sent again after the next
bind, as carriers do. Inside a test it runs in a thread (`counting_smsc`); the bench runs it as a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from certify.smsc import BINDS, DELIVER, ENQUIRE, NACK, SUBMIT, UNBIND, deliver_body, pdu, read_submit, receipt_text

SETTINGS = {"kind": "smpp", "host": "127.0.0.1", "system_id": "count", "password": "count", "from": "Example"}


class CountingSmsc:
    """What was taken so far. `delay` is how long each answer takes, in seconds."""

    def __init__(self, delay: float = 0.0) -> None:
        self.delay, self.port, self.asking_port = delay, 0, 0
        self.taken: list[tuple[str, float]] = []
        self.unanswered: dict[int, bytes] = {}
        self.delivered = 0
        self._sequence = 0
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._done: asyncio.Event | None = None

    @property
    def texts(self) -> set[str]:
        """Every text that was taken."""
        return {text for text, _ in self.taken}

    @property
    def doubled(self) -> list[str]:
        """The texts that were taken more than once."""
        return [text for text, count in Counter(text for text, _ in self.taken).items() if count > 1]

    def take(self, body: bytes) -> tuple[str, bytes]:
        """Count one text; return its id and the receipt that is to follow."""
        submitted = read_submit(0, body)
        self.taken.append((submitted.text.decode("ascii"), time.time()))
        message_id = f"{len(self.taken):x}"
        receipt = deliver_body(receipt_text(message_id), submitted.to[2], submitted.source[2], esm_class=4)
        self._sequence += 1
        self.unanswered[self._sequence] = pdu(DELIVER, 0, self._sequence, receipt)
        return message_id, self.unanswered[self._sequence]

    async def run(self) -> None:
        """Serve until `stop`."""
        self._loop, self._done = asyncio.get_running_loop(), asyncio.Event()
        server = await self._loop.create_server(lambda: _Wire(self), "127.0.0.1", 0)
        asking = await asyncio.start_server(self._tell, "127.0.0.1", 0)
        self.port, self.asking_port = (one.sockets[0].getsockname()[1] for one in (server, asking))
        self._ready.set()
        await self._done.wait()
        server.close()
        asking.close()

    async def _tell(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Say in JSON what was taken, to whoever connects."""
        said = {
            "taken": [at for _, at in self.taken], "doubled": len(self.doubled), "delivered": self.delivered,
            "texts": [text for text, _ in self.taken],
        }  # fmt: skip
        writer.write(json.dumps(said).encode())
        await writer.drain()
        writer.close()

    def wait(self) -> None:
        if not self._ready.wait(10):
            raise TimeoutError("the SMSC did not start")

    def stop(self) -> None:
        if self._loop is not None and self._done is not None:
            self._loop.call_soon_threadsafe(self._done.set)


@contextmanager
def counting_smsc(delay: float = 0.0) -> Iterator[CountingSmsc]:
    """Run a counting SMSC in a thread for the length of a `with` block."""
    smsc = CountingSmsc(delay)
    thread = threading.Thread(target=lambda: asyncio.run(smsc.run()), name="counting-smsc", daemon=True)
    thread.start()
    smsc.wait()
    try:
        yield smsc
    finally:
        smsc.stop()
        thread.join(10)


class _Wire(asyncio.Protocol):
    """One connection."""

    def __init__(self, smsc: CountingSmsc) -> None:
        self._smsc, self._gathered = smsc, b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._gathered += data
        at = 0
        while len(self._gathered) >= at + 16:
            length, command, status, sequence = struct.unpack_from(">IIII", self._gathered, at)
            if len(self._gathered) < at + length:
                break
            self._hear(command, status, sequence, self._gathered[at + 16 : at + length])
            at += length
        self._gathered = self._gathered[at:]

    def _hear(self, command: int, status: int, sequence: int, body: bytes) -> None:
        if command == SUBMIT:
            message_id, receipt = self._smsc.take(body)
            answer = pdu(SUBMIT | NACK, 0, sequence, message_id.encode() + b"\0") + receipt
            if self._smsc.delay:
                asyncio.get_running_loop().call_later(self._smsc.delay, self._write, answer)
            else:
                self._write(answer)
        elif command == DELIVER | NACK and not status:
            self._smsc.delivered += self._smsc.unanswered.pop(sequence, None) is not None
        elif command in BINDS:
            self._write(pdu(command | NACK, 0, sequence, b"count\0") + b"".join(self._smsc.unanswered.values()))
        elif command in {ENQUIRE, UNBIND}:
            self._write(pdu(command | NACK, 0, sequence))

    def _write(self, octets: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(octets)


def main() -> None:
    """Serve until killed; the port of the SMSC and the port that tells are the first line printed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--delay", type=float, default=0.0)
    smsc = CountingSmsc(parser.parse_args().delay)

    async def serve() -> None:
        running = asyncio.create_task(smsc.run())
        await asyncio.to_thread(smsc.wait)
        print(smsc.port, smsc.asking_port, flush=True)  # noqa: T201 - the process that started us reads it
        await running

    asyncio.run(serve())


if __name__ == "__main__":
    main()
