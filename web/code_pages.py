"""Verification codes: how they fare, neighbour by neighbour, with the evidence where numbers get none; and rulings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response

from audit import verification_limits as limits
from audit import verifications as record
from audit.rows import at
from audit.store import Row
from dispatch.verifying import neighbours
from model.access import Permission
from model.verification import Neighbours, Policy, Stage, Standing
from web import access, forms, shell
from web.list_columns import masked
from web.words import DELIVERED, FAILED, NOT_SENT, WAITING, Badge

NEWEST, SHOWN, LONGEST = 20, 50, 200
LENGTHS = {"2h": timedelta(hours=2), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
LASTS = {"2h": "2 hours", "24h": "24 hours", "7d": "7 days"}
SHAPE = re.compile(r"\+[1-9][0-9]{2,12}")
SIGNS = re.compile(r"[\s*•()./-]")
BADGES = {
    Stage.PENDING: Badge("waits", "clock", WAITING),
    Stage.APPROVED: Badge("entered", "tick", DELIVERED),
    Stage.FAILED: Badge("wrong codes", "cross", FAILED),
    Stage.EXPIRED: Badge("not entered", "minus", NOT_SENT),
    Stage.CANCELLED: Badge("cancelled", "minus", NOT_SENT),
    Stage.REFUSED: Badge("no code", "cross", FAILED),
}
Page = str | tuple[str, int] | Response


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """Neighbouring numbers with what is decided about them."""

    one: Neighbours
    badge: Badge
    why: str


def register(pages: Blueprint) -> None:
    """Add the pages."""
    pages.add_url_rule("/codes", "codes", access.needs(Permission.READ, show), methods=["GET"])
    pages.add_url_rule("/codes", "codes_rule", access.needs(Permission.STEER, rule), methods=["POST"])


def show() -> Page:
    """Show how codes fare today."""
    return _page({"prefix": request.args.get("prefix", "")[:LONGEST]}, {})


def rule() -> Page:
    """Allow or block neighbouring numbers for a while, or let the limits decide again."""
    forms.prove()
    typed = {name: request.form.get(name, "").strip()[:LONGEST] for name in ("prefix", "for", "reason", "who")}
    prefix, length = SIGNS.sub("", typed["prefix"]), LENGTHS.get(typed["for"])
    wanted, who = request.form.get("do", ""), access.actor(typed["who"])
    wrong = {} if SHAPE.fullmatch(prefix) else {"prefix": "Write it as the table shows it, such as +49171392."}
    if wanted != "release":
        wrong |= {} if typed["reason"] else {"reason": "Write why; it is kept in the journal."}
        wrong |= {} if length else {"for": "Choose for how long."}
    wrong |= {} if who else {"who": "Write your name; it is kept in the journal."}
    wrong |= wrong or _done(wanted, prefix, length or timedelta(), typed["reason"], who)
    return (_page(typed, wrong), 422) if wrong else redirect("/console/codes", 303)


def _done(wanted: str, prefix: str, length: timedelta, reason: str, who: str) -> dict[str, str]:
    """Write down what an operator says; return what is wrong with it."""
    desk = shell.desk()
    now, ruling = desk.clock(), record.RULINGS.get(wanted)
    if wanted == "release":
        there = desk.store.write(lambda tx: limits.release(tx, prefix, who, now))
        return {} if there else {"prefix": "Nobody has said anything about these numbers."}
    if ruling is None:
        return {"prefix": "Choose what to do."}
    desk.store.write(lambda tx: limits.rule(tx, prefix, ruling, now + length, reason, who, now))
    return {}


def _page(typed: Mapping[str, str], wrong: Mapping[str, str]) -> str:
    desk = shell.desk()
    now = desk.clock()
    found: list[Neighbours] = neighbours(desk.store, desk.codes, now, SHOWN) if desk.codes else []
    with desk.store.read() as tx:
        today = record.since(tx, shell.today(now))
        newest = record.listing(tx, now, limit=NEWEST)
        ruled = {one.prefix: limits.ruling(tx, one.prefix, now) for one in found if one.counts.ruling}
    near = [_near(one, ruled.get(one.prefix)) for one in found]
    closed = sum(not one.is_open for one in found)
    return shell.page(
        "codes.html", "codes", near=near, today=today, newest=[(one, BADGES[one.stage], _why(one)) for one in newest],
        typed=typed, wrong=wrong, lengths=LASTS, policy=desk.codes, signed_in=access.actor(),
        chosen=_chosen(near, typed), sentence=_sentence(desk.codes, closed, today),
    )  # fmt: skip


def _sentence(policy: Policy | None, closed: int, today: Mapping[str, int]) -> str:
    if policy is None and not today:
        return "Codes are not set up here"
    if closed:
        return f"{closed:,} {'prefix gets' if closed == 1 else 'prefixes get'} no more codes"
    return "Codes are sent to whoever asks for one" if today else "Nobody has asked for a code today"


def _near(one: Neighbours, ruled: Row | None) -> Near:
    """Say why neighbouring numbers get codes or not; what an operator said goes before what the limits say."""
    badge = Badge("get codes", "tick", DELIVERED) if one.is_open else Badge("get none", "cross", FAILED)
    why = one.why
    if ruled is not None:
        verb = {"allow": "Allowed", "block": "Blocked"}[ruled["ruling"]]
        why = f"{verb} by {ruled['actor']} until {_time(at(ruled['until']))}: {ruled['reason']}"
    return Near(one=one, badge=badge, why=why)


def _chosen(near: list[Near], typed: Mapping[str, str]) -> Near | None:
    prefix = SIGNS.sub("", typed.get("prefix", ""))
    return next((one for one in near if one.one.prefix == prefix), None)


def _why(one: Standing) -> str:
    """Say why there was no code. What was typed as a number may stand in it."""
    evidence = f"{one.evidence[:1].upper()}{one.evidence[1:]}." if one.evidence else ""
    return masked(f"{one.refusal.text if one.refusal else ''} {evidence}".strip())


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
