"""What the contract over samples cannot express: Calendly's moves, its poll, and asking again before a reminder."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.calendly import Calendly
from inbound import samples
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from tests.connectors.fake_http import FakeHttp, every_page, says, serves
from wire.http import Call, Reply

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
ORGANIZATION = "https://api.calendly.com/organizations/ORGBRANDT0001"
KEYED = {"token": "cal_not_a_real_one", "organization": ORGANIZATION}


def body_of(case: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((samples.ROOT / "calendly" / f"{case}.json").read_text("utf-8"))
    return body


def events_of(case: str) -> list[Event]:
    return samples.read(samples.ROOT / "calendly" / f"{case}.json").events()


def test_a_move_is_told_once_and_never_as_a_cancellation() -> None:
    told = [*events_of("invitee-canceled-by-a-move-gives-no-event"), *events_of("invitee-created-by-a-move")]

    assert [event.type for event in told] == ["appointment.rescheduled"]
    assert told[0].key == events_of("invitee-created")[0].key


def test_an_appointment_cancelled_after_its_move_is_tied_to_its_booking() -> None:
    (booked,), (cancelled,) = events_of("invitee-created"), events_of("invitee-canceled")

    assert cancelled.key == booked.key
    assert cancelled.id != booked.id


def test_the_words_that_mark_a_phone_question_are_a_setting() -> None:
    sample = samples.read(samples.ROOT / "calendly" / "invitee-created-phone-in-an-answer.json")

    (event,) = Calendly({"phone_questions": ["what is it about"]}).parse(sample.incoming)

    assert event.data["customer"]["phone"] == "A quick question about VAT"


def test_a_delivery_three_minutes_off_is_refused() -> None:
    calendly = Calendly()
    delivery = calendly.sign(Incoming(source="calendly", body=b"{}"), "key", NOW)

    calendly.verify(delivery, ["key"], NOW + timedelta(minutes=3))

    for seconds in (181, -181):
        with pytest.raises(Refused) as refusal:
            calendly.verify(delivery, ["key"], NOW + timedelta(seconds=seconds))
        assert refusal.value.reason is Reason.STALE_SIGNATURE


def test_calendlys_signature_is_the_digest_of_time_and_body() -> None:
    proof = "t=1700000000,v1=2f441ba4b3b2d50d28a9ab9d9fd8880376ecd1eb5d0435401553f5d8d0a5dcf8"
    incoming = Incoming(source="calendly", headers={"calendly-webhook-signature": proof}, body=b'{"id":1}')

    now = datetime.fromtimestamp(1_700_000_000, tz=UTC)

    Calendly().verify(incoming, ["whsec_test"], now)

    with pytest.raises(Refused):
        Calendly().verify(replace(incoming, body=b'{"id":2}'), ["whsec_test"], now)


def record_of(case: str, **changes: Any) -> dict[str, Any]:
    """Return what the API knows of a sample's invitee, and its appointment."""
    invitee = {**body_of(case)["payload"], **changes}
    booked = invitee.pop("scheduled_event")
    return {
        invitee["uri"].partition("calendly.com")[2]: {"resource": invitee},
        booked["uri"][24:]: {"resource": booked},
    }


def test_asked_again_an_appointment_that_stands_is_told_as_it_is_now() -> None:
    (booked,) = events_of("invitee-created")
    http = FakeHttp(serves(record_of("invitee-created", text_reminder_number="+49 171 3920036")))

    fresh = Calendly(KEYED).refresh(booked, http)

    assert fresh.data["customer"]["phone"] == "+49 171 3920036"
    assert fresh.data["starts_at"] == booked.data["starts_at"]
    assert http.calls[0].headers == {"Authorization": "Bearer cal_not_a_real_one"}


def test_asked_again_an_appointment_that_moved_away_is_gone() -> None:
    (booked,) = events_of("invitee-created")

    with pytest.raises(AskFailed) as failure:
        Calendly(KEYED).refresh(booked, FakeHttp(serves(record_of("invitee-canceled-by-a-move-gives-no-event"))))

    assert failure.value.permanent


def test_the_token_never_leaves_for_an_address_that_an_event_made_up() -> None:
    (booked,) = events_of("invitee-created")
    http = FakeHttp(says({}))

    for uri in ("https://evil.example/x", "https://evil.example/scheduled_events/../users", ""):
        with pytest.raises(AskFailed):
            Calendly(KEYED).refresh(replace(booked, data={**booked.data, "invitee_uri": uri}), http)

    assert http.calls == []


