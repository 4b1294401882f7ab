"""The SMPP 3.4 wire: PDUs to bytes and back. Strict in what it writes, patient with what it reads; pure.

Source: SMPP Protocol Specification v3.4, Issue 1.2; decision 8 says why no library does this.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

HEADER = struct.Struct(">IIII")
LONGEST = 70_000
"""Octets of the longest PDU read: message_payload holds at most 65,535."""

RESPONSE = 0x80000000
NACK = 0x80000000
BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSCEIVER = 0x01, 0x02, 0x09
SUBMIT, DELIVER, UNBIND, ENQUIRE, DATA = 0x04, 0x05, 0x06, 0x15, 0x103
OUTBIND, ALERT = 0x0B, 0x102

OK, BAD_LENGTH, BAD_COMMAND, SYSTEM_ERROR, QUEUE_FULL, REFUSED_FOR_GOOD = 0x00, 0x02, 0x03, 0x08, 0x14, 0x65

RECEIPTED_ID, PAYLOAD, MESSAGE_STATE, NETWORK_ERROR = 0x001E, 0x0424, 0x0427, 0x0423
SAR_REFERENCE, SAR_TOTAL, SAR_NUMBER = 0x020C, 0x020E, 0x020F

VERSION = 0x34
HAS_UDH = 0x40


class Malformed(ValueError):  # noqa: N818 - names the state
    """These bytes are not the PDU they say they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pdu:
    """One protocol data unit: the header's fields and the body as it came."""

    command: int
    status: int = OK
    sequence: int = 0
    body: bytes = b""

    @property
    def is_response(self) -> bool:
        """Tell an answer from a request."""
        return bool(self.command & RESPONSE)

    def encode(self) -> bytes:
        """Write the PDU."""
        return HEADER.pack(HEADER.size + len(self.body), self.command, self.status, self.sequence) + self.body


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A number or name with its type of number and numbering plan."""

    value: bytes
    ton: int = 0
    npi: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Short:
    """The body of submit_sm, deliver_sm and data_sm: one short message. `tlvs` maps tag to value, the first wins."""

    source: Address
    to: Address
    text: bytes = b""
    esm_class: int = 0
    data_coding: int = 0
    validity: bytes = b""
    registered: int = 0
    service_type: bytes = b""
    tlvs: Mapping[int, bytes] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """The octets of the message, wherever they stand."""
        return self.text or self.tlvs.get(PAYLOAD, b"")

    def encode(self) -> bytes:
        """Write the body of a submit_sm or deliver_sm. Raises Malformed when a field is longer than it may be."""
        if len(self.text) > 254:
            raise Malformed("short_message has at most 254 octets")
        return b"".join(
            (
                _string(self.service_type, 5),
                _address(self.source),
                _address(self.to),
                bytes((self.esm_class, 0, 0)),
                _string(b"", 0),
                _string(self.validity, 16),
                bytes((self.registered, 0, self.data_coding, 0, len(self.text))),
                self.text,
                *(struct.pack(">HH", tag, len(value)) + value for tag, value in self.tlvs.items()),
            )
        )


def header_of(octets: bytes) -> tuple[int, Pdu]:
    """Read the 16 octets of a header; return the length of the body that follows. Raises Malformed."""
    length, command, status, sequence = HEADER.unpack(octets)
    if not HEADER.size <= length <= LONGEST:
        raise Malformed(f"a PDU of {length} octets")
    return length - HEADER.size, Pdu(command=command, status=status, sequence=sequence)


def bind_body(system_id: str, password: str, system_type: str, address_range: str) -> bytes:
    """Write the body of a bind. Longer values than the specification's pass: some SMSCs give such passwords."""
    words = (system_id, password, system_type)
    start = b"".join(_string(word.encode("latin-1"), 64) for word in words)
    return start + bytes((VERSION, 0, 0)) + _string(address_range.encode("latin-1"), 40)


def message_id(body: bytes) -> str:
    """Read the id out of a submit_sm_resp; an answer without body or closing NUL is read just the same."""
    return body.partition(b"\x00")[0][:65].decode("latin-1").strip()


def read_short(pdu: Pdu) -> Short:
    """Read a deliver_sm or data_sm. Unknown TLVs are kept, a cut one ends the list. Raises Malformed."""
    rest = _Reader(pdu.body)
    service_type, source, to = rest.string(), rest.address(), rest.address()
    esm_class = rest.octet()
    if pdu.command == DATA:
        registered, coding, text = rest.octet(), rest.octet(), b""
    else:
        rest.take(2)  # protocol_id, priority_flag
        rest.string()  # schedule_delivery_time
        rest.string()  # validity_period
        registered, _, coding, _, length = rest.take(5)
        text = rest.take(min(length, rest.left))
    return Short(
        source=source, to=to, text=text, esm_class=esm_class, data_coding=coding, registered=registered,
        service_type=service_type, tlvs=rest.tlvs(),
    )  # fmt: skip


class _Reader:
    """A place in a body, moving forward."""

    def __init__(self, body: bytes) -> None:
        self._body, self._at = body, 0

    @property
    def left(self) -> int:
        return len(self._body) - self._at

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise Malformed("the body is cut off")
        self._at += count
        return self._body[self._at - count : self._at]

    def octet(self) -> int:
        return self.take(1)[0]

    def string(self) -> bytes:
        end = self._body.find(b"\x00", self._at)
        if end < 0:
            raise Malformed("a string has no end")
        value = self._body[self._at : end]
        self._at = end + 1
        return value

    def address(self) -> Address:
        ton, npi = self.take(2)
        return Address(ton=ton, npi=npi, value=self.string())

    def tlvs(self) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        while self.left >= 4:
            tag, length = struct.unpack(">HH", self.take(4))
            if length > self.left:
                break
            found.setdefault(tag, self.take(length))
        return found


def _string(value: bytes, longest: int) -> bytes:
    if len(value) > longest or b"\x00" in value:
        raise Malformed(f"a field of at most {longest} octets holds {len(value)}")
    return value + b"\x00"


def _address(address: Address) -> bytes:
    return bytes((address.ton, address.npi)) + _string(address.value, 20)
