"""What the contract over samples cannot express: Zendesk's timed signature, its look-ups and asking again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.base import AskFailed
from connectors.zendesk import Zendesk
from inbound import conversations, samples
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from tests.connectors.fake_http import FakeHttp, says, serves

NOW = datetime(2023, 11, 14, 22, 13, 25, tzinfo=UTC)
KEYED = {"url": "https://acme.zendesk.example/", "email": "agent@acme.example", "api_token": "not-a-real-one"}
USER = {"id": 20978392, "name": "Imke Sander", "phone": "+49 171 3920044", "locale": "de", "iana_time_zone": "CET"}


def event_of(case: str) -> Event:
    (event,) = samples.read(samples.ROOT / "zendesk" / f"{case}.json").events()
    return event


def signed(signature: str, at: str = "2023-11-14T22:13:20Z") -> Incoming:
    headers = {"x-zendesk-webhook-signature": signature, "x-zendesk-webhook-signature-timestamp": at}
    return Incoming(source="zendesk", headers=headers, body=b'{"id":1}')


def test_the_signature_is_over_the_time_and_the_body() -> None:
    Zendesk().verify(signed("xJT23JUY0GYNT9qIfUDqNg7zccSnxjzEs7K0a8zMZd4="), ["secret"], NOW)

    with pytest.raises(Refused) as refusal:
        Zendesk().verify(signed("A971iWIMgT8Zj9A9eWfikrFj7wQ16/Qwcc4OlRl2PLc="), ["secret"], NOW)
    assert refusal.value.reason is Reason.BAD_SIGNATURE


@pytest.mark.parametrize("late", [timedelta(hours=2), -timedelta(minutes=10)])
def test_a_request_signed_long_ago_or_in_the_future_is_refused(late: timedelta) -> None:
    request = signed("xJT23JUY0GYNT9qIfUDqNg7zccSnxjzEs7K0a8zMZd4=")

    with pytest.raises(Refused) as refusal:
        Zendesk().verify(request, ["secret"], NOW + late)

    assert refusal.value.reason is Reason.STALE_SIGNATURE


def test_a_signed_word_that_is_no_time_is_refused() -> None:
    request = Zendesk.scheme.sign(signed("", "yesterday"), "secret", NOW)

    with pytest.raises(Refused):
        Zendesk().verify(request, ["secret"], NOW)


def test_the_person_who_asked_is_looked_up() -> None:
    http = FakeHttp(serves({"/api/v2/users/20978392.json": {"user": USER}}))

    event = Zendesk(KEYED).lookup(event_of("ticket-solved"), http)

    assert event.lookup == ""
    assert event.data["customer"] == {
        "id": "20978392", "name": "Imke Sander", "first_name": "Imke", "email": "",
        "phone": "+49 171 3920044", "locale": "de", "tz": "CET",
    }  # fmt: skip
    assert http.calls[0].auth == ("agent@acme.example/token", "not-a-real-one")
    assert list(Zendesk(KEYED).hosts) == ["acme.zendesk.example"]


def test_a_solved_ticket_is_the_same_event_by_webhook_and_by_poll() -> None:
    talk = conversations.read(samples.ROOT / "zendesk" / "solved-after-the-baseline.poll.yaml")

    assert event_of("ticket-solved").id in {event.id for event in talk.events()}


@pytest.mark.parametrize(("case", "status"), [("ticket-pending", "solved"), ("ticket-solved", "open")])
def test_asked_again_a_ticket_that_stands_otherwise_by_now_cancels_the_text(case: str, status: str) -> None:
    with pytest.raises(AskFailed) as failure:
        Zendesk(KEYED).refresh(event_of(case), FakeHttp(says({"ticket": {"id": 35436, "status": status}})))

    assert failure.value.gone


def test_asked_again_a_ticket_keeps_the_person() -> None:
    event = replace(event_of("trigger-solved"), key="35437")

    fresh = Zendesk(KEYED).refresh(event, FakeHttp(says({"ticket": {"id": 35437, "status": "solved"}})))

    assert fresh.data["customer"]["phone"] == "+44 7700 900142"


def test_an_export_never_starts_within_the_last_minute() -> None:
    now = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
    page = {"tickets": [{"id": 1, "status": "open", "updated_at": "2026-11-23T09:29:59Z"}], "meta": {}}
    cursor = Zendesk(KEYED).poll({}, FakeHttp(says(page)), now).cursor
    http = FakeHttp(says({"tickets": [], "end_of_stream": True}))

    Zendesk(KEYED).poll(cursor, http, now)

    assert int(http.calls[0].params["start_time"]) <= now.timestamp() - 60
