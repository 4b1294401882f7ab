"""What the contract over samples cannot express: Magento's signature, its look-ups, and its poll."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from connectors.base import AskFailed
from connectors.magento import SIGNATURE, SIZE, Magento
from inbound import samples
from model.event import Answer, Event, Incoming
from model.reasons import Refused
from tests.connectors.fake_http import FakeHttp, every_page, says, serves
from wire.http import Call, Reply

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
KEYED = {"base_url": "https://kerzen.example/", "access_token": "token_not_real", "locales": {"2": "de-DE"}}
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
FORM = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
PEM = KEY.public_key().public_bytes(*FORM).decode()
OTHER_KIND = generate_private_key(SECP256R1()).public_key().public_bytes(*FORM).decode()
ORDER: dict[str, Any] = {
    **json.loads((samples.ROOT / "magento" / "webhook-with-the-whole-order.json").read_text("utf-8"))["order"],
    "entity_id": 10231,
    "increment_id": "000010231",
}


def events_of(case: str) -> list[Event]:
    return samples.read(samples.ROOT / "magento" / f"{case}.json").events()


def webhook(**headers: str) -> Incoming:
    return Incoming(source="magento", query={"token": "secret"}, headers=headers, body=b'{"order": {"entity_id": 1}}')


def signature(over: bytes) -> str:
    return base64.b64encode(KEY.sign(over, PKCS1v15(), SHA256())).decode()


def test_a_commerce_webhook_is_signed_over_the_base64_of_its_body() -> None:
    signed = webhook(**{SIGNATURE: signature(base64.b64encode(webhook().body))})

    Magento({"public_key": PEM}).verify(signed, ["secret"], NOW)

    with pytest.raises(Refused):
        Magento({"public_key": PEM}).verify(signed, ["another-token"], NOW)


@pytest.mark.parametrize("pem", [PEM, OTHER_KIND, "no key"])
@pytest.mark.parametrize("given", ["", "not base64!", "AAAA", signature(webhook().body)])
def test_any_other_signature_is_refused_with_401(pem: str, given: str) -> None:
    with pytest.raises(Refused) as refusal:
        Magento({"public_key": pem}).verify(webhook(**{SIGNATURE: given}), ["secret"], NOW)
    assert refusal.value.reason.status == 401


def test_the_challenge_is_echoed_and_nothing_else_is_a_challenge() -> None:
    asked = Incoming(source="magento", method="GET", query={"token": "secret", "challenge": "8f1c3a5b"})

    assert Magento().handshake(asked, ["secret"]) == Answer(body="8f1c3a5b")
    assert Magento().handshake(webhook(), ["secret"]) is None


def test_a_shopper_is_never_held_up() -> None:
    answer = Magento().answer([])

    assert (answer.status, answer.content_type, json.loads(answer.body)) == (200, "application/json", {"op": "success"})


def test_an_order_without_addresses_is_fetched() -> None:
    http = FakeHttp(serves({"/rest/V1/orders/10231": ORDER}))

    event = Magento(KEYED).lookup(events_of("order-complete")[1], http)

    assert event.lookup == ""
    assert (event.data["phone"], event.data["country"]) == ("0171 3920056", "DE")
    assert event.data["shipping_address"] == {"phone": "030 23125056", "country": "DE"}
    assert event.data["customer"]["locale"] == "de-DE"
    assert http.calls[0].headers["Authorization"] == "Bearer token_not_real"


def test_a_parcel_takes_the_number_of_its_orders_shipping_address() -> None:
    (thin,) = events_of("shipment-gets-a-number")

    event = Magento(KEYED).lookup(thin, FakeHttp(serves({"/rest/V1/orders/10231": ORDER})))

    assert event.data["recipient"] == {"phone": "030 23125056", "name": "Hanna"}
    assert (event.data["order_number"], event.data["tracking_number"]) == ("000010231", "00340434292135100186")
    assert event.data["customer"] == {"locale": "de-DE"}


def test_without_a_token_nothing_is_asked() -> None:
    http = FakeHttp(says({}))

    with pytest.raises(AskFailed):
        Magento().poll({}, http, NOW)

    assert http.calls == []


class Shop:
    """The shop's search for orders as its API gives it: past the end it repeats the last page."""

    def __init__(self) -> None:
        self.orders: dict[int, dict[str, Any]] = {}

    def has(self, order_id: int, second: int, state: str, /, **changed: Any) -> None:
        at = (NOW + timedelta(seconds=second)).strftime("%Y-%m-%d %H:%M:%S")
        fresh = {**ORDER, "entity_id": order_id, "created_at": at, "total_paid": 0}
        order = {**self.orders.get(order_id, fresh), "state": state, "status": state, "updated_at": at}
        self.orders[order_id] = {**order, **changed}

    def __call__(self, call: Call) -> Reply:
        assert call.url == "https://kerzen.example/rest/V1/orders"
        asked = {name.removeprefix("searchCriteria"): value for name, value in call.params.items()}
        listed = sorted(self.orders.values(), key=lambda order: (order["updated_at"], order["entity_id"]))
        since = asked.get("[filterGroups][0][filters][0][value]", "")
        listed = [order for order in listed if order["updated_at"] >= since]
        if asked["[sortOrders][0][direction]"] == "DESC":
            listed.reverse()
        size = int(asked["[pageSize]"])
        page = min(int(asked["[currentPage]"]), max(1, -(-len(listed) // size)))
        body = {"items": listed[(page - 1) * size : page * size], "total_count": len(listed)}
        return Reply(status=200, body=json.dumps(body).encode())


def poll_all(shop: Shop, cursor: Any) -> tuple[list[Event], Any]:
    return every_page(Magento(KEYED), shop, cursor, NOW)


def ids(events: list[Event]) -> list[str]:
    return [event.id for event in events]


def test_the_first_poll_texts_nobody_about_the_past() -> None:
    shop = Shop()
    for number in range(1, SIZE * 2 + 3):
        shop.has(number, -number, "complete")

    first, cursor = poll_all(shop, {})

    assert first == []
    assert poll_all(shop, cursor)[0] == []


def test_what_an_order_reaches_after_the_first_poll_is_told_once() -> None:
    shop = Shop()
    shop.has(1, -60, "processing", total_paid=128.4)
    _, cursor = poll_all(shop, {})
    shop.has(1, 60, "complete")
    shop.has(2, 70, "new")
    shop.has(9, 80, "closed", created_at="2025-01-01 00:00:00")

    told, cursor = poll_all(shop, cursor)
    again, cursor = poll_all(shop, cursor)
    shop.has(1, 90, "complete", total_refunded=28.4)
    shop.has(2, 95, "new", customer_note="Ring twice")
    later, _ = poll_all(shop, cursor)

    assert ids(told) == ["order/1/complete", "order/2/created"]
    assert told[0].data["phone"] == "0171 3920056"
    assert {event.lookup for event in told} == {""}
    assert again == []
    assert ids(later) == ["order/1/refunded-28.40"]


def test_an_order_that_shows_up_late_is_still_found() -> None:
    shop = Shop()
    _, cursor = poll_all(shop, {})
    shop.has(2, 200, "new")
    _, cursor = poll_all(shop, cursor)
    shop.has(3, 100, "new")

    assert ids(poll_all(shop, cursor)[0]) == ["order/3/created"]


@pytest.mark.parametrize("seconds_apart", [0, 1, 40])
def test_after_a_long_outage_nothing_is_left_out(seconds_apart: int) -> None:
    shop = Shop()
    _, cursor = poll_all(shop, {})
    for number in range(1, SIZE * 3 + 1):
        shop.has(number, number * seconds_apart, "new")

    told, _ = poll_all(shop, cursor)

    assert sorted({int(event.key) for event in told}) == list(range(1, SIZE * 3 + 1))


@pytest.mark.parametrize("case", ["order-complete", "order-cancelled", "order-refunded-in-part", "order-paid-later"])
def test_a_polled_event_is_the_same_as_the_pushed_one(case: str) -> None:
    pushed, shop = events_of(case), Shop()
    value = json.loads((samples.ROOT / "magento" / f"{case}.json").read_text("utf-8"))["data"]["value"]
    shop.has(int(value["entity_id"]), -86_400, "new")
    _, cursor = poll_all(shop, {})
    shop.has(int(value["entity_id"]), 60, value["state"], **value)

    told, _ = poll_all(shop, cursor)

    assert [(event.id, event.type, event.key) for event in told] == [
        (event.id, event.type, event.key) for event in pushed
    ]
    assert told[0].raw == shop.orders[int(value["entity_id"])]


def test_records_nobody_can_read_do_not_stop_the_others() -> None:
    magento, odd = Magento(KEYED), [None, {}, {"entity_id": "7", "updated_at": 5}]
    cursor = magento.poll({}, FakeHttp(says({"items": [], "total_count": 0})), NOW).cursor

    page = magento.poll(cursor, FakeHttp(says({"items": [*odd, ORDER], "total_count": "x"})), NOW)

    assert "order/10231/created" in ids(list(page.events))
