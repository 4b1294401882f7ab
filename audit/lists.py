"""Lists of people for campaigns: every row with its number, and every row that cannot be texted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from audit.rows import dump, ms
from audit.store import Row, Tx

ADD_ROWS = "insert or ignore into list_rows (list_id, row, number, data) values (?, ?, ?, ?)"
ADD_FAULTS = "insert or ignore into list_faults (list_id, row, column_name, cell, why) values (?, ?, ?, ?, ?)"


def start(tx: Tx, list_id: str, name: str, digest: str, actor: str, now: datetime) -> None:
    """Begin a list; it is used once it is complete."""
    tx.execute(
        "insert into lists (id, name, hash, columns, actor, created_at) values (?, ?, ?, '', ?, ?)",
        (list_id, name, digest, actor, ms(now)),
    )


def add(tx: Tx, list_id: str, rows: Sequence[tuple[int, str, Any]], faults: Iterable[tuple[int, str, str, str]]) -> int:
    """Write rows (row, number, data) and faults; return how many rows repeat a number the list has already."""
    before = tx.total_changes
    tx.executemany(ADD_ROWS, [(list_id, row, number, dump(data)) for row, number, data in rows])
    kept = tx.total_changes - before
    tx.executemany(ADD_FAULTS, [(list_id, *fault) for fault in faults])
    return len(rows) - kept


def finish(tx: Tx, list_id: str, rows: int, doubles: int, wrong: int, columns: Sequence[str]) -> None:
    """Call a list complete."""
    tx.execute(
        "update lists set complete = 1, rows = ?, doubles = ?, wrong = ?, columns = ? where id = ?",
        (rows, doubles, wrong, ", ".join(columns), list_id),
    )


def get(tx: Tx, list_id: str) -> Row | None:
    """Return a list."""
    row: Row | None = tx.execute("select * from lists where id = ?", (list_id,)).fetchone()
    return row


def same_file(tx: Tx, digest: str) -> Row | None:
    """Return an earlier list made from the same bytes."""
    row: Row | None = tx.execute(
        "select * from lists where hash = ? and complete = 1 order by id desc limit 1", (digest,)
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


def faults(tx: Tx, list_id: str) -> list[Row]:
    """Return the rows of a list that cannot be texted."""
    return tx.execute(
        "select row, column_name, cell, why from list_faults where list_id = ? order by row", (list_id,)
    ).fetchall()
