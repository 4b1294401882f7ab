"""Everything that happened to one record or one phone, as one story; and filters that people gave a name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, abort, redirect, request
from werkzeug.wrappers import Response

from audit import consent, conversations, search, sentences, trace, views
from audit.rows import at
from audit.search import Filter
from audit.store import Row
from audit.trace import Trace
from audit.views import PRIVATE
from model.access import Permission
from web import access, asking, forms, numbers, shell, timeline, words
from web.desk import Desk
from web.timeline import Step
from web.words import NOT_SENT

MOST_EVENTS = 15
"""Events of one story; the list of the audit log goes on from there."""

PAGES = ("audit", "events", "messages")
LONGEST_NAME = 60


def register(pages: Blueprint) -> None:
    """Add the pages."""
    read = Permission.READ
    pages.add_url_rule("/timeline", "timeline", access.needs(read, story), methods=["GET"])
    pages.add_url_rule("/views", "views_save", access.needs(read, save), methods=["POST"])
    pages.add_url_rule("/views/<int:view_id>", "views_forget", access.needs(read, forget), methods=["POST"])


def story() -> str:
    """Tell what happened to a record (`key`) or a phone (`number`, or `phone_of` a text)."""
    desk = shell.desk()
    key = request.args.get("key", "").strip()[: asking.LONGEST]
    asked = asking.read(request.args, desk)
    number = asked.filter.number
    if not key and not number:
        abort(404)
    ids = search.events_with_key(desk.store, key, MOST_EVENTS + 1) if key else _of_phone(desk, number)
    traces = [found for one in ids[:MOST_EVENTS] if (found := _trace(desk, one)) is not None]
    if not traces and key:
        abort(404)
    steps = timeline.together(traces, desk.rules_lines, _wishes(desk, number) if number else ())
    more = f"/console/audit?{urlencode({'q': key} if key else asked.typed)}" if len(ids) > MOST_EVENTS else ""
    return shell.page(
        "timeline.html", "audit", steps=steps, traces=traces, title=_title(key, number, traces), more=more,
        texts={text.id: text for found in traces for text in found.messages},
        sentence=lambda one: sentences.sentence(one, access.shown),
    )  # fmt: skip


def save() -> Response:
    """Keep the filter of a list under a name. What names a person is left out."""
    forms.prove()
    desk = shell.desk()
    page, name = request.form.get("page", ""), " ".join(request.form.get("name", "").split())[:LONGEST_NAME]
    if page not in PAGES:
        abort(404)
    filters = {
        field: value[: asking.LONGEST]
        for field, value in parse_qsl(request.form.get("query", "")[:2_000])
        if field in asking.FIELDS and field not in PRIVATE and not (field == "q" and numbers.read(value, desk.region))
    }
    who, now = access.actor("console"), desk.clock()
    if name and filters:
        desk.store.write(lambda tx: views.save(tx, name, page, filters, who, now))
    return redirect(f"/console/{page}?{urlencode(filters)}", 303)


def forget(view_id: int) -> Response:
    """Take a view away."""
    forms.prove()
    desk = shell.desk()
    page = request.form.get("page", "")
    who, now = access.actor("console"), desk.clock()
    if view_id < 1 << 62:
        desk.store.write(lambda tx: views.forget(tx, view_id, who, now))
    return redirect(f"/console/{page if page in PAGES else 'audit'}", 303)


def _of_phone(desk: Desk, number: str) -> list[str]:
    """Return the newest events that concern a phone."""
    wanted = Filter(number=number, spellings=numbers.spellings(number))
    listed = search.decisions(desk.store, wanted, limit=MOST_EVENTS * 3)
    return list(dict.fromkeys(str(row["event_id"]) for row in listed.rows))[: MOST_EVENTS + 1]


def _trace(desk: Desk, event_id: str) -> Trace | None:
    found = trace.of_event(desk.store, event_id)
    if found is None:
        return None
    listening = [rule for rule in desk.book().rules if any(pattern.type == found.type for pattern in rule.events)]
    return trace.without(found, [path for rule in listening for path in rule.redact])


def _wishes(desk: Desk, number: str) -> Sequence[Step]:
    """Tell what the person wished, and what they wrote that belongs to none of the texts."""
    with desk.store.read() as tx:
        changed = consent.history(tx, number)
        _, heard = conversations.thread(tx, number)
    return [*map(_wish, changed), *(_heard(row) for row in heard if not row["message_id"])]


def _wish(row: Row) -> Step:
    what = row["category"] or "everything"
    wants = "wants texts" if row["status"] == "in" else "wants no texts"
    how = ", ".join(filter(None, (row["channel"], row["source"], row["actor"])))
    return _step(at(row["at"]), f"The person {wants}: {what}", how, "hand", row["wording"])


def _heard(row: Row) -> Step:
    return _step(
        at(row["at"]),
        "A text from the phone, an answer to none of ours",
        words.meaning(row["intent"]),
        "in",
        row["text"],
    )


def _step(moment: datetime, title: str, detail: str, icon: str, quoted: str) -> Step:
    return Step(at=moment, title=title, icon=icon, tone=NOT_SENT, detail=detail, quoted=quoted)


def _title(key: str, number: str, traces: Sequence[Trace]) -> str:
    if number:
        return f"Everything about the phone {access.shown(number)}"
    sources = sorted({found.source for found in traces})
    return f"Everything about {sentences.subject(traces[0])}" if len(sources) == 1 else f"Everything about {key}"
