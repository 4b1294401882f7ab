"""Passwords: kept as argon2id, refused when they are easy to guess, made up where somebody else has to be let in."""

from __future__ import annotations

import functools
import secrets
import threading
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST, LONGEST = 12, 128
GOOD_ENOUGH = 3
"""zxcvbn's scale ends at 4; 3 means more than 10^8 guesses, which the pauses between tries never allow."""

_at_once = threading.BoundedSemaphore(2)  # each takes 19 MiB for 30 ms; a crowd at the door must not take the machine


def hashed(password: str) -> str:
    """Return what is kept of a password."""
    with _at_once:
        return _hasher().hash(_same(password))


def matches(kept: str, password: str) -> bool:
    """Tell whether it is the password. Where none is kept the same work is done, and the answer is no."""
    from argon2.exceptions import InvalidHashError, VerificationError  # noqa: PLC0415 - only who signs in needs it

    with _at_once:
        try:
            return _hasher().verify(kept or _nobodys(), _same(password)) and bool(kept)
        except (VerificationError, InvalidHashError):
            return False


def is_dated(kept: str) -> bool:
    """Tell whether a password was kept with less work than today's."""
    return _hasher().check_needs_rehash(kept)


def fault(password: str, *names: str) -> str:
    """Say why a password cannot be taken, "" when it can; `names` are words that must not carry it."""
    from zxcvbn import zxcvbn  # noqa: PLC0415 - lists of words that only a new password is held against

    if len(password) < SHORTEST:
        return f"Too short: at least {SHORTEST} characters. A few words in a row are easy to keep in mind."
    if len(password) > LONGEST:
        return f"Too long: at most {LONGEST} characters."
    known = [*filter(None, map(str.casefold, names)), "tidings"]
    rest = functools.reduce(lambda left, word: left.replace(word, ""), known, password.casefold())
    if sum(char.isalnum() for char in rest) < SHORTEST // 2:
        return "Too easy to guess: it says little but names. Add another word or two."
    found = zxcvbn(password[:72], user_inputs=known)
    if found["score"] >= GOOD_ENOUGH:
        return ""
    return f"Too easy to guess. {found['feedback']['warning']}".strip().rstrip(".") + ". Add another word or two."


def made_up() -> str:
    """Return a password for somebody who is to choose another one: 80 bits, easy to read out."""
    return "-".join("".join(secrets.choice("abcdefghjkmnpqrstuvwxyz23456789") for _ in range(4)) for _ in range(4))


def _same(password: str) -> str:
    """Write a password one way, whichever keyboard it was typed on."""
    return unicodedata.normalize("NFKC", password[: LONGEST * 2])


@functools.cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher  # noqa: PLC0415 - as above

    # OWASP Password Storage Cheat Sheet, argon2id: 19 MiB, 2 passes, 1 lane (read 2026-11-23).
    return PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


@functools.cache
def _nobodys() -> str:
    return _hasher().hash(secrets.token_hex(16))
