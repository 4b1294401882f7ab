"""A Salesforce session on simple-salesforce, with what the library leaves out: time limits and one kind of error.

Facts: simple-salesforce 1.12.10 read and measured 2026-10. It has no time limit anywhere, logs in again up to four
times by itself, and turns a 401 with an HTML body into a bare JSON error. So the login is done here, and the client
gets a session id it cannot renew: then every 401 arrives as an exception, and the second login is ours to decide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce, SalesforceLogin
from simple_salesforce.exceptions import SalesforceAuthenticationFailed, SalesforceError, SalesforceExpiredSession

from wire.http import CONNECT_SECONDS
from wire.salesforce_terms import LOGIN_SETTINGS, Failed

READ_SECONDS = 130.0  # Salesforce itself gives a query 120 s, and says so with QUERY_TIMEOUT


class Session:
    """One logged-in connection, opened at the first query and again, once, when it expires."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._client: Any = None

    def query(self, soql: str, *, deleted: bool = False) -> list[dict[str, Any]]:
        """Return all records of a query, with `deleted` those of the recycle bin too. Raises Failed."""
        try:
            return self._query(soql, deleted=deleted)
        except SalesforceExpiredSession:
            self._client = None
        try:
            return self._query(soql, deleted=deleted)
        except SalesforceExpiredSession as error:
            self._client = None
            raise Failed(_code(error)) from None

    def records(self, soql: str) -> Iterator[dict[str, Any]]:
        """Yield the records of a query, a page of the server's in memory. Raises Failed.

        A session that has expired is begun again before the first record; behind it the server has lost its place.
        """
        is_begun = False
        for is_last in (False, True):
            try:
                for record in self._iterate(soql):
                    is_begun = True
                    yield record
                return
            except SalesforceExpiredSession as error:
                self._client = None
                if is_begun or is_last:
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

    def _query(self, soql: str, *, deleted: bool) -> list[dict[str, Any]]:
        return list(self._iterate(soql, deleted=deleted))

    def _iterate(self, soql: str, *, deleted: bool = False) -> Iterator[dict[str, Any]]:
        if self._client is None:
            self._client = self._open()
        try:
            yield from map(_plain, self._client.query_all_iter(soql, include_deleted=deleted))
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
