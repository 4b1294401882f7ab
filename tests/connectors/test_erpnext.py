"""What the contract over samples cannot express: Frappe's signature, ERPNext's look-ups, and its poll."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.erpnext import SIZE, ErpNext
from inbound import samples
from model.event import Event, Incoming
from tests.connectors.fake_http import FakeHttp, every_page, says, serves
from wire.http import Call, Reply

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
KEYED = {
    "url": "https://erp.acme.example/", "api_key": "k_not_real", "api_secret": "s_not_real",
    "doctypes": ["Sales Order"],
}  # fmt: skip
ORDER: dict[str, Any] = {
    "name": "SAL-ORD-2026-00042", "docstatus": 1, "status": "To Deliver", "customer": "Ofra & Sons",
    "customer_name": "Ofra & Sons", "grand_total": 149.9, "currency": "GBP", "modified": "2026-11-23 09:58:11.204518",
}  # fmt: skip
CUSTOMER = {"name": "Ofra & Sons", "mobile_no": "07700 900218", "language": "en", "email_id": "ofra@sons.example"}
PATHS = {
    "/api/resource/Sales%20Order/SAL-ORD-2026-00042": {"data": ORDER},
    "/api/resource/Customer/Ofra%20%26%20Sons": {"data": CUSTOMER},
}


def event_of(case: str) -> Event:
    return samples.read(samples.ROOT / "erpnext" / f"{case}.json").events()[-1]


def test_the_published_rule_gives_this_signature() -> None:
    body = b'{"name": "SO-1", "grand_total": 10.5, "customer": "J\\u00f6"}'

    signed = ErpNext().sign(Incoming(source="erpnext", body=body), "sek", NOW)

    assert signed.header("x-frappe-webhook-signature") == "5a8Xj9ILqDZg5KQ9Cn//OIIlcZXEqsgWUv1sdRQ1osY="


def test_a_document_without_a_phone_takes_the_customers() -> None:
    http = FakeHttp(serves(PATHS))

    event = ErpNext(KEYED).lookup(event_of("order-in-the-shortest-template"), http)

    assert event.lookup == ""
    assert (event.data["total"], event.data["status"]) == ("149.9", "To Deliver")
    assert event.data["customer"] == {
        "id": "Ofra & Sons", "name": "Ofra & Sons", "email": "ofra@sons.example", "phone": "07700 900218",
        "locale": "en",
    }  # fmt: skip
    assert http.calls[0].headers["Authorization"] == "token k_not_real:s_not_real"


def test_a_document_with_a_phone_is_all_that_is_asked_for() -> None:
    found = {**ORDER, "contact_mobile": "07700 900219"}
    http = FakeHttp(serves({"/SAL-ORD-2026-00042": {"data": found}}))

    event = ErpNext(KEYED).lookup(event_of("order-in-the-shortest-template"), http)

    assert event.data["customer"]["phone"] == "07700 900219"
    assert len(http.calls) == 1


def test_a_text_about_what_was_cancelled_meanwhile_is_held_back() -> None:
    event = event_of("order-submitted")

    assert ErpNext(KEYED).refresh(event, FakeHttp(serves(PATHS))).data["status"] == "To Deliver"
    for answer in (says({"data": {**ORDER, "docstatus": 2}}), says({}, 404)):
        with pytest.raises(AskFailed) as failure:
            ErpNext(KEYED).refresh(event, FakeHttp(answer))
        assert failure.value.gone


class Site:
    """A site's list of sales orders as its API gives it."""

    def __init__(self) -> None:
        self.orders: dict[str, dict[str, Any]] = {}

    def has(self, number: int, second: int, docstatus: int, **changed: Any) -> None:
        at = (NOW + timedelta(hours=1, seconds=second)).strftime("%Y-%m-%d %H:%M:%S.%f")
        name = f"SO-{number:04}"
        old = self.orders.get(name, {**ORDER, "name": name, "creation": at})
        self.orders[name] = {**old, "modified": at, "docstatus": docstatus, **changed}

    def __call__(self, call: Call) -> Reply:
        filters = json.loads(call.params["filters"])
        listed = sorted(self.orders.values(), key=lambda one: (one["modified"], one["name"]))
        listed = [one for one in listed if not filters or one["modified"] >= filters[0][2]]
        if call.params["order_by"].startswith("modified desc"):
            listed.reverse()
        start, size = int(call.params["limit_start"]), int(call.params["limit_page_length"])
        return Reply(status=200, body=json.dumps({"data": listed[start : start + size]}).encode())


def poll_all(site: Site, cursor: Any) -> tuple[list[Event], Any]:
    return every_page(ErpNext({**KEYED, "time_zone": "Europe/Berlin"}), site, cursor, NOW)


def test_what_a_document_reaches_after_the_first_poll_is_told_once() -> None:
    site = Site()
    site.has(1, -60, 1)
    site.has(2, -50, 0)
    past, cursor = poll_all(site, {})
    site.has(1, 10, 1, note="Ring twice")
    site.has(2, 20, 1)
    site.has(3, 30, 1, per_delivered=100)

    told, cursor = poll_all(site, cursor)
    again, _ = poll_all(site, cursor)

    assert (past, again) == ([], [])
    assert [event.id.removeprefix("Sales Order/") for event in told] == [
        "SO-0002/submitted",
        "SO-0003/submitted",
        "SO-0003/delivered",
    ]
    assert told[0].occurred_at == NOW + timedelta(seconds=20)


def test_after_a_long_outage_and_in_the_hour_the_clock_goes_back_nothing_is_left_out() -> None:
    site = Site()
    _, cursor = poll_all(site, {})
    for number in range(1, SIZE * 2):
        site.has(number, number // 70, 1)
    told, cursor = poll_all(site, cursor)
    site.has(999, -3000, 1)
    late, _ = poll_all(site, cursor)

    assert len({event.key for event in told}) == SIZE * 2 - 1
    assert [event.key for event in late] == ["Sales Order/SO-0999"]


def test_a_polled_event_is_the_same_as_the_pushed_one() -> None:
    pushed, site = event_of("order-submitted"), Site()
    body = json.loads((samples.ROOT / "erpnext" / "order-submitted.json").read_text("utf-8"))
    _, cursor = poll_all(site, {})
    site.orders[body["name"]] = {**body, "creation": body["modified"], "docstatus": 1}

    (told,), _ = poll_all(site, cursor)

    for one in ("id", "type", "key", "version", "occurred_at", "lookup"):
        assert getattr(told, one) == getattr(pushed, one)


@pytest.mark.parametrize("settings", [{"time_zone": "Mars/Phobos"}, {"doctypes": ["User"]}])
def test_a_setting_that_means_nothing_is_refused_at_the_start(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Setting"):
        ErpNext(settings)


def test_without_a_key_nothing_is_asked() -> None:
    http = FakeHttp(says({}))

    with pytest.raises(AskFailed):
        ErpNext().poll({}, http, NOW)

    assert http.calls == []
