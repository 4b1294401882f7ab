"""Lists as files: exactly what a page shows with its filter, row by row, as CSV for spreadsheets or JSON lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from flask import Blueprint, Response, abort, request, stream_with_context

from audit import deeds, search
from audit.paging import Page
from audit.rows import at
from audit.store import Store
from model.access import Permission
from web import access, asking, shell
from web.asking import Asked
from web.desk import Desk
from wire.table import safe

BATCH = 500
TIMES = {"at", "due_at", "received_at", "created_at", "replied_at"}
NUMBERS = {"number"}
COLUMNS: Mapping[str, Sequence[str]] = {
    "audit": (
        "at", "event_id", "message_id", "source", "type", "key", "rule", "step", "reason", "place", "number", "state",
        "ending", "due_at", "detail",
    ),
    "events": ("received_at", "id", "source", "type", "native_type", "key", "state", "error", "test"),
    "messages": (
        "created_at", "id", "event_id", "source", "type", "rule", "step", "key", "number", "state", "reason", "due_at",
        "gateway", "segments", "replied_at",
    ),
}  # fmt: skip
KINDS = {"csv": "text/csv", "jsonl": "application/x-ndjson"}
Lister = Callable[..., Page]


def register(pages: Blueprint) -> None:
    """Add one address per list and kind."""
    for name in COLUMNS:
        for kind in KINDS:
            view = access.needs(Permission.READ, partial(give, name, kind))
            pages.add_url_rule(f"/{name}.{kind}", f"{name}_{kind}", view, methods=["GET"])


def give(name: str, kind: str) -> Response:
    """Hand out a list; a filter that cannot be read is refused rather than left out."""
    desk = shell.desk()
    asked = asking.read(request.args, desk)
    if asked.wrong:
        abort(400)
    _note(name, desk)
    lines = _as_csv if kind == "csv" else _as_json
    rows = (_row(name, row) for row in every(_lister(name, desk.store, asked)))
    answer = Response(stream_with_context(lines(COLUMNS[name], rows)), mimetype=KINDS[kind])
    answer.headers["Content-Disposition"] = f'attachment; filename="tidings-{name}.{kind}"'
    return answer


def _note(name: str, desk: Desk) -> None:
    """Write down that somebody took whole phone numbers along."""
    visitor = access.known()
    if visitor and visitor.person and access.may(Permission.NUMBERS):
        desk.store.write(lambda tx: deeds.done(tx, f"{name} exported with numbers", visitor.name, desk.clock()))


def every(lister: Lister) -> Iterator[Mapping[str, Any]]:
    """Yield all rows of a list, newest first, a batch at a time: what comes meanwhile is newer and not among them."""
    before = ""
    while True:
        page = lister(before=before, limit=BATCH)
        yield from page.rows
        before = page.older
        if not before:
            return


def _lister(name: str, store: Store, asked: Asked) -> Lister:
    wanted = asked.filter
    if name == "audit":
        return partial(search.decisions, store, wanted)
    if name == "messages":
        return partial(search.messages, store, wanted)
    return partial(search.events, store, state=asked.typed.get("state", ""), source=wanted.source)


def _row(name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    return {column: _value(column, row[column]) for column in COLUMNS[name]}


def _value(column: str, value: Any) -> Any:
    """Numbers stay masked for whom they are masked on the pages."""
    if column in NUMBERS:
        return access.shown(value) if value else ""
    if column in TIMES:
        return _time(at(value)) if value else ""
    return "" if value is None else value


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _as_csv(columns: Sequence[str], rows: Iterator[Mapping[str, Any]]) -> Iterator[str]:
    yield _line(columns)
    for row in rows:
        yield _line([safe(row[column]) for column in columns])


def _line(cells: Sequence[Any]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _as_json(_: Sequence[str], rows: Iterator[Mapping[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(row, ensure_ascii=False) + "\n"
