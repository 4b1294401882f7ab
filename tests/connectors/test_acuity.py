"""What the contract over samples cannot express: Acuity's look-up, its missing event ids, and asking again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.acuity import APPOINTMENT_FIELDS, Acuity
from connectors.base import AskFailed
from inbound import samples
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from tests.connectors.fake_http import FakeHttp, says, serves

KEYED = {"user_id": "1201", "api_key": "not-a-real-one"}
APPOINTMENT = {
    "id": 912345601,
    "firstName": "Tessa",
    "lastName": "Okafor",
    "phone": "(202) 555-0186",
    "email": "tessa.okafor@example.com",
    "date": "November 26, 2026",
    "time": "10:15am",
    "endTime": "11:15am",
    "datetime": "2026-11-26T10:15:00-0500",
    "price": "85.00",
    "paid": "no",
    "amountPaid": "0.00",
    "type": "Deep tissue massage",
    "appointmentTypeID": 40021,
    "duration": "60",
    "calendar": "Maple Street Studio",
    "calendarID": 70112,
    "canceled": False,
    "timezone": "America/New_York",
    "confirmationPage": "https://acuityscheduling.example/schedule.php?action=appt&id=abc",
    "location": "12 Maple Street, Albany",
    "forms": [],
}


def event_of(case: str) -> Event:
    (event,) = samples.read(samples.ROOT / "acuity" / f"{case}.txt").events()
    return event


def test_everything_about_an_appointment_is_fetched_by_its_id() -> None:
    http = FakeHttp(serves({"/appointments/912345601": APPOINTMENT}))

    event = Acuity(KEYED).lookup(event_of("scheduled"), http)

    assert event.data == {
        "appointment_id": "912345601",
        "status": "booked",
        "starts_at": "2026-11-26T15:15:00Z",
        "ends_at": "2026-11-26T16:15:00Z",
        "service": "Deep tissue massage",
        "location": "12 Maple Street, Albany",
        "organizer": "Maple Street Studio",
        "status_url": "https://acuityscheduling.example/schedule.php?action=appt&id=abc",
        "price": "85.00",
        "calendar_id": "70112",
        "service_id": "40021",
        "customer": {
            "name": "Tessa Okafor",
            "first_name": "Tessa",
            "phone": "(202) 555-0186",
            "email": "tessa.okafor@example.com",
            "tz": "America/New_York",
        },
    }
    assert event.lookup == ""
    assert http.calls[0].url == "https://acuityscheduling.com/api/v1/appointments/912345601"
    assert http.calls[0].auth == ("1201", "not-a-real-one")
    assert list(Acuity(KEYED).hosts) == ["acuityscheduling.com"]


def test_the_fields_a_look_up_adds_are_documented() -> None:
    event = Acuity(KEYED).lookup(event_of("scheduled"), FakeHttp(says(APPOINTMENT)))

    told = {name for name in event.data if name != "customer"} | {f"customer.{n}" for n in event.data["customer"]}
    assert told == set(APPOINTMENT_FIELDS)


@pytest.mark.parametrize("junk", [None, "", [], {}, 10**30, "1e9", -5, "x" * 5000, "9999-12-31T23:59:59+0000"])
def test_an_odd_answer_of_the_api_does_not_break_the_look_up(junk: Any) -> None:
    for name in APPOINTMENT:
        event = Acuity(KEYED).lookup(event_of("scheduled"), FakeHttp(says({**APPOINTMENT, name: junk})))
        assert json.loads(json.dumps(dict(event.data))).keys() == event.data.keys()


def test_a_second_move_is_another_event_about_the_same_appointment() -> None:
    events = [event_of(case) for case in ("scheduled", "rescheduled", "rescheduled-again", "canceled")]

    assert len({event.id for event in events}) == 4
    assert {event.key for event in events} == {"912345601"}


def test_a_booking_sent_again_hours_later_is_the_same_event() -> None:
    sample = samples.read(samples.ROOT / "acuity" / "scheduled.txt")
    later = replace(sample.incoming, received_at=sample.now + timedelta(hours=6))

    assert Acuity().parse(later)[0].id == event_of("scheduled").id


def test_asked_again_an_appointment_that_moved_is_told_as_it_is_now() -> None:
    booked = Acuity(KEYED).lookup(event_of("scheduled"), FakeHttp(says(APPOINTMENT)))
    moved = {**APPOINTMENT, "datetime": "2026-11-27T09:00:00-0500"}

    fresh = Acuity(KEYED).refresh(booked, FakeHttp(says(moved)))

    assert fresh.data["starts_at"] == "2026-11-27T14:00:00Z"


def test_asked_again_an_appointment_that_was_cancelled_is_gone() -> None:
    with pytest.raises(AskFailed) as failure:
        Acuity(KEYED).refresh(event_of("scheduled"), FakeHttp(says({**APPOINTMENT, "canceled": True})))

    assert failure.value.permanent


def test_acuitys_signature_is_over_the_form_as_it_was_sent() -> None:
    body = b"action=scheduled&id=1&calendarID=2&appointmentTypeID=3"
    proof = {"x-acuity-signature": "MLos3NnWpka9fU7epy2PnW3o45ttruYN6sDnGTD1hQI="}
    incoming = Incoming(source="acuity", headers=proof, body=body)

    Acuity().verify(incoming, ["secret"], datetime(2026, 11, 23, tzinfo=UTC))

    with pytest.raises(Refused) as refusal:
        Acuity().verify(replace(incoming, body=body + b"&x=1"), ["secret"], datetime(2026, 11, 23, tzinfo=UTC))
    assert refusal.value.reason is Reason.BAD_SIGNATURE


def test_without_a_key_nothing_is_asked() -> None:
    http = FakeHttp(says(APPOINTMENT))

    with pytest.raises(AskFailed) as failure:
        Acuity({"user_id": "1201"}).lookup(event_of("scheduled"), http)

    assert failure.value.permanent
    assert http.calls == []
