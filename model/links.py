"""Short links: an address of the sender's own domain that leads to a longer one, and is counted when followed."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
"""Digits and letters that nobody mistakes for one another; each costs one septet of GSM-7."""

LENGTH = 11
"""64 bits: of ten million live links a thousand guesses a second find one in sixty years."""

PATH = "/l/"
PLACEHOLDER = "x" * LENGTH
"""What stands in previews and tests: as long as every code, so that the segments are right. It leads nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A short link of one message: the code says nothing about anybody, the target is where it leads until it ends."""

    code: str
    target: str
    expires_at: datetime


def placeholder(_target: str) -> str:
    """Return what previews have in the place of a code."""
    return PLACEHOLDER


def new_code(_target: str = "") -> str:
    """Make a code at random, whatever it leads to."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
