"""My account: my password, my second factor, and the browsers in which I am signed in."""

from __future__ import annotations

import math
from typing import Any

from flask import Blueprint, abort, redirect, request
from markupsafe import Markup
from werkzeug.wrappers import Response

from audit import factors, passwords, people, sessions, sign_ins
from audit.people import Person
from audit.sessions import Session
from web import access, forms, shell, totp

LONGEST = 300
Page = str | tuple[str, int] | Response
WRONG = "This is not your password."
FRESH = "The code does not fit. It changes every 30 seconds; look that your phone has the right time."


def register(pages: Blueprint) -> None:
    """Add the pages."""
    pages.add_url_rule("/account", "account", access.own(account), methods=["GET"])
    pages.add_url_rule("/account/password", "account_password", access.own(change_password), methods=["POST"])
    pages.add_url_rule("/account/factor", "account_factor", access.own(change_factor), methods=["POST"])
    pages.add_url_rule("/account/sessions", "account_sessions", access.own(end_sessions), methods=["POST"])


def account() -> Page:
    """Show my account."""
    found = access.visitor()
    if found is None or found.person is None:
        return redirect(f"{access.HOME}people")  # nobody has an account yet; the first is made there
    return _page(found.person, done=request.args.get("done", ""))


def change_password() -> Page:
    """Take another password: every session ends, and this browser gets a new one."""
    person, session = _me()
    current, wanted, again = (_typed(name) for name in ("current", "wanted", "again"))
    wrong = _unproven(person, "current", current)
    if fault := passwords.fault(wanted, person.name):
        wrong["wanted"] = fault
    elif wanted == current:
        wrong["wanted"] = "This is the password you have."
    elif wanted != again:
        wrong["again"] = "The two are not the same."
    if wrong:
        return _page(person, wrong=wrong), 422
    desk, digest = shell.desk(), passwords.hashed(wanted)

    def change(tx: Any) -> str:
        changed = people.set_password(tx, person.name, digest, person.name, desk.clock(), new=False)
        return sessions.begin(tx, changed, session.address, session.agent, desk.clock())

    response = redirect(f"{access.ACCOUNT}?done=password", 303)
    access.let_in(response, desk.store.write(change))
    forms.renew()
    return response


def change_factor() -> Page:
    """Set up a second factor in two steps, take it away, or make new recovery codes; always with the password."""
    person, _ = _me()
    if person.subject or not person.password:
        abort(404)  # the identity provider asks for its own
    steps = {"start": _start, "confirm": _confirm, "codes": _renew, "remove": _remove}
    step = steps.get(request.form.get("do", "")) or abort(404)
    if step is not _confirm and (wrong := _unproven(person, f"password_{request.form['do']}", _typed("password"))):
        return _page(person, wrong=wrong), 422
    return step(person)


def end_sessions() -> Page:
    """End one of my sessions, or all but this one."""
    person, session = _me()
    desk, wanted = shell.desk(), request.form.get("session", "")
    if wanted == "others":
        desk.store.write(lambda tx: sessions.end_others(tx, person, session.id, desk.clock()))
    elif wanted.isascii() and wanted.isdecimal() and len(wanted) < 18 and int(wanted) != session.id:
        desk.store.write(lambda tx: sessions.end(tx, person, int(wanted), "session ended", desk.clock()))
    return redirect(f"{access.ACCOUNT}?done=sessions", 303)


def _start(person: Person) -> Page:
    secret = shell.desk().store.write(lambda tx: factors.propose(tx, person))
    return _page(person, proposed=secret)


def _confirm(person: Person) -> Page:
    desk = shell.desk()
    step = totp.matching_step(person.totp_new, _typed("code"), desk.clock()) if person.totp_new else None
    if step is None:
        return _page(person, proposed=person.totp_new, wrong={"code": FRESH}), 422
    codes = desk.store.write(lambda tx: factors.confirm(tx, person, step, desk.clock()))
    return _page(_again(person), codes=codes)


def _renew(person: Person) -> Page:
    desk = shell.desk()
    if not person.totp:
        abort(404)
    return _page(person, codes=desk.store.write(lambda tx: factors.renew_codes(tx, person, desk.clock())))


def _remove(person: Person) -> Page:
    desk = shell.desk()
    desk.store.write(lambda tx: factors.reset(tx, person, person.name, desk.clock()))
    response = redirect(access.SIGN_IN, 303)  # what protects the account changed: whoever stays signs in anew
    access.let_out(response)
    forms.renew()
    return response


def _me() -> tuple[Person, Session]:
    forms.prove()
    found = access.visitor()
    if found is None or found.person is None or found.session is None:
        abort(404)
    return found.person, found.session


def _unproven(person: Person, field: str, password: str) -> dict[str, str]:
    """Say what is wrong with the password somebody proves themselves with; guessing it here is slow as well."""
    desk = shell.desk()
    now, address = desk.clock(), access.client_address(request, desk.entrance)
    wait = desk.store.write(lambda tx: sign_ins.begin(tx, person.name, address, now))
    if wait:
        return {field: f"Too many tries. Wait {math.ceil(wait.total_seconds())} s, then try again."}
    if not passwords.matches(person.password, password):
        return {field: WRONG}
    desk.store.write(lambda tx: sign_ins.right(tx, person.name, address))
    return {}


def _again(person: Person) -> Person:
    with shell.desk().store.read() as tx:
        return people.get(tx, person.id) or person


def _typed(name: str) -> str:
    return request.form.get(name, "")[:LONGEST]


def _page(person: Person, *, wrong: dict[str, str] | None = None, proposed: str = "", **values: Any) -> str:
    desk, found = shell.desk(), access.visitor()
    with desk.store.read() as tx:
        listed = sessions.of_person(tx, person, desk.entrance.lengths, desk.clock())
        left = factors.codes_left(tx, person)
    return shell.page(
        "account.html", "account", person=person, sessions=listed, here_session=found and found.session,
        wrong=wrong or {}, proposed=proposed, left=left, must_set_up=desk.entrance.require_totp,
        # Our own drawing of our own words: nothing of it was typed by anybody.
        picture=Markup(totp.picture(proposed, person.name)) if proposed else "",  # noqa: S704 - segno draws it
        **{"codes": (), "done": "", **values},
    )  # fmt: skip
