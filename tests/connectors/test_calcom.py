"""What the contract over samples cannot express: one appointment over several bookings, and unsigned webhooks."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.calcom import CalCom
from inbound import samples
from inbound.samples import Sample
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from tests.connectors.fake_http import FakeHttp, says


def sample_of(case: str) -> Sample:
    return samples.read(samples.ROOT / "calcom" / f"{case}.json")


def event_of(case: str) -> Event:
    (event,) = sample_of(case).events()
    return event


def test_an_appointment_keeps_its_name_however_often_it_is_moved() -> None:
    booked, moved, again = map(event_of, ("booking-created", "booking-rescheduled", "booking-rescheduled-again"))

    assert booked.key == moved.key == again.key
    assert {event.data["appointment_id"] for event in (booked, moved, again)} == {booked.key}
    assert moved.data["previous_id"] == booked.data["booking_uid"]
    assert again.data["previous_id"] == moved.data["booking_uid"]
    assert len({booked.id, moved.id, again.id}) == 3


def test_a_first_move_is_tied_to_its_booking_even_without_a_calendar_id() -> None:
    assert event_of("booking-rescheduled-without-icaluid").key == event_of("booking-created").key


def test_a_cancelled_appointment_is_tied_to_its_booking() -> None:
    assert event_of("booking-cancelled").key == event_of("booking-created-phone-on-the-attendee").key


def test_the_same_delivery_sent_twice_is_one_event() -> None:
    sample = sample_of("booking-created")
    body = json.loads(sample.incoming.body)
    body["payload"]["attendees"][0]["utcOffset"] = 120
    resent = replace(sample.incoming, body=json.dumps(body).encode())

    (event,) = CalCom().parse(resent)

    assert event.id == event_of("booking-created").id


def test_a_webhook_without_a_secret_is_refused_and_the_reason_says_what_to_do() -> None:
    incoming = replace(sample_of("booking-created").incoming, headers={"x-cal-signature-256": "no-secret-provided"})

    for secrets in ([], [""], ["no-secret-provided"], [samples.SECRET]):
        with pytest.raises(Refused) as refusal:
            CalCom().verify(incoming, secrets, incoming.received_at)
        assert refusal.value.reason is Reason.NO_SIGNATURE
        assert "no secret" in refusal.value.detail


def test_cal_coms_signature_is_the_plain_digest_of_the_body() -> None:
    proof = "03def589620c813f198fd03d7967e292b163ef0435ebf43071ce0e9519763cb7"
    incoming = Incoming(source="calcom", headers={"x-cal-signature-256": proof}, body=b'{"id":1}')

    CalCom().verify(incoming, ["secret"], incoming.received_at)

    with pytest.raises(Refused):
        CalCom().verify(replace(incoming, body=b'{"id":2}'), ["secret"], incoming.received_at)


def test_the_number_for_text_reminders_comes_before_the_one_in_the_profile() -> None:
    sample = sample_of("booking-created-phone-on-the-attendee")
    body = json.loads(sample.incoming.body)
    body["payload"]["smsReminderNumber"] = "+447700900146"

    (event,) = CalCom().parse(replace(sample.incoming, body=json.dumps(body).encode()))

    assert event.data["customer"]["phone"] == "+447700900146"


def test_a_question_of_your_own_can_hold_the_number() -> None:
    sample = sample_of("booking-created-phone-on-the-attendee")
    body = json.loads(sample.incoming.body)
    body["payload"]["responses"]["handy"] = {"label": "Handynummer", "value": "0171 3920079"}
    calcom = CalCom({"phones": ["responses.handy.value", "attendees.0.phoneNumber"]})

    (event,) = calcom.parse(replace(sample.incoming, body=json.dumps(body).encode()))

    assert event.data["customer"]["phone"] == "0171 3920079"


def test_odd_letters_in_an_id_are_no_reason_to_fail() -> None:
    sample = sample_of("booking-created")
    body = sample.incoming.body.replace(b'"uid": "bkClara7NqYzT1"', b'"uid": "\\ud800"')

    (event,) = CalCom().parse(replace(sample.incoming, body=body))

    assert event.id


KEYED = {"api_key": "cal_not_a_real_one"}


@pytest.mark.parametrize(
    ("found", "is_gone"),
    [
        ({"status": "accepted", "start": "2026-11-27T13:00:00Z", "end": "2026-11-27T14:00:00Z"}, False),
        ({"status": "cancelled"}, True),
        ({"status": "rejected"}, True),
        ({"status": "accepted", "rescheduledToUid": "another"}, True),
    ],
)
def test_asked_again_an_appointment_cancelled_or_moved_away_is_gone(found: dict[str, Any], is_gone: bool) -> None:
    event, http = event_of("booking-created"), FakeHttp(says({"status": "success", "data": found}))

    if is_gone:
        with pytest.raises(AskFailed) as failure:
            CalCom(KEYED).refresh(event, http)
        assert failure.value.gone
    else:
        fresh = CalCom(KEYED).refresh(event, http)
        assert (fresh.data["starts_at"], fresh.data["ends_at"]) == ("2026-11-27T13:00:00Z", "2026-11-27T14:00:00Z")
        assert fresh.data["customer"] == event.data["customer"]
        assert set(fresh.data) == set(event.data)
    assert http.calls[0].url == f"https://api.cal.com/v2/bookings/{event.data['booking_uid']}"
    assert http.calls[0].headers["cal-api-version"] == "2024-08-13"


def test_without_a_key_or_for_a_cancellation_nothing_is_asked() -> None:
    http = FakeHttp(says({}))

    with pytest.raises(AskFailed, match="api_key"):
        CalCom().refresh(event_of("booking-created"), http)
    assert CalCom(KEYED).refresh(event_of("booking-cancelled"), http) == event_of("booking-cancelled")
    assert http.calls == []
    assert list(CalCom().hosts) == ["api.cal.com"]
