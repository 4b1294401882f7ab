"""What the contract over samples cannot express: Tryton's sessions, its errors with status 200, and asking again."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.tryton import SIZE, Tryton
from model.event import Event
from tests.connectors.fake_http import FakeHttp, every_page, raises, says
from wire.http import Call, Forbidden, NotSent, Reply, Unclear

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
KEYED = {"url": "https://tryton.example/", "database": "erp", "login": "sms", "password": "not_real"}
WAYS = [
    {"type": "email", "value_compact": "nils@example.com"},
    {"type": "phone", "value_compact": "+493023125017"},
    {"type": "mobile", "value_compact": "+491713920017"},
]
PARTY = {"id": 2, "name": "Nils Aldermann", "lang.": None, "contact_mechanisms.": WAYS}


def tagged(moment: datetime) -> dict[str, Any]:
    names = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    return {"__class__": "datetime", **{name: getattr(moment, name) for name in names}}


def plain(value: dict[str, Any]) -> tuple[int, ...]:
    return tuple(value[name] for name in ("year", "month", "day", "hour", "minute", "second", "microsecond"))


class Server:
    """A Tryton with sales: one session at a time, which it forgets when told to."""

    def __init__(self) -> None:
        self.sales: dict[int, dict[str, Any]] = {}
        self.session = ""
        self.logins = 0

    def has(self, sale_id: int, second: float, state: str, **changed: Any) -> None:
        at = tagged(NOW + timedelta(seconds=second))
        old = self.sales.get(sale_id, {"id": sale_id, "number": str(sale_id), "create_date": at, "party.": PARTY})
        self.sales[sale_id] = {**old, "state": state, "write_date": at, **changed}

    def __call__(self, call: Call) -> Reply:
        assert call.url == "https://tryton.example/erp/rpc/"
        method, args = call.json["method"], call.json["params"]
        if method == "common.db.login":
            if args != ["sms", {"password": "not_real"}]:
                return Reply(status=401, body=b"<!doctype html>")
            self.logins += 1
            self.session = f"token{self.logins}"
            return self.result([1, self.session, None])
        proof = base64.b64encode(f"sms:1:{self.session}".encode()).decode()
        if call.headers.get("Authorization") != f"Session {proof}":
            return Reply(status=401)
        if method == "model.res.user.get_preferences":
            return self.result({"company": 1})
        assert args[5] == {"company": 1}
        return self.result(self.search(*args[:5]) if method.startswith("model.sale.sale.") else [])

    def search(self, domain: Any, start: int, size: int, order: Any, columns: Any) -> list[dict[str, Any]]:
        assert {"state", "write_date", "party.name"} <= set(columns)
        listed = sorted(self.sales.values(), key=lambda one: (plain(one["write_date"]), one["id"]))
        for term in domain:
            if term[0] == "OR":
                since = plain(term[1][0][2])
                listed = [one for one in listed if plain(one["write_date"]) >= since]
            elif term[0] == "id":
                listed = [one for one in listed if one["id"] == term[2]]
        if order[0][1] == "DESC":
            listed.reverse()
        return listed[start : start + size]

    def result(self, value: Any) -> Reply:
        return Reply(status=200, body=json.dumps({"id": 1, "result": value}).encode())


def poll_all(tryton: Tryton, server: Server, cursor: Any) -> tuple[list[Event], Any]:
    return every_page(tryton, server, cursor, NOW)


def test_what_a_sale_reaches_after_the_first_poll_is_told_once_with_the_mobile() -> None:
    server, tryton = Server(), Tryton(KEYED)
    server.has(1, -60, "processing")
    server.has(2, -50, "quotation")
    past, cursor = poll_all(tryton, server, {})
    server.has(1, 10, "processing", reference="PO 7")
    server.has(2, 20.5, "processing")

    told, cursor = poll_all(tryton, server, cursor)
    again, _ = poll_all(tryton, server, cursor)

    assert (past, again) == ([], [])
    assert [event.id for event in told] == ["sale.sale/2/confirmed"]
    assert told[0].occurred_at == NOW + timedelta(seconds=20.5)
    assert told[0].data["customer"] == {
        "id": "2", "name": "Nils Aldermann", "email": "nils@example.com", "phone": "+491713920017", "locale": "",
    }  # fmt: skip


@pytest.mark.parametrize("seconds_apart", [0, 1])
def test_after_a_long_outage_nothing_is_left_out(seconds_apart: int) -> None:
    server, tryton = Server(), Tryton(KEYED)
    _, cursor = poll_all(tryton, server, {})
    for number in range(1, SIZE * 2):
        server.has(number, number * seconds_apart, "processing")

    told, _ = poll_all(tryton, server, cursor)

    assert len({event.key for event in told}) == SIZE * 2 - 1


def test_a_session_that_ended_is_begun_again() -> None:
    server, tryton = Server(), Tryton(KEYED)
    _, cursor = poll_all(tryton, server, {})
    server.session = "ended"

    poll_all(tryton, server, cursor)

    assert server.logins == 2


def test_a_text_about_what_was_cancelled_meanwhile_is_held_back() -> None:
    server, tryton = Server(), Tryton(KEYED)
    _, cursor = poll_all(tryton, server, {})
    server.has(1, 10, "confirmed")
    (event,), _ = poll_all(tryton, server, cursor)

    assert tryton.refresh(event, FakeHttp(server)).data["status"] == "confirmed"

    server.has(1, 20, "cancelled")
    with pytest.raises(AskFailed) as failure:
        tryton.refresh(event, FakeHttp(server))
    assert failure.value.gone
    server.sales.clear()
    with pytest.raises(AskFailed) as failure:
        tryton.refresh(event, FakeHttp(server))
    assert failure.value.gone


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: Reply(status=401, body=b"<!doctype html>"),
        says({"id": 1, "error": ["'nope'", ""]}),
        says({"id": 1, "result": "no list"}),
        lambda _: Reply(status=200, body=b"<html>"),
        says({}, 503),
        raises(NotSent("tryton.example: ConnectTimeout")),
        raises(Unclear("tryton.example: ReadTimeout")),
        raises(Forbidden("tryton.example is not a host this connection may reach")),
    ],
)
def test_a_poll_that_gets_no_answer_fails_and_keeps_its_place(answer: Any) -> None:
    with pytest.raises(AskFailed) as failure:
        Tryton(KEYED).poll({}, FakeHttp(answer), NOW)

    assert "not_real" not in str(failure.value)


def test_a_model_nobody_knows_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="Setting models"):
        Tryton({"models": ["res.user"]})


def test_without_a_login_nothing_is_asked_and_only_tryton_may_be_reached() -> None:
    http = FakeHttp(says({}))

    with pytest.raises(AskFailed):
        Tryton().poll({}, http, NOW)

    assert http.calls == []
    assert list(Tryton(KEYED).hosts) == ["tryton.example"]
