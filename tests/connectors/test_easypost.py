"""What the contract over samples cannot express: EasyPost's look-up of the address and its odd key."""

from __future__ import annotations

import pytest

from connectors.base import AskFailed
from connectors.easypost import STATUSES, EasyPost
from connectors.kit import shipping
from inbound import samples
from model.event import Event, Incoming
from model.reasons import Refused
from tests.connectors.fake_http import FakeHttp, says, serves

KEYED = {"api_key": "EZAK_not_a_real_one"}
SHIPMENT = {
    "id": "shp_tidings1001",
    "object": "Shipment",
    "reference": "#1001",
    "to_address": {"name": "ANNA LINDQVIST", "company": None, "phone": "03023125001", "country": "DE"},
}


def event_of(case: str) -> Event:
    (event,) = samples.read(samples.ROOT / "easypost" / f"{case}.json").events()
    return event


def test_the_phone_on_the_parcel_is_fetched_from_the_shipment() -> None:
    http = FakeHttp(serves({"/v2/shipments/shp_tidings1001": SHIPMENT}))

    event = EasyPost(KEYED).lookup(event_of("tracker-out-for-delivery"), http)

    assert event.data["recipient"] == {"phone": "03023125001", "name": "ANNA LINDQVIST"}
    assert (event.data["country"], event.data["reference"]) == ("DE", "#1001")
    assert (event.data["status"], event.lookup) == ("out_for_delivery", "")
    assert http.calls[0].url == "https://api.easypost.com/v2/shipments/shp_tidings1001"
    assert http.calls[0].auth == ("EZAK_not_a_real_one", "")


def test_a_shipment_to_a_company_without_a_phone_leaves_the_phone_empty() -> None:
    http = FakeHttp(says({"to_address": {"name": None, "company": "Salon Ahorn", "phone": None, "country": "DE"}}))

    event = EasyPost(KEYED).lookup(event_of("tracker-delivered"), http)

    assert event.data["recipient"] == {"phone": "", "name": "Salon Ahorn"}


def test_without_a_key_nothing_is_asked() -> None:
    http = FakeHttp(says(SHIPMENT))

    with pytest.raises(AskFailed):
        EasyPost().lookup(event_of("tracker-delivered"), http)

    assert http.calls == []


def test_another_address_of_the_api_is_the_only_host_then() -> None:
    easypost = EasyPost({**KEYED, "api_url": "http://127.0.0.1:9000/"})
    http = FakeHttp(says(SHIPMENT))

    easypost.lookup(event_of("tracker-delivered"), http)

    assert list(easypost.hosts) == ["127.0.0.1"]
    assert http.calls[0].url == "http://127.0.0.1:9000/v2/shipments/shp_tidings1001"


def test_a_parcel_scanned_many_times_is_texted_once_per_status() -> None:
    cases = ("tracker-in-transit", "tracker-scan-without-a-change-of-status", "tracker-changed-in-other-ways")
    journey = [*cases, "tracker-out-for-delivery", "tracker-delivered"]

    events = [
        event
        for case in journey
        for event in samples.read(samples.ROOT / "easypost" / f"{case}.json").events()
    ]  # fmt: skip

    assert [event.data["status"] for event in events] == ["in_transit", "out_for_delivery", "delivered"]
    assert {event.key for event in events} == {"trk_tidings1001"}


def test_every_status_is_one_of_the_ranked_ones() -> None:
    assert set(STATUSES.values()) <= set(shipping.STATUSES)


@pytest.mark.parametrize("secret", ["s\u00e9cret", "se\u0301cret"], ids=["composed", "decomposed"])
def test_a_secret_with_an_accent_works_however_it_was_typed(secret: str) -> None:
    proof = "hmac-sha256-hex=7e7a272f85c440a1ca72203bf1bdd39d823f85c727c040cfb99d1dd42b6706c4"
    incoming = Incoming(source="easypost", headers={"x-hmac-signature": proof}, body=b'{"id":1}')

    EasyPost().verify(incoming, [secret], incoming.received_at)

    with pytest.raises(Refused):
        EasyPost().verify(incoming, ["secret"], incoming.received_at)


def test_before_a_text_leaves_the_tracker_is_asked_for_again() -> None:
    event = event_of("tracker-out-for-delivery")
    http = FakeHttp(says({"status": "out_for_delivery", "est_delivery_date": "2026-11-23T19:00:00Z"}))

    assert EasyPost(KEYED).refresh(event, http).data == {**event.data, "eta": "2026-11-23T19:00:00Z"}
    assert http.calls[0].url == "https://api.easypost.com/v2/trackers/trk_tidings1001"

    with pytest.raises(AskFailed) as failure:
        EasyPost(KEYED).refresh(event, FakeHttp(says({"status": "delivered"})))
    assert failure.value.gone
