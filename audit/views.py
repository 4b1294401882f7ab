"""Filters that people gave a name, for everybody who uses this installation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from audit import journal
from audit.rows import ms
from audit.store import Tx

MOST = 50
"""Views in all: a list nobody can overlook helps nobody."""

PRIVATE = frozenset({"number", "phone_of", "region"})
"""Fields of a filter that name a person: a view that held them would outlive their erasure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A page of the console with a filter, by name."""

    id: int
    name: str
    page: str
    query: str

    @property
    def link(self) -> str:
        """The address it leads to."""
        return f"/console/{self.page}?{self.query}"


def listing(tx: Tx, page: str = "") -> list[View]:
    """Return the views of a page, or all of them."""
    rows = tx.execute("select id, name, page, query from views where ? in ('', page) order by name", (page,))
    return [View(id=row["id"], name=row["name"], page=row["page"], query=row["query"]) for row in rows]


def save(tx: Tx, name: str, page: str, filters: Mapping[str, str], actor: str, now: datetime) -> bool:
    """Keep a filter, in place of one of the same name; False when there are as many as may be."""
    taken = tx.execute(
        "select count(*) as n, count(case when name = ? then 1 end) as same from views", (name,)
    ).fetchone()
    if taken["n"] >= MOST and not taken["same"]:
        return False
    tx.execute(
        "insert into views (name, page, query, actor, at) values (?, ?, ?, ?, ?) on conflict (name) do update "
        "set page = excluded.page, query = excluded.query, actor = excluded.actor, at = excluded.at",
        (name, page, urlencode(filters), actor, ms(now)),
    )
    journal.note(tx, ms(now), "operator", reason="view saved", actor=actor)
    return True


def forget(tx: Tx, view_id: int, actor: str, now: datetime) -> bool:
    """Take a view away; False when there was none."""
    gone = tx.execute("delete from views where id = ?", (view_id,)).rowcount > 0
    if gone:
        journal.note(tx, ms(now), "operator", reason="view removed", actor=actor)
    return gone
