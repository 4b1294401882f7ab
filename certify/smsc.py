"""An SMSC of our own on 127.0.0.1, written from the specification with bytes of its own: bad manners included.

It shares no code with gateways/smpp/, so that one misreading cannot hide in both.

Long because it is a whole SMSC: sessions, commands, receipts, and every way of behaving badly.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

OK, THROTTLED, QUEUE_FULL, BAD_PASSWORD, BAD_NUMBER, SYSTEM_ERROR = 0, 0x58, 0x14, 0x0E, 0x0B, 0x08
SUBMIT, DELIVER, ENQUIRE, UNBIND, NACK = 4, 5, 0x15, 6, 0x80000000
PAYLOAD = 0x0424
BINDS = {1: "receiver", 2: "transmitter", 9: "transceiver"}
BOUND = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """A submit_sm as it came over the wire."""

    sequence: int
    source: tuple[int, int, bytes]
    to: tuple[int, int, bytes]
    esm_class: int
    validity: bytes
    registered: int
    data_coding: int
    text: bytes
    tlvs: dict[int, bytes]
    service_type: bytes = b""


Play = Callable[["Client", Submitted], None]


def pdu(command: int, status: int = 0, sequence: int = 0, body: bytes = b"") -> bytes:
    return struct.pack(">IIII", 16 + len(body), command, status, sequence) + body


def tlv(tag: int, value: bytes) -> bytes:
    return struct.pack(">HH", tag, len(value)) + value


def deliver_body(
    text: bytes = b"", source: bytes = b"447700900123", to: bytes = b"12345", *, esm_class: int = 0,
    data_coding: int = 0, tlvs: bytes = b"", ton: int = 1,
) -> bytes:  # fmt: skip
    start = b"\0" + bytes((ton, 1)) + source + b"\0" + b"\0\0" + to + b"\0"
    return start + bytes((esm_class, 0, 0, 0, 0, 0, 0, data_coding, 0, len(text))) + text + tlvs


def receipt_text(provider_id: str, stat: str = "DELIVRD", err: str = "000") -> bytes:
    return (
        f"id:{provider_id} sub:001 dlvrd:001 submit date:2611231200 done date:2611231201 stat:{stat} err:{err} "
        "text:Hello stat:DELIVRD"
    ).encode()


class Client:
    """One connection to us."""

    def __init__(self, smsc: Smsc, sock: socket.socket) -> None:
        self.smsc, self.sock, self.role = smsc, sock, ""
        self._lock = threading.Lock()
        self._sequence = 1000

    def send(self, octets: bytes) -> None:
        with self._lock, suppress(OSError):
            self.sock.sendall(octets)

    def answer(self, submitted: Submitted, status: int = 0, message_id: str | None = "") -> None:
        body = b"" if message_id is None else message_id.encode() + b"\0"
        self.send(pdu(SUBMIT | NACK, status, submitted.sequence, body))

    def deliver(self, body: bytes, command: int = DELIVER) -> int:
        self._sequence += 1
        self.send(pdu(command, 0, self._sequence, body))
        return self._sequence

    def drop(self) -> None:
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """Hang up rudely: with octets unread or not, the other side gets a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()
        raise EOFError  # ends the reading, which else holds the socket open


