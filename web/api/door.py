"""The API's door: who calls, may they, how often, what do they say; then the view, and one line in the log.

It is a bare WSGI callable. Cookies mean nothing here, so that no other site can act for a person; nothing is said
about other origins, so that browsers keep pages elsewhere out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from tempfile import TemporaryFile
from typing import Any, BinaryIO

from audit.keys import Key, authenticate
from audit.paging import BadCursor
from audit.store import StoreDown
from inbound.wsgi import read_body
from model.event import Incoming
from web.api import answers, once, reading
from web.api.answers import Reply
from web.api.limits import Limits
from web.api.office import Environ, Office
from web.api.problems import Problem, Trouble
from web.api.resources import ROUTES
from web.api.route import Call, Route
from web.api.uploads import MAX_UPLOAD, copied

log = logging.getLogger("tidings.api")
PREFIX = "/api/v1"
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
NOBODY = Key(
    id=0, name="", kind="test", scopes=frozenset(), prefix="", created_at=datetime.fromtimestamp(0, UTC), created_by=""
)
AGAIN = {"Retry-After": "5"}
LONGEST_BEARER = 200


@dataclass(slots=True)
class _Visit:
    """One request on its way, and what is known of it by now."""

    environ: Environ
    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    key: Key = NOBODY
    route: str = ""

    @property
    def asked(self) -> str:
        """The path with its query."""
        query = str(self.environ.get("QUERY_STRING", ""))
        return f"{self.path}?{query}" if query else self.path


class ApiDoor:
    """Answers everything under /api/."""

    def __init__(self, office: Office) -> None:
        self._office, self._limits = office, Limits(office.per_minute)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        visit = _Visit(environ, str(environ.get("REQUEST_METHOD", "GET")).upper(), _path(environ))
        reply = self._safely(visit)
        body = reply.body.encode("utf-8", "replace")
        headers = {**HEADERS, "Content-Type": reply.kind, **visit.headers, **reply.headers}
        if reply.status != HTTPStatus.NOT_MODIFIED:
            headers["Content-Length"] = str(len(body))
        start_response(f"{reply.status} {HTTPStatus(reply.status).phrase}", list(headers.items()))
        log.info("api", extra={"key": visit.key.name, "route": visit.route, "status": reply.status})
        return [] if visit.method == "HEAD" else [body]

    def _safely(self, visit: _Visit) -> Reply:
        try:
            return self._answer(visit)
        except Problem as problem:
            return answers.problem(problem, self._office.address)
        except BadCursor:
            return answers.problem(Problem(Trouble.BAD_CURSOR), self._office.address)
        except StoreDown as error:
            log.error("store down", extra={"detail": str(error)})
            return answers.problem(Problem(Trouble.STORE_DOWN, headers=AGAIN), self._office.address)
        except Exception:  # a defect of ours: the caller is told, the log has the rest
            log.exception("api failed", extra={"route": visit.route})
            return answers.problem(Problem(Trouble.BROKEN), self._office.address)

    def _answer(self, visit: _Visit) -> Reply:
        route, names = _route(visit.path, "GET" if visit.method == "HEAD" else visit.method)
        visit.route = route.name
        now = self._office.desk.clock()
        if route.needs is not None:
            self._admit(visit, route, now)
        if route.uploads:
            with TemporaryFile() as file:
                said = self._said(visit, route, now, self._uploaded(visit, file))
                return self._viewed(visit, route, self._call(visit, said, now, names, file))
        return self._viewed(visit, route, self._call(visit, self._incoming(visit, route, now), now, names))

    def _call(
        self, visit: _Visit, incoming: Incoming, now: datetime, names: Mapping[str, str], file: BinaryIO | None = None
    ) -> Call:
        return Call(
            office=self._office, key=visit.key, now=now, path=visit.path, names=names, incoming=incoming, file=file
        )  # fmt: skip

    def _viewed(self, visit: _Visit, route: Route, call: Call) -> Reply:
        incoming = call.incoming
        given = reading.taken(route, incoming, str(visit.environ.get("QUERY_STRING", "")))
        if route.way != "reads":
            reply = once.done(call, route, given, reading.name_of(incoming))
            if route.wakes:
                self._office.on_accepted()
            return reply
        return answers.tagged(route, answers.of(route, route.view(call, given), self._office.address), incoming)

    def _admit(self, visit: _Visit, route: Route, now: datetime) -> None:
        """See who calls, how often, and whether they may."""
        scheme, _, bearer = str(visit.environ.get("HTTP_AUTHORIZATION", "")).partition(" ")
        known = scheme.lower() == "bearer" and len(bearer) <= LONGEST_BEARER
        key = authenticate(self._office.desk.store, bearer, now) if known else None
        if key is None:
            raise Problem(Trouble.NO_KEY, headers={"WWW-Authenticate": 'Bearer realm="tidings"'})
        visit.key = key
        allowance = self._limits.take(key.id, now)
        visit.headers.update(allowance.headers)
        if not allowance.within:
            raise Problem(Trouble.TOO_MANY, f"This key may make {allowance.limit} requests a minute.")
        if route.needs is not None and not key.may(route.needs):
            raise Problem(Trouble.NOT_ALLOWED, f"It needs the scope {route.needs.code}.", scope=route.needs.code)
        if key.kind not in route.kinds:
            raise Problem(Trouble.WRONG_KIND, f"A {key.kind} key cannot do this.", kinds=list(route.kinds))

    def _incoming(self, visit: _Visit, route: Route, now: datetime) -> Incoming:
        body: bytes | None = b""
        if route.method in {"POST", "PUT"}:
            try:
                body = read_body(visit.environ, self._office.max_body)
            except OSError:  # the caller hung up: half a request asks for nothing
                raise Problem(Trouble.NOT_JSON, "The body is shorter than it said.") from None
        if body is None:
            raise Problem(Trouble.TOO_LARGE, f"At most {self._office.max_body:,} bytes.")
        return self._said(visit, route, now, body)

    def _uploaded(self, visit: _Visit, file: BinaryIO) -> bytes:
        """Put a file on disk as it comes in; return its digest, by which a repeated request is told. Raises Problem."""
        try:
            found = copied(visit.environ, file, MAX_UPLOAD)
        except OSError:  # the caller hung up: half a list is no list
            raise Problem(Trouble.NO_LIST, "The file is shorter than the request said.") from None
        if found is None:
            raise Problem(Trouble.TOO_LARGE, f"At most {MAX_UPLOAD:,} bytes.")
        return found

    def _said(self, visit: _Visit, route: Route, now: datetime, body: bytes) -> Incoming:
        return Incoming(
            source="api", method=route.method, url=self._office.address + visit.asked, headers=_headers(visit.environ),
            body=body, received_at=now,
        )  # fmt: skip


def _route(path: str, method: str) -> tuple[Route, Mapping[str, str]]:
    """Find the route. Raises Problem."""
    inside = path == PREFIX or path.startswith(f"{PREFIX}/")
    steps = path.removeprefix(PREFIX).strip("/").split("/") if inside else []
    fitting = [(route, names) for route in ROUTES if (names := route.names_in(steps)) is not None] if inside else []
    # What a path says in its own words goes before what stands for any word.
    for route, names in sorted(fitting, key=lambda one: len(one[1])):
        if route.method == method:
            return route, names
    if not fitting:
        raise Problem(Trouble.NOT_FOUND, "There is no such address in /api/v1; /api/v1/openapi.json lists them.")
    methods = {route.method for route, _ in fitting}
    allowed = ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
    raise Problem(Trouble.BAD_METHOD, headers={"Allow": allowed})


def _path(environ: Environ) -> str:
    """Return the path; WSGI hands its bytes over one by one."""
    return str(environ.get("PATH_INFO", "")).encode("latin-1", "replace").decode("utf-8", "replace")


def _headers(environ: Environ) -> dict[str, str]:
    found = {key[5:].replace("_", "-").lower(): str(value) for key, value in environ.items() if key.startswith("HTTP_")}
    return {**found, "content-type": str(environ.get("CONTENT_TYPE", ""))}
