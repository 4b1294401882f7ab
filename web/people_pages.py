"""People and keys: who signs in as what, which programs may call, and what all of them did."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, get_args

from flask import Blueprint, abort, redirect, request
from werkzeug.wrappers import Response

from audit import deeds, factors, keys, passwords, people
from audit.keys import KeyWish, Kind
from audit.people import Newcomer, Person, Unfit
from audit.store import Tx
from model.access import PERMISSIONS, ROLES, Permission
from web import access, forms, shell

HERE = "/console/people"
LONGEST = 100
LASTS = {"30": "30 days", "90": "90 days", "365": "a year", "": "until it is revoked"}
Page = str | tuple[str, int] | Response
DONE = {
    "role": "The role is changed: who has it signs in anew", "disable": "The account is closed",
    "enable": "The account is open again", "factor": "The second factor is taken away",
    "remove": "The person is removed; what they did stays in the journal", "revoke": "The key opens nothing any more",
}  # fmt: skip


def register(pages: Blueprint) -> None:
    """Add the pages."""
    ways: list[tuple[str, str, Callable[..., Page], str]] = [
        ("/people", "people", show, "GET"),
        ("/people", "people_add", add, "POST"),
        ("/people/<int:person_id>", "person", person, "GET"),
        ("/people/<int:person_id>", "person_change", change, "POST"),
        ("/people/keys", "keys_add", add_key, "POST"),
        ("/people/keys/revoke", "keys_revoke", revoke_key, "POST"),
        ("/people/journal", "deeds", journal, "GET"),
    ]
    for path, name, view, method in ways:
        pages.add_url_rule(path, name, access.needs(Permission.ADMIN, view), methods=[method])


def show() -> Page:
    """List people and keys."""
    return _page(said=DONE.get(request.args.get("done", ""), ""))


def add() -> Page:
    """Add somebody, with a password that is shown once and has to be changed at the first sign-in."""
    forms.prove()
    desk = shell.desk()
    typed = {name: request.form.get(name, "").strip()[:LONGEST] for name in ("name", "role")}
    role = ROLES.get(typed["role"])
    if role is None:
        return _page(typed=typed, wrong={"role": "Choose one."}), 422
    password = passwords.made_up()
    newcomer = Newcomer(
        name=typed["name"], role=role, password=passwords.hashed(password), new=True, actor=access.actor("console")
    )
    try:
        added = desk.store.write(lambda tx: people.add(tx, newcomer, desk.clock()))
    except Unfit as error:
        return _page(typed=typed, wrong={"name": str(error)}), 422
    if access.known() and not access.actor():  # the first person: from now on whoever is here signs in, too
        return shell.outside("first_person.html", person=added, password=password)
    return _page(given=(f"{added.name} signs in with", password))


def person(person_id: int) -> Page:
    """Show one person, and what can be changed about them."""
    return _person_page(_found(person_id))


def change(person_id: int) -> Page:
    """Change one thing about somebody."""
    forms.prove()
    found, wanted = _found(person_id), request.form.get("do", "")
    if wanted == "password":
        return _new_password(found)
    job = _job(found, wanted)
    try:
        shell.desk().store.write(job)
    except Unfit as error:
        return _person_page(found, wrong={wanted: str(error)}), 422
    return redirect(f"{HERE}?done={wanted}", 303)


def add_key() -> Page:
    """Make a key, shown once."""
    forms.prove()
    desk, form = shell.desk(), request.form
    typed = {name: form.get(name, "").strip()[:LONGEST] for name in ("key_name", "kind", "lasts")}
    scopes = [PERMISSIONS[code] for code in form.getlist("scope") if code in PERMISSIONS]
    wrong = {
        "kind": "" if typed["kind"] in keys.KINDS else "Choose one.",
        "scope": "" if scopes else "Choose what the key may do.",
        "lasts": "" if typed["lasts"] in LASTS else "Choose one.",
    }
    wrong = {name: said for name, said in wrong.items() if said}
    if wrong:
        return _page(typed={**typed, "scopes": scopes}, wrong=wrong), 422
    kind: Kind = next(one for one in get_args(Kind) if one == typed["kind"])
    now = desk.clock()
    wish = KeyWish(
        name=typed["key_name"], kind=kind, scopes=scopes, actor=access.actor("console"),
        expires_at=now + timedelta(days=int(typed["lasts"])) if typed["lasts"] else None,
    )  # fmt: skip
    try:
        made, secret = desk.store.write(lambda tx: keys.create(tx, wish, now))
    except Unfit as error:
        return _page(typed={**typed, "scopes": scopes}, wrong={"key_name": str(error)}), 422
    return _page(given=(f"The key {made.name} is", secret))


def revoke_key() -> Page:
    """End a key for good."""
    forms.prove()
    desk, prefix, by = shell.desk(), request.form.get("prefix", "")[:LONGEST], access.actor("console")
    gone = desk.store.write(lambda tx: keys.revoke(tx, prefix, by, desk.clock()))
    return redirect(f"{HERE}?{'done=revoke' if gone else ''}", 303)


def journal() -> str:
    """List what people and programs did, newest first."""
    typed = request.args.get("before", "")
    before = int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 18 else deeds.ANY
    rows = deeds.newest(shell.desk().store, before)
    shown = rows[: deeds.PAGE]
    older = f"{request.path}?before={shown[-1]['id']}" if len(rows) > deeds.PAGE else ""
    return shell.page("deeds.html", "people", rows=shown, older=older, first=request.path if typed else "")


def _new_password(found: Person) -> Page:
    desk, password = shell.desk(), passwords.made_up()
    digest = passwords.hashed(password)
    by = access.actor("console")
    desk.store.write(lambda tx: people.set_password(tx, found.name, digest, by, desk.clock(), new=True))
    if by == found.name:  # one's own sessions ended as well
        return shell.outside("first_person.html", person=found, password=password)
    return _page(given=(f"{found.name} signs in with", password))


def _job(found: Person, wanted: str) -> Callable[[Tx], object]:
    by, now = access.actor("console"), shell.desk().clock()
    role = ROLES.get(request.form.get("role", ""))
    jobs: dict[str, Callable[[Tx], object]] = {
        "disable": lambda tx: people.disable(tx, found.name, by, now),
        "enable": lambda tx: people.enable(tx, found.name, by, now),
        "factor": lambda tx: factors.reset(tx, found, by, now),
        "remove": lambda tx: people.remove(tx, found.name, by, now),
    }
    if role:
        jobs["role"] = lambda tx: people.set_role(tx, found.name, role, by, now)
    return jobs.get(wanted) or abort(404)


def _found(person_id: int) -> Person:
    if person_id >= 1 << 62:  # more than the store can count
        abort(404)
    with shell.desk().store.read() as tx:
        return people.get(tx, person_id) or abort(404)


def _person_page(found: Person, **values: Any) -> str:
    now = shell.desk().clock()
    return shell.page(
        "person.html", "people", person=found, roles=ROLES.values(), stale=_password_over(found, now),
        **{"wrong": {}, **values},
    )  # fmt: skip


def _password_over(found: Person, now: datetime) -> bool:
    return found.password_new and now - found.password_at > people.NEW_FOR


def _page(**values: Any) -> str:
    desk = shell.desk()
    now = desk.clock()
    with desk.store.read() as tx:
        listed, found = people.everyone(tx), keys.everyone(tx)
    return shell.page(
        "people.html", "people", people=listed, keys=[(key, key.state(now)) for key in found], kinds=keys.KINDS,
        roles=ROLES.values(), scopes=list(Permission), lasts=LASTS,
        **{"typed": {}, "wrong": {}, "said": "", "given": (), **values},
    )  # fmt: skip
