"""Consent: what one person wishes and how we know, changing it with a reason, and lists of wishes in and out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from audit import consent, conversations, deeds
from audit.consent import Consent
from dispatch import wish_lists
from model.access import Permission
from web import forms, numbers, shell
from web.access import actor, needs
from web.asking import LONGEST
from web.desk import Desk

FIELDS = ("number", "region", "category", "status", "wording", "who")
MOST_WRONG = 50
NOT_A_NUMBER = "Not a phone number. Write it with + and the country code."


def register(pages: Blueprint) -> None:
    """Add the pages."""
    pages.add_url_rule("/consent", "consent", needs(Permission.READ, show), methods=["GET"])
    pages.add_url_rule("/consent", "consent_change", needs(Permission.CONSENT, change), methods=["POST"])
    pages.add_url_rule("/consent/import", "consent_import", needs(Permission.CONSENT, take_list), methods=["POST"])
    pages.add_url_rule("/consent/export", "consent_export", needs(Permission.NUMBERS, give_list), methods=["POST"])


def show() -> str:
    """Show what somebody wishes, and how it came to that."""
    desk = shell.desk()
    typed = {name: request.args.get(name, "")[:LONGEST] for name in ("number", "region")}
    number = _read(typed, desk) if typed["number"].strip() else _phone_of(desk, request.args.get("phone_of", ""))
    wrong = {"number": NOT_A_NUMBER} if typed["number"].strip() and not number else {}
    return _page(typed, wrong, number=number, done=request.args.get("done", "")[:20])


def change() -> str | tuple[str, int] | AnyResponse:
    """Write down what a person wishes, with a reason and a name."""
    forms.prove()
    desk = shell.desk()
    typed = {name: request.form.get(name, "").strip()[:LONGEST] for name in FIELDS}
    typed["who"] = actor(typed["who"])
    number = _read(typed, desk)
    wrong = {
        "number": "" if number else NOT_A_NUMBER,
        "status": "" if typed["status"] in wish_lists.STATUSES else "Choose one.",
        "wording": "" if typed["wording"] else "Write how you know: the words, the form, the call.",
        "who": "" if typed["who"] else "Write your name; it is kept as proof.",
    }
    wrong = {name: said for name, said in wrong.items() if said}
    if wrong:
        return _page(typed, wrong, number=number), 422
    now = desk.clock()
    said = Consent(
        number=number, category=typed["category"], status=typed["status"], source="console", wording=typed["wording"],
        channel="console", actor=typed["who"], at=now,
    )  # fmt: skip
    desk.store.write(lambda tx: consent.record(tx, said, now))
    return redirect(f"/console/consent?{urlencode({'number': number, 'done': 'written'})}", 303)


def take_list() -> str | tuple[str, int]:
    """Read a list of wishes; what is wrong is told by row."""
    forms.prove()
    desk = shell.desk()
    typed = {name: request.form.get(name, "").strip()[:LONGEST] for name in ("region", "wording", "who")}
    given = request.files.get("list")
    wrong = {} if typed["who"] else {"list_who": "Write where the list comes from; it is kept as the source."}
    if given is None or not given.filename:
        wrong["list"] = "Choose a file."
    if wrong or given is None:
        return _page({f"list_{name}": value for name, value in typed.items()}, wrong), 422
    now = desk.clock()
    text = given.read().decode("utf-8-sig", "replace")
    blank = Consent(
        number="",
        status="",
        source=typed["who"],
        wording=typed["wording"],
        channel="import",
        actor=actor(typed["who"]),
        at=now,
    )
    listed = wish_lists.read(io.StringIO(text), blank, typed["region"].upper()[:2] or desk.region, now)
    wish_lists.keep(desk.store, listed.wishes, now)
    taken = f"{len(listed.wishes):,} written down, {len(listed.wrong):,} rows left out."
    return _page({}, {}, taken=taken, rows=listed.wrong[:MOST_WRONG], more=len(listed.wrong) - MOST_WRONG)


def give_list() -> Response:
    """Hand out the whole ledger as CSV, row by row."""
    forms.prove()
    desk, by = shell.desk(), actor("console")
    store = desk.store
    store.write(lambda tx: deeds.done(tx, "consent exported", by, desk.clock()))

    def rows() -> Iterator[str]:
        with store.read() as tx:
            for row in wish_lists.exported(consent.everybody(tx)):
                line = io.StringIO()
                csv.writer(line).writerow(row)
                yield line.getvalue()

    answer = Response(rows(), mimetype="text/csv")
    answer.headers["Content-Disposition"] = 'attachment; filename="consent.csv"'
    return answer


def _read(typed: dict[str, str], desk: Desk) -> str:
    return numbers.read(typed["number"], typed.get("region", "").upper()[:2] or desk.region)


def _phone_of(desk: Desk, conversation: str) -> str:
    """Return whose conversation it is, so that a link need not hold a phone number."""
    if not (conversation.isascii() and conversation.isdecimal() and len(conversation) < 18):
        return ""
    with desk.store.read() as tx:
        return conversations.number_of(tx, int(conversation))


def _page(typed: dict[str, str], wrong: dict[str, str], *, number: str = "", **values: Any) -> str:
    desk = shell.desk()
    state, history, conversation = [], [], 0
    if number:
        with desk.store.read() as tx:
            state, history = consent.of(tx, number), consent.history(tx, number)
            conversation = conversations.of(tx, number)
    categories = sorted({rule.consent for rule in desk.book().rules if rule.consent})
    return shell.page(
        "consent.html", "consent", typed=typed, wrong=wrong, number=number, state=state, history=history,
        conversation=conversation, categories=categories, **{"done": "", "taken": "", "rows": [], "more": 0, **values},
    )  # fmt: skip