def test_without_a_token_nothing_is_asked() -> None:
    http = FakeHttp(says({}))

    with pytest.raises(AskFailed) as failure:
        Calendly().refresh(events_of("invitee-created")[0], http)

    assert failure.value.permanent
    assert http.calls == []


class Diary:
    """Calendly's API: the appointments to come in pages of one, and the invitees of each."""

    def __init__(self) -> None:
        self.invitees: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []

    def holds(self, case: str) -> None:
        payload = body_of(case)["payload"]
        self.invitees[payload["uri"]] = payload

    def __call__(self, call: Call) -> Reply:
        path = call.url.removeprefix("https://api.calendly.com")
        self.asked.append(path)
        if path.endswith("/invitees"):
            found = [one for one in self.invitees.values() if one["event"].endswith(path.removesuffix("/invitees"))]
            return self._says([{k: v for k, v in one.items() if k != "scheduled_event"} for one in found], None)
        assert call.params["organization"] == ORGANIZATION
        booked = [one["scheduled_event"] for one in self.invitees.values()]
        at = int(call.params.get("page_token", "0"))
        return self._says(booked[at : at + 1], str(at + 1) if at + 1 < len(booked) else None)

    def _says(self, collection: list[Any], following: str | None) -> Reply:
        body = {"collection": collection, "pagination": {"count": len(collection), "next_page_token": following}}
        return Reply(status=200, body=json.dumps(body).encode())


def poll_all(diary: Diary, cursor: Any, now: datetime) -> tuple[list[Event], Any]:
    return every_page(Calendly(KEYED), diary, cursor, now)


def test_the_first_poll_texts_nobody_about_the_past() -> None:
    diary = Diary()
    diary.holds("invitee-created")
    later = NOW + timedelta(hours=1)

    first, cursor = poll_all(diary, {}, later)
    second, _ = poll_all(diary, cursor, later + timedelta(minutes=1))

    assert (first, second) == ([], [])


def test_a_polled_booking_and_move_are_the_same_as_the_pushed_ones() -> None:
    diary = Diary()
    _, cursor = poll_all(diary, {}, NOW)
    for case in ("invitee-canceled-by-a-move-gives-no-event", "invitee-created-by-a-move"):
        diary.holds(case)

    found, _ = poll_all(diary, cursor, NOW + timedelta(hours=1))

    pushed = [*events_of("invitee-created"), *events_of("invitee-created-by-a-move")]
    assert [(event.id, event.type, event.key) for event in found] == [(e.id, e.type, e.key) for e in pushed]
    assert [event.occurred_at for event in found] == [event.occurred_at for event in pushed]


def test_a_polled_cancellation_is_the_same_as_the_pushed_one() -> None:
    diary = Diary()
    _, cursor = poll_all(diary, {}, NOW + timedelta(minutes=45))
    diary.holds("invitee-canceled")

    found, _ = poll_all(diary, cursor, NOW + timedelta(hours=2))

    assert [replace(event, raw=None) for event in found] == events_of("invitee-canceled")


def test_changes_of_the_last_minutes_are_read_again_and_older_ones_are_not_asked_for() -> None:
    diary = Diary()
    _, cursor = poll_all(diary, {}, NOW)
    diary.holds("invitee-created")
    soon, late = NOW + timedelta(minutes=20), NOW + timedelta(hours=3)

    first, cursor = poll_all(diary, cursor, soon)
    again, cursor = poll_all(diary, cursor, soon + timedelta(minutes=1))
    _, cursor = poll_all(diary, cursor, late)
    diary.asked.clear()
    none, _ = poll_all(diary, cursor, late + timedelta(minutes=10))

    assert [event.id for event in again] == [event.id for event in first]
    assert none == []
    assert diary.asked == ["/scheduled_events"]


def test_many_pages_are_read_in_several_calls() -> None:
    diary = Diary()
    _, cursor = poll_all(diary, {}, NOW)
    for number in range(12):
        payload = json.loads(json.dumps(body_of("invitee-created")["payload"]).replace("JONAS", f"NO{number}"))
        diary.invitees[payload["uri"]] = payload

    found, cursor = poll_all(diary, cursor, NOW + timedelta(hours=1))

    assert len({event.id for event in found}) == 12
    assert set(cursor) == {"floor", "since"}


def test_a_poll_that_gets_no_answer_fails_and_keeps_its_place() -> None:
    with pytest.raises(AskFailed):
        Calendly(KEYED).poll({"floor": 1, "since": 1}, FakeHttp(says({}, 503)), NOW)
