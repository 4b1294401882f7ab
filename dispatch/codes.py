"""The code of a verification: it follows from the verification's id and a pepper that is kept outside of the database.

So a code is nowhere to be stolen from, a code sent once more is the same one, and what is in flight stays good. Pure.
"""

from __future__ import annotations

import hashlib
import hmac
import re


def code_of(pepper: str, verification_id: str, length: int) -> str:
    """Return the digits. 64 bits over a million numbers are even enough: no code is likelier than another by 1e-13."""
    found = hmac.new(pepper.encode(), f"code:{verification_id}".encode(), hashlib.sha256).digest()
    return f"{int.from_bytes(found[:8]) % 10**length:0{length}d}"


def is_right(pepper: str, verification_id: str, length: int, typed: str) -> bool:
    """Compare in constant time. Spaces and dashes that people type between digits do not count."""
    digits = re.sub(r"[\s-]", "", typed)[:64]
    return hmac.compare_digest(code_of(pepper, verification_id, length).encode(), digits.encode("utf-8", "replace"))


def origin_of(pepper: str, address: str) -> str:
    """Return what stands for a visitor's address in the record."""
    if not address:
        return ""
    return hmac.new(pepper.encode(), f"origin:{address}".encode(), hashlib.sha256).hexdigest()[:16]


def autofill(domain: str, code: str) -> str:
    """Return the last line by which phones fill the code in by themselves (the domain-bound code format)."""
    return f"@{domain} #{code}" if domain else ""
