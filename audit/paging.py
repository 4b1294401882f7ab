"""Pages of lists: by key, never by offset, and nothing is counted, so that page 1,000 costs what page 1 costs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from audit.store import Row, Tx

PAGE = 50
CURSOR = re.compile(r"[0-9]{1,18}|[a-z][0-9a-z]{1,40}")


class BadCursor(ValueError):  # noqa: N818 - names what is wrong
    """Somebody typed a page address that no list of ours ever had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some rows, newest first, and the keys of the pages beside it ("" where there is none).

    `cut` when more may fit than were looked for: so many words begin as one that was asked for does.
    """

    rows: Sequence[Mapping[str, Any]]
    older: str = ""
    newer: str = ""
    cut: bool = False


@dataclass(slots=True)
class Query:
    """One SELECT in the making: where it starts, which key orders it, what narrows it.

    With `candidates`, of which there may be many, only the rows of a page are read whole, from `whole`.
    """

    start: str
    key: str
    where: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    candidates: str = ""
    whole: str = ""

    def copy(self) -> Query:
        """Return another one to be narrowed further."""
        return replace(self, where=list(self.where), values=dict(self.values))

    def equal(self, column: str, name: str, value: str) -> None:
        """Narrow it to a value of a column, if there is one."""
        if value:
            self.where.append(f"{column} = :{name}")
            self.values[name] = value


@dataclass(frozen=True, slots=True)
class Turn:
    """From which key on, in which direction, how many."""

    cursor: str
    newer: bool
    limit: int


def turn_of(before: str, after: str, limit: int) -> Turn:
    """Read where a page begins. Raises BadCursor."""
    cursor = after or before
    if cursor and not CURSOR.fullmatch(cursor):
        raise BadCursor(cursor)
    return Turn(cursor, bool(after), limit)


def walk(tx: Tx, select: str, query: Query, turn: Turn) -> list[Row]:
    """Read one row more than asked, so that we know whether there is another page."""
    where, values = list(query.where), dict(query.values)
    if turn.cursor:
        where.append(f"{query.key} {'>' if turn.newer else '<'} :cursor")
        values["cursor"] = int(turn.cursor) if query.key == "journal.id" else turn.cursor
    rest = (
        f"{query.start} where {' and '.join(where) or '1 = 1'} "
        f"order by {query.key} {'asc' if turn.newer else 'desc'} limit {turn.limit + 1}"
    )
    sql = f"{select} {rest}"
    if query.candidates:
        found = f"with candidates as materialized ({query.candidates}), page as materialized ({rest})"
        sql = f"{found} {select} {query.whole}"
    return tx.execute(sql, values).fetchall()


def page_of(rows: list[dict[str, Any]], key: str, turn: Turn) -> Page:
    """Make a page of rows that may be more than fit on it, in any order."""
    rows.sort(key=lambda row: row[key], reverse=not turn.newer)
    more = len(rows) > turn.limit
    rows = rows[: turn.limit]
    if turn.newer:
        rows.reverse()
    if not rows:
        return Page(rows=())
    older, newer = (True, more) if turn.newer else (more, bool(turn.cursor))
    return Page(rows=rows, older=str(rows[-1][key]) if older else "", newer=str(rows[0][key]) if newer else "")
