"""What the contract over samples cannot express: pushes that hasten the poll, spent tokens, channels, signing in."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.base import AskFailed
from connectors.google_calendar import GoogleCalendar
from inbound import samples
from model.event import Event
from tests.connectors.fake_http import FakeHttp
from wire import jwt
from wire.http import Call, Reply

NOW = datetime(2026, 11, 23, 8, 45, tzinfo=UTC)
GRANTED = {"client_id": "c", "client_secret": "not-real", "refresh_token": "not-real-either"}


def haircut(at: str, **more: Any) -> dict[str, Any]:
    start = {"dateTime": f"2026-11-24T{at}:00+01:00"}
    return {"id": "g1", "status": "confirmed", "summary": "Haircut", "updated": at, "start": start, **more}


class Google:
    """A calendar with one appointment, whose sync tokens are numbers that can be spent."""

    def __init__(self) -> None:
        self.items = [haircut("10:00")]
        self.spent = False
        self.watched: list[Any] = []

    def __call__(self, call: Call) -> Reply:
        if call.url.endswith("/token"):
            return self.says({"access_token": "t"})
        assert call.headers["Authorization"] == "Bearer t"
        if call.url.endswith("/watch"):
            self.watched.append(call.json)
            return self.says({"kind": "api#channel", "expiration": str(int((NOW.timestamp() + 604800) * 1000))})
        if call.url.endswith("/g1"):
            return self.says(self.items[0])
        if "syncToken" in call.params and self.spent:
            self.spent = False
            return Reply(status=410)
        return self.says({"items": self.items, "nextSyncToken": "2"})

    def says(self, body: Any) -> Reply:
        return Reply(status=200, body=json.dumps(body).encode())


def poll(calendar: GoogleCalendar, google: Google, cursor: Any, now: datetime = NOW) -> tuple[list[Event], Any, int]:
    http = FakeHttp(google)
    page = calendar.poll(cursor, http, now)
    return list(page.events), json.loads(json.dumps(page.cursor)), len(http.calls)


def test_between_two_minutes_only_a_push_makes_it_ask() -> None:
    calendar, google = GoogleCalendar(GRANTED), Google()
    _, cursor, _ = poll(calendar, google, {})
    _, cursor, first = poll(calendar, google, cursor)
    google.items = [haircut("11:00")]

    quiet = poll(calendar, google, cursor, NOW + timedelta(seconds=30))
    calendar.parse(samples.read(samples.ROOT / "google_calendar" / "push-sync-gives-no-event.txt").incoming)
    hello = poll(calendar, google, cursor, NOW + timedelta(seconds=30))
    calendar.parse(samples.read(samples.ROOT / "google_calendar" / "push-exists-gives-no-event.txt").incoming)
    told, cursor, _ = poll(calendar, google, cursor, NOW + timedelta(seconds=30))

    assert (first, quiet[2], hello[2]) == (1, 0, 0)
    assert [event.type for event in told] == ["appointment.rescheduled"]
    assert poll(calendar, google, cursor, NOW + timedelta(seconds=95))[2] == 1


def test_after_a_failure_it_rests_as_after_a_success() -> None:
    calendar = GoogleCalendar(GRANTED)
    with pytest.raises(AskFailed):
        calendar.poll({}, FakeHttp(lambda _: Reply(status=500)), NOW)

    assert poll(calendar, Google(), {}, NOW + timedelta(seconds=10))[2] == 0
    assert poll(calendar, Google(), {}, NOW + timedelta(seconds=60))[2] > 0


def test_a_spent_sync_token_loses_no_move_and_tells_nothing_twice() -> None:
    calendar, google = GoogleCalendar(GRANTED), Google()
    _, cursor, _ = poll(calendar, google, {})
    google.items, google.spent = [haircut("11:00"), haircut("09:00", id="g2", created="2026-11-23T08:44:00Z")], True

    told, cursor, _ = poll(calendar, google, cursor)
    again, _, _ = poll(calendar, google, cursor, NOW + timedelta(minutes=2))

    assert [event.key for event in told] == ["g1", "g2"]
    assert again == []


def test_a_channel_is_made_once_and_again_before_it_ends() -> None:
    address = {"notification_url": "https://t.example/hooks/google_calendar", "channel_token": "shared"}
    calendar, google = GoogleCalendar({**GRANTED, **address}), Google()
    _, cursor, _ = poll(calendar, google, {})
    _, cursor, _ = poll(calendar, google, cursor, NOW + timedelta(days=3))
    poll(calendar, google, cursor, NOW + timedelta(days=6, hours=1))

    assert [(one["address"], one["token"]) for one in google.watched] == [tuple(address.values())] * 2
    assert google.watched[0]["id"] != google.watched[1]["id"]


def test_asked_again_an_entry_tells_its_new_time_and_a_cancelled_one_is_gone() -> None:
    calendar, google = GoogleCalendar(GRANTED), Google()
    _, cursor, _ = poll(calendar, google, {})
    google.items = [haircut("11:00")]
    (event,), _, _ = poll(calendar, google, cursor)
    google.items = [haircut("12:00")]

    assert calendar.refresh(event, FakeHttp(google)).data["starts_at"] == "2026-11-24T11:00:00Z"
    google.items = [haircut("12:00", status="cancelled")]
    with pytest.raises(AskFailed) as failure:
        calendar.refresh(event, FakeHttp(google))
    assert failure.value.gone


def test_a_service_account_signs_in_with_its_key() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem = key.private_bytes(*form).decode()
    calendar, http = GoogleCalendar({"client_email": "tidings@p.example", "private_key": pem}), FakeHttp(Google())

    calendar.poll({}, http, NOW)

    assert isinstance(http.calls[0].form, dict)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    claims = jwt.claims_by_public_key(http.calls[0].form["assertion"], [public.decode()])
    assert (claims["iss"], claims["aud"]) == ("tidings@p.example", "https://oauth2.googleapis.com/token")
    assert list(calendar.hosts) == ["www.googleapis.com", "oauth2.googleapis.com"]


def test_without_keys_nothing_is_asked_and_a_bad_one_is_named() -> None:
    http = FakeHttp(Google())

    with pytest.raises(AskFailed) as failure:
        GoogleCalendar().poll({}, http, NOW)

    assert failure.value.permanent
    assert http.calls == []
    with pytest.raises(ValueError, match="private_key"):
        GoogleCalendar({"private_key": "nothing"})
