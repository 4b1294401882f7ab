"""What the contract over samples cannot express: Paddle's look-up, its poll, and its short signature window."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.paddle import Paddle
from inbound import samples
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from tests.connectors.fake_http import FakeHttp, every_page, says, serves
from wire.http import Call, Reply

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
KEYED = {"api_key": "pdl_not_a_real_one"}
KENJI = {
    "id": "ctm_01kbtidingskenji001",
    "name": "Kenji Mori",
    "email": "kenji.mori@example.com",
    "locale": "ja",
    "custom_data": {"mobile": "+447700900165"},
}


def body_of(case: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((samples.ROOT / "paddle" / f"{case}.json").read_text("utf-8"))
    return body


def event_of(case: str) -> Event:
    (event,) = samples.read(samples.ROOT / "paddle" / f"{case}.json").events()
    return event


def test_the_phone_is_fetched_from_your_own_data_about_the_customer() -> None:
    http = FakeHttp(serves({"/customers/ctm_01kbtidingskenji001": {"data": KENJI}}))

    event = Paddle(KEYED).lookup(event_of("transaction-completed-without-a-phone"), http)

    assert event.data["customer"] == {
        "id": "ctm_01kbtidingskenji001",
        "name": "Kenji Mori",
        "email": "kenji.mori@example.com",
        "phone": "+447700900165",
        "locale": "ja",
    }
    assert event.lookup == ""
    assert http.calls[0].headers == {"Authorization": "Bearer pdl_not_a_real_one"}
    assert list(Paddle(KEYED).hosts) == ["api.paddle.com"]


def test_a_phone_of_the_transaction_comes_before_the_customers() -> None:
    (paid,) = Paddle(KEYED).parse(samples.read(samples.ROOT / "paddle" / "transaction-completed.json").incoming)

    event = Paddle(KEYED).lookup(paid, FakeHttp(says({"data": KENJI})))

    assert (event.data["customer"]["phone"], event.data["customer"]["name"]) == ("+491713920041", "Kenji Mori")


def test_with_a_phone_and_without_a_key_nothing_is_asked_for() -> None:
    assert event_of("transaction-completed").lookup == ""
    assert event_of("transaction-completed-without-a-phone").lookup == "ctm_01kbtidingskenji001"


def test_a_paid_invoice_is_tied_to_the_one_that_was_issued() -> None:
    assert event_of("transaction-completed-by-invoice").key == event_of("transaction-billed").key


@pytest.mark.parametrize(("settings", "seconds"), [({}, 5), ({"tolerance_seconds": 60}, 60)])
def test_a_delivery_is_valid_for_paddles_five_seconds_or_yours(settings: dict[str, Any], seconds: int) -> None:
    paddle = Paddle(settings)
    delivery = paddle.sign(Incoming(source="paddle", body=b"{}"), "pdl_ntfset", NOW)

    paddle.verify(delivery, ["pdl_ntfset"], NOW + timedelta(seconds=seconds))

    for off in (seconds + 1, -seconds - 1):
        with pytest.raises(Refused) as refusal:
            paddle.verify(delivery, ["pdl_ntfset"], NOW + timedelta(seconds=off))
        assert refusal.value.reason is Reason.STALE_SIGNATURE


def test_paddles_signature_joins_time_and_body_with_a_colon() -> None:
    proof = "edd803a327c3b7ff77c5211a9335644f50bb7723cc24c9dd43cc009ecaabaf5a"
    header = {"paddle-signature": f"ts=1700000000;h1={'0' * 64};h1={proof}"}

    incoming = Incoming(source="paddle", headers=header, body=b'{"id":1}')
    now = datetime.fromtimestamp(1_700_000_000, tz=UTC)

    Paddle().verify(incoming, ["secret"], now)

    with pytest.raises(Refused):
        Paddle().verify(replace(incoming, body=b'{"id":2}'), ["secret"], now)


class Stream:
    """Paddle's list of events, by id, in pages of two."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def happens(self, minute: int, number: int | None = None) -> str:
        number = len(self.events) + 1 if number is None else number
        event_id = f"evt_{number * 10:05d}"
        occurred = (NOW + timedelta(minutes=minute)).isoformat()
        self.events.append({**body_of("transaction-completed"), "event_id": event_id, "occurred_at": occurred})
        return event_id

    def __call__(self, call: Call) -> Reply:
        assert call.url == "https://api.paddle.com/events"
        listed = sorted(self.events, key=lambda e: e["event_id"], reverse=call.params["order_by"] == "id[DESC]")
        listed = [event for event in listed if event["event_id"] > call.params.get("after", "")]
        pagination = {"per_page": 2, "next": "https://api.paddle.com/events?...", "has_more": len(listed) > 2}
        return Reply(status=200, body=json.dumps({"data": listed[:2], "meta": {"pagination": pagination}}).encode())


