"""The events that hold some words or concern a phone: the newest of them, and those beside a place in the journal.

The index gives its newest hits in no time and older ones only in order. A page from the past therefore says how far the
journal reaches there, and the hits around that place are taken as well.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from audit.beginnings import Meant, all_of, phrase
from audit.store import Tx

MOST_HITS = 1_000
"""How many hits of some words, or texts to a number, are looked at: the newest ones, and those nearest to a place."""
MOST_WORDS = 12
NEIGHBOURS = 50
"""Decisions beside a place that tell where it is in the index."""
SLACK = 500
"""Several planners write into the index at once, each a little before or after its decisions."""

HITS = "select event_id from finder where words match :{}"
TEXTS = "select event_id from messages where number = :number"
FOUND = "select event_id from finder where words match :words order by rowid desc limit :most"
EDGE = """
select min(found) as lowest, min(at) as earliest, max(at) as latest from (
    select events.found, journal.at from (
        select id from journal where kind = 'decision' and id {sign} :key order by id {direction} limit :neighbours
    ) as near cross join journal on journal.id = near.id cross join events on events.id = journal.event_id
    where events.found > 0
) as places
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A place in the journal as the index and the texts know it: the hits from there on, `newer` or older."""

    row: int
    at: int
    newer: bool


def candidates(query: str, number: str, spellings: Sequence[str], edge: Edge | None) -> tuple[str, dict[str, Any]]:
    """Return the SQL that lists the events that fit a full-text query and concern this number, and its values.

    `spellings` are the ways in which events may write the number.
    """
    values: dict[str, Any] = {"most": MOST_HITS}
    values |= {"row": edge.row, "edge": edge.at} if edge else {}
    if number:
        values["number"] = number
        # AND binds closer than OR does.
        both = [f"{query} AND {phrase(spelling)}" if query else phrase(spelling) for spelling in spellings]
        values["spelled"] = " OR ".join(both)
    if query:
        values["words"] = query
    return _either(query, number, spellings, edge), {name: one for name, one in values.items() if one != ""}


def _either(query: str, number: str, spellings: Sequence[str], edge: Edge | None) -> str:
    """Write the SQL: what holds the words, or what was texted to the number or names it, and holds the words."""
    worded = _taken(HITS.format("words"), "rowid", "rowid", ":row", edge)
    if not number:
        return worded
    found = _taken(TEXTS, "id", "created_at", ":edge", edge)
    if query:
        found = _of(f"{_of(found)} intersect {_of(worded)}")
    if spellings:
        found = f"{_of(found)} union {_taken(HITS.format('spelled'), 'rowid', 'rowid', ':row', edge)}"
    return found


def _taken(select: str, order: str, column: str, place: str, edge: Edge | None) -> str:
    """Take the newest events of a query and, where there is an edge, those nearest to it.

    The newest ones are taken in any case: an event that was planned again is in the index as of then alone.
    """
    newest = _of(f"{select} order by {order} desc limit :most")
    if edge is None:
        return newest
    sign, direction = (">=", "asc") if edge.newer else ("<=", "desc")
    return f"{newest} union {_of(f'{select} and {column} {sign} {place} order by {order} {direction} limit :most')}"


def _of(sql: str) -> str:
    """Wrap a query with its own order and limit, so that it may stand in a union; each event once."""
    return f"select distinct event_id from ({sql}) as hits"  # noqa: S608 - fixed words


def edge(tx: Tx, key: int, *, newer: bool) -> Edge | None:
    """Find a place in the journal in the index; None at its newest end, and where nothing of it is left.

    Whatever was planned up to a decision stands before the rows of all later ones, planned again or not.
    """
    sign, direction = ("<=", "desc") if newer else (">=", "asc")
    sql = EDGE.format(sign=sign, direction=direction)
    row = tx.execute(sql, {"key": key, "neighbours": NEIGHBOURS}).fetchone()
    if row["lowest"] is None:
        return None
    if newer:
        return Edge(row=row["lowest"] - SLACK, at=row["earliest"], newer=True)
    return Edge(row=row["lowest"] + SLACK, at=row["latest"], newer=False)


def newest(tx: Tx, words: str, limit: int) -> list[str]:
    """Return the newest events in which all words occur."""
    query = sought(tx, words).query
    # An event planned again is in the index again.
    rows = tx.execute(FOUND, {"words": query, "most": limit * 5}) if query else ()
    return list(dict.fromkeys(row["event_id"] for row in rows))[:limit]


def sought(tx: Tx, words: str) -> Meant:
    """Read what a person typed as a full-text query: every word must occur, long ones may be beginnings."""
    found = [word for word in re.findall(r"\w+", words) if any(char.isalnum() for char in word)]
    return all_of(tx, found[:MOST_WORDS])
