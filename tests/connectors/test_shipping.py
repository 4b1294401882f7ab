"""What all carriers promise: one text per status, the newest status last, and a recipient where none is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import connectors
from connectors.base import AskFailed
from connectors.dhl import Dhl
from connectors.kit.shipping import AGAIN, STATUSES, Carrier, Scan, of_return, with_recipient
from connectors.ups import Ups
from inbound import samples
from inbound.sources import Source
from model.event import Event, Incoming
from tests.connectors.fake_http import FakeHttp, raises, says
from tests.fakes.world import NOON, World
from wire.http import Forbidden, NotSent

CARRIERS = [kind for kind in map(connectors.load, connectors.names()) if issubclass(kind, Carrier)]
ASKING = {"recipient_url": "https://shop.example/recipients", "recipient_token": "not-a-real-token"}
RULES = """
version: 1
defaults: {region: US, tz: Europe/Berlin, quiet_hours: ignore, max_age: 30d}
rules:
  - id: parcel
    event: shipment.updated
    to: [recipient.phone]
    text_by: status
    text: {in_transit: "On its way", out_for_delivery: "Today", delivered: "Delivered"}
    supersede: "{{ event.key }}"
"""


def event_of(case: str, settings: dict[str, Any] | None = None, **changes: Any) -> Event:
    sample = samples.read(samples.ROOT / f"{case}.json")
    (event,) = type(sample.build())(settings or {}).parse(sample.incoming)
    return replace(event, **changes)


def journey(folder: Path, *cases: str) -> list[tuple[str, str]]:
    """Let Sendcloud tell these things one after the other; return who was told what."""
    with World(folder, RULES) as world:
        kind = connectors.load("sendcloud")
        world.sources["sendcloud"] = Source(name="sendcloud", connector=kind(), secrets=[samples.SECRET])
        for case in cases:
            sample = samples.read(samples.ROOT / "sendcloud" / f"{case}.json")
            answer = world.door.receive(samples.moved(sample, world.now))
            assert answer.status == 200
            world.step()
        return [(submission.to, submission.text) for submission in world.phone.got]


def test_a_parcel_scanned_many_times_is_texted_once_per_status(tmp_path: Path) -> None:
    told = journey(
        tmp_path, "at-the-sorting-centre", "sorted-is-no-other-status", "driver-en-route", "driver-en-route",
        "collected-by-the-customer-in-seconds",
    )  # fmt: skip

    assert [text for _, text in told] == ["On its way", "Today", "Delivered"]


def test_an_older_status_that_arrives_late_is_not_told_after_a_newer_one(tmp_path: Path) -> None:
    told = journey(tmp_path, "collected-by-the-customer-in-seconds", "driver-en-route", "at-the-sorting-centre")

    assert [text for _, text in told] == ["Delivered"]


def test_a_national_number_without_its_zero_is_read_by_the_country_beside_it(tmp_path: Path) -> None:
    assert journey(tmp_path, "driver-en-route") == [("+491713920012", "Today")]


@pytest.mark.parametrize("kind", CARRIERS, ids=[kind.name for kind in CARRIERS])
def test_every_native_code_leads_to_a_ranked_status(kind: type[Carrier]) -> None:
    assert set(kind.statuses.values()) <= set(STATUSES)
    assert kind().status_of("a code nobody has seen") == "unknown"


def test_whatever_system_tells_a_shipments_status_it_is_one_of_the_list() -> None:
    told = {
        (sample.connector, event.data["status"])
        for sample in samples.every()
        if "refused" not in sample.expect
        for event in sample.events()
        if event.type == "shipment.updated" and "status" in event.data
    }

    assert len(told) > 40
    assert {(connector, status) for connector, status in told if status not in STATUSES} == set()


def test_the_list_is_ranked_and_ends_in_final_statuses() -> None:
    ranks = [status.rank for status in STATUSES.values()]

    assert ranks == sorted(ranks)
    assert {name for name, status in STATUSES.items() if status.rank == 7} == {
        "returned", "delivered", "cancelled", "expired",
    }  # fmt: skip
    assert set(STATUSES) > AGAIN


@pytest.mark.parametrize(
    ("there", "back"),
    [
        ("delivered", "returned"), ("out_for_delivery", "returning"), ("in_transit", "returning"),
        ("pre_transit", "pre_transit"), ("unknown", "unknown"), ("cancelled", "cancelled"),
    ],
)  # fmt: skip
def test_what_a_customer_sends_back_is_never_delivered(there: str, back: str) -> None:
    assert of_return(there) == back


def test_an_attempt_on_another_day_is_news_and_a_second_scan_of_the_same_day_is_not() -> None:
    def attempt(**later: int) -> str:
        data = {"status": "delivery_attempted", "native_status": "X"}
        return Ups().told(
            Incoming(source="ups"), Scan(key="1Z", native_type="X", data=data, at=NOON + timedelta(**later))
        ).id  # fmt: skip

    assert attempt() == attempt(minutes=40)
    assert attempt() != attempt(days=1)


@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [
        (Ups, {"statuses": {"Beamed": "landed"}}, "Setting statuses: 'Beamed' leads to 'landed', which is no shipment"),
        (Ups, {"statuses": {"Beamed": ["delivered"]}}, "which is no shipment status"),
        (Ups, {"statuses": "delivered"}, "Setting statuses: write a table"),
        (Dhl, {"phrases": {"en route": "rolling"}}, "Setting phrases: 'en route' leads to 'rolling'"),
        (Dhl, {"time_zone": "Mars/Olympus"}, "Setting time_zone: 'Mars/Olympus' is not a zone"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_in_a_sentence(
    kind: type[Carrier], settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        kind(settings)


def test_who_gets_the_parcel_is_asked_at_the_address_of_the_settings() -> None:
    event = event_of("ups/out-for-delivery", ASKING)
    http = FakeHttp(says({"phone": "202-555-0123", "name": "Ida Moss", "country": "US", "order_number": "A7"}))

    found = Ups(ASKING).lookup(event, http)

    assert event.lookup == event.key
    assert http.calls[0].params == {"tracking_number": event.key, "order_number": "", "carrier": "UPS"}
    assert http.calls[0].headers == {"authorization": "Bearer not-a-real-token"}
    assert list(Ups(ASKING).hosts) == ["shop.example"]
    assert found.data["recipient"] == {"phone": "202-555-0123", "name": "Ida Moss", "locale": ""}
    assert (found.data["order_number"], found.data["country"], found.lookup) == ("A7", "US", "")
    assert found.data["status"] == "out_for_delivery"


def test_what_is_known_already_stays_where_the_answer_is_empty() -> None:
    event = event_of("aftership/out-for-delivery")

    found = with_recipient(event, {"phone": "", "name": "", "country": "DE"})

    assert found.data["recipient"] == event.data["recipient"]
    assert (found.data["country"], found.data["order_number"]) == ("DE", "#1001")


def test_without_an_address_nothing_is_asked_and_nothing_waits() -> None:
    event = event_of("ups/out-for-delivery")

    assert event.lookup == ""
    with pytest.raises(AskFailed) as failure:
        Ups().lookup(event, FakeHttp(says({})))
    assert failure.value.permanent


@pytest.mark.parametrize(
    ("answer", "permanent"),
    [
        (says({}, 404), True),
        (says({}, 401), False),
        (says({}, 503), False),
        (says(["no object"]), False),
        (raises(NotSent("shop.example: ConnectTimeout")), False),
        (raises(Forbidden("shop.example is not a host this connection may reach")), True),
    ],
)
def test_a_failed_question_says_whether_asking_again_can_help(answer: Any, permanent: bool) -> None:
    with pytest.raises(AskFailed) as failure:
        Ups(ASKING).lookup(event_of("ups/delivered", ASKING), FakeHttp(answer))

    assert failure.value.permanent is permanent
    assert "not-a-real-token" not in str(failure.value)
