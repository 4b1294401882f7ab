"""What the contract over samples cannot express: every topic and status, and asking Shopify once more."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.shopify import Shopify
from docs import connector_pages
from inbound import samples
from model.event import Event, Incoming
from model.reasons import Refused
from tests.connectors.fake_http import FakeHttp, says
from wire import reading

KEYED = {"shop_url": "https://acme.myshopify.example/", "access_token": "not-a-real-one"}


def sample_of(case: str) -> samples.Sample:
    return samples.read(samples.ROOT / "shopify" / f"{case}.json")


def event_of(case: str) -> Event:
    (event,) = sample_of(case).events()
    return event


SAMPLE_OF = {
    "orders": "orders-create", "refunds": "refunds-create", "fulfillments": "fulfillments-create",
    "fulfillment_events": "fulfillment-events-create", "customers": "customers-redact", "shop": "shop-redact",
}  # fmt: skip


def test_every_topic_becomes_the_event_that_the_page_names() -> None:
    named = {topic: kind for kind, topics in Shopify.event_types.items() for topic in topics.split(", ")}

    for topic, kind in named.items():
        incoming = sample_of(SAMPLE_OF[topic.partition("/")[0]]).incoming
        (event,) = Shopify().parse(replace(incoming, headers={**incoming.headers, "x-shopify-topic": topic}))
        assert (event.native_type, event.type) == (topic, kind)


def test_the_page_says_what_the_connector_does() -> None:
    assert connector_pages.page("shopify") == (connector_pages.FOLDER / "shopify.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("native", "status"),
    [
        ("label_printed", "pre_transit"), ("label_purchased", "pre_transit"), ("confirmed", "pre_transit"),
        ("in_transit", "in_transit"), ("carrier_picked_up", "picked_up"), ("delayed", "delayed"),
        ("out_for_delivery", "out_for_delivery"), ("attempted_delivery", "delivery_attempted"),
        ("ready_for_pickup", "available_for_pickup"), ("picked_up", "delivered"), ("delivered", "delivered"),
        ("failure", "exception"), ("teleported", "unknown"),
    ],
)  # fmt: skip
def test_a_parcel_has_one_of_the_statuses_that_all_carriers_share(native: str, status: str) -> None:
    incoming = sample_of("fulfillment-events-create").incoming
    body = {**reading.json_object(incoming.body), "status": native}

    (event,) = Shopify().parse(replace(incoming, body=json.dumps(body).encode()))

    assert (event.data["native_status"], event.data["status"]) == (native, status)


@pytest.mark.parametrize(
    ("case", "changed", "is_gone"),
    [
        ("orders-create", {"total_price": "12.00", "current_total_price": "12.00"}, False),
        ("orders-create", {"cancelled_at": "2026-11-23T09:00:00+01:00"}, True),
        ("orders-paid", {"financial_status": "refunded"}, True),
        ("orders-paid", {"financial_status": "partially_refunded"}, False),
        ("orders-fulfilled", {"financial_status": "voided"}, True),
    ],
)
def test_asked_again_an_order_called_off_meanwhile_is_gone(case: str, changed: dict[str, Any], is_gone: bool) -> None:
    event = event_of(case)
    order = {**reading.json_object(sample_of(case).incoming.body), "cancelled_at": None, **changed}
    http = FakeHttp(says({"order": order}))

    if is_gone:
        with pytest.raises(AskFailed) as failure:
            Shopify(KEYED).refresh(event, http)
        assert failure.value.gone
    else:
        fresh = Shopify(KEYED).refresh(event, http)
        assert fresh.data["customer"] == event.data["customer"]
        assert fresh.data["total"] == changed.get("total_price", event.data["total"])
    assert http.calls[0].url == f"https://acme.myshopify.example/admin/api/2026-07/orders/{event.key}.json"
    assert http.calls[0].headers == {"X-Shopify-Access-Token": "not-a-real-one"}


@pytest.mark.parametrize("event_type", ["order.created", "order.paid", "order.updated", "order.fulfilled"])
@pytest.mark.parametrize("status", ["refunded", "voided"])
def test_no_text_about_an_order_holds_once_its_money_went_back(event_type: str, status: str) -> None:
    event = replace(event_of("orders-create"), type=event_type)

    with pytest.raises(AskFailed) as failure:
        Shopify(KEYED).refresh(event, FakeHttp(says({"order": {"financial_status": status}})))

    assert failure.value.gone


@pytest.mark.parametrize(
    ("status", "shipment_status", "told"),
    [("success", "delivered", "delivered"), ("success", None, "out_for_delivery"), ("cancelled", None, None)],
)
def test_asked_again_a_parcel_is_told_as_it_stands_now(status: str, shipment_status: Any, told: str | None) -> None:
    event = event_of("fulfillments-update-out-for-delivery")
    parcel = {"id": 1, "tracking_number": event.key, "status": status, "shipment_status": shipment_status}
    http = FakeHttp(says({"order": {"fulfillments": [{"id": 7, "tracking_number": "other"}, parcel]}}))

    if told is None:
        with pytest.raises(AskFailed) as failure:
            Shopify(KEYED).refresh(event, http)
        assert failure.value.gone
    else:
        fresh = Shopify(KEYED).refresh(event, http)
        assert fresh.data["status"] == told
        assert fresh.data["recipient"] == event.data["recipient"]
    assert http.calls[0].url.endswith(f"/orders/{event.data['order_id']}.json")


def test_what_cannot_be_overtaken_is_not_asked_for_again_and_without_a_token_nothing_is() -> None:
    http = FakeHttp(says({}))

    assert Shopify(KEYED).refresh(event_of("refunds-create"), http) == event_of("refunds-create")
    with pytest.raises(AskFailed, match="shop_url and access_token"):
        Shopify().refresh(event_of("orders-create"), http)
    assert http.calls == []
    assert list(Shopify(KEYED).hosts) == ["acme.myshopify.example"]


def test_an_order_tells_what_is_to_be_paid_now_else_what_was_to_be_paid_at_first() -> None:
    incoming = sample_of("orders-create").incoming
    body = {**reading.json_object(incoming.body), "current_total_price": "12.00", "total_price": "20.00"}
    older = {name: value for name, value in body.items() if name != "current_total_price"}

    found = [Shopify().parse(replace(incoming, body=json.dumps(each).encode()))[0] for each in (body, older)]

    assert [event.data["total"] for event in found] == ["12.00", "20.00"]


@pytest.mark.parametrize("case", ["orders-create", "fulfillments-create", "refunds-create", "shop-redact"])
def test_without_an_id_of_the_delivery_the_record_and_its_version_tell_repetitions_apart(case: str) -> None:
    incoming = sample_of(case).incoming
    named = {name: value for name, value in incoming.headers.items() if "event-id" not in name}
    bare = {name: value for name, value in named.items() if "webhook-id" not in name and "triggered" not in name}
    body = {**reading.json_object(incoming.body), "updated_at": "2026-11-23T10:00:00Z"}

    (event,) = Shopify().parse(replace(incoming, headers=bare, body=json.dumps(body).encode()))

    assert event.version == "2026-11-23T10:00:00Z"
    assert event.id.endswith(f"/{event.key}/2026-11-23T10:00:00Z")
    assert event.id.startswith(f"{incoming.header('x-shopify-shop-domain')}/{event.native_type}/")
    assert event.occurred_at == datetime(2026, 11, 23, 10, tzinfo=UTC)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(Refused, match="Header X-Shopify-Topic is missing"):
        Shopify().parse(Incoming(source="shop", body=b"{}"))
    with pytest.raises(AskFailed, match="shop_url and access_token"):
        Shopify().subscriptions()


def test_the_country_is_that_of_the_delivery_else_that_of_the_invoice() -> None:
    incoming = sample_of("orders-create").incoming
    body = reading.json_object(incoming.body)
    there, here = {"country_code": "AT"}, {"country_code": "DE"}

    both, one = ({**body, "shipping_address": there, "billing_address": here},
                 {**body, "shipping_address": None, "billing_address": here})  # fmt: skip
    found = [Shopify().parse(replace(incoming, body=json.dumps(each).encode()))[0] for each in (both, one)]

    assert [event.data["country"] for event in found] == ["AT", "DE"]


@pytest.mark.parametrize(("said", "is_test"), [("true", True), ("True", True), ("false", False), ("", False)])
def test_what_a_shop_sends_to_try_is_told_by_its_header(said: str, is_test: bool) -> None:
    incoming = sample_of("orders-create").incoming
    body = {**reading.json_object(incoming.body), "test": False}
    headers = {**incoming.headers, "x-shopify-test": said}

    (event,) = Shopify().parse(replace(incoming, headers=headers, body=json.dumps(body).encode()))

    assert event.test is is_test


def test_a_shop_that_is_only_listened_to_needs_no_setting() -> None:
    assert [name for name, option in Shopify.options.items() if option.default is None] == []


def test_a_shop_that_cannot_answer_is_named() -> None:
    with pytest.raises(AskFailed, match=r"^Shopify "):
        Shopify(KEYED).refresh(event_of("orders-create"), FakeHttp(says({}, status=503)))


def test_a_delivery_of_the_newer_kind_is_proved_by_its_own_header() -> None:
    body = b'{"id": 1}'
    proof = base64.b64encode(hmac.new(b"not-a-real-secret", body, hashlib.sha256).digest()).decode()
    newer = Incoming(source="shop", body=body, headers={"shopify-hmac-sha256": proof})
    now = datetime(2026, 11, 23, tzinfo=UTC)

    Shopify().verify(newer, ["not-a-real-secret"], now)
    with pytest.raises(Refused):
        Shopify().verify(replace(newer, body=b'{"id": 2}'), ["not-a-real-secret"], now)


def test_who_ordered_as_a_guest_is_called_by_the_name_on_the_parcel() -> None:
    incoming = sample_of("orders-create").incoming
    body = {**reading.json_object(incoming.body), "customer": None, "shipping_address": {"first_name": "Hanna"}}

    (event,) = Shopify().parse(replace(incoming, body=json.dumps(body).encode()))

    assert event.data["customer"]["first_name"] == "Hanna"


@pytest.mark.parametrize("is_test", [True, False])
def test_an_order_that_was_made_to_try_says_so_itself(is_test: bool) -> None:
    incoming = sample_of("orders-create").incoming
    body = {**reading.json_object(incoming.body), "test": is_test}

    (event,) = Shopify().parse(replace(incoming, body=json.dumps(body).encode()))

    assert event.test is is_test
