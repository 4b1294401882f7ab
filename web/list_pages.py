"""Lists of people: which there are, what became of each row of a file, and taking a list away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Blueprint, Response, abort, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from audit import deeds, list_removal, lists
from audit.store import Row
from dispatch import bad_rows
from model.access import Permission
from web import access, forms, shell
from web.list_columns import masked
from web.uploads import Reading
from web.words import DELIVERED, FAILED, MOVING, NOT_SENT, Badge

PAGE, CELLS = 50, 6
"""People and wrong rows on a page, and cells shown of a person."""
OVER = {"done", "cancelled"}
Page = str | tuple[str, int] | AnyResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A list with its state, and how far it is while it is read."""

    row: Row
    badge: Badge
    reading: Reading | None


def register(pages: Blueprint) -> None:
    """Add the pages."""
    read, send = Permission.READ, Permission.SEND
    pages.add_url_rule("/lists", "lists", access.needs(read, overview), methods=["GET"])
    pages.add_url_rule("/lists/<list_id>", "list", access.needs(read, show), methods=["GET"])
    pages.add_url_rule(
        "/lists/<list_id>/wrong.csv", "list_wrong", access.needs(Permission.NUMBERS, wrong_rows), methods=["GET"]
    )
    pages.add_url_rule("/lists/<list_id>/remove", "list_remove", access.needs(send, confirm), methods=["GET"])
    pages.add_url_rule("/lists/<list_id>/remove", "list_removed", access.needs(send, remove), methods=["POST"])


def overview() -> str:
    """List the lists, newest first."""
    before = request.args.get("before", "")[:40]
    with shell.desk().store.read() as tx:
        rows = lists.listing(tx, before, PAGE + 1)
    shown = [_listed(row) for row in rows[:PAGE]]
    older = f"/console/lists?before={shown[-1].row['id']}" if len(rows) > PAGE else ""
    return shell.page("lists.html", "campaigns", rows=shown, older=older, first="/console/lists" if before else "")


def show(list_id: str) -> Page:
    """Show what a file came to: people, doubles, who opted out, and every row that cannot be texted."""
    desk = shell.desk()
    with desk.store.read() as tx:
        row = lists.get(tx, list_id)
    reading = desk.uploads.reading(list_id)
    if row is None or not row["complete"]:
        return _unfinished(list_id, row, reading)
    after, wrong_after = _number("after"), _number("wrong_after")
    with desk.store.read() as tx:
        people = lists.after(tx, list_id, after, PAGE + 1)
        faults = lists.faults(tx, list_id, wrong_after, PAGE + 1)
        opted_out, campaigns = lists.opted_out(tx, list_id, "marketing"), lists.campaigns_of(tx, list_id)
    phones = {name for _, number, data in people[:1] for name, cell in data.items() if cell == number}
    columns = [name for name in row["columns"].split(", ") if name and name not in phones][:CELLS]
    return shell.page(
        "list.html", "campaigns", list=row, badge_of=_listed(row).badge, people=people[:PAGE], faults=faults[:PAGE],
        older=f"?after={people[PAGE - 1][0]}" if len(people) > PAGE else "", first=bool(after or wrong_after),
        older_faults=f"?wrong_after={faults[PAGE - 1]['row']}" if len(faults) > PAGE else "", opted_out=opted_out,
        campaigns=campaigns, columns=columns, masked=masked, removable=not _needed(campaigns),
    )  # fmt: skip


def wrong_rows(list_id: str) -> Response:
    """Hand out the rows that cannot be texted, with all their cells, to be mended."""
    desk = shell.desk()
    store, by = desk.store, access.actor("console")
    _found(list_id)
    store.write(lambda tx: deeds.done(tx, f"wrong rows of list {list_id} exported", by, desk.clock()))
    answer = Response(bad_rows.as_csv(store, list_id), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="{list_id}-wrong.csv"'
    return answer


def confirm(list_id: str) -> str:
    """Name what would be erased, before it is."""
    return _confirm(_found(list_id), {})


def remove(list_id: str) -> Page:
    """Erase the people of a list."""
    forms.prove()
    desk, found = shell.desk(), _found(list_id)
    who = access.actor(request.form.get("who", "").strip()[:100])
    if not who:
        return _confirm(found, {"who": "Write your name; it is kept in the journal."}), 422
    with desk.store.read() as tx:
        needed = _needed(lists.campaigns_of(tx, list_id))
    if needed:
        return _confirm(found, {}), 409
    list_removal.remove(desk.store, list_id, who, desk.clock())
    return redirect("/console/lists", 303)


def _confirm(found: Row, wrong: Mapping[str, str]) -> str:
    with shell.desk().store.read() as tx:
        needed = _needed(lists.campaigns_of(tx, found["id"]))
    return shell.page("list_remove.html", "campaigns", list=found, wrong=wrong, needed=needed)


def _unfinished(list_id: str, row: Row | None, reading: Reading | None) -> Page:
    """Show a list that is being read, was stopped or came to nothing."""
    if row is None and reading is None:
        abort(404)
    faults: list[Row] = []
    if row is not None:
        with shell.desk().store.read() as tx:
            faults = lists.faults(tx, list_id, _number("wrong_after"), PAGE)
    return shell.page(
        "list_reading.html", "campaigns", list_id=list_id, list=row, reading=reading, faults=faults, masked=masked,
        said=masked(reading.trouble if reading and reading.trouble else row["stopped"] if row else ""),
    )  # fmt: skip


def _listed(row: Row) -> Listed:
    reading = shell.desk().uploads.reading(row["id"])
    is_read = reading is not None and not reading.is_over
    badge = (
        Badge("can be used", "tick", DELIVERED) if row["complete"]
        else Badge("being read", "arrow", MOVING) if is_read
        else Badge("stopped", "cross", FAILED) if row["stopped"]
        else Badge("not finished", "minus", NOT_SENT)
    )  # fmt: skip
    return Listed(row=row, badge=badge, reading=reading if is_read else None)


def _needed(campaigns: list[Row]) -> list[str]:
    """Return the campaigns that still need a list."""
    return [one["id"] for one in campaigns if one["state"] not in OVER]


def _found(list_id: str) -> Row:
    with shell.desk().store.read() as tx:
        found = lists.get(tx, list_id)
    return found if found is not None and not found["removed_at"] else abort(404)


def _number(name: str) -> int:
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 12 else 0
