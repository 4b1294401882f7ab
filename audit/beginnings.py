"""Words that begin with what somebody typed, as a query to the index of words.

A file's index would put all hits of all such words in order before the newest is known, half a second for ten million.
It lists its words, though, and finds the newest hits of a few of them in no time. A server cannot list them. Its
planner knows how many hits common words have and walks from the newest, so there a beginning is left to it; of a
beginning of very many rare words it knows nothing, and reads all their hits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from audit.engines import words
from audit.engines.base import Shared
from audit.store import Tx

SHORTEST = 4
"""Characters of a beginning; what is shorter begins too many words, and is meant as it was typed."""
MOST_TERMS = 100
"""How many words with one beginning are looked for, one by one."""
MOST_PLACES = 10_000
"""Places of such words that the index puts in order within some milliseconds, however many words they are."""
NEWEST = 300
"""Rows of the index whose words are looked through where a beginning is that of too many words."""

NEXT = "select term from finder_terms where term >= :first and term < :beyond limit 1"
PLACES = """
select count(*) as n from (select 1 from finder_terms where term >= :first and term < :beyond limit :most) as places
"""
LATELY = "select words from finder order by rowid desc limit :most"
BEYOND = "\U0010ffff"
AFTER = "\1"
"""Stands between a word and all that begin with it: words are letters and digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """What a word somebody typed asks of the index, and whether that is less than all that begins with it."""

    query: str
    cut: bool = False


def meant(tx: Tx, typed: str) -> Meant:
    """Return the query for a word that may be the beginning of others. Where it is cut, the newest are preferred."""
    parts = words.split(typed)
    if len(typed) < SHORTEST or not parts:
        return Meant(query=phrase(typed))
    terms = None if isinstance(tx, Shared) else _terms(tx, parts[-1])
    if terms is None:
        return Meant(query=f"{phrase(typed)}*")
    ways = [phrase(" ".join([*parts[:-1], term])) for term in dict.fromkeys(terms[:MOST_TERMS])]
    if not typed.isascii():  # in rare scripts the index folds in its own way
        ways.append(phrase(typed))
    return Meant(query=f"({' OR '.join(ways)})", cut=len(terms) > MOST_TERMS)


def all_of(tx: Tx, typed: Iterable[str]) -> Meant:
    """Return the query for several words, all of which must occur."""
    found = [meant(tx, word) for word in typed]
    return Meant(query=" AND ".join(one.query for one in found), cut=any(one.cut for one in found))


def phrase(text: str) -> str:
    """Quote a text, so that nothing in it is an operator."""
    return '"' + text.replace('"', " ").replace("\0", " ") + '"'


def _terms(tx: Tx, begin: str) -> list[str] | None:
    """List the words with a beginning, one more than are looked for if there are more; None: the index may as well."""
    terms = list(_listed(tx, begin))
    if 0 < len(terms) <= MOST_TERMS:
        return terms
    span = {"first": begin, "beyond": begin + BEYOND, "most": MOST_PLACES}
    if tx.execute(PLACES, span).fetchone()["n"] < MOST_PLACES:
        return None
    held = (word for row in tx.execute(LATELY, {"most": NEWEST}) for word in words.split(row["words"]))
    return [*_beginning_with(begin, held), *terms]


def _listed(tx: Tx, begin: str) -> Iterator[str]:
    """Yield the words in order, from one to the next without looking at where they stand."""
    first = begin
    for _ in range(MOST_TERMS + 1):
        row = tx.execute(NEXT, {"first": first, "beyond": begin + BEYOND}).fetchone()
        if row is None:
            return
        yield row["term"]
        first = row["term"] + AFTER


def _beginning_with(begin: str, held: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(word for word in held if word.startswith(begin)))
