"""Signing in and out: by name, password and second factor, or by an identity provider that vouches for people."""

from __future__ import annotations

import logging
import math
from datetime import datetime, timedelta

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response

from audit import factors, passwords, people, sessions, sign_ins
from audit.people import Person
from audit.store import Tx
from web import access, forms, shell, totp
from web.desk import Desk

log = logging.getLogger(__name__)
LONGEST = 300
NOT_RIGHT = "Name, password and code do not go together"
NO_SECRET = "A" * 32
"""What a code is held against where there is no second factor: the work is the same, and the answer does not count."""


def register(pages: Blueprint) -> None:
    """Add the pages."""
    pages.add_url_rule("/sign-in", "sign_in", access.for_all(show), methods=["GET"])
    pages.add_url_rule("/sign-in", "sign_in_try", access.for_all(sign_in), methods=["POST"])
    pages.add_url_rule("/sign-out", "sign_out", access.own(sign_out), methods=["POST"])


def show() -> str | Response:
    """Show the form; whoever needs none goes on."""
    onward = access.inside(request.args.get("next", ""))
    return redirect(onward) if access.visitor() is not None else page(onward)


def sign_in() -> Response | tuple[str, int] | tuple[str, int, dict[str, str]]:
    """Begin a session, or say that something was wrong and not what."""
    forms.prove()
    access.visitor()  # where nobody can sign in yet, this says so
    desk = shell.desk()
    now, address = desk.clock(), access.client_address(request, desk.entrance)
    name = request.form.get("name", "").strip()[:LONGEST]
    onward = access.inside(request.form.get("next", ""))
    wait = desk.store.write(lambda tx: sign_ins.begin(tx, name, address, now))
    if wait:
        log.warning("sign-in too soon", extra={"address": address})
        return _too_soon(onward, name, wait)
    person = recognise(desk, name, now)
    if person is None:
        log.warning("sign-in refused", extra={"address": address})
        return page(onward, name, NOT_RIGHT), 401
    return come_in(desk, person, "password and code" if person.totp else "password", onward)


def recognise(desk: Desk, name: str, now: datetime) -> Person | None:
    """Return who typed their own password and code. A name nobody has costs the same work as any other."""
    password, typed = request.form.get("password", "")[:LONGEST], request.form.get("code", "")[:LONGEST].strip()
    with desk.store.read() as tx:
        person = people.find(tx, name)
    known = passwords.matches(person.password if person else "", password)
    step = totp.matching_step((person.totp if person else "") or NO_SECRET, typed, now)
    if person is None or not known or not _is_open(person, now):
        return None
    if person.totp and not desk.store.write(lambda tx: _used_up(tx, person, step, typed, now)):
        return None
    if passwords.is_dated(person.password):
        harder = passwords.hashed(password)
        desk.store.write(lambda tx: people.work_harder(tx, person, harder))
    return person


def come_in(desk: Desk, person: Person, way: str, onward: str) -> Response:
    """Begin a session for somebody; the browser's former one ends, whoever's it was."""
    now, address = desk.clock(), access.client_address(request, desk.entrance)
    agent, former = request.headers.get("User-Agent", ""), access.visitor()

    def begin(tx: Tx) -> str:
        sign_ins.right(tx, person.name, address)
        if former and former.person and former.session:
            sessions.end(tx, former.person, former.session.id, "signed out", now)
        people.came_in(tx, person, way, now)
        return sessions.begin(tx, person, address, agent, now)

    response = redirect(onward, 303)
    access.let_in(response, desk.store.write(begin))
    forms.renew()
    return response


def sign_out() -> Response:
    """End this session."""
    forms.prove()
    desk, found = shell.desk(), access.visitor()
    response = redirect(access.SIGN_IN, 303)
    if found and found.person and found.session:
        person, session = found.person, found.session
        desk.store.write(lambda tx: sessions.end(tx, person, session.id, "signed out", desk.clock()))
        access.let_out(response)
        # Pages somebody may reach with "back" are not to be seen by whoever sits down next.
        response.headers["Clear-Site-Data"] = '"cache"'
        forms.renew()
    return response


def _is_open(person: Person, now: datetime) -> bool:
    dated = person.password_new and now - person.password_at > people.NEW_FOR
    return person.disabled_at is None and not dated


def _used_up(tx: Tx, person: Person, step: int | None, typed: str, now: datetime) -> bool:
    if step is not None:
        return factors.use_step(tx, person, step)
    return factors.use_code(tx, person, typed, now)


def _too_soon(onward: str, name: str, wait: timedelta) -> tuple[str, int, dict[str, str]]:
    seconds = math.ceil(wait.total_seconds())
    return page(onward, name, f"Too many tries. Wait {seconds} s, then try again"), 429, {"Retry-After": str(seconds)}


def page(onward: str, name: str = "", wrong: str = "") -> str:
    """Write the form, with what was wrong with the last try."""
    entrance = shell.desk().entrance
    return shell.outside("sign_in.html", onward=onward, name=name, wrong=wrong, provider=entrance.provider)
