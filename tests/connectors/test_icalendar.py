"""What the contract over samples cannot express: what vanishes, what the server says did not change, odd feeds."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.icalendar import ICalendar
from connectors.kit.calendars import LABELS, phone_in
from model.event import Event
from tests.connectors.fake_http import FakeHttp
from tests.scale import runs
from wire.http import Call, Reply

NOW = datetime(2026, 11, 23, 8, 40, tzinfo=UTC)
HAIRCUT = "BEGIN:VEVENT\nUID:a1\nDTSTART:20261124T100000Z\nSUMMARY:Haircut\nEND:VEVENT\n"
LESSONS = "BEGIN:VEVENT\nUID:s1\nDTSTART:20261124T090000Z\nRRULE:FREQ=DAILY;COUNT=3\nEND:VEVENT\n"


class Server:
    def __init__(self, *events: str) -> None:
        self.events = events
        self.etag = ""

    def __call__(self, call: Call) -> Reply:
        if self.etag and call.headers.get("If-None-Match") == self.etag:
            return Reply(status=304)
        body = f"BEGIN:VCALENDAR\n{''.join(self.events)}END:VCALENDAR\n"
        return Reply(status=200, headers={"etag": self.etag}, body=body.encode())


def poll(server: Any, cursor: Any, now: datetime = NOW, **settings: Any) -> tuple[list[Event], Any]:
    connector = ICalendar({"url": "https://cloud.example/a.ics", **settings})
    page = connector.poll(cursor, FakeHttp(server), now)
    return list(page.events), json.loads(json.dumps(page.cursor))


def types(events: list[Event]) -> list[str]:
    return [event.type for event in events]


def test_an_entry_that_vanished_is_cancelled_only_when_it_is_missing_twice() -> None:
    server = Server(HAIRCUT, LESSONS)
    _, cursor = poll(server, {})
    server.events = (LESSONS,)

    once, cursor = poll(server, cursor)
    server.events = (HAIRCUT, LESSONS)
    back, cursor = poll(server, cursor)
    server.events = (LESSONS,)
    _, cursor = poll(server, cursor)
    twice, cursor = poll(server, cursor)
    after, _ = poll(server, cursor)

    assert (once, back, after) == ([], [], [])
    assert [(event.id, event.data["starts_at"]) for event in twice] == [("a1/cancelled", "2026-11-24T10:00:00Z")]


def test_an_entry_that_vanished_after_its_time_is_not_cancelled() -> None:
    server = Server(HAIRCUT)
    _, cursor = poll(server, {})
    server.events = ()

    later = NOW + timedelta(days=2)
    told = [event for _ in range(3) for event in poll(server, cursor, later)[0]]

    assert told == []


def test_a_new_series_is_booked_once_and_its_other_days_only_come_up() -> None:
    server = Server(HAIRCUT)
    _, cursor = poll(server, {})
    server.events = (HAIRCUT, LESSONS)

    told, _ = poll(server, cursor)

    assert types(told) == ["appointment.booked", "custom.appointment.upcoming", "custom.appointment.upcoming"]
    assert [event.key for event in told] == ["s1/2026-11-24", "s1/2026-11-25", "s1/2026-11-26"]


def test_a_series_that_moves_to_another_hour_keeps_its_appointments() -> None:
    server = Server(LESSONS)
    _, cursor = poll(server, {})
    server.events = (LESSONS.replace("T090000Z", "T110000Z"),)

    told, _ = poll(server, cursor)

    assert types(told) == ["appointment.rescheduled"] * 3
    assert told[0].data["previous_starts_at"] == "2026-11-24T09:00:00Z"


def test_a_server_that_says_nothing_changed_is_believed_for_half_a_day() -> None:
    server = Server(HAIRCUT)
    server.etag = '"1"'
    _, cursor = poll(server, {})
    server.events = (HAIRCUT.replace("T100000Z", "T120000Z"),)

    soon, cursor = poll(server, cursor, NOW + timedelta(hours=1))
    later, _ = poll(server, cursor, NOW + timedelta(hours=13))

    assert soon == []
    assert types(later) == ["appointment.rescheduled"]


def test_an_appointment_stays_at_nine_when_the_clocks_change() -> None:
    weekly = "BEGIN:VEVENT\nUID:s1\nDTSTART;TZID=Europe/Berlin:20261001T090000\nRRULE:FREQ=WEEKLY\nEND:VEVENT\n"
    _, cursor = poll(Server(), {}, NOW - timedelta(days=40))

    told, _ = poll(Server(weekly), cursor, NOW - timedelta(days=40), days_ahead=20)

    assert [event.data["starts_at"][11:16] for event in told] == ["07:00", "07:00", "08:00"]


@pytest.mark.parametrize(
    "body", [b"", b"<html>sign in</html>", b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a", b"BEGIN:VCALENDAR\n"]
)
def test_what_is_no_whole_calendar_is_not_taken_for_an_empty_one(body: bytes) -> None:
    _, cursor = poll(Server(HAIRCUT), {})

    with pytest.raises(AskFailed):
        poll(lambda _: Reply(status=200, body=body), cursor)


def test_a_feed_with_odd_bytes_and_rules_never_breaks_the_poll() -> None:
    dice = random.Random(7)
    odd = ("RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30\n", "RRULE:FREQ=SECONDLY\n", "RRULE:FREQ=DAILY;INTERVAL=0\n",
           "RDATE;VALUE=PERIOD:20261124T090000Z/PT1H\n", "EXDATE:x\n", "DURATION:P9999W\n",
           "RRULE:FREQ=DAILY;UNTIL=9\n", "RRULE:FREQ=DAILY;INTERVAL=0;BYMONTH=1\n")  # fmt: skip
    whole = b"BEGIN:VCALENDAR\n" + (HAIRCUT + LESSONS).encode() + b"END:VCALENDAR\n"
    _, cursor = poll(Server(HAIRCUT), {})
    for line in odd:
        told, _ = poll(Server(HAIRCUT.replace("SUMMARY:Haircut\n", line)), cursor)
        assert {event.key.partition("/")[0] for event in told} <= {"a1"}, line
    for _ in range(runs(80, 5000)):
        body = bytearray(whole)
        for _ in range(dice.randint(1, 6)):
            body[dice.randrange(len(body))] = dice.randrange(256)
        with suppress(AskFailed):
            poll(lambda _, body=bytes(body): Reply(status=200, body=body), cursor)


@pytest.mark.parametrize(
    ("title", "place", "description", "phone"),
    [
        ("Anna +49 171 3920012", "", "", "+49 171 3920012"),
        ("Anna", "", "Likes tea\nMobile no.: (202) 555-0143", "(202) 555-0143"),
        ("Anna", "", "<p>Telefon: 0171/3920012</p><p>x</p>", "0171/3920012"),
        ("Call", "tel:+12025550143", "", "+12025550143"),
        ("Call", "Room 12", "Join by phone\n+1 202 555 0199,,123#\nOne tap mobile: +12025550199,,123#", ""),
        ("Order 4711002233", "", "Invoice: 20261123", ""),
    ],
)
def test_a_number_is_found_where_people_write_it_and_not_taken_from_a_conference(
    title: str, place: str, description: str, phone: str
) -> None:
    assert phone_in(LABELS, title, place, description) == phone


@pytest.mark.parametrize("settings", [{"time_zone": "Berlin"}, {"days_ahead": 0}])
def test_a_setting_that_makes_no_sense_is_refused_in_a_sentence(settings: Any) -> None:
    with pytest.raises(ValueError, match="Setting"):
        ICalendar(settings)
