"""A Salesforce organisation of a few records, behind the real client library."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
import responses

from wire.http import Call, Reply

HOST = "https://acme.my.salesforce.com"
TOKEN_URL = f"{HOST}/services/oauth2/token"
QUERY_URL = re.compile(re.escape(HOST) + "/services/data/v59.0/query.*")
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LOGIN = {"consumer_key": "key", "consumer_secret": "hidden-consumer-secret", "domain": "acme.my"}
Answered = tuple[int, dict[str, str], str]


class NoHttp:
    """The poller must not need the client of the other connectors."""

    def send(self, call: Call) -> Reply:
        raise AssertionError(call)


@dataclass
class Org:
    """Records by object; understands the two queries the poller writes."""

    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    queries: list[str] = field(default_factory=list)
    timeouts: list[Any] = field(default_factory=list)
    logins: int = 0
    usage: str = "api-usage=18/5000"
    instead: list[Answered] = field(default_factory=list)
    slower_than: timedelta | None = None
    login_answer: Answered | None = None
    mock: Any = None

    def saves(self, kind: str, number: int, stamp: str, status: str = "", **fields: Any) -> None:
        mine = self.records.setdefault(kind, [])
        ident = f"801000000000{number:03d}AAA"
        old = next((one for one in mine if one["Id"] == ident), {"CreatedDate": stamp})
        mine[:] = [one for one in mine if one["Id"] != ident]
        mine.append(
            {**old, "attributes": {"type": kind}, "Id": ident, "SystemModstamp": stamp, "Status": status, **fields}
        )

    def login(self, request: requests.PreparedRequest) -> Answered:
        self.logins += 1
        return self.login_answer or (
            200,
            {},
            json.dumps({"access_token": f"session-{self.logins}", "instance_url": HOST}),
        )

    def query(self, request: requests.PreparedRequest) -> Answered:
        if self.instead:
            return self.instead.pop(0)
        soql = parse_qs(urlsplit(str(request.url)).query)["q"][0]
        self.queries.append(soql)
        self.timeouts.append(request.req_kwargs["timeout"])  # type: ignore[attr-defined]  # set by responses
        if self.slower_than is not None and span(soql) > self.slower_than:
            return 400, {}, failure("QUERY_TIMEOUT")
        found = self.select(soql, everything="/queryAll/" in str(request.url))
        body = {"totalSize": len(found), "done": True, "records": found}
        return 200, {"Sforce-Limit-Info": self.usage}, json.dumps(body)

    def select(self, soql: str, *, everything: bool = False) -> list[dict[str, Any]]:
        kind = found(r"FROM (\w+)", soql)
        rows = sorted(self.records.get(kind, []), key=lambda one: (one["SystemModstamp"], one["Id"]))
        rows = [one for one in rows if everything or not one.get("IsDeleted")]
        if wanted := found(r"WHERE Id = '(\w+)'", soql):
            return [one for one in rows if one["Id"][:15] == wanted[:15]]
        if "DESC" in soql:
            rows.reverse()
        since, until = found(r"SystemModstamp >=? ?(\S+?)[ )]", soql + " "), found(r"SystemModstamp < (\S+)", soql)
        after = found(r"Id > '(\w+)'", soql)
        rows = [one for one in rows if same_form(one) >= since and (not until or same_form(one) < until)]
        if after:
            rows = [one for one in rows if (same_form(one), one["Id"]) > (since, after)]
        return rows[: int(found(r"LIMIT (\d+)", soql))]


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    return match[1] if match else ""


def same_form(record: dict[str, Any]) -> str:
    return str(record["SystemModstamp"]).replace("+0000", "Z")


def span(soql: str) -> timedelta:
    since = datetime.fromisoformat(found(r"SystemModstamp >=? ?(\S+?)[ )]", soql + " "))
    until = found(r"SystemModstamp < (\S+)", soql)
    return (datetime.fromisoformat(until) if until else NOW) - since


def failure(code: str) -> str:
    return json.dumps([{"message": "no", "errorCode": code}])


@contextmanager
def organisation() -> Iterator[Org]:
    """Answer in place of Salesforce."""
    fake = Org()
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        fake.mock = mock
        mock.add_callback("POST", TOKEN_URL, callback=fake.login)
        mock.add_callback("GET", QUERY_URL, callback=fake.query)
        yield fake


def stamp(minute: int, second: int = 0) -> str:
    return f"2026-11-23T08:{minute:02d}:{second:02d}.000+0000"
