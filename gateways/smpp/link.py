"""One connection to an SMSC: frames, a window of open submits, signs of life, and what comes in.

Everything here runs on one event loop, so nothing needs a lock. Whether a submit was written decides what its loss
means: not written is NotSent, written without an answer is Unclear, for exactly those in flight.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from gateways.smpp import pdu as smpp
from gateways.smpp.pdu import Malformed, Pdu
from wire.http import NotSent, Unclear

log = logging.getLogger("tidings.gateways")
CONNECT_SECONDS = 10.0
PATIENCE = 5.0
"""Seconds a submit waits for room in the window, or for the first bind, before it is given back unsent."""

THROTTLED = frozenset((0x58, 0x14))
REFUSALS = {0x0D: "the bind failed", 0x0E: "the password is wrong", 0x0F: "the system_id is wrong"}
ALREADY_BOUND = 0x05
MOST_WAITING = 1_000
BATCH = 100

Deliver = Callable[[Sequence[Pdu]], Sequence[int]]
"""Keeps what came in; returns one status per PDU, after the commit. Called in a thread of its own."""


class Refused(Exception):  # noqa: N818 - names the outcome
    """The SMSC does not let us in with these credentials."""


class Occupied(NotSent):
    """The SMSC believes that we are bound already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How to connect. Times are in seconds; `command` is one of the three binds."""

    host: str
    port: int
    command: int
    body: bytes = field(repr=False)
    tls: ssl.SSLContext | None = None
    window: int = 10
    enquire: float = 30.0
    timeout: float = 20.0
    reconnect: float = 1.0
    throttle: float = 1.0


class Link:
    """One connection. It ends once; then every open submit is Unclear and everybody else is NotSent."""

    def __init__(
        self, name: str, terms: Terms, deliver: Deliver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._name, self._terms, self._deliver = name, terms, deliver
        self._reader, self._writer = reader, writer
        self._open: dict[int, tuple[int, asyncio.Future[Pdu]]] = {}
        self._sequence, self._heard, self._ended = 0, time.monotonic(), False
        self._quiet_until = 0.0
        self._room = asyncio.Semaphore(terms.window)
        self._came: asyncio.Queue[Pdu] = asyncio.Queue(MOST_WAITING)

    @classmethod
    async def bind(cls, name: str, terms: Terms, deliver: Deliver) -> Link:
        """Connect and bind. Raises NotSent, or Refused when the SMSC does not know us."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                reader, writer = await asyncio.open_connection(terms.host, terms.port, ssl=terms.tls)
        except (OSError, TimeoutError) as error:
            raise NotSent(f"{terms.host}: {type(error).__name__}") from None
        link = cls(name, terms, deliver, reader, writer)
        link._socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else small writes wait for late ACKs
        try:
            await link._greet()
        except BaseException:
            link.end("the bind failed")
            raise
        return link

    def _socket(self) -> socket.socket:
        found: socket.socket = self._writer.get_extra_info("socket")
        return found

    async def _greet(self) -> None:
        asked = self._request(self._terms.command, self._terms.body)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                while not asked.done():
                    self._take(await self._read())
        except (OSError, TimeoutError, EOFError, Malformed):
            raise NotSent(f"{self._terms.host}: no answer to the bind") from None
        status = asked.result().status
        if status in REFUSALS:
            raise Refused(f"{REFUSALS[status]} (0x{status:02X})")
        if status:
            kind = Occupied if status == ALREADY_BOUND else NotSent
            raise kind(f"{self._terms.host}: the bind was not taken (0x{status:02X})")

    async def live(self) -> None:
        """Serve the link until it ends."""
        tasks = [asyncio.ensure_future(work()) for work in (self._read_all, self._keep_alive, self._hand_in)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(ended, Exception):
                    log.error("smpp link failed", extra={"gateway": self._name}, exc_info=ended)

    def end(self, why: str) -> None:
        """Close the connection. What is in flight is Unclear."""
        self._ended = True
        for _, waiting in self._open.values():
            if not waiting.done():
                waiting.set_exception(Unclear(why))
                waiting.exception()  # nobody may be waiting for it any more
        self._writer.transport.abort()

    async def submit(self, body: bytes) -> Pdu:
        """Send one submit_sm and wait for its answer. Raises NotSent or Unclear."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._room.acquire()
        except TimeoutError:
            raise NotSent("no room in the window") from None
        try:
            await self._pause()
            answer = await self.ask(smpp.SUBMIT, body, self._terms.timeout)
        finally:
            self._room.release()
        if answer.status in THROTTLED:
            self._quiet_until = time.monotonic() + self._terms.throttle
        return answer

    async def _pause(self) -> None:
        """An SMSC that asks for less means the whole bind, not one text."""
        rest = self._quiet_until - time.monotonic()
        if rest > 0:
            await asyncio.sleep(rest)

    async def ask(self, command: int, body: bytes, timeout: float) -> Pdu:
        """Send a request and wait for its answer. Raises NotSent or Unclear."""
        if self._ended:
            raise NotSent("the connection was lost")
        asked = self._request(command, body)
        number = self._sequence
        try:
            async with asyncio.timeout(timeout):
                return await asked
        except TimeoutError:
            raise Unclear(f"no answer in {timeout:g} s") from None
        finally:
            self._open.pop(number, None)

    def _request(self, command: int, body: bytes) -> asyncio.Future[Pdu]:
        self._sequence = self._sequence % 0x7FFFFFFF + 1
        asked: asyncio.Future[Pdu] = asyncio.get_running_loop().create_future()
        self._open[self._sequence] = (command, asked)
        self._write(Pdu(command=command, sequence=self._sequence, body=body))
        return asked

    def _write(self, pdu: Pdu) -> None:
        if not self._ended:
            self._writer.write(pdu.encode())

    async def _read(self) -> Pdu:
        """Read one PDU. Raises EOFError, OSError or Malformed."""
        length, head = smpp.header_of(await self._reader.readexactly(smpp.HEADER.size))
        body = await self._reader.readexactly(length)
        self._heard = time.monotonic()
        return Pdu(command=head.command, status=head.status, sequence=head.sequence, body=body)

    async def _read_all(self) -> None:
        with suppress(EOFError, OSError):
            try:
                while self._take(await self._read()):
                    pass
            except Malformed:
                log.warning("smpp framing lost", extra={"gateway": self._name})
                self._write(Pdu(command=smpp.NACK, status=smpp.BAD_LENGTH))
                await self._writer.drain()

    def _take(self, pdu: Pdu) -> bool:
        """Act on one PDU; False when the SMSC says good-bye."""
        if pdu.is_response:
            command, asked = self._open.get(pdu.sequence, (0, None))
            if asked is not None and not asked.done() and pdu.command in {smpp.NACK, command | smpp.RESPONSE}:
                asked.set_result(pdu)
        elif pdu.command in {smpp.DELIVER, smpp.DATA}:
            try:
                self._came.put_nowait(pdu)
            except asyncio.QueueFull:
                self._answer(pdu, smpp.QUEUE_FULL)
        elif pdu.command in {smpp.ENQUIRE, smpp.UNBIND}:
            self._answer(pdu, smpp.OK)
        elif pdu.command not in {smpp.ALERT, smpp.OUTBIND}:  # neither of the two has an answer
            self._write(Pdu(command=smpp.NACK, status=smpp.BAD_COMMAND, sequence=pdu.sequence))
        return pdu.command != smpp.UNBIND

    def _answer(self, pdu: Pdu, status: int) -> None:
        body = b"\x00" if pdu.command in {smpp.DELIVER, smpp.DATA} else b""
        self._write(Pdu(command=pdu.command | smpp.RESPONSE, status=status, sequence=pdu.sequence, body=body))

    async def _keep_alive(self) -> None:
        """Ask for a sign of life after a time of silence; no answer is the end."""
        while True:
            await asyncio.sleep(max(self._terms.enquire - (time.monotonic() - self._heard), 0.01))
            asked = time.monotonic()
            if asked - self._heard >= self._terms.enquire:
                with suppress(Unclear, NotSent):
                    await self.ask(smpp.ENQUIRE, b"", self._terms.timeout)
                if self._heard < asked:
                    return

    async def _hand_in(self) -> None:
        """Give what came to the inbox, many at once: they share one commit. Answer after it."""
        while True:
            batch = [await self._came.get()]
            while len(batch) < BATCH and not self._came.empty():
                batch.append(self._came.get_nowait())
            statuses = await asyncio.get_running_loop().run_in_executor(None, self._deliver, batch)
            for pdu, status in zip(batch, statuses, strict=True):
                self._answer(pdu, status)
