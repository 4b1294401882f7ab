"""A Salesforce session on simple-salesforce, with what the library leaves out: time limits and one kind of error.

Facts: simple-salesforce 1.12.10 read and measured 2026-10. It has no time limit anywhere, logs in again up to four
times by itself, and turns a 401 with an HTML body into a bare JSON error. So the login is done here, and the client
gets a session id it cannot renew: then every 401 arrives as an exception, and the second login is ours to decide.

A place is where reading one object stands, as plain JSON: `stamp` is the newest SystemModstamp seen, the server's
clock and never ours; `scan` is the pair to go on from while a run is unfinished; `span` narrows a query that timed out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce, SalesforceLogin
from simple_salesforce.exceptions import SalesforceAuthenticationFailed, SalesforceError, SalesforceExpiredSession

from wire import reading
from wire.http import CONNECT_SECONDS

READ_SECONDS = 130.0  # Salesforce itself gives a query 120 s, and says so with QUERY_TIMEOUT
OVERLAP = timedelta(minutes=5)  # a stamp is set when a transaction starts, its record is seen when it ends
PAGE_SIZE = 2000
SHORTEST_SPAN = 60  # seconds; a query that times out even then needs a person
EPOCH = "1970-01-01T00:00:00.000Z"
CURSOR_FIELDS = ("Id", "SystemModstamp", "CreatedDate")
LOGIN_SETTINGS = (
    "username",
    "password",
    "security_token",
    "consumer_key",
    "consumer_secret",
    "privatekey_file",
    "domain",
)


class Failed(Exception):  # noqa: N818 - names the outcome
    """Salesforce did not answer with records. `code` is its error code or a class name; never a body or a secret."""

    def __init__(self, code: str) -> None:
        super().__init__(f"Salesforce: {code}")
        self.code = code


class Session:
    """One logged-in connection, opened at the first query and again, once, when it expires."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._client: Any = None

    def query(self, soql: str) -> list[dict[str, Any]]:
        """Return all records of a query. Raises Failed."""
        try:
            return self._query(soql)
        except SalesforceExpiredSession:
            self._client = None
        try:
            return self._query(soql)
        except SalesforceExpiredSession as error:
            self._client = None
            raise Failed(_code(error)) from None

    def write(self, name: str, record_id: str, fields: Mapping[str, Any]) -> None:
        """Change a record, or with an empty id make one. Raises Failed."""
        try:
            self._write(name, record_id, fields)
        except SalesforceExpiredSession:
            self._client = None
            try:
                self._write(name, record_id, fields)
            except SalesforceExpiredSession as error:
                self._client = None
                raise Failed(_code(error)) from None

    def _write(self, name: str, record_id: str, fields: Mapping[str, Any]) -> None:
        if self._client is None:
            self._client = self._open()
        table = getattr(self._client, name)
        try:
            if record_id:
                table.update(record_id, dict(fields))
            else:
                table.create(dict(fields))
        except SalesforceExpiredSession:
            raise
        except SalesforceError as error:
            raise Failed(_code(error)) from None
        except (requests.RequestException, ValueError, KeyError, TypeError, AttributeError) as error:
            raise Failed(type(error).__name__) from None

    @property
    def used_percent(self) -> float:
        """How much of the day's API calls is used, by the last answer; 0 while nothing is known."""
        usage = getattr(self._client, "api_usage", {}).get("api-usage")
        return 100 * usage.used / usage.total if usage and usage.total else 0.0

    def _query(self, soql: str) -> list[dict[str, Any]]:
        if self._client is None:
            self._client = self._open()
        try:
            return [_plain(record) for record in self._client.query_all_iter(soql)]
        except SalesforceExpiredSession:
            raise
        except SalesforceError as error:
            raise Failed(_code(error)) from None
        except (requests.RequestException, ValueError, KeyError, TypeError, AttributeError) as error:
            # an answer that is no JSON, or JSON without records, ends in one of these inside the library
            raise Failed(type(error).__name__) from None

    def _open(self) -> Any:
        http = requests.Session()
        http.trust_env = False
        http.mount("https://", _Limited())
        given = {name: self._settings[name] for name in LOGIN_SETTINGS if self._settings.get(name)}
        session_id, instance = self._settings.get("session_id"), self._settings.get("instance_url")
        if session_id and instance:
            return Salesforce(session_id=session_id, instance_url=instance, session=http)
        try:
            session_id, instance = SalesforceLogin(session=http, **given)
            return Salesforce(session_id=session_id, instance=instance, session=http)
        except SalesforceAuthenticationFailed as error:
            raise Failed(f"login refused, {error.code}") from None
        except Exception as error:  # noqa: BLE001 - key files, JWT, XML, sockets: a dozen classes, one meaning
            raise Failed(f"login failed, {type(error).__name__}") from None


