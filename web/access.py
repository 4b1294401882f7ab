"""Who is there and what they may do: each route says at its registration who may come, and nothing else opens it.

A route that says nothing is closed to everybody. Until the first person is added the console is open to who sits at
this machine, as an admin, so that a newcomer can look around; from the first person on everybody signs in.

Long because who is there, what they may and how they are turned away is decided in one place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import unquote, urlencode

from flask import Flask, Request, current_app, g, has_request_context, redirect, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, HTTPException, Unauthorized
from werkzeug.wrappers import Response

from audit import keys, people, sessions
from audit.keys import Key
from audit.people import Person
from audit.sessions import Session
from audit.store import StoreDown
from dispatch.recipient import mask
from model.access import Permission, Role
from web.desk import Desk, Entrance, desk

HOME, SIGN_IN, ACCOUNT = "/console/", "/console/sign-in", "/console/account"
STATIC = "console.static"
"""The only route Flask registers itself: style, script and signs, the same for everybody."""
BEARER = 'Bearer realm="tidings"'
INSIDE = re.compile(r"/console(?:/[^\\\x00-\x20\x7f]*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who asks for a page. Without a person it is somebody at this machine, before there are people."""

    role: Role
    person: Person | None = None
    session: Session | None = None

    def may(self, permission: Permission) -> bool:
        """Tell whether the visitor may do it."""
        return self.role.may(permission)

    @property
    def name(self) -> str:
        """The name in the journal, "" while nobody signs in."""
        return self.person.name if self.person else ""


class Nobody(HTTPException):
    """Nobody has been added, and the request does not come from this machine: there is nothing to sign in to yet."""

    code = 403


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """A view and who may come: "all", "signed in" (one's own account), "role", "key" and "machines"."""

    view: Callable[..., Any]
    who: str
    permission: Permission | None = None

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Answer; the guard has looked before."""
        return self.view(*args, **named)


def needs(permission: Permission, view: Callable[..., Any]) -> Guarded:
    """Open a page to people whose role has the permission."""
    return Guarded(view=view, who="role", permission=permission)


def needs_key(permission: Permission, view: Callable[..., Any]) -> Guarded:
    """Open an address of the API to programs whose key has the permission; `key()` tells which it was."""
    return Guarded(view=view, who="key", permission=permission)


def for_machines(permission: Permission, view: Callable[..., Any]) -> Guarded:
    """Open an address to programs at this machine, to those with a key, and to people, the last two with permission."""
    return Guarded(view=view, who="machines", permission=permission)


def own(view: Callable[..., Any]) -> Guarded:
    """Open a page to everybody who is signed in, for what is theirs."""
    return Guarded(view=view, who="signed in")


def for_all(view: Callable[..., Any]) -> Guarded:
    """Open a page to anybody, signed in or not."""
    return Guarded(view=view, who="all")


def register(app: Flask) -> None:
    """Stand at the door of every route of the application."""
    app.before_request(_guard)


def who_may(app: Flask, endpoint: str) -> Guarded | None:
    """Return what a route said about who may come; None is a route that said nothing."""
    if endpoint == STATIC:
        return for_all(app.view_functions[endpoint])
    found = app.view_functions[endpoint]
    return found if isinstance(found, Guarded) else None


def visitor() -> Visitor | None:
    """Return who asks, None for somebody who has not signed in. Raises Nobody."""
    if "visitor" not in g:
        g.visitor = _recognised(desk())
    found: Visitor | None = g.visitor
    return found


def key() -> Key:
    """Return the key of the program that asks, in a view that needs one."""
    found: Key = g.key
    return found


def may(permission: Permission) -> bool:
    """Tell whether who asks may do it; for parts of a page."""
    found = known()
    return found is not None and found.may(permission)


def known() -> Visitor | None:
    """Return who asks as far as the guard has looked, without looking: safe where the store may be down."""
    return g.get("visitor") if has_request_context() else None


def glimpsed() -> Visitor | None:
    """Return who asks, None also where that cannot be told; for pages that say what went wrong."""
    try:
        return visitor()
    except (Nobody, StoreDown):
        return None


def actor(typed: str = "") -> str:
    """Return the name under which the journal keeps what is done: who is signed in, else what was typed as a name.

    To be asked in the view: a job for the store runs in another thread, where nobody is there, and this raises.
    """
    found: Visitor | None = g.get("visitor")
    return (found.name if found else "") or typed


def shown(number: str) -> str:
    """Write a phone number as this visitor may see it. While nobody signs in it stays masked: anybody may look on."""
    found = known()
    return number if found and found.person and found.may(Permission.NUMBERS) else mask(number)


def inside(address: str) -> str:
    """Return an address of the console to go on to, the first page for anything that leads elsewhere."""
    path = unquote(address.partition("?")[0])
    return address if INSIDE.fullmatch(address) and ".." not in path and "\\" not in path else HOME


def cookie(entrance: Entrance) -> str:
    """Return the name of the session's cookie; browsers keep __Host- ones from other hosts and from plain HTTP."""
    return "__Host-tidings" if entrance.is_secure else "tidings"


