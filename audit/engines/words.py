"""Words for PostgreSQL's full-text search, split and folded here as SQLite's FTS5 (unicode61) does it.

PostgreSQL's own parser takes addresses, numbers with a sign and words with a hyphen as one, and its extension for
accents is not installed everywhere. So it is given finished words with their places.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

WORD = re.compile(r"[^\W_]+")
PHRASE = re.compile(r'"([^"]*)"(\*?)|\bOR\b')
LONGEST = 500
"""Characters of a word that count; the server takes 2046 bytes."""
LAST_PLACE = 16_383


def split(text: str) -> list[str]:
    """Return the words of a text in lower case and without accents."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return [word[:LONGEST] for word in WORD.findall(plain.lower())]


def vector(text: str) -> str:
    """Write a text as a tsvector."""
    return " ".join(f"'{word}':{min(place, LAST_PLACE)}" for place, word in enumerate(split(text), start=1))


def query(text: str) -> str:
    """Write a query of FTS5, of quoted phrases side by side (all must occur) or with OR between them, as a tsquery."""
    ways: list[list[str]] = [[]]
    for found in PHRASE.finditer(text):
        if found[0] == "OR":
            ways.append([])
        elif parts := split(found[1]):
            ways[-1].append(_phrase(parts, prefix=bool(found[2])))
    return " | ".join(f"({' & '.join(way)})" for way in ways if way)


def _phrase(parts: list[str], *, prefix: bool) -> str:
    last = f"'{parts[-1]}'{':*' if prefix else ''}"
    return "(" + " <-> ".join([*(f"'{part}'" for part in parts[:-1]), last]) + ")"


def digest(key: str) -> bytes:
    """Return 8 bytes that stand for a key."""
    return hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=8).digest()