def baseline(session: Session, name: str, columns: Sequence[str]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return how things stand, newest first, and the place to start from."""
    wanted = ", ".join(dict.fromkeys((*CURSOR_FIELDS, *columns)))
    order = f"ORDER BY SystemModstamp DESC, Id DESC LIMIT {PAGE_SIZE}"
    records = session.query(f"SELECT {wanted} FROM {name} {order}")  # noqa: S608 - the names are checked settings
    return records, {"stamp": stamp(records[0]) if records else EPOCH}


def page(
    session: Session, name: str, columns: Sequence[str], place: Mapping[str, Any], now: datetime
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Read what changed since `place`, at most one page; return it and the next place.

    By pair and not by offset: rows that move while we read are then not missed.
    """
    since, last_id = _start(place)
    where = f"(SystemModstamp > {since} OR (SystemModstamp = {since} AND Id > '{last_id}'))"
    if not last_id:
        where = f"SystemModstamp >= {since}"
    until = written(_moment(since) + timedelta(seconds=place["span"])) if place.get("span") else ""
    if until:
        where += f" AND SystemModstamp < {until}"
    wanted = ", ".join(dict.fromkeys((*CURSOR_FIELDS, *columns)))
    order = f"ORDER BY SystemModstamp, Id LIMIT {PAGE_SIZE}"
    records = session.query(f"SELECT {wanted} FROM {name} WHERE {where} {order}")  # noqa: S608 - checked settings
    after = {**place, "stamp": max([place["stamp"], *(stamp(record) for record in records)])}
    if len(records) >= PAGE_SIZE:
        return records, {**after, "scan": [stamp(records[-1]), record_id(records[-1])]}
    if until and _moment(until) < now:
        return records, {**after, "scan": [until, ""]}
    return records, {part: value for part, value in after.items() if part not in {"scan", "span"}}


def narrowed(place: Mapping[str, Any], now: datetime) -> dict[str, Any] | None:
    """Return the place with half the span of time, for a query that took too long; None when that cannot help."""
    since, last_id = _start(place)
    span = (place.get("span") or (now - _moment(since)).total_seconds()) / 2
    return {**place, "scan": [since, last_id], "span": span} if span >= SHORTEST_SPAN else None


def stamp(record: Mapping[str, Any]) -> str:
    """Return when the record changed, in the one form that sorts as text."""
    return written(_moment(record.get("SystemModstamp")))


def record_id(record: Mapping[str, Any]) -> str:
    """Return the record's id, proven fit to stand in the next query."""
    found = reading.text(record, "Id")
    if not (found.isascii() and found.isalnum()):
        raise Failed("a record without Id")
    return found


def written(moment: datetime) -> str:
    """Write a time as SOQL reads it, without the quotes texts need."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _start(place: Mapping[str, Any]) -> tuple[str, str]:
    since, last_id = place.get("scan") or ("", "")
    if since:
        return since, last_id
    newest = _moment(place["stamp"])
    return written(newest - OVERLAP if place["stamp"] > EPOCH else newest), ""


def _moment(value: Any) -> datetime:
    found = reading.moment(value)
    if found is None:
        raise Failed("a record without SystemModstamp")
    return found


class _Limited(HTTPAdapter):
    """Every request carries a time limit, also those the library sends without one."""

    def send(self, request: Any, *args: Any, **options: Any) -> requests.Response:
        """Send with our limits where the caller states none."""
        options["timeout"] = options.get("timeout") or (CONNECT_SECONDS, READ_SECONDS)
        return super().send(request, *args, **options)


def _code(error: SalesforceError) -> str:
    """Read the error code out of an answer such as [{"errorCode": "QUERY_TIMEOUT", ...}]."""
    content: Any = error.content
    first = content[0] if isinstance(content, list) and content else {}
    code = first.get("errorCode") if isinstance(first, dict) else None
    return code if isinstance(code, str) and code.isupper() else f"HTTP {error.status}"


def _plain(record: Any) -> dict[str, Any]:
    """Leave out the `attributes` Salesforce puts into every object."""
    return {
        name: _plain(value) if isinstance(value, dict) else value
        for name, value in dict(record).items()
        if name != "attributes"
    }