@dataclass(slots=True)
class Smsc:
    """Plays its script submit by submit, then takes everything. Counts what came."""

    password: bytes = b"secret"
    bind_statuses: deque[int] = field(default_factory=deque)
    answers_enquiries: bool = True
    seen: list[Submitted] = field(default_factory=list)
    binds: list[tuple[str, bytes]] = field(default_factory=list)
    delivered: dict[int, int] = field(default_factory=dict)
    others: list[tuple[int, int, int]] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)
    script: deque[Play] = field(default_factory=deque)
    always: Play | None = None
    ids: Callable[[int], str] = "id-{}".format
    tls: ssl.SSLContext | None = None
    _listener: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def start(self) -> None:
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for client in self.clients:
            client.drop()

    def plays(self, *plays: Play) -> None:
        self.script.extend(plays)

    def takes(self, client: Client, submitted: Submitted) -> None:
        client.answer(submitted, OK, self.ids(len(self.seen)))

    def waits(self, until: Callable[[], object], seconds: float = 5.0) -> bool:
        """Give a busy machine time until something is so."""
        deadline = time.monotonic() + seconds
        while not until() and time.monotonic() < deadline:
            time.sleep(0.002)
        return bool(until())

    def _must(self, until: Callable[[], object], complaint: str) -> None:
        if not self.waits(until):
            raise TimeoutError(complaint)

    def bound(self, role: str = "transceiver", count: int = 1) -> Client:
        """Wait for the `count`th bind of a role; return the newest connection of it."""
        self._must(lambda: sum(client.role == role for client in self.clients) >= count, f"no bind as {role}")
        return [client for client in self.clients if client.role == role][-1]

    def deliver(self, body: bytes, role: str = "transceiver", command: int = DELIVER) -> int:
        """Deliver, wait for the answer and return its status."""
        sequence = self.bound(role).deliver(body, command)
        self._must(lambda: sequence in self.delivered, "a delivery was not answered")
        return self.delivered[sequence]

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self.tls is not None:
                    with suppress(ssl.SSLError):
                        sock = self.tls.wrap_socket(sock, server_side=True)
                client = Client(self, sock)
                self.clients.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: Client) -> None:
        with suppress(OSError, EOFError), client.sock:
            stream = client.sock.makefile("rb")
            while True:
                head = stream.read(16)
                if len(head) < 16:
                    return
                length, command, status, sequence = struct.unpack(">IIII", head)
                self._hear(client, command, status, sequence, stream.read(length - 16))

    def _hear(self, client: Client, command: int, status: int, sequence: int, body: bytes) -> None:
        if command in BINDS:
            self._bind(client, command, sequence, body)
        elif command == SUBMIT:
            submitted = read_submit(sequence, body)
            self.seen.append(submitted)
            play = self.script.popleft() if self.script else self.always or self.takes
            play(client, submitted)
        elif command == ENQUIRE and self.answers_enquiries:
            client.send(pdu(ENQUIRE | NACK, 0, sequence))
        elif command in {DELIVER | NACK, 0x103 | NACK}:
            self.delivered[sequence] = status
        elif command == UNBIND:
            client.send(pdu(UNBIND | NACK, 0, sequence))
            self.others.append((command, status, sequence))
        else:
            self.others.append((command, status, sequence))

    def _bind(self, client: Client, command: int, sequence: int, body: bytes) -> None:
        self.binds.append((BINDS[command], body))
        password = body.split(b"\0")[1]
        status = self.bind_statuses.popleft() if self.bind_statuses else OK
        status = status or (OK if password == self.password else BAD_PASSWORD)
        client.send(pdu(command | NACK, status, sequence, b"SMSC\0" if not status else b""))
        client.role = BINDS[command] if not status else "refused"


def read_submit(sequence: int, body: bytes) -> Submitted:
    service, rest = body.split(b"\0", 1)
    source = (rest[0], rest[1], (end := rest[2:].split(b"\0", 1))[0])
    rest = end[1]
    to = (rest[0], rest[1], (end := rest[2:].split(b"\0", 1))[0])
    rest = end[1]
    esm_class = rest[0]
    _, validity, rest = rest[3:].split(b"\0", 2)
    registered, _, coding, _, length = rest[:5]
    text, rest, tlvs = rest[5 : 5 + length], rest[5 + length :], {}
    while rest:
        tag, size = struct.unpack(">HH", rest[:4])
        tlvs[tag], rest = rest[4 : 4 + size], rest[4 + size :]
    return Submitted(
        sequence=sequence, source=source, to=to, esm_class=esm_class, validity=validity, registered=registered,
        data_coding=coding, text=text, tlvs=tlvs, service_type=service,
    )  # fmt: skip


def read_parts(parts: list[Submitted]) -> Iterator[tuple[Submitted, bytes]]:
    """Yield each submit with the octets of its text, without the header of a long one."""
    for part in parts:
        octets = part.tlvs.get(PAYLOAD, part.text)
        yield part, octets[octets[0] + 1 :] if part.esm_class & 0x40 else octets


def refuses(status: int) -> Play:
    return lambda client, submitted: client.answer(submitted, status, None)


def says(message_id: str) -> Play:
    return lambda client, submitted: client.answer(submitted, OK, message_id)


def nacks(status: int = 3) -> Play:
    return lambda client, submitted: client.send(pdu(NACK, status, submitted.sequence))


def sends(octets: bytes) -> Play:
    return lambda client, submitted: client.send(octets)


def stays_silent(client: Client, submitted: Submitted) -> None:
    pass


def hangs_up(client: Client, submitted: Submitted) -> None:
    client.drop()


def says_good_bye(client: Client, submitted: Submitted) -> None:
    client.send(pdu(UNBIND, 0, 1))


def trickles(client: Client, submitted: Submitted) -> None:
    for octet in pdu(SUBMIT | NACK, 0, submitted.sequence, b"slow\0"):
        client.send(bytes((octet,)))
        time.sleep(0.001)


MAGIC: dict[bytes, Play] = {
    b"190": refuses(BAD_NUMBER),
    b"191": refuses(0x0400),
    b"192": refuses(THROTTLED),
    b"193": hangs_up,
    b"194": refuses(SYSTEM_ERROR),
}


def by_number(client: Client, submitted: Submitted) -> None:
    """Play what the end of a number stands for."""
    MAGIC.get(submitted.to[2][-3:], client.smsc.takes)(client, submitted)


@contextmanager
def smsc() -> Iterator[Smsc]:
    running = Smsc()
    running.start()
    try:
        yield running
    finally:
        running.stop()
