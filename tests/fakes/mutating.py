"""Bytes that were whole once: what a broken sender, a bad line or somebody with time makes of a sample."""

from __future__ import annotations

import random
from collections.abc import Sequence

PIECES: tuple[bytes, ...] = (
    b"\x00", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\r\n", b"\n", b"\t", b" ", b'"', b"'", b"\\", b"\\u0000",
    b"\\ud83d",
    b"{", b"}", b"[", b"]", b"<", b">", b"&", b"&amp;", b"&#0;", b"%", b"%00", b"%ff", b"+", b"=", b";", b",", b":",
    b"..",
    b"null", b"true", b"NaN", b"Infinity", b"-0", b"1e999", b"-1", b"9" * 40, b"9" * 5_000, b"0.1", b"2026-13-45",
    b"99999-01-01T00:00:00Z", b"0000-00-00", b"[" * 2_000, b'{"a":' * 2_000, b"<a>" * 2_000, b"x" * 5_000,
    "\u202e\u0661\u0662".encode(), "\U0001f600".encode(), b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"BEGIN:VEVENT",
)  # fmt: skip


def mutated(raw: bytes, dice: random.Random, others: Sequence[bytes] = ()) -> bytes:
    """Return the bytes with one to six changes; `others` lend parts."""
    for _ in range(dice.randint(1, 6)):
        raw = _changed(raw, dice, others)[:200_000]
    return raw


def _changed(raw: bytes, dice: random.Random, others: Sequence[bytes]) -> bytes:
    at, length = dice.randrange(len(raw) + 1), dice.choice((1, 1, 2, 4, 16, 200))
    match dice.randrange(8):
        case 0:
            return raw[:at] + raw[at + length :]
        case 1 | 2:
            return raw[:at] + dice.choice(PIECES) + raw[at:]
        case 3:
            return raw[:at] + dice.choice(PIECES) + raw[at + length :]
        case 4:
            return raw[:at] + raw[at : at + length] * dice.randint(2, 9) + raw[at + length :]
        case 5:
            return raw[:at] + dice.randbytes(length) + raw[at + length :]
        case 6:
            return raw[:at]
        case _:
            other = dice.choice(others) if others else raw
            cut = dice.randrange(len(other) + 1)
            return raw[:at] + other[cut : cut + dice.choice((8, 64, 512))] + raw[at:]