def let_in(response: Response, token: str) -> None:
    """Give a browser its session."""
    entrance = desk().entrance
    response.set_cookie(
        cookie(entrance), token, max_age=int(entrance.lengths.most.total_seconds()), httponly=True, samesite="Lax",
        secure=entrance.is_secure, path="/",
    )  # fmt: skip


def let_out(response: Response) -> None:
    """Take the session's cookie back."""
    entrance = desk().entrance
    response.delete_cookie(cookie(entrance), path="/", secure=entrance.is_secure, httponly=True, samesite="Lax")


def client_address(asked: Request, entrance: Entrance) -> str:
    """Return where a request comes from: the nearest address that is not a proxy of ours."""
    found = asked.remote_addr or ""
    listed = asked.headers.get("X-Forwarded-For", "") if found in entrance.trusted_proxies else ""
    for hop in reversed([hop.strip() for hop in listed.split(",") if hop.strip()]):
        found = hop[:60]
        if hop not in entrance.trusted_proxies:
            break
    return found


def is_local(asked: Request, entrance: Entrance) -> bool:
    """Tell whether somebody at this machine asks, by an address of this machine, with no proxy in between.

    A page elsewhere can point a name of its own at 127.0.0.1 and have a browser here ask for us; the name betrays it.
    """
    passed_on = any(asked.headers.get(name) for name in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-Ip"))
    named = asked.host.rpartition(":")[0] if asked.host.rpartition(":")[2].isdecimal() else asked.host
    return not passed_on and all(loops_back(one) for one in (asked.remote_addr or "", named, entrance.host))


def loops_back(host: str) -> bool:
    """Tell whether an address, or a name for one, is of this machine alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _recognised(at: Desk) -> Visitor | None:
    token, now = request.cookies.get(cookie(at.entrance), ""), at.clock()
    with at.store.read() as tx:
        found = sessions.of_token(tx, token, at.entrance.lengths, now)
        anybody = found is not None or people.anybody(tx)
    if found:
        session, person = found
        if sessions.needs_touch(session, now):
            at.store.write(lambda tx: sessions.touch(tx, session, now))
        return Visitor(role=person.role, person=person, session=session)
    if anybody:
        return None
    if not is_local(request, at.entrance):
        raise Nobody
    return Visitor(role=Role.ADMIN)


def _guard() -> Response | None:
    if request.endpoint is None:
        return None  # there is nothing at this address, for anybody
    wanted = who_may(current_app, request.endpoint)
    if wanted is None:
        raise Forbidden
    if request.endpoint == STATIC:
        return None
    if wanted.who == "key":
        _guard_key(wanted)
    if wanted.who in {"key", "all"} or (wanted.who == "machines" and _is_machine(wanted)):
        return None
    found = visitor()
    if found is None:
        return _to_sign_in()
    if wanted.permission is not None and not found.may(wanted.permission):
        raise Forbidden
    return _unfinished(found) if wanted.who == "role" else None


def _to_sign_in() -> Response:
    if request.method not in {"GET", "HEAD"}:
        raise Unauthorized
    asked = request.full_path if request.query_string else request.path
    return redirect(f"{SIGN_IN}?{urlencode({'next': asked})}" if asked != HOME else SIGN_IN)


def _unfinished(found: Visitor) -> Response | None:
    """Lead who has to choose a password or set up a second factor to where that is done, before anything else."""
    person = found.person
    if person is None:
        return None
    wants_factor = desk().entrance.require_totp and not person.totp and not person.subject
    return redirect(ACCOUNT, 303) if person.password_new or wants_factor else None


def _is_machine(wanted: Guarded) -> bool:
    if "Authorization" in request.headers:
        _guard_key(wanted)
        return True
    return is_local(request, desk().entrance)


def _guard_key(wanted: Guarded) -> None:
    at = desk()
    kind, _, bearer = request.headers.get("Authorization", "").partition(" ")
    found = keys.authenticate(at.store, bearer, at.clock()) if kind.lower() == "bearer" else None
    if found is None:
        raise Unauthorized(www_authenticate=WWWAuthenticate.from_header(BEARER))
    if wanted.permission is not None and not found.may(wanted.permission):
        raise Forbidden
    g.key = found
