"""What the contract over samples cannot express: the Service Layer's sessions, its look-ups, and days as stamps."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.sap_b1 import SIZE, SapB1
from inbound import samples
from inbound.conversations import read
from model.event import Event
from tests.connectors.fake_http import FakeHttp, every_page, raises, says
from wire.http import Call, Forbidden, NotSent, Reply, Unclear

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TALK = read(samples.ROOT / "sap_b1" / "orders-of-the-day.poll.yaml")
KEYED = {**TALK.settings, "password": "not_real", "entities": ["Orders"]}
PARTNER = {
    "CardCode": "O'Hare",
    "CardName": "O'Hare & Sons",
    "Cellular": None,
    "Phone1": "030 23125042",
    "Country": "DE",
}
ORDER = {**TALK.expect["after"][1]["answer"]["value"][2], "CardCode": "O'Hare"}


class ServiceLayer:
    """A Service Layer with one session at a time, which it forgets when told to."""

    def __init__(self) -> None:
        self.orders: dict[int, dict[str, Any]] = {42: ORDER}
        self.session = ""
        self.logins = 0

    def has(self, number: int, day: int, **changed: Any) -> None:
        at = f"2026-11-{day:02}"
        old = self.orders.get(number, {**ORDER, "DocEntry": number, "CreationDate": at})
        self.orders[number] = {**old, "UpdateDate": at, **changed}

    def __call__(self, call: Call) -> Reply:
        path = call.url.partition("https://b1.acme.example:50000/b1s/v1/")[2]
        if path == "Login":
            assert call.json == {"CompanyDB": "ACME", "UserName": "sms", "Password": "not_real"}
            self.logins += 1
            self.session = f"s{self.logins}"
            cookies = {"set-cookie": f"B1SESSION={self.session};HttpOnly, ROUTEID=.node2; path=/b1s"}
            return Reply(status=200, headers=cookies, body=json.dumps({"SessionId": self.session}).encode())
        if call.headers["Cookie"] != f"B1SESSION={self.session}; ROUTEID=.node2":
            return Reply(status=401, body=b'{"error": {"code": 301}}')
        if path == "Orders":
            return self.listed(call)
        found = {"BusinessPartners('O''Hare')": PARTNER, "BusinessPartners('O%27%27Hare')": PARTNER}.get(path)
        found = found or self.orders.get(int(path[7:-1])) if path.startswith("Orders(") else found
        return Reply(status=200 if found else 404, body=json.dumps(found).encode())

    def listed(self, call: Call) -> Reply:
        since = call.params.get("$filter", "").partition("'")[2].rstrip("'")
        rows = [row for row in self.orders.values() if row["UpdateDate"] >= since]
        rows.sort(key=lambda row: (row["UpdateDate"], row["DocEntry"]), reverse="desc" in call.params["$orderby"])
        start, size = int(call.params["$skip"]), int(call.params["$top"])
        return Reply(status=200, body=json.dumps({"value": rows[start : start + size]}).encode())


def poll_all(b1: SapB1, server: ServiceLayer, cursor: Any, now: datetime = NOW) -> tuple[list[Event], Any]:
    return every_page(b1, server, cursor, now)


def order_created() -> Event:
    return next(event for event in TALK.events() if event.type == "order.created")


def test_the_phone_is_fetched_from_the_partner() -> None:
    event = SapB1(KEYED).lookup(order_created(), FakeHttp(ServiceLayer()))

    assert event.lookup == ""
    assert event.data["customer"] == {"id": "O'Hare", "name": "O'Hare & Sons", "email": "", "phone": "030 23125042"}
    assert (event.data["country"], event.data["total"]) == ("DE", "140.5")


def test_a_session_that_ended_is_begun_again() -> None:
    server, b1 = ServiceLayer(), SapB1(KEYED)
    b1.lookup(order_created(), FakeHttp(server))
    server.session = "ended"

    b1.lookup(order_created(), FakeHttp(server))

    assert server.logins == 2


def test_a_text_about_what_was_cancelled_meanwhile_is_held_back() -> None:
    server, b1, event = ServiceLayer(), SapB1(KEYED), order_created()

    assert b1.refresh(event, FakeHttp(server)).data["customer"]["phone"] == "030 23125042"

    server.has(42, 23, Cancelled="tYES")
    with pytest.raises(AskFailed) as failure:
        b1.refresh(event, FakeHttp(server))
    assert failure.value.gone
    server.orders.clear()
    with pytest.raises(AskFailed) as failure:
        b1.refresh(event, FakeHttp(server))
    assert failure.value.gone


@pytest.mark.parametrize("days", [1, 3])
def test_a_busy_day_is_read_to_its_end_and_told_once(days: int) -> None:
    server, b1 = ServiceLayer(), SapB1(KEYED)
    _, cursor = poll_all(b1, server, {})
    for number in range(100, 100 + SIZE * 2):
        server.has(number, 23 + number % days)

    told, cursor = poll_all(b1, server, cursor, NOW + timedelta(days=days))
    again, _ = poll_all(b1, server, cursor, NOW + timedelta(days=days))

    assert len(told) == len({event.key for event in told}) == SIZE * 2
    assert again == []


def test_what_was_missed_for_days_is_told_with_its_day() -> None:
    server, b1 = ServiceLayer(), SapB1(KEYED)
    _, cursor = poll_all(b1, server, {})
    server.has(50, 24)

    (told,), _ = poll_all(b1, server, cursor, NOW + timedelta(days=5))

    assert told.occurred_at == datetime(2026, 11, 24, 22, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("answer", "permanent"),
    [
        (says({"error": {"code": 301}}, 401), False),
        (says({"SessionId": ""}), False),
        (says({"SessionId": "a; b"}), False),
        (says(["no object"]), False),
        (says({}, 502), False),
        (raises(NotSent("b1.acme.example: SSLError")), False),
        (raises(Unclear("b1.acme.example: ReadTimeout")), False),
        (raises(Forbidden("not a host this connection may reach")), True),
    ],
)
def test_a_failed_look_up_says_whether_asking_again_can_help(answer: Any, permanent: bool) -> None:
    with pytest.raises(AskFailed) as failure:
        SapB1(KEYED).lookup(order_created(), FakeHttp(answer))

    assert failure.value.permanent is permanent
    assert "not_real" not in str(failure.value)


@pytest.mark.parametrize("settings", [{"entities": ["Drafts"]}, {"time_zone": "Mars/Phobos"}])
def test_a_setting_that_means_nothing_is_refused_at_the_start(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Setting"):
        SapB1(settings)


def test_without_a_login_nothing_is_asked_and_only_the_service_layer_may_be_reached() -> None:
    http = FakeHttp(says({}))

    with pytest.raises(AskFailed):
        SapB1().poll({}, http, NOW)

    assert http.calls == []
    assert list(SapB1(KEYED).hosts) == ["b1.acme.example"]
