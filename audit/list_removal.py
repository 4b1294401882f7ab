"""Taking lists away: by hand, when they are past their time, when their import failed, and one person from all.

Rows go in pieces, so that webhooks do not wait for a list of a million. The list itself stays as a name and its counts,
for the campaigns that were made of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from re import Pattern
from typing import Any

from audit import deeds
from audit.rows import dump, ms
from audit.store import Store, Tx

CHUNK, PAGE = 2_000, 2_000
# A piece is found by its last row: `limit` in a delete is not in every SQLite.
LAST = {
    "list_rows": "select row from list_rows where list_id = ? order by row limit 1 offset ?",
    "list_faults": "select row from list_faults where list_id = ? order by row limit 1 offset ?",
}
PIECE = {
    "list_rows": "delete from list_rows where list_id = ? and row <= ?",
    "list_faults": "delete from list_faults where list_id = ? and row <= ?",
}
LARGEST = 2**62
CLOSED = """
update lists set complete = 0, removed_at = :now, name = :name, heading = '[]', query = '', columns = ''
where id = :id and removed_at = 0
"""
OLD = """
select id from lists where created_at < :cutoff and removed_at = 0 and not exists (
    select 1 from campaigns where list_id = lists.id and state not in ('done', 'cancelled', 'stopped')
) order by id
"""
LEFT_BEHIND = "select id from lists where complete = 0 and removed_at = 0 and stopped = '' and created_at < :cutoff"
ROWS = "select list_id, row, number, data from list_rows where (list_id, row) > (?, ?) order by list_id, row limit ?"
FAULTS = """
select list_id, row, cell, cells from list_faults where (list_id, row) > (?, ?) order by list_id, row limit ?
"""


def remove(store: Store, list_id: str, actor: str, now: datetime) -> None:
    """Erase the people of a list, and its wrong rows."""
    empty(store, list_id, "list_rows")
    empty(store, list_id, "list_faults")

    def write(tx: Tx) -> None:
        tx.execute(CLOSED, {"id": list_id, "now": ms(now), "name": "removed"})
        deeds.done(tx, f"list {list_id} removed", actor, now)

    store.write(write)


def empty(store: Store, list_id: str, table: str) -> None:
    """Delete what a table holds of a list."""
    while store.write(partial(_piece, list_id=list_id, table=table)):
        pass


def expire(store: Store, cutoff: datetime, now: datetime) -> int:
    """Erase the lists that are older than `cutoff` and that no campaign waits for; return how many."""
    with store.read() as tx:
        found = [row["id"] for row in tx.execute(OLD, {"cutoff": ms(cutoff)})]
    for list_id in found:
        remove(store, list_id, "retention", now)
    return len(found)


def clear(store: Store, cutoff: datetime, now: datetime) -> None:
    """Erase what imports left behind that began before `cutoff` and never ended."""
    with store.read() as tx:
        found = [row["id"] for row in tx.execute(LEFT_BEHIND, {"cutoff": ms(cutoff)})]
    for list_id in found:
        remove(store, list_id, "import", now)


def forget(store: Store, number: str, spelled: Pattern[str]) -> None:
    """Take a person's number out of whatever lists hold of others, and out of rows that could not be texted.

    A wrong row goes as a whole: it may name the person in any of its cells. Rows of the number itself are erased
    elsewhere.
    """
    for row in _pages(store, ROWS):
        if row["number"] != number and spelled.search(row["data"]):
            data = {name: "" if spelled.search(cell) else cell for name, cell in json.loads(row["data"]).items()}
            store.write(partial(_blank, list_id=row["list_id"], row=row["row"], data=dump(data)))
    for row in _pages(store, FAULTS):
        if spelled.search(row["cell"]) or spelled.search(row["cells"]):
            store.write(partial(_drop, list_id=row["list_id"], row=row["row"]))


def _pages(store: Store, sql: str) -> Iterator[dict[str, Any]]:
    last: tuple[str, int] = ("", 0)
    while True:
        with store.read() as tx:
            rows = [dict(row) for row in tx.execute(sql, (*last, PAGE))]
        yield from rows
        if len(rows) < PAGE:
            return
        last = (rows[-1]["list_id"], rows[-1]["row"])


def _piece(tx: Tx, list_id: str, table: str) -> bool:
    """Delete one piece; tell whether more is left."""
    found = tx.execute(LAST[table], (list_id, CHUNK - 1)).fetchone()
    tx.execute(PIECE[table], (list_id, found["row"] if found else LARGEST))
    return found is not None


def _blank(tx: Tx, list_id: str, row: int, data: str) -> None:
    tx.execute("update list_rows set data = ? where list_id = ? and row = ?", (data, list_id, row))


def _drop(tx: Tx, list_id: str, row: int) -> None:
    tx.execute("delete from list_faults where list_id = ? and row = ?", (list_id, row))
