"""Lists of people for campaigns: every row with its number, and every row that cannot be texted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from audit.rows import dump, ms
from audit.store import Row, Tx

ADD_ROWS = "insert into list_rows (list_id, row, number, data) values (?, ?, ?, ?) on conflict do nothing"
ADD_FAULTS = """
insert into list_faults (list_id, row, column_name, cell, why, cells) values (?, ?, ?, ?, ?, ?) on conflict do nothing
"""
FINISH = """
update lists set complete = 1, rows = :rows, doubles = :doubles, wrong = :wrong, hidden = :hidden, columns = :columns,
    heading = :heading
where id = :id
"""
STOP = """
update lists set rows = 0, wrong = :wrong, heading = :heading, stopped = :why where id = :id
"""
Fault = tuple[int, str, str, str, Sequence[str]]
"""A row that cannot be texted: its number, column, cell, why, and all its cells."""


def start(tx: Tx, list_id: str, name: str, digest: str, actor: str, now: datetime) -> None:
    """Begin a list; it is used once it is complete."""
    tx.execute(
        "insert into lists (id, name, hash, columns, actor, created_at) values (?, ?, ?, '', ?, ?)",
        (list_id, name, digest, actor, ms(now)),
    )


def came_from(tx: Tx, list_id: str, kind: str, origin: str, query: str) -> None:
    """Write down what a list is made from: a file of a kind, or what was asked of a source."""
    tx.execute("update lists set kind = ?, origin = ?, query = ? where id = ?", (kind, origin, query, list_id))


def add(tx: Tx, list_id: str, rows: Sequence[tuple[int, str, Any]], faults: Iterable[Fault]) -> int:
    """Write rows (row, number, data) and faults; return how many rows repeat a number the list has already."""
    kept = 0
    if rows:
        kept = tx.executemany(ADD_ROWS, [(list_id, row, number, dump(data)) for row, number, data in rows]).rowcount
    wrong = [(list_id, *fault[:4], dump(list(fault[4]))) for fault in faults]
    if wrong:
        tx.executemany(ADD_FAULTS, wrong)
    return len(rows) - kept


def finish(tx: Tx, list_id: str, counts: dict[str, int], columns: Sequence[str], heading: Sequence[str]) -> None:
    """Call a list complete. `counts` are its rows, doubles, wrong and hidden ones; `heading` is as it was written."""
    values = {"id": list_id, "columns": ", ".join(columns), "heading": dump(list(heading))}
    tx.execute(FINISH, {**counts, **values})


def stop(tx: Tx, list_id: str, wrong: int, heading: Sequence[str], why: str) -> None:
    """Give a list up; its wrong rows stay, to be mended."""
    tx.execute(STOP, {"id": list_id, "wrong": wrong, "heading": dump(list(heading)), "why": why})


def get(tx: Tx, list_id: str) -> Row | None:
    """Return a list."""
    row: Row | None = tx.execute("select * from lists where id = ?", (list_id,)).fetchone()
    return row


def named(tx: Tx, name: str) -> Row | None:
    """Return the newest complete list of a name."""
    row: Row | None = tx.execute(
        "select * from lists where name = ? and complete = 1 order by id desc limit 1", (name,)
    ).fetchone()
    return row


def listing(tx: Tx, before: str = "", limit: int = 50) -> list[Row]:
    """Return lists, newest first, those older than `before` where it is given."""
    return tx.execute(
        "select * from lists where removed_at = 0 and (? = '' or id < ?) order by id desc limit ?",
        (before, before, limit),
    ).fetchall()


def same_file(tx: Tx, digest: str) -> Row | None:
    """Return an earlier list made from the same bytes."""
    row: Row | None = tx.execute(
        "select * from lists where hash = ? and hash <> '' and complete = 1 order by id desc limit 1", (digest,)
    ).fetchone()
    return row


def after(tx: Tx, list_id: str, row: int, limit: int) -> list[tuple[int, str, dict[str, str]]]:
    """Return the rows behind `row`, as (row, number, data)."""
    found = tx.execute(
        "select row, number, data from list_rows where list_id = ? and row > ? order by row limit ?",
        (list_id, row, limit),
    )
    return [(one["row"], one["number"], json.loads(one["data"])) for one in found]


def opted_out(tx: Tx, list_id: str, category: str) -> int:
    """Count those on a list who want no texts of this kind."""
    row = tx.execute(
        "select count(*) as n from list_rows where list_id = ? and exists (select 1 from consent "
        "where consent.number = list_rows.number and category in ('', ?) and status = 'out')",
        (list_id, category),
    ).fetchone()
    return int(row["n"])


def faults(tx: Tx, list_id: str, after_row: int = 0, limit: int = 10_000) -> list[Row]:
    """Return the rows of a list that cannot be texted, a page at a time; `cells` is JSON."""
    return tx.execute(
        "select row, column_name, cell, why, cells from list_faults where list_id = ? and row > ? order by row limit ?",
        (list_id, after_row, limit),
    ).fetchall()


def campaigns_of(tx: Tx, list_id: str) -> list[Row]:
    """Return the campaigns that text a list, oldest first."""
    return tx.execute("select id, state from campaigns where list_id = ? order by id", (list_id,)).fetchall()
