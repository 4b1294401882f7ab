"""The versions that were in force: who, when, why, what changed, and the way back to one."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, abort, redirect, request
from werkzeug.wrappers import Response

from audit import versions
from audit.versions import Version
from dispatch.publish import Published, load_version
from model.access import Permission
from model.reasons import ConfigError
from rules.book import Book
from web import forms, rules_changes, rules_draft, rules_publish, shell
from web.access import actor, needs
from web.desk import Desk, Editing
from web.rules_publish import Refusal, Wish

MOST = 20
LONGEST = 300


def register(pages: Blueprint) -> None:
    """Add the pages."""
    pages.add_url_rule("/rules/history", "rules_history", needs(Permission.READ, history), methods=["GET"])
    pages.add_url_rule("/rules/history/<int:number>", "rules_version", needs(Permission.READ, version), methods=["GET"])
    pages.add_url_rule(
        "/rules/history/<int:number>", "rules_rollback", needs(Permission.RULES, roll_back), methods=["POST"]
    )


def after(done: Published) -> str:
    """Return where to go when something was published: the history, which says what became of it."""
    told = {
        "done": done.number, "waiting": done.waiting, "rewritten": done.rewritten, "cancelled": done.cancelled,
    }  # fmt: skip
    return f"/console/rules/history?{urlencode(told)}"


def history() -> str:
    """List the versions, newest first, each with a sentence of what it changed."""
    desk = shell.desk()
    with desk.store.read() as tx:
        found = versions.newest(tx, MOST + 1)
    rows = [_row(each, found[index + 1] if index + 1 < len(found) else None) for index, each in enumerate(found[:MOST])]
    return shell.page(
        "rules_history.html", "rules", rows=rows, more=len(found) > MOST, done=_done(found[0].number if found else 0)
    )


def _row(each: Version, before: Version | None) -> dict[str, Any]:
    return {"version": each, "said": rules_changes.sentence(before, each)}


def _done(newest: int) -> str:
    """Say what a publication did, when that is where somebody comes from."""
    told = {name: request.args.get(name, "") for name in ("done", "waiting", "rewritten", "cancelled")}
    counts = {name: int(text) for name, text in told.items() if text.isascii() and text.isdecimal() and len(text) < 10}
    if counts.get("done") != newest:
        return ""
    waiting = counts.get("waiting", 0)
    settled = f" {counts.get('rewritten', 0):,} written again, {counts.get('cancelled', 0):,} ended."
    settled = f" Waiting texts of changed rules: {waiting:,},{settled}"
    return f"Version {newest} is in force.{settled if waiting else ''}"


def version(number: int) -> str:
    """Show one version."""
    desk, found, before = _found(number)
    return _page(desk, found, before, {}, "")


def roll_back(number: int) -> str | tuple[str, int] | Response:
    """Put a version in force again, once somebody said yes."""
    forms.prove()
    desk, found, before = _found(number)
    editing: Editing = desk.editing or abort(404)
    typed = {name: request.form.get(name, "").strip()[:LONGEST] for name in ("who", "note", "pending", "sure")}
    if typed["sure"] != "yes":
        sure = {"sure": "Confirm that this is what you want."}
        return _page(desk, found, before, typed, "Nothing was changed yet: it is not confirmed", sure), 422
    wish = Wish(
        files=found.files, base=request.form.get("base", "")[:64], who=actor(typed["who"]),
        note=typed["note"] or f"back to version {number}", pending=typed["pending"],
    )  # fmt: skip
    done = rules_publish.attempt(desk, editing, wish)
    if isinstance(done, Refusal):
        return _page(desk, found, before, typed, done.sentence, done.wrong), 409 if done.stale else 422
    return redirect(after(done), 303)


def _found(number: int) -> tuple[Desk, Version, Version | None]:
    desk = shell.desk()
    if number >= 1 << 62:  # more than the store can count
        abort(404)
    with desk.store.read() as tx:
        found = versions.get(tx, number) or abort(404)
        return desk, found, versions.get(tx, number - 1)


def _page(
    desk: Desk, found: Version, before: Version | None, typed: dict[str, str], sentence: str, wrong: Any = None
) -> str:
    newest = rules_draft.in_force(desk, desk.editing) if desk.editing else None
    book = _book(found)
    held = rules_draft.waiting(desk, book)
    main = next(iter(found.files))
    return shell.page(
        "rules_version.html",
        "rules",
        version=found,
        newest=newest,
        said=rules_changes.sentence(before, found),
        returning=rules_changes.sentence(newest, found) if newest else "",
        lines=rules_changes.lines(before.files[next(iter(before.files))], found.files[main]) if before else [],
        loads=book is not None,
        held=len(held),
        held_rules=sorted({message.rule for message in held}),
        settled=rules_publish.SETTLED,
        typed=typed,
        sentence=sentence,
        wrong=wrong or {},
    )


def _book(found: Version) -> Book | None:
    try:
        return load_version(found.files)
    except ConfigError:
        return None
