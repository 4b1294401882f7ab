"""The bad manners of a provider. Each may have taken the text, or not: half the time it has."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping

from tests.fakes.counting import Counting

Manner = Callable[[Counting, asyncio.Transport, str, str], bool]
HANG = 25.0
"""Seconds: past the time a gateway waits."""

SLOW = 2.5


def moody(dice: random.Random, how: Callable[[asyncio.Transport, str], None], odds: float = 0.5) -> Manner:
    """Make a manner: take the text with these odds, then misbehave on the wire."""

    def manner(provider: Counting, wire: asyncio.Transport, to: str, body: str) -> bool:
        if dice.random() < odds:
            provider.take(to, body)
        how(wire, body)
        return True

    return manner


def reset(wire: asyncio.Transport, _: str) -> None:
    """Hang up without a word."""
    wire.abort()


def hang(wire: asyncio.Transport, _: str) -> None:
    """Say nothing for longer than anybody waits."""
    asyncio.get_running_loop().call_later(HANG, wire.abort)


def fail(wire: asyncio.Transport, _: str) -> None:
    """Answer 500."""
    wire.write(b"HTTP/1.1 500 Oops\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>")


def garbage(wire: asyncio.Transport, _: str) -> None:
    """Answer 201 with what is no answer."""
    wire.write(b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n\xff\x00{]sid:1")


def noise(wire: asyncio.Transport, _: str) -> None:
    """Answer with bytes that are no HTTP."""
    wire.write(b"\x00\x01\x02 what is this\r\n\r\n")
    wire.close()


def half(wire: asyncio.Transport, _: str) -> None:
    """Begin an answer and hang up."""
    wire.write(b'HTTP/1.1 201 Created\r\ncontent-length: 400\r\n\r\n{"sid": "SM')
    asyncio.get_running_loop().call_later(0.05, wire.abort)


def throttle(wire: asyncio.Transport, _: str) -> None:
    """Ask to slow down; nothing was taken."""
    wire.write(b"HTTP/1.1 429 Slow\r\nretry-after: 1\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")


MOODS: Mapping[str, tuple[Callable[[asyncio.Transport, str], None], float]] = {
    "resets": (reset, 0.5),
    "500s": (fail, 0.5),
    "garbage": (garbage, 0.5),
    "noise": (noise, 0.5),
    "half answers": (half, 0.5),
    "hangs": (hang, 0.5),
    "throttles": (throttle, 0.0),
}
