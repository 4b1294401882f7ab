"""Reading people into a list, a thousand at a time: from a file, or from whatever a source was asked for.

A list is used once it is complete. One that was stopped keeps its wrong rows, to be mended, and nobody else; one whose
import failed or was killed is erased.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import BinaryIO

from audit import list_removal, lists
from audit.rows import at
from audit.store import Store, Tx
from dispatch.audience import BadList, BadRow, ColumnMap, Person, people
from wire.table import Table, opened

TOGETHER = 1_000
MOST_FAULTS = 10_000
"""How many wrong rows of a list are kept; all are counted."""
LEFT_BEHIND = timedelta(days=1)


class Stopped(BadList):
    """There were more wrong rows than were asked for; `list_id` names the list that holds them."""

    def __init__(self, list_id: str, sentence: str) -> None:
        super().__init__(sentence)
        self.list_id = list_id


class SameFile(BadList):
    """The same bytes were read before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to become of a table. `stop_after` is at how many wrong rows reading stops, 0 for never."""

    name: str
    actor: str
    now: datetime
    columns: ColumnMap = field(default_factory=ColumnMap)
    stop_after: int = 0
    again: bool = False
    query: str = ""


@dataclass(slots=True)
class _Counts:
    rows: int = 0
    doubles: int = 0
    wrong: int = 0

    @property
    def all(self) -> int:
        return self.rows + self.doubles + self.wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Importing:
    """Makes lists. `progress` is told how many rows were read."""

    store: Store
    new_id: Callable[[str], str]
    progress: Callable[[int], object] = abs

    def read_file(self, file: BinaryIO, order: Order, *, sheet: str = "") -> str:
        """Read a CSV or XLSX file; return the list's id. Raises BadList, SameFile unless `again`, or Stopped."""
        digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
        file.seek(0)
        with self.store.read() as tx:
            known = lists.same_file(tx, digest)
        if known is not None and not order.again:
            made = f"{at(known['created_at']):%d %B %Y}"
            raise SameFile(f"This is the file that {known['id']} was made from on {made}.")
        return self.read_rows(opened(file, sheet), order, digest=digest)

    def read_rows(self, table: Table, order: Order, *, digest: str = "") -> str:
        """Read any table; return the list's id. Raises BadList or Stopped, and whatever the table's lines raise."""
        order.columns.names(table.columns)  # a list that cannot be read at all is never begun
        list_removal.clear(self.store, order.now - LEFT_BEHIND, order.now)
        list_id = self.new_id("l")
        self.store.write(partial(_start, list_id=list_id, order=order, table=table, digest=digest))
        try:
            self._fill(list_id, table, order)
        except Stopped:
            raise
        except BaseException:
            list_removal.remove(self.store, list_id, order.actor, order.now)
            raise
        return list_id

    def _fill(self, list_id: str, table: Table, order: Order) -> None:
        counts, columns = _Counts(), dict[str, None]()
        found = people(table, order.columns)
        while batch := list(islice(found, TOGETHER)):
            persons = [one for one in batch if isinstance(one, Person)]
            wrong = [one for one in batch if isinstance(one, BadRow)]
            columns |= dict.fromkeys(name for person in persons[:1] for name in person.data)
            kept = wrong[: max(0, (order.stop_after or MOST_FAULTS) - counts.wrong)]
            counts.wrong += len(wrong)
            if order.stop_after and counts.wrong >= order.stop_after:
                self._stop(list_id, table, kept, order.stop_after)
            doubles = self.store.write(partial(_keep, list_id=list_id, persons=persons, bad=kept))
            counts.rows, counts.doubles = counts.rows + len(persons) - doubles, counts.doubles + doubles
            self.progress(counts.all)
        ends = {"rows": counts.rows, "doubles": counts.doubles, "wrong": counts.wrong, "hidden": table.hidden}
        self.store.write(
            partial(lists.finish, list_id=list_id, counts=ends, columns=list(columns), heading=table.columns)
        )

    def _stop(self, list_id: str, table: Table, bad: Sequence[BadRow], limit: int) -> None:
        last, wrong = bad[-1], "a row" if limit == 1 else f"{limit:,} rows"
        why = f"Stopped at row {last.row}: {wrong} cannot be texted. {last.column} {last.cell!r} {last.why}."
        list_removal.empty(self.store, list_id, "list_rows")

        def write(tx: Tx) -> None:
            _keep(tx, list_id, (), bad)
            lists.stop(tx, list_id, limit, table.columns, why)

        self.store.write(write)
        raise Stopped(list_id, f"{why} Nobody was put on a list; the wrong rows are kept as {list_id}.")


def _start(tx: Tx, list_id: str, order: Order, table: Table, digest: str) -> None:
    lists.start(tx, list_id, order.name, digest, order.actor, order.now)
    lists.came_from(tx, list_id, table.kind, table.sheet, order.query)


def _keep(tx: Tx, list_id: str, persons: Sequence[Person], bad: Sequence[BadRow]) -> int:
    rows = [(person.row, person.number, dict(person.data)) for person in persons]
    return lists.add(tx, list_id, rows, [(one.row, one.column, one.cell, one.why, one.cells) for one in bad])