def poll_all(stream: Stream, cursor: Any, minute: int) -> tuple[list[str], Any]:
    events, cursor = every_page(Paddle(KEYED), stream, cursor, NOW + timedelta(minutes=minute))
    return [event.id for event in events], cursor


def test_the_first_poll_texts_nobody_about_the_past() -> None:
    stream = Stream()
    for minute in (-60, -30, 0):
        stream.happens(minute)

    first, cursor = poll_all(stream, {}, 0)
    second, _ = poll_all(stream, cursor, 1)

    assert (first, second) == ([], [])


def test_an_account_without_events_starts_with_its_first_one() -> None:
    stream = Stream()
    ids, cursor = poll_all(stream, {}, 0)
    first = stream.happens(1)

    assert ids == []
    assert poll_all(stream, cursor, 2)[0] == [first]


def test_what_happens_later_is_found_over_all_pages_and_oldest_first() -> None:
    stream = Stream()
    stream.happens(0)
    _, cursor = poll_all(stream, {}, 0)
    expected = [stream.happens(minute) for minute in range(1, 8)]

    ids, cursor = poll_all(stream, cursor, 60)
    again, _ = poll_all(stream, cursor, 61)

    assert ids == expected
    assert again == []


def test_an_event_that_shows_up_late_between_two_others_is_still_found() -> None:
    stream = Stream()
    stream.happens(0)
    _, cursor = poll_all(stream, {}, 0)
    stream.happens(10, number=9)
    _, cursor = poll_all(stream, cursor, 11)
    late = stream.happens(9, number=8)

    ids, _ = poll_all(stream, cursor, 12)

    assert late in ids


def test_a_polled_event_is_the_same_as_the_pushed_one() -> None:
    stream = Stream()
    _, cursor = poll_all(stream, {}, 0)
    stream.happens(1)
    pushed = Paddle(KEYED).parse(Incoming(source="paddle", body=json.dumps(stream.events[0]).encode()))

    page = Paddle(KEYED).poll(cursor, FakeHttp(stream), NOW)

    assert [replace(event, raw=None) for event in page.events] == pushed


def test_an_event_nobody_can_read_does_not_stop_the_others() -> None:
    stream = Stream()
    _, cursor = poll_all(stream, {}, 0)
    stream.happens(1)
    stream.events[0]["data"] = None
    readable = stream.happens(2)

    assert poll_all(stream, cursor, 3)[0] == [readable]


def test_a_poll_that_gets_no_answer_fails_and_keeps_its_place() -> None:
    with pytest.raises(AskFailed):
        Paddle(KEYED).poll({}, FakeHttp(says({}, 503)), NOW)


@pytest.mark.parametrize(
    ("case", "place", "status", "is_gone"),
    [
        ("transaction-billed", "transactions", "billed", False),
        ("transaction-billed", "transactions", "completed", True),
        ("transaction-past-due", "transactions", "canceled", True),
        ("transaction-payment-failed", "transactions", "paid", True),
        ("transaction-completed", "transactions", "completed", False),
        ("subscription-created", "subscriptions", "active", False),
        ("subscription-past-due", "subscriptions", "canceled", True),
    ],
)
def test_asked_again_what_was_paid_or_cancelled_meanwhile_is_gone(
    case: str, place: str, status: str, is_gone: bool
) -> None:
    event, http = event_of(case), FakeHttp(says({"data": {**body_of(case)["data"], "status": status}}))
    known = {**event.data["customer"], "phone": "+1 202 555 0142"}
    event = replace(event, data={**event.data, "customer": known})

    if is_gone:
        with pytest.raises(AskFailed, match=f"{status} by now") as failure:
            Paddle(KEYED).refresh(event, http)
        assert failure.value.gone
    else:
        fresh = Paddle(KEYED).refresh(event, http)
        assert fresh.data["status"] == status
        assert set(fresh.data["customer"]) == set(known)
        assert fresh.data["customer"]["phone"]
    assert http.calls[0].url == f"https://api.paddle.com/{place}/{event.key}"
