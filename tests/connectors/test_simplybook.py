"""What the contract over samples cannot express: look-ups, changes that hasten the poll, and sessions that expire."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.simplybook import FIELDS, SimplyBook
from inbound import conversations, samples
from model.event import Event
from tests.connectors.fake_http import FakeHttp
from wire.http import Call, Reply

NOW = datetime(2026, 11, 23, 8, 50, tzinfo=UTC)
KEYED = {"company": "kerzenhof", "login": "sms", "password": "not-real", "time_zone": "Europe/Berlin"}


def event_of(case: str) -> Event:
    (event,) = samples.read(samples.ROOT / "simplybook" / f"{case}.json").events()
    return event


class Company:
    """A company with bookings; its sessions last until it forgets them."""

    def __init__(self, *bookings: dict[str, Any]) -> None:
        self.listed = list(bookings)
        self.known = {str(one["id"]): one for one in bookings}
        self.session, self.logins = "", 0

    def __call__(self, call: Call) -> Reply:
        if call.url.endswith("/auth"):
            self.logins += 1
            self.session = f"t{self.logins}"
            return self.says({"token": self.session})
        if call.headers["X-Token"] != self.session:
            return self.says({"code": "419"}, 419)
        if call.url.endswith("/bookings"):
            return self.says({"data": self.listed, "metadata": {"pages_count": 1}})
        found = self.known.get(call.url.rpartition("/")[2])
        return self.says(found, 200 if found else 404)

    def says(self, body: Any, status: int = 200) -> Reply:
        return Reply(status=status, body=json.dumps(body).encode())


def booking(hour: str, **more: Any) -> dict[str, Any]:
    client = {"id": 7, "name": "Jost Kalb", "phone": "+491713920081"}
    return {"id": 412, "status": "confirmed", "start_datetime": f"2026-11-25 {hour}:00", "client": client, **more}


def poll(source: SimplyBook, company: Company, cursor: Any, now: datetime = NOW) -> tuple[list[Event], Any, int]:
    http = FakeHttp(company)
    page = source.poll(cursor, http, now)
    return list(page.events), json.loads(json.dumps(page.cursor)), len(http.calls)


def test_everything_about_a_booking_is_fetched_by_its_id_in_the_companys_zone() -> None:
    event = SimplyBook(KEYED).lookup(event_of("create"), FakeHttp(Company(booking("10:00"))))

    assert (event.data["starts_at"], event.data["customer"]["phone"]) == ("2026-11-25T09:00:00Z", "+491713920081")
    told = {n for n in event.data if n != "customer"} | {f"customer.{n}" for n in event.data["customer"]}
    assert told == set(FIELDS)


def test_a_booking_is_the_same_event_by_callback_and_by_poll() -> None:
    talk = conversations.read(samples.ROOT / "simplybook" / "moved-and-cancelled.poll.yaml")

    assert event_of("create").id in {event.id for event in talk.events()}


def test_a_change_makes_the_poll_come_at_once_and_tell_the_move() -> None:
    source, company = SimplyBook(KEYED), Company(booking("10:00"))
    _, cursor, _ = poll(source, company, {})
    _, cursor, _ = poll(source, company, cursor)
    company.listed = [booking("12:00")]

    quiet = poll(source, company, cursor, NOW + timedelta(minutes=1))
    source.parse(samples.read(samples.ROOT / "simplybook" / "change-gives-no-event.json").incoming)
    told, _, _ = poll(source, company, cursor, NOW + timedelta(minutes=1))

    assert quiet[2] == 0
    assert [event.data["previous_starts_at"] for event in told] == ["2026-11-25T09:00:00Z"]


def test_a_booking_listed_no_more_is_cancelled_with_the_client_in_it() -> None:
    source, company = SimplyBook(KEYED), Company(booking("10:00"))
    _, cursor, _ = poll(source, company, {})
    company.listed, company.known = [], {"412": booking("10:00", status="canceled")}

    once, cursor, _ = poll(source, company, cursor)
    twice, _, _ = poll(source, company, cursor)

    assert once == []
    assert [(event.id, event.data["customer"]["phone"]) for event in twice] == [("412/cancelled", "+491713920081")]


def test_a_session_that_expired_is_begun_again() -> None:
    source, company = SimplyBook(KEYED), Company(booking("10:00"))
    poll(source, company, {})
    company.session = "forgotten"

    poll(source, company, {})

    assert company.logins == 2


def test_asked_again_a_cancelled_booking_is_gone_and_without_a_login_nothing_is_asked() -> None:
    http = FakeHttp(Company(booking("10:00", status="canceled")))

    with pytest.raises(AskFailed) as failure:
        SimplyBook(KEYED).refresh(event_of("create"), http)
    with pytest.raises(AskFailed) as missing:
        SimplyBook({"company": "kerzenhof"}).lookup(event_of("create"), http)

    assert failure.value.gone
    assert missing.value.permanent
    with pytest.raises(ValueError, match="time_zone"):
        SimplyBook({"time_zone": "Berlin"})
