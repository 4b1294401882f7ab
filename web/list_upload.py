"""A list of people on its way in: a file, its columns with a proposal how they are meant, and reading it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO

from flask import Blueprint, abort, redirect, request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

from audit import lists
from audit.rows import at
from dispatch.audience import BadList, ColumnMap, people
from dispatch.campaigning import CannotRun
from dispatch.columns import preview
from dispatch.importing import Importing, Order
from model.access import Permission
from rules.book import Rule
from web import access, forms, list_columns, shell
from web.api.uploads import MAX_UPLOAD
from web.desk import Desk
from web.list_columns import LONGEST, Chosen, masked
from web.uploads import Held, Interrupted, Tell
from wire.table import opened

LOOKED_AT = 500
"""Rows that are looked at for a proposal."""
MEGABYTES = MAX_UPLOAD // 1_048_576
GONE = "The file is no longer here: it waited for an hour, is being read already, or the service was started anew."
BUSY = "Other lists are being read. Wait until one of them ends, and send this once more."
Page = str | tuple[str, int] | Response


def register(pages: Blueprint) -> None:
    """Add the pages."""
    send = Permission.SEND
    pages.add_url_rule("/lists/new", "list_new", access.needs(send, ask), methods=["GET"])
    pages.add_url_rule("/lists/new", "list_bring", access.needs(send, bring), methods=["POST"])
    pages.add_url_rule("/lists/new/<word>", "list_columns", access.needs(send, map_columns), methods=["GET"])
    pages.add_url_rule("/lists/new/<word>", "list_read", access.needs(send, read), methods=["POST"])


def ask() -> Page:
    """Ask for a file, and for which campaign it is."""
    return _asking(request.args.get("rule", "")[:LONGEST], {})


def bring() -> Page:
    """Take a file in, and go on to its columns."""
    try:
        forms.prove(MAX_UPLOAD)
    except RequestEntityTooLarge:
        return _asking("", {"file": f"The file has more than {MEGABYTES} MB. Split it."}), 413
    desk, given = shell.desk(), request.files.get("file")
    rule = request.form.get("rule", "")[:LONGEST]
    wrong = {} if rule in _campaign_rules(desk) else {"rule": "Choose the campaign."}
    if given is None or not given.filename:
        wrong["file"] = "Choose a file."
    if wrong or given is None:
        return _asking(rule, wrong), 422
    try:
        opened(given.stream)  # type: ignore[arg-type]
    except BadList as error:
        return _asking(rule, {"file": masked(str(error))}), 422
    given.stream.seek(0)
    name = (given.filename or "").replace("\\", "/").rpartition("/")[2][:LONGEST]
    word = desk.uploads.hold(given.stream, name, rule, access.actor(), desk.clock())  # type: ignore[arg-type]
    return redirect(f"/console/lists/new/{word}", 303)


def map_columns(word: str) -> Page:
    """Show the columns of a file, what they seem to be, and what can be chosen."""
    held = shell.desk().uploads.find(word, access.actor())
    if held is None:
        return _asking("", {"file": GONE}), 404
    return _columns(word, held, None, {}, request.args.get("sheet", "")[:LONGEST])


def read(word: str) -> Page:
    """Read the file into a list, in the background."""
    forms.prove()
    desk = shell.desk()
    held = desk.uploads.find(word, access.actor())
    if held is None:
        return _asking("", {"file": GONE}), 404
    chosen = list_columns.chosen(request.form)
    try:
        columns = _mapped(desk, held, chosen)
    except (BadList, CannotRun) as error:
        return _columns(word, held, chosen, {"columns": masked(str(error))}), 422
    who, wrong = access.actor(chosen.who), dict[str, str]()
    if not who:
        wrong["who"] = "Write your name; it is kept in the journal."
    if _known(desk, held) and not chosen.again:
        wrong["again"] = "Say that you mean it: this file was read before."
    if wrong:
        return _columns(word, held, chosen, wrong), 422
    list_id = (desk.new_id or abort(404))("l")
    order = Order(
        name=chosen.name or held.name, actor=who, now=desk.clock(), columns=columns, stop_after=int(chosen.stop),
        again=chosen.again,
    )  # fmt: skip
    if desk.uploads.begin(word, list_id, _reader(desk, list_id, order, chosen.sheet)) is None:
        return _columns(word, held, chosen, {"columns": BUSY}), 503
    return redirect(f"/console/lists/{list_id}", 303)


def _reader(desk: Desk, list_id: str, order: Order, sheet: str) -> Callable[[BinaryIO, Tell], object]:
    """Return what reads a file into the list of an id, and stops where the service does."""

    def reads(file: BinaryIO, tell: Tell) -> object:
        def progress(rows: int) -> None:
            tell(rows)
            if desk.running.is_stopping():
                raise Interrupted

        importing = Importing(store=desk.store, new_id=lambda _: list_id, progress=progress)
        return importing.read_file(file, order, sheet=sheet)

    return reads


def _mapped(desk: Desk, held: Held, chosen: Chosen) -> ColumnMap:
    """Say how the columns are meant, and see that a list can be read by it. Raises BadList, CannotRun."""
    with _looking(held) as file:
        table = opened(file, chosen.sheet)
        found = chosen.mapping(_rule(desk, held), table.columns)
        next(people(table, found), None)
    return found


def _columns(word: str, held: Held, chosen: Chosen | None, wrong: Mapping[str, str], sheet: str = "") -> str:
    """Show the columns of a file; what was chosen stays, before that stands a proposal."""
    desk = shell.desk()
    try:
        rule = _rule(desk, held)
        with _looking(held) as file:
            seen = preview(opened(file, chosen.sheet if chosen else sheet), rule.region, LOOKED_AT)
    except (BadList, CannotRun) as error:
        return _asking(held.rule, {"file": masked(str(error))})
    chosen = chosen or list_columns.proposed(seen, rule, held.name)
    return shell.page(
        "list_columns.html", "campaigns", word=word, held=held, seen=seen, chosen=chosen, wrong=wrong, rule=rule,
        columns=list_columns.offered(seen, chosen), faults=[(row, masked(why)) for row, why in seen.faults],
        known=_known(desk, held), signed_in=access.actor(),
    )  # fmt: skip


def _asking(rule: str, wrong: Mapping[str, str]) -> str:
    rules = _campaign_rules(shell.desk())
    return shell.page("list_new.html", "campaigns", chosen=rule, wrong=wrong, rules=rules, most=MEGABYTES)


def _campaign_rules(desk: Desk) -> list[str]:
    return [rule.id for rule in desk.book().rules if rule.campaign is not None]


def _rule(desk: Desk, held: Held) -> Rule:
    return (desk.campaigns or abort(404)).rule(held.rule)


def _known(desk: Desk, held: Held) -> Mapping[str, object] | None:
    """Return the list that was made from the same bytes."""
    with desk.store.read() as tx:
        found = lists.same_file(tx, held.digest)
    return {"id": found["id"], "name": found["name"], "at": at(found["created_at"])} if found else None


@contextmanager
def _looking(held: Held) -> Iterator[BinaryIO]:
    """Give a held file to one reader at a time, at its beginning."""
    with held.gate:
        if held.file.closed:  # it was sent twice, and is read by now
            abort(404)
        held.file.seek(0)
        yield held.file
