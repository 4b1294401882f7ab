"""The audit log, events, texts, and the search box that leads to them."""

from __future__ import annotations

import json
import re
from typing import Any, TypedDict
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, abort, redirect, request
from werkzeug.wrappers import Response

from audit import byhand, links, search, sentences, trace, views
from audit.byhand import Choices
from audit.links import Kept
from audit.paging import Page
from model.access import Permission
from model.event import EVENT_TYPES
from model.message import State
from model.reasons import Because
from web import asking, live, numbers, shell, timeline
from web.access import may, needs, shown
from web.asking import Asked
from web.desk import Desk
from web.words import EVENT_STATES, STATE_GROUPS

ID = re.compile(r"[em][0-9a-z]{13}")
MOST_SHOWN = 40_000
"""Characters of a body on a page; the rest of a huge one would only slow the page down."""
REASONS = [("send", "a text"), ("any_skip", "no text, for any reason")]
REASONS += [(because.code, because.text.rstrip(".")) for because in Because]
STATES = [*((code, words) for code, (words, _) in STATE_GROUPS.items()), *((one.code, one.words) for one in State)]


def register(pages: Blueprint) -> None:
    """Add the pages."""
    pages.add_url_rule("/audit", "audit", needs(Permission.READ, audit))
    pages.add_url_rule("/events", "events", needs(Permission.READ, events))
    pages.add_url_rule("/events/<event_id>", "event", needs(Permission.READ, event))
    pages.add_url_rule("/messages", "messages", needs(Permission.READ, messages))
    pages.add_url_rule("/messages/<message_id>", "message", needs(Permission.READ, message))
    pages.add_url_rule("/search", "search", needs(Permission.READ, find))


def audit() -> str:
    """Show what rules decided, newest first."""
    desk = shell.desk()
    asked = asking.read(request.args, desk)
    listed = Page(rows=()) if asked.wrong else search.decisions(desk.store, asked.filter, **_turn())
    shown = _listing(listed, asked)
    return shell.page(
        "audit.html", "audit", asked=asked, reasons=REASONS, live=_live(listed, asked), story=_story(desk, asked),
        **_choices(desk), **shown,
    )  # fmt: skip


def events() -> str:
    """Show what came in, newest first."""
    desk = shell.desk()
    asked = asking.read(request.args, desk)
    wanted = asked.filter
    state = asked.typed.get("state", "")
    listed = search.events(desk.store, state=state, source=wanted.source, **_turn())
    return shell.page("events.html", "events", asked=asked, event_states=EVENT_STATES, **_listing(listed, asked))


def messages() -> str:
    """Show texts, newest first."""
    desk = shell.desk()
    asked = asking.read(request.args, desk)
    listed = Page(rows=()) if asked.wrong else search.messages(desk.store, asked.filter, **_turn())
    return shell.page("messages.html", "messages", asked=asked, **_choices(desk), **_listing(listed, asked))


def event(event_id: str) -> str:
    """Tell the story of an event."""
    desk = shell.desk()
    found = trace.of_event(desk.store, event_id) or abort(404)
    listening = [rule for rule in desk.book().rules if any(pattern.type == found.type for pattern in rule.events)]
    found = trace.without(found, [path for rule in listening for path in rule.redact])
    whole = may(Permission.NUMBERS)
    return shell.page(
        "event.html",
        "events",
        trace=found,
        sentence=sentences.sentence(found, shown),
        steps=timeline.of(found, desk.rules_lines),
        data=_pretty(found.data if whole else numbers.hidden(found.data)),
        whole=whole,
        body=_body(found.request.body) if found.request and whole else "",
        headers=sorted(found.request.headers.items()) if found.request and whole else [],
    )


def message(message_id: str) -> str:
    """Tell the story of a text."""
    desk = shell.desk()
    found = trace.of_message(desk.store, message_id) or abort(404)
    sentence = sentences.fate(found.text, shown)
    with desk.store.read() as tx:
        kept = links.of_message(tx, message_id)
    return shell.page(
        "message.html",
        "messages",
        text=found.text,
        sentence=sentence[:1].upper() + sentence[1:],
        replies=found.replies,
        links=[(one, _leads_to(one)) for one in kept],
        choices=_choices_of(desk, message_id),
        attempts=timeline.attempts(found.entries),
        steps=timeline.of_text(found.text, found.entries, found.replies, desk.rules_lines),
    )


