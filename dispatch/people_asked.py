"""A query on a connected system as a table: what it answers is read into a list exactly as a file is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any, Protocol

from connectors.base import AskFailed, Audience, Http
from dispatch.audience import BadList
from wire.guard import Forbidden
from wire.http import NotSent, Unclear
from wire.table import MOST_COLUMNS, Line, Table

FIRST = 200
"""Records whose names are the columns; a name that is met later is a column behind them."""
DEEPEST = 3


class Named(Protocol):
    """What is known of a source: its name and its connector."""

    @property
    def name(self) -> str:
        """Return its name in tidings.toml."""

    @property
    def connector(self) -> Any:
        """Return its connector."""


def can_be_asked(connector: Any) -> bool:
    """Tell whether a connector can be asked for people."""
    return hasattr(connector, "audience")


def table(source: Named, query: str, http: Http) -> Table:
    """Ask a source for people. Raises BadList where it cannot be asked, or does not answer, also while it is read."""
    if not can_be_asked(source.connector):
        raise BadList(f"The source {source.name} cannot be asked for people: {type(source.connector).__name__} cannot.")
    asked: Audience = source.connector
    columns: list[str] = []
    lines = _lines(source.name, asked.audience(query, http), columns)
    first = list(islice(lines, FIRST))
    if not columns:
        raise BadList(f"{source.name} answered with nobody.")
    return Table(kind="query", columns=columns, lines=chain(first, lines), sheet=source.name)


def _lines(name: str, records: Iterator[Mapping[str, Any]], columns: list[str]) -> Iterator[Line]:
    """Yield records as rows, counted from 1. `columns` grows with the names that are met."""
    places: dict[str, int] = {}
    try:
        for row, record in enumerate(records, start=1):
            flat = dict(_flat(record))
            for column in flat:
                if column not in places and len(columns) < MOST_COLUMNS:
                    places[column] = len(columns)
                    columns.append(column)
            cells = [""] * len(columns)
            for column, cell in flat.items():
                if column in places:
                    cells[places[column]] = cell
            yield Line(row=row, cells=cells)
    except (AskFailed, NotSent, Unclear, Forbidden) as error:
        raise BadList(f"{name}: {error}") from None


def _flat(record: Mapping[str, Any], before: str = "", depth: int = 1) -> Iterator[tuple[str, str]]:
    """Yield a record's values as texts; what stands in a record of its own is named with a point: Account.Name."""
    for name, value in record.items():
        if isinstance(value, Mapping) and depth < DEEPEST:
            yield from _flat(value, f"{before}{name}.", depth + 1)
        else:
            yield f"{before}{name}", _text(value)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, list | Mapping) else str(value)
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
