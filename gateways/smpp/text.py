"""Texts as octets of a short message, cut into parts, and back. Pure.

GSM 03.38 as in 3GPP TS 23.038 travels unpacked, one septet per octet: the SMSC packs. A part never cuts an escape
pair or a surrogate pair, so it may hold one unit less; parts are those of the preview (dispatch/segments.py).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import randrange
from threading import Lock

from gateways.smpp import pdu as smpp
from gateways.smpp.pdu import Short
from model.sending import ReplyPart

ESC = 0x1B
BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = {
    0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€",
}  # fmt: skip
TO_GSM = {char: bytes((code,)) for code, char in enumerate(BASIC) if code != ESC}
TO_GSM |= {char: bytes((ESC, code)) for code, char in EXTENSION.items()}

DEFAULT_CODING, ASCII, LATIN1, UCS2 = 0, 1, 3, 8
BINARY = frozenset((2, 4, 0x14, 0xF4))
LIMITS = {"gsm7": (160, 153, 152), "ucs2": (70, 67, 66)}
"""Units in a single part, in one of several, and in one of several under a 16-bit reference."""

MOST_PARTS = 255
LONG = ("udh", "udh16", "sar", "payload")


class NoForm(ValueError):  # noqa: N818 - names the state
    """This text has no form under the settings of this gateway."""


@dataclass(frozen=True, slots=True)
class Written:
    """A text ready to be put on the wire: data_coding, how it is counted, and its parts."""

    coding: int
    counted: str
    parts: tuple[bytes, ...]


def write(text: str, encoding: str, *, alphabet: str, coding: str, long: str) -> Written:
    """Encode and cut a text. `alphabet` is what data_coding 0 means; `coding` how plain texts travel. Raises NoForm.

    What the alphabet cannot say goes as UCS-2, never as a question mark.
    """
    plain = encoding == "gsm7" and coding != "ucs2"
    name = {"default": alphabet, "latin1": "latin1"}.get(coding, "gsm7")
    if plain and (pieces := _pieces(text, "gsm7", long)) is not None:
        octets = [_plain(piece, name) for piece in pieces]
        if None not in octets:
            number = LATIN1 if coding == "latin1" else DEFAULT_CODING
            return Written(number, "gsm7", tuple(part for part in octets if part is not None))
    pieces = _pieces(text, "ucs2", long)
    if pieces is None:
        raise NoForm("The text is longer than a text can be.")
    return Written(UCS2, "ucs2", tuple(piece.encode("utf-16-be") for piece in pieces))


def envelopes(short: Short, parts: tuple[bytes, ...], reference: int, long: str) -> Iterator[Short]:
    """Put each part of a text into a submit_sm of its own, so that the phone can join them."""
    total = len(parts)
    if long == "payload" and len(parts[0]) > 140:
        yield replace(short, tlvs={**short.tlvs, smpp.PAYLOAD: parts[0]})
    elif total == 1:
        yield replace(short, text=parts[0])
    else:
        for number, part in enumerate(parts, start=1):
            if long == "sar":
                sar = {
                    smpp.SAR_REFERENCE: reference.to_bytes(2, "big"),
                    smpp.SAR_TOTAL: bytes((total,)),
                    smpp.SAR_NUMBER: bytes((number,)),
                }
                yield replace(short, text=part, tlvs={**short.tlvs, **sar})
            else:
                wide = b"\x06\x08\x04" + reference.to_bytes(2, "big")
                udh = wide if long == "udh16" else bytes((5, 0, 3, reference % 256))
                text = udh + bytes((total, number)) + part
                yield replace(short, text=text, esm_class=short.esm_class | smpp.HAS_UDH)


class References:
    """Numbers that tell the long texts to one phone apart: they count up per phone, for random ones collide."""

    def __init__(self, most: int = 10_000) -> None:
        self._last: OrderedDict[str, int] = OrderedDict()
        self._most, self._lock = most, Lock()

    def next(self, number: str) -> int:
        """Return the reference of the next long text to this phone."""
        with self._lock:
            reference = (self._last.pop(number, randrange(65_536)) + 1) % 65_536  # noqa: S311 - no secret
            self._last[number] = reference
            if len(self._last) > self._most:
                self._last.popitem(last=False)
        return reference


def read(short: Short, alphabet: str) -> tuple[str, ReplyPart | None]:
    """Read a text that came from a phone, and which part of a longer one it is."""
    octets, part = short.content, _sar(short)
    if short.esm_class & smpp.HAS_UDH and octets:
        udh, octets = octets[1 : octets[0] + 1], octets[octets[0] + 1 :]
        part = _from_udh(udh) or part
    return decode(octets, short.data_coding, alphabet), part


def decode(octets: bytes, coding: int, alphabet: str) -> str:
    """Read octets under a data_coding. Whatever cannot be read becomes a replacement character; nothing raises.

    A lone half of a surrogate pair is kept: the other half may stand in the next part.
    """
    if coding == UCS2 or coding & 0xFC == 0x18 or coding & 0xF0 == 0xE0:
        return octets.decode("utf-16-be", "surrogatepass" if len(octets) % 2 == 0 else "replace")
    if coding == LATIN1 or coding in BINARY:
        return octets.decode("latin-1")
    if coding == ASCII:
        return octets.decode("ascii", "replace")
    if alphabet != "gsm7" and coding == DEFAULT_CODING:
        return octets.decode("latin-1")
    return from_gsm(octets)


def to_gsm(text: str) -> bytes | None:
    """Write a text as unpacked GSM-7, None when a character has no place in it."""
    found = [TO_GSM.get(char) for char in text]
    return None if None in found else b"".join(code for code in found if code is not None)


def from_gsm(octets: bytes) -> str:
    """Read unpacked GSM-7. An unknown extension is shown as its basic letter, as phones do (TS 23.038, 6.2.1.1)."""
    text, escaped = "", False
    for octet in octets:
        if octet == ESC and not escaped:
            escaped = True
            continue
        plain = BASIC[octet] if octet < 128 else "\ufffd"
        text += EXTENSION.get(octet, plain) if escaped else plain
        escaped = False
    return (text + " " if escaped else text).replace("\x1b", " ")


def _plain(text: str, alphabet: str) -> bytes | None:
    if alphabet == "gsm7":
        return to_gsm(text)
    try:
        return text.encode("ascii" if alphabet == "ascii" else "latin-1")
    except UnicodeEncodeError:
        return None


def _pieces(text: str, counted: str, long: str) -> list[str] | None:
    """Cut a text greedily at whole characters; None when it needs more parts than there are numbers for."""
    single, several, several_wide = LIMITS[counted]
    sizes = [_units(char, counted) for char in text]
    if sum(sizes) <= single or long == "payload":
        return [text] if sum(sizes) <= 30_000 else None
    limit = several_wide if long == "udh16" else several
    pieces, start, used = [], 0, 0
    for index, size in enumerate(sizes):
        if used + size > limit:
            pieces.append(text[start:index])
            start, used = index, 0
        used += size
    pieces.append(text[start:])
    return pieces if len(pieces) <= MOST_PARTS else None


def _units(char: str, counted: str) -> int:
    return 1 + (char > "\uffff") if counted == "ucs2" else len(TO_GSM.get(char, b"?"))


def _sar(short: Short) -> ReplyPart | None:
    values = [short.tlvs.get(tag, b"") for tag in (smpp.SAR_REFERENCE, smpp.SAR_NUMBER, smpp.SAR_TOTAL)]
    return _part(*(int.from_bytes(value[:2], "big") for value in values)) if all(values) else None


def _from_udh(udh: bytes) -> ReplyPart | None:
    """Find the element that numbers the parts among all that a header may hold."""
    while len(udh) >= 2:
        kind, length = udh[0], udh[1]
        value, udh = udh[2 : 2 + length], udh[2 + length :]
        if (kind, length, len(value)) in {(0, 3, 3), (8, 4, 4)}:
            return _part(int.from_bytes(value[:-2], "big"), value[-1], value[-2])
    return None


def _part(reference: int, number: int, total: int) -> ReplyPart | None:
    if total < 2 or not 1 <= number <= total <= MOST_PARTS:
        return None
    return ReplyPart(reference=str(reference), number=number, total=total)
