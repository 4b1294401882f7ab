"""One text by hand: written, previewed with what it costs and what time it is there, sent. And one text once more."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial

from flask import Blueprint, abort, redirect, request
from werkzeug.wrappers import Response

from audit import byhand, counts
from audit.byhand import Choices
from audit.facts import StoredFacts
from audit.store import Row, Tx
from dispatch import hours, manual
from dispatch.manual import Wish
from dispatch.recipient import zones_of
from dispatch.roads import country_of
from dispatch.segments import measure
from model.access import Permission
from model.message import Decision, Message
from web import access, forms, numbers, shell, words
from web.desk import Desk
from web.rules_preview import ENCODINGS, named

FIELDS = ("number", "region", "text", "reason", "gateway", "who", "once")
LONGEST, LONGEST_FIELD = 2_000, 200
EARLY, LATE = 8, 21
"""The hours between which nobody minds a text."""

TELLINGS = {
    "cancel": ("Take this text back", "It waits, and will not be sent."),
    "retry": ("Send the same text again", "The same message leaves once more, by any of its gateways."),
    "resend": ("Send the same words as a new text", "A new message goes to the same number, with an id of its own."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """A text as it would leave: what it costs, by which gateways, and what time it is where it goes."""

    text: str
    number: str
    size: str
    flips: tuple[str, ...]
    gateways: tuple[str, ...]
    cost: str
    clocks: tuple[str, ...]
    at_night: bool


def register(pages: Blueprint) -> None:
    """Add the pages."""
    send = Permission.SEND
    pages.add_url_rule("/send", "send", access.needs(send, write), methods=["GET"])
    pages.add_url_rule("/send", "send_text", access.needs(send, submit), methods=["POST"])
    pages.add_url_rule("/messages/<message_id>/<wanted>", "again", access.needs(send, confirm), methods=["GET"])
    pages.add_url_rule("/messages/<message_id>/<wanted>", "do_again", access.needs(send, do), methods=["POST"])


def write() -> str:
    """Show the empty form."""
    return _page({name: request.args.get(name, "")[:LONGEST_FIELD] for name in ("gateway",)}, {}, None)


def submit() -> str | tuple[str, int] | Response:
    """Show what a text would cost, or send it."""
    forms.prove()
    desk = shell.desk()
    typed = {name: request.form.get(name, "")[: LONGEST if name == "text" else LONGEST_FIELD] for name in FIELDS}
    typed["number"] = typed["number"].strip()
    who = access.actor(typed["who"].strip())
    wish, wrong = _wish(desk, typed, who)
    now = desk.clock()
    with desk.store.read() as tx:
        tried = manual.decide(wish, StoredFacts(tx, now), "preview", "preview", now)
    if tried.message is None and "number" not in wrong and tried.code != "duplicate":
        wrong["number" if tried.code in {"no_recipient", "opted_out"} else "text"] = _no(tried)
    screen = screen_of(desk, tried.message, now) if tried.message else None
    if request.form.get("do") != "send":
        return _page(typed, {name: said for name, said in wrong.items() if name in {"number", "text"}}, screen)
    wrong |= {} if typed["reason"].strip() else {"reason": "Write why; it is kept in the journal."}
    wrong |= {} if who else {"who": "Write your name; it is kept in the journal."}
    if wrong or desk.new_id is None:
        return _page(typed, wrong, screen), 422
    decision = desk.store.write(lambda tx: _send(tx, desk, wish, typed["reason"].strip(), now))
    desk.on_queued()
    made = decision.message.id if decision.message else decision.detail.partition(" ")[0]
    return redirect(f"/console/messages/{made}", 303)


def confirm(message_id: str, wanted: str) -> str:
    """Name what would be done with a text, before it is done."""
    row = byhand.of(shell.desk().store, message_id) or abort(404)
    return _confirm(row, wanted, {})


def do(message_id: str, wanted: str) -> str | tuple[str, int] | Response:
    """Take a text back, let it leave again, or send its words as a new one."""
    forms.prove()
    desk = shell.desk()
    row = byhand.of(desk.store, message_id) or abort(404)
    if wanted not in TELLINGS:
        abort(404)
    who = access.actor(request.form.get("who", "").strip()[:100])
    if not who:
        return _confirm(row, wanted, {"who": "Write your name; it is kept in the journal."}), 422
    now = desk.clock()
    if wanted == "resend":
        return _resend(desk, row, who)
    job = partial(byhand.cancel if wanted == "cancel" else byhand.retry, message_id=message_id, actor=who, now=now)
    if not desk.store.write(job):
        return _confirm(byhand.of(desk.store, message_id) or row, wanted, {}), 409
    desk.on_queued()
    return redirect(f"/console/messages/{message_id}", 303)


def screen_of(desk: Desk, message: Message, now: datetime) -> Screen:
    """Describe a text that is about to be written down."""
    size = measure(message.text)
    zones = zones_of(message.recipient.number)
    there = {f"{hours.local(now, zone):%a %H:%M}": hours.local(now, zone).hour for zone in zones}
    gateways = tuple(desk.running.order_of(message))
    parts = "segment" if size.segments == 1 else "segments"
    return Screen(
        text=message.text, number=message.recipient.number, flips=tuple(named(char) for char in size.flips),
        size=f"{size.units} characters, {size.segments} {parts}, {ENCODINGS.get(size.encoding, size.encoding)}",
        gateways=gateways, cost=_cost(desk, message, gateways, now),
        clocks=tuple(there), at_night=any(not EARLY <= hour < LATE for hour in there.values()),
    )  # fmt: skip


def _cost(desk: Desk, message: Message, gateways: tuple[str, ...], now: datetime) -> str:
    """Estimate from the price table, else from what the newest texts cost."""
    number, prices = message.recipient.number, desk.running.prices
    found = prices.of(gateways[0], number, country_of(number), now.date()) if gateways else None
    if found is not None:
        return f"about {_money(found.amount * message.segments)} {found.currency}, by the price table"
    with desk.store.read() as tx:
        each, currency = counts.price_of_a_segment(tx)
    if each is None:
        return "not known: there is no price table, and no gateway has told a price"
    return f"about {_money(Decimal(each * message.segments))} {currency}, by what the newest texts cost"


def _money(amount: Decimal) -> str:
    return f"{amount:.4f}".rstrip("0").rstrip(".") or "0"


def _wish(desk: Desk, typed: Mapping[str, str], who: str) -> tuple[Wish, dict[str, str]]:
    number = numbers.read(typed["number"], typed["region"].upper()[:2] or desk.region)
    wrong = {} if number else {"number": "Not a phone number. Write it with + and the country code."}
    gateway = typed["gateway"]
    if gateway and gateway not in desk.running.gateways:
        wrong["gateway"] = "There is no gateway of this name."
    once = f"console\x1f{typed['once']}" if typed["once"] else ""
    wish = Wish(to=number, text=typed["text"], actor=who, gateways=(gateway,) if gateway else (), once=once)
    return wish, wrong


def _send(tx: Tx, desk: Desk, wish: Wish, reason: str, now: datetime) -> Decision:
    decision = manual.put(tx, wish, desk.new_id or abort(404), now)
    byhand.note_sent(tx, decision, wish.actor, reason, now)
    return decision


def _resend(desk: Desk, row: Row, who: str) -> str | tuple[str, int] | Response:
    now = desk.clock()
    refused = byhand.choices(row, now).resend
    if refused or desk.new_id is None:
        return _confirm(row, "resend", {}), 409
    wish = Wish(
        to=row["number"], text=row["text"], actor=who, sender=row["sender"], category=row["category"],
        locale=row["locale"], gateways=tuple(filter(None, row["gateways"].split(","))), key=row["key"],
        once=f"resend\x1f{row['id']}\x1f{request.form.get('once', '')[:64]}",
    )  # fmt: skip
    decision = desk.store.write(lambda tx: _send_again(tx, desk, wish, row["id"], now))
    desk.on_queued()
    if decision.message is None and decision.code != "duplicate":
        return _confirm(row, "resend", {"resend": _no(decision)}), 422
    made = decision.message.id if decision.message else decision.detail.partition(" ")[0]
    return redirect(f"/console/messages/{made}", 303)


def _send_again(tx: Tx, desk: Desk, wish: Wish, message_id: str, now: datetime) -> Decision:
    decision = manual.put(tx, wish, desk.new_id or abort(404), now)
    if decision.message is not None:
        byhand.note_resent(tx, message_id, decision.message.id, wish.actor, now)
    return decision


def _no(decision: Decision) -> str:
    return f"Not sent: {words.because(decision.code)} {decision.detail}".strip()


def _confirm(row: Row, wanted: str, wrong: Mapping[str, str]) -> str:
    desk = shell.desk()
    if wanted not in TELLINGS:
        abort(404)
    now = desk.clock()
    allowed: Choices = byhand.choices(row, now)
    title, consequence = TELLINGS[wanted]
    there = [f"{hours.local(now, zone):%a %H:%M}" for zone in zones_of(row["number"])] if row["number"] else []
    return shell.page(
        "again.html", "messages", text=row, wanted=wanted, title=title, consequence=consequence, wrong=wrong,
        refused=getattr(allowed, wanted), once=secrets.token_hex(8), clocks=dict.fromkeys(there),
        unclear=wanted == "retry" and row["state"] == "unknown",
    )  # fmt: skip


def _page(typed: Mapping[str, str], wrong: Mapping[str, str], screen: Screen | None) -> str:
    desk = shell.desk()
    return shell.page(
        "send.html", "messages", typed={"once": secrets.token_hex(8), **typed}, wrong=wrong, screen=screen,
        gateway_names=sorted(desk.running.gateways), can_send=desk.new_id is not None, region=desk.region,
    )  # fmt: skip