def _leads_to(link: Kept) -> str:
    """Say where a link leads; an address may name a person, so not everybody sees more than its host."""
    if not link.target:
        return "no longer kept"
    return link.target if may(Permission.NUMBERS) else urlsplit(link.target).netloc


def find() -> Response:
    """Lead from whatever was typed into the search box to the page that answers it."""
    return redirect(page_for(request.args.get("q", "")[: asking.LONGEST], shell.desk()))


def page_for(typed: str, desk: Desk) -> str:
    """Return the address that answers a question: an id, a record, a rule, a phone number, or words."""
    text = typed.strip()
    if not text:
        return "/console/audit"
    if ID.fullmatch(text.lower()):
        kind = search.exists(desk.store, text.lower())
        if kind:
            return f"/console/{kind}/{text.lower()}"
    if desk.book().get(text):
        return f"/console/audit?{urlencode({'rule': text})}"
    keyed = search.events_with_key(desk.store, text.lstrip("#"))
    if len(keyed) == 1:
        return f"/console/events/{keyed[0]}"
    number = "" if keyed else numbers.read(typed, desk.region)
    if number:
        return f"/console/audit?{urlencode({'number': number})}"
    worded = search.events_with_words(desk.store, text)
    if len(worded) == 1:
        return f"/console/events/{worded[0]}"
    return f"/console/audit?{urlencode({'q': text})}"


class _Turn(TypedDict):
    before: str
    after: str


def _turn() -> _Turn:
    return {"before": request.args.get("before", ""), "after": request.args.get("after", "")}


def _choices(desk: Desk) -> dict[str, Any]:
    """What the filter fields suggest."""
    rules = desk.book().rules
    types = sorted({pattern.type for rule in rules for pattern in rule.events} & set(EVENT_TYPES))
    return {"rule_names": [rule.id for rule in rules][:200], "type_names": types, "states": STATES}


def _listing(listed: Page, asked: Asked) -> dict[str, Any]:
    """The rows, and the addresses of the pages beside them, with the same filters."""
    here = request.path

    def turn(name: str, cursor: str) -> str:
        return f"{here}?{urlencode({**asked.typed, name: cursor})}" if cursor else ""

    with shell.desk().store.read() as tx:
        kept = views.listing(tx, here.rpartition("/")[2])
    return {
        "views": kept,
        "query": urlencode(asked.typed),
        "rows": listed.rows,
        "cut": listed.cut,
        "older": turn("before", listed.older),
        "newer": turn("after", listed.newer),
        "first": f"{here}?{urlencode(asked.typed)}" if request.args.get("before") or request.args.get("after") else "",
        "here_path": here,
    }


def _live(listed: Page, asked: Asked) -> str:
    """Return where the newest page of a list can be followed, "" where it cannot."""
    turned = request.args.get("before") or request.args.get("after")
    if asked.wrong or turned or not live.can_follow(asked.filter):
        return ""
    newest = {"after": str(listed.rows[0]["id"])} if listed.rows else {}
    return f"/console/audit/live?{urlencode({**asked.typed, **newest})}"


def _story(desk: Desk, asked: Asked) -> str:
    """Return where a record or a phone that was asked for is told as one story, "" where none was."""
    if asked.filter.number:
        wanted = {name: asked.typed[name] for name in ("number", "phone_of", "region") if name in asked.typed}
        return f"/console/timeline?{urlencode(wanted)}"
    key = asked.typed.get("q", "").lstrip("#")
    return f"/console/timeline?{urlencode({'key': key})}" if key and search.events_with_key(desk.store, key, 1) else ""


def _choices_of(desk: Desk, message_id: str) -> Choices | None:
    """Say what may be done with a text by hand; None for who may do nothing."""
    row = byhand.of(desk.store, message_id) if may(Permission.SEND) else None
    return byhand.choices(row, desk.clock()) if row else None


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)[:MOST_SHOWN]


def _body(body: bytes) -> str:
    text = body[:MOST_SHOWN].decode("utf-8", "replace")
    more = f"\n… {len(body) - MOST_SHOWN:,} more bytes" if len(body) > MOST_SHOWN else ""
    return text + more
