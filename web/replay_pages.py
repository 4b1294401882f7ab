"""Planning events again: one, a window or a filter, always after a page that says what would be sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from flask import Blueprint, abort, redirect, request
from werkzeug.wrappers import Response

from audit import replays
from audit.replays import MOST, STATES, Choice, Replay
from audit.rows import ms
from audit.search import exists
from dispatch.forecast import GLANCE, LONGEST, Forecast, forecast
from model.access import Permission
from model.event import EVENT_TYPES
from web import access, asking, forms, shell, words
from web.desk import Desk

FIELDS = ("state", "source", "type", "key", "event", "since", "until")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a replay would be: the events meant, and what planning them would send. `upto` fixes what is meant.

    Many events are not all planned before a page is shown: then it tells of the first of them.
    """

    count: int
    too_many: bool
    upto: str
    found: Forecast | None

    @property
    def left(self) -> int:
        """How many of the events were not planned to see what they would send."""
        return self.count - self.found.looked_at if self.found else 0

    @property
    def sentence(self) -> str:
        """Name the consequence and the count."""
        events = f"{self.count:,} {'event' if self.count == 1 else 'events'}"
        if self.found is None:
            return f"Read {events} again: what can be read now is planned, and may be texted"
        sent, known = self.found.texts.total(), self.found.duplicates
        texts = f"{sent:,} {'text' if sent == 1 else 'texts'} would be sent"
        texts += f", {known:,} {'is a duplicate' if known == 1 else 'are duplicates'}"
        return f"Replay {events}: {f'of the first {self.found.looked_at:,}, ' if self.left else ''}{texts}"


def register(pages: Blueprint) -> None:
    """Add the pages."""
    send = Permission.SEND
    pages.add_url_rule("/replay", "replay", access.needs(send, ask), methods=["GET"])
    pages.add_url_rule("/replay", "replay_begin", access.needs(send, begin), methods=["POST"])
    pages.add_url_rule("/replay/<int:number>", "replay_progress", access.needs(send, progress), methods=["GET"])
    pages.add_url_rule("/replay/<int:number>", "replay_stop", access.needs(send, stop), methods=["POST"])


def ask() -> str:
    """Ask which events, and show what planning them again would send."""
    typed = _typed(request.args)
    choice, wrong = _choice(typed)
    wanted = any(typed.get(name) for name in FIELDS) and not wrong
    longest = LONGEST if request.args.get("all") else GLANCE
    return _page(typed, wrong, preview(shell.desk(), choice, longest) if wanted else None)


def begin() -> str | tuple[str, int] | Response:
    """Begin a replay, when it is still what the page before said."""
    forms.prove()
    desk = shell.desk()
    typed = _typed(request.form)
    choice, wrong = _choice(typed)
    if not access.actor(request.form.get("who", "").strip()):
        wrong["who"] = "Write your name; it is kept in the journal."
    if wrong:
        return _page(typed, wrong, preview(desk, choice)), 422
    upto = request.form.get("upto", "")[:20]
    with desk.store.read() as tx:
        ids = replays.chosen(tx, choice, upto)
    if not upto or not ids or str(len(ids)) != request.form.get("count") or len(ids) > MOST:
        return _page(typed, {"state": "Meanwhile these are other events; look once more."}, preview(desk, choice)), 422
    who = access.actor(request.form.get("who", "").strip()[:100])
    wish = Replay(choice=choice, upto=upto, total=len(ids), actor=who, at=desk.clock())
    number = desk.store.write(lambda tx: replays.begin(tx, wish))
    return redirect(f"/console/replay/{number}", 303)


def progress(number: int) -> str:
    """Show how far a replay got."""
    with shell.desk().store.read() as tx:
        found = replays.get(tx, number) if number < 1 << 62 else None
    if found is None:
        abort(404)
    return shell.page("replay_progress.html", "events", replay=found, described=_described(found.choice))


def stop(number: int) -> Response:
    """Stop a replay; what was planned again stays so."""
    forms.prove()
    desk = shell.desk()
    who = access.actor("console")
    desk.store.write(lambda tx: replays.finish(tx, number, "stopped", who, desk.clock()) if number < 1 << 62 else False)
    return redirect(f"/console/replay/{number}", 303)


def preview(desk: Desk, choice: Choice, longest: timedelta = GLANCE) -> Preview:
    """Find the events that are meant and plan them without writing, as many as there is time for."""
    with desk.store.read() as tx:
        ids = replays.chosen(tx, choice)
    kept, too_many = ids[:MOST], len(ids) > MOST
    found = None
    if choice.state != "unreadable":
        book = desk.book()
        meant = replays.in_full(desk.store, kept, with_raw=book.uses_raw)
        found = forecast(desk.store, book, meant, desk.clock(), longest)
    return Preview(count=len(kept), too_many=too_many, upto=kept[-1] if kept else "", found=found)


def _typed(given: Mapping[str, str]) -> dict[str, str]:
    typed = {name: given.get(name, "").strip()[: asking.LONGEST] for name in FIELDS}
    return {name: value for name, value in typed.items() if value}


def _choice(typed: Mapping[str, str]) -> tuple[Choice, dict[str, str]]:
    """Read which events are meant; one event is meant in whatever state it is."""
    desk, wrong = shell.desk(), dict[str, str]()
    times = {name: asking.time(name, typed, wrong) for name in ("since", "until")}
    since, until = (ms(found) if (found := times[name]) else 0 for name in ("since", "until"))
    choice = Choice(
        state=typed.get("state", "planned"), source=typed.get("source", ""), type=typed.get("type", ""),
        key=typed.get("key", ""), event=typed.get("event", ""), since=since, until=until,
    )  # fmt: skip
    if choice.state not in STATES:
        wrong["state"] = "Choose one of the list."
    if choice.event:
        state = _state_of(desk, choice.event)
        wrong |= {} if state in STATES else {"event": "There is no event of this id that could be planned again."}
        choice = replace(choice, state=state or "planned")
    return choice, wrong


def _state_of(desk: Desk, event_id: str) -> str:
    if exists(desk.store, event_id) != "events":
        return ""
    with desk.store.read() as tx:
        return replays.state_of(tx, event_id)


def _described(choice: Choice) -> str:
    said = {"planned": "planned", "failed": "whose planning failed", "unreadable": "that could not be read"}
    parts = [said[choice.state], choice.event, choice.source and f"from {choice.source}", choice.type, choice.key]
    return " ".join(filter(None, parts))


def _page(typed: Mapping[str, str], wrong: Mapping[str, str], shown: Preview | None) -> str:
    desk = shell.desk()
    with desk.store.read() as tx:
        earlier = replays.newest(tx)
    values: dict[str, Any] = {"typed": typed, "wrong": wrong}
    return shell.page(
        "replay.html", "events", asked=values, typed=typed, wrong=wrong, preview=shown, earlier=earlier, most=MOST,
        states=[(code, words.EVENT_STATES[code].word) for code in STATES], types=sorted(EVENT_TYPES),
        sources=sorted(desk.running.sources), describe=_described,
    )  # fmt: skip
