"""The rows of a list that cannot be texted, as CSV: mended in a spreadsheet, the file can be uploaded as it is."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

from audit import lists
from audit.store import Store
from dispatch.audience import OURS
from wire.table import MOST_COLUMNS, safe

WHERE = (f"{OURS} row", f"{OURS} column", f"{OURS} what is wrong")
PAGE = 1_000


def as_csv(store: Store, list_id: str) -> Iterator[str]:
    """Yield the file line by line, its mark first: without it Excel takes UTF-8 for something else."""
    with store.read() as tx:
        found = lists.get(tx, list_id)
    columns = [name for name in json.loads(found["heading"]) if name not in WHERE] if found else []
    yield "\ufeff" + _line([*columns, *WHERE])
    last = 0
    while True:
        with store.read() as tx:
            rows = lists.faults(tx, list_id, last, PAGE)
        for row in rows:
            cells = [*json.loads(row["cells"]), *[""] * len(columns)][: max(len(columns), 1)][:MOST_COLUMNS]
            yield _line([*cells[: len(columns)], row["row"], row["column_name"], row["why"]])
        if len(rows) < PAGE:
            return
        last = rows[-1]["row"]


def _line(cells: list[object]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow([safe(cell) for cell in cells])
    return text.getvalue()
