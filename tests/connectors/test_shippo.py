"""What the contract over samples cannot express: Shippo's way from a label to the address on it."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.shippo import Shippo
from inbound import samples
from model.event import Event
from tests.connectors.fake_http import FakeHttp, says, serves

KEYED = {"api_token": "not-a-real-token"}
ANSWERS: dict[str, Any] = {
    "/transactions/7b3e0a4c51d24b0fb1a2": {
        "object_id": "7b3e0a4c51d24b0fb1a2",
        "rate": "r-11",
        "metadata": "Order 1001",
    },
    "/rates/r-11": {"object_id": "r-11", "shipment": "s-11"},
    "/shipments/s-11": {"address_to": {"name": "Ida Moss", "phone": "202-555-0123", "country": "US"}},
}


def event_of(case: str) -> Event:
    (event,) = samples.read(samples.ROOT / "shippo" / f"{case}.json").events()
    return event


@pytest.mark.parametrize("rate", ["r-11", {"object_id": "r-11", "amount": "7.20"}], ids=["an id", "an object"])
def test_the_recipient_is_on_the_shipment_of_the_label(rate: Any) -> None:
    label = ANSWERS["/transactions/7b3e0a4c51d24b0fb1a2"]
    http = FakeHttp(serves({**ANSWERS, "/transactions/7b3e0a4c51d24b0fb1a2": {**label, "rate": rate}}))

    event = Shippo(KEYED).lookup(event_of("delivered-of-a-label-bought-at-shippo"), http)

    assert event.data["recipient"] == {"phone": "202-555-0123", "name": "Ida Moss", "locale": ""}
    assert (event.data["country"], event.data["order_number"], event.lookup) == ("US", "Order 1001", "")
    assert {call.headers["authorization"] for call in http.calls} == {"ShippoToken not-a-real-token"}


def test_a_label_bought_elsewhere_is_asked_for_at_the_address_of_the_settings() -> None:
    settings = {"recipient_url": "https://shop.example/recipients"}
    http = FakeHttp(says({"phone": "+12025550123"}))

    event = Shippo(settings).lookup(event_of("out-for-delivery"), http)

    assert event.data["recipient"]["phone"] == "+12025550123"
    assert [call.url for call in http.calls] == ["https://shop.example/recipients"]


def test_a_label_that_is_gone_is_not_asked_for_again() -> None:
    with pytest.raises(AskFailed) as failure:
        Shippo(KEYED).lookup(event_of("out-for-delivery"), FakeHttp(serves({})))

    assert failure.value.permanent
    assert "not-a-real-token" not in str(failure.value)


def test_only_shippo_and_the_address_of_the_settings_are_asked() -> None:
    assert list(Shippo({"recipient_url": "https://shop.example/r"}).hosts) == ["api.goshippo.com", "shop.example"]
    assert list(Shippo({"api_url": "http://127.0.0.1:9000/"}).hosts) == ["127.0.0.1", ""]


def test_a_lookup_waits_only_where_something_can_be_asked() -> None:
    sample = samples.read(samples.ROOT / "shippo" / "out-for-delivery.json")

    (asks,) = Shippo(KEYED).parse(sample.incoming)
    (cannot,) = Shippo().parse(sample.incoming)

    assert (asks.lookup, cannot.lookup) == (asks.key, "")


def tracked(status: str, substatus: str) -> dict[str, Any]:
    return {"eta": "2026-11-23T21:30:00Z", "tracking_status": {"status": status, "substatus": {"code": substatus}}}


def test_a_text_that_still_holds_gets_the_newest_expected_time() -> None:
    event = event_of("out-for-delivery")
    http = FakeHttp(says(tracked("TRANSIT", "out_for_delivery")))

    again = Shippo(KEYED).refresh(event, http)

    assert http.calls[0].url == f"https://api.goshippo.com/tracks/usps/{event.key}"
    assert again.data == {**event.data, "eta": "2026-11-23T21:30:00Z"}


def test_a_text_that_the_parcel_has_overtaken_is_not_sent() -> None:
    http = FakeHttp(says(tracked("DELIVERED", "delivered")))

    with pytest.raises(AskFailed, match="The parcel has moved on, it is delivered by now") as failure:
        Shippo(KEYED).refresh(event_of("out-for-delivery"), http)

    assert failure.value.gone
