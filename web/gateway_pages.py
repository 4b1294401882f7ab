"""Gateways: how each does, and steering by hand: pins, pauses, and one text through one gateway."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from flask import Blueprint, abort, redirect, request
from werkzeug.wrappers import Response

from audit import balances, figures, handovers, steering
from audit.balances import Balance
from audit.report import TARGET, Line, report
from audit.store import StoreDown, Tx
from dispatch import manual
from dispatch.manual import Wish
from gateways.base import Gateway
from model.access import Permission
from model.message import Lane
from model.steering import Condition, Pause, Pin, Scope, Steering
from web import access, forms, numbers, shell, words
from web.desk import Desk
from web.report_pages import percent, seconds
from web.words import DELIVERED, FAILED, NOT_SENT, WAITING, Badge

DAYS = 7
LENGTHS = {"30m": "30 minutes", "2h": "2 hours", "12h": "12 hours", "1d": "1 day", "7d": "7 days"}
LENGTH = re.compile(r"([0-9]{1,3})([mhd])")
UNITS = {"m": "minutes", "h": "hours", "d": "days"}
LONGEST = 200
NOTHING = Line(what="")
SCOPES: Mapping[str, Scope] = {"all": "all", "rule": "rule", "gateway": "gateway"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One gateway as the pages show it; the figures are of the last seven days."""

    name: str
    title: str
    badge: Badge
    condition: Condition | None
    pin: Pin | None
    pause: Pause | None
    line: Line
    rate: str
    p50: str
    p95: str
    balance: Balance | None
    minute: int
    per_second: float


def register(pages: Blueprint) -> None:
    """Add the pages."""
    read, steer = Permission.READ, Permission.STEER
    pages.add_url_rule("/gateways", "gateways", access.needs(read, overview), methods=["GET"])
    pages.add_url_rule("/gateways", "gateways_pause", access.needs(steer, pause_all), methods=["POST"])
    pages.add_url_rule("/gateways/<name>", "gateway", access.needs(read, one), methods=["GET"])
    pages.add_url_rule("/gateways/<name>", "gateway_steer", access.needs(steer, steered), methods=["POST"])
    pages.add_url_rule("/gateways/<name>/test", "gateway_test", access.needs(Permission.SEND, tested), methods=["POST"])


def overview() -> str:
    """Show every gateway, and what is paused."""
    return _overview({}, {})


def one(name: str) -> str:
    """Show one gateway and the forms that steer it."""
    return _page(name, {}, {})


def pause_all() -> str | tuple[str, int] | Response:
    """Pause everything or one rule, or let it go on."""
    forms.prove()
    desk = shell.desk()
    scope, name = SCOPES.get(request.form.get("scope", "")) or abort(404), request.form.get("name", "")[:LONGEST]
    typed = _typed("reason", "who", "rule", "spared")
    if request.form.get("do") == "resume":
        who = access.actor(typed["who"] or "console")
        desk.store.write(lambda tx: steering.resume(tx, scope, name, who, desk.clock()))
        desk.on_queued()
        return redirect("/console/gateways", 303)
    name = typed["rule"] if scope == "rule" else ""
    wrong = _reasons(typed)
    if scope == "rule" and desk.book().get(name) is None:
        wrong["rule"] = "There is no rule of this name."
    if wrong:
        return _overview(typed, wrong), 422
    _pause(desk, scope, name, typed)
    return redirect("/console/gateways", 303)


def steered(name: str) -> str | tuple[str, int] | Response:
    """Pin, unpin, pause or resume one gateway."""
    forms.prove()
    desk, wanted = shell.desk(), request.form.get("do", "")
    _known(name)
    typed = _typed("reason", "who", "for", "spared")
    typed["who"] = access.actor(typed["who"])
    wrong = _reasons(typed) if wanted in {"pin", "away", "pause"} else {}
    length = _length(typed["for"])
    if wanted in {"pin", "away"} and length is None:
        wrong["for"] = "Choose for how long."
    if wrong:
        return _page(name, typed, wrong), 422
    job = _job(name, wanted, typed, length or timedelta(), desk.clock())
    desk.store.write(job or abort(404))
    desk.on_queued()
    return redirect(f"/console/gateways/{name}", 303)


def tested(name: str) -> tuple[str, int] | Response:
    """Send one text through this gateway alone."""
    forms.prove()
    desk = shell.desk()
    _known(name)
    typed = _typed("number", "who")
    number = numbers.read(typed["number"], desk.region)
    wrong = {} if number else {"number": "Not a phone number. Write it with + and the country code."}
    wrong |= {} if access.actor(typed["who"]) else {"who": "Write your name; it is kept on the record."}
    if wrong or desk.new_id is None:
        return _page(name, typed, wrong), 422
    now = desk.clock()
    text = f"Tidings test by {name}, {now:%Y-%m-%d %H:%M} UTC. Nothing to do."
    wish = Wish(to=number, text=text, actor=access.actor(typed["who"]), gateways=(name,), ttl=timedelta(minutes=15))
    decision = manual.send(desk.store, wish, desk.new_id, now)
    desk.on_queued()
    if decision.message is None:
        return _page(name, typed, {"number": f"Not sent: {words.because(decision.code)} {decision.detail}"}), 422
    return redirect(f"/console/messages/{decision.message.id}", 303)


def _job(
    name: str, wanted: str, typed: Mapping[str, str], length: timedelta, now: datetime
) -> Callable[[Tx], object] | None:
    """Return what writes down a wish about one gateway; None for a wish nobody can have."""
    who, reason = typed["who"] or "console", typed["reason"]
    pin = Pin(gateway=name, away=wanted == "away", reason=reason, actor=who, since=now, until=now + length)
    pause = Pause(scope="gateway", name=name, spared=_spared(typed), reason=reason, actor=who, since=now)
    jobs: Mapping[str, Callable[[Tx], object]] = {
        "pin": lambda tx: steering.pin(tx, pin),
        "away": lambda tx: steering.pin(tx, pin),
        "unpin": lambda tx: steering.unpin(tx, name, who, now),
        "pause": lambda tx: steering.pause(tx, pause),
        "resume": lambda tx: steering.resume(tx, "gateway", name, who, now),
    }
    return jobs.get(wanted)


def _pause(desk: Desk, scope: Scope, name: str, typed: Mapping[str, str]) -> None:
    wish = Pause(
        scope=scope, name=name, spared=_spared(typed), reason=typed["reason"], actor=access.actor(typed["who"]),
        since=desk.clock(),
    )  # fmt: skip
    desk.store.write(lambda tx: steering.pause(tx, wish))


def _spared(typed: Mapping[str, str]) -> frozenset[str]:
    return frozenset({typed["spared"]} & {lane.code for lane in Lane})


def _typed(*names: str) -> dict[str, str]:
    return {name: request.form.get(name, "").strip()[:LONGEST] for name in names}


def _reasons(typed: Mapping[str, str]) -> dict[str, str]:
    wrong = {} if typed["reason"] else {"reason": "Write why; it is kept in the journal and shown to everybody."}
    return wrong if access.actor(typed["who"]) else {**wrong, "who": "Write your name; it is kept in the journal."}


def _length(text: str) -> timedelta | None:
    found = LENGTH.fullmatch(text)
    return timedelta(**{UNITS[found[2]]: int(found[1])}) if found and int(found[1]) else None


def _known(name: str) -> Gateway:
    return shell.desk().running.gateways.get(name) or abort(404)


def _overview(typed: Mapping[str, str], wrong: Mapping[str, str]) -> str:
    desk = shell.desk()
    shown, now_steered = _all(desk)
    return shell.page(
        "gateways.html", "gateways", rows=shown, pauses=now_steered.pauses, typed=typed, wrong=wrong,
        signed_in=access.actor(), can_steer=access.may(Permission.STEER), percent=percent, target=TARGET,
        rule_names=[rule.id for rule in desk.book().rules][:200],
    )  # fmt: skip


def _page(name: str, typed: Mapping[str, str], wrong: Mapping[str, str]) -> str:
    desk, gateway = shell.desk(), _known(name)
    shown = next(row for row in _all(desk)[0] if row.name == name)
    return shell.page(
        "gateway.html", "gateways", one=shown, gateway=gateway, typed=typed, wrong=wrong, lengths=LENGTHS,
        signed_in=access.actor(), can_steer=access.may(Permission.STEER), percent=percent, target=TARGET,
        can_send=access.may(Permission.SEND) and desk.new_id is not None,
        messages=f"/console/messages?{urlencode({'state': 'any_failure'})}",
    )  # fmt: skip


def _all(desk: Desk) -> tuple[Sequence[Shown], Steering]:
    now = desk.clock()
    with suppress(StoreDown):  # a full disk is when somebody has to see this page
        figures.refresh_soon(desk.store, now)
    tomorrow = now + timedelta(days=1)
    lines = {line.what: line for line in report(desk.store, tomorrow - timedelta(days=DAYS), tomorrow, "gateway").lines}
    with desk.store.read() as tx:
        found = steering.current(tx, now)
        conditions, known, minute = steering.conditions(tx), balances.known(tx), handovers.last_minute(tx, now)
    return [
        _shown(gateway, conditions.get(name), found, lines.get(name, NOTHING), known.get(name), minute[name],
               desk.running.per_second.get(name, 0), now)
        for name, gateway in sorted(desk.running.gateways.items())
    ], found  # fmt: skip


def _shown(  # noqa: PLR0913 - what is known about a gateway, from as many places
    gateway: Gateway, condition: Condition | None, found: Steering, line: Line, balance: Balance | None, minute: int,
    per_second: float, now: datetime,
) -> Shown:  # fmt: skip
    pin = next((one for one in found.pins if one.gateway == gateway.name), None)
    pause = next((one for one in found.pauses if one.scope == "gateway" and one.name == gateway.name), None)
    return Shown(
        name=gateway.name, title=gateway.title, badge=badge_of(condition, pin, pause, now), condition=condition,
        pin=pin, pause=pause, line=line, rate=percent(line.delivery_rate), p50=seconds(line, "to_handset", 0.5),
        p95=seconds(line, "to_handset", 0.95), balance=balance, minute=minute, per_second=per_second,
    )  # fmt: skip


def badge_of(condition: Condition | None, pin: Pin | None, pause: Pause | None, now: datetime) -> Badge:
    """Say in a word how a gateway does; what an operator wants comes before what it does by itself."""
    if pause is not None:
        return Badge("paused", "minus", WAITING)
    if pin is not None and pin.away:
        return Badge("kept away from", "minus", WAITING)
    if condition is None:
        return Badge("not used yet", "dot", NOT_SENT)
    if condition.state == "resting":
        return Badge("resting" if condition.until and condition.until > now else "tried again", "cross", FAILED)
    return Badge("works", "tick", DELIVERED)
