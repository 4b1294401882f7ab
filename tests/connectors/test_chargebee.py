"""What the contract over samples cannot express: Chargebee's credentials and its poll."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.chargebee import Chargebee
from inbound import samples
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from tests.connectors.fake_http import FakeHttp, every_page, raises, says
from wire.http import Call, Forbidden, NotSent, Reply

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
KEYED = {"api_key": "live_not_a_real_one", "api_url": "https://harbour.chargebee.com/"}


def event_of(case: str) -> Event:
    (event,) = samples.read(samples.ROOT / "chargebee" / f"{case}.json").events()
    return event


def test_user_name_and_password_are_the_proof() -> None:
    incoming = Incoming(source="chargebee", headers={"authorization": "Basic dGlkaW5nczpwYXNz"}, body=b"{}")

    Chargebee().verify(incoming, ["tidings:pass"], NOW)

    with pytest.raises(Refused) as refusal:
        Chargebee().verify(incoming, ["tidings:password"], NOW)
    assert refusal.value.reason is Reason.BAD_SIGNATURE
    with pytest.raises(Refused) as refusal:
        Chargebee().verify(replace(incoming, headers={}), ["tidings:pass"], NOW)
    assert refusal.value.reason is Reason.NO_SIGNATURE


def test_an_invoice_is_one_record_from_issue_to_payment() -> None:
    assert event_of("invoice-generated").key == event_of("invoice-updated-paid").key


def test_a_refund_is_tied_to_its_payment() -> None:
    assert event_of("payment-refunded").key == event_of("payment-succeeded").key


def test_a_customer_without_a_phone_is_reached_by_the_billing_address() -> None:
    assert event_of("subscription-trial-end-reminder").data["customer"]["phone"] == "+447700900172"


class Site:
    """Chargebee's list of events, in pages of two."""

    def __init__(self, *seconds: int) -> None:
        self.events: list[dict[str, Any]] = []
        for second in seconds:
            self.happens(second)

    def happens(self, second: int) -> str:
        body = json.loads((samples.ROOT / "chargebee" / "payment-succeeded.json").read_text("utf-8"))
        event_id = f"ev_{len(self.events):05d}"
        self.events.append({**body, "id": event_id, "occurred_at": int(NOW.timestamp()) + second})
        return event_id

    def __call__(self, call: Call) -> Reply:
        assert call.url == "https://harbour.chargebee.com/api/v2/events"
        assert call.auth == ("live_not_a_real_one", "")
        after = int(call.params.get("occurred_at[after]", 0))
        newest_first = "sort_by[desc]" in call.params
        listed = [event for event in self.events if event["occurred_at"] > after]
        listed.sort(key=lambda event: (event["occurred_at"], event["id"]), reverse=newest_first)
        at = int(call.params.get("offset", "0"))
        body: dict[str, Any] = {"list": [{"event": event} for event in listed[at : at + 2]]}
        if at + 2 < len(listed):
            body["next_offset"] = str(at + 2)
        return Reply(status=200, body=json.dumps(body).encode())


def poll_all(site: Site, cursor: Any) -> tuple[list[str], Any]:
    events, cursor = every_page(Chargebee(KEYED), site, cursor, NOW)
    return [event.id for event in events], cursor


def test_the_first_poll_texts_nobody_about_the_past() -> None:
    site = Site(-3600, -60, 0, 0)

    first, cursor = poll_all(site, {})
    second, _ = poll_all(site, cursor)

    assert (first, second) == ([], [])


def test_what_happens_after_the_first_poll_is_found_even_in_the_same_second() -> None:
    site = Site(-60, 0)
    _, cursor = poll_all(site, {})
    same, later = site.happens(0), site.happens(200)

    assert poll_all(site, cursor)[0] == [same, later]


def test_a_site_without_events_starts_from_now() -> None:
    site = Site()
    ids, cursor = poll_all(site, {})
    first = site.happens(30)

    assert ids == []
    assert poll_all(site, cursor)[0] == [first]


def test_an_event_that_shows_up_late_is_still_found() -> None:
    site = Site(0)
    _, cursor = poll_all(site, {})
    site.happens(1000)
    _, cursor = poll_all(site, cursor)
    late = site.happens(800)

    assert late in poll_all(site, cursor)[0]


def test_after_a_long_outage_nothing_is_left_out_and_the_oldest_comes_first() -> None:
    site = Site(0)
    _, cursor = poll_all(site, {})
    expected = [site.happens(second * 60) for second in range(1, 40)]

    ids, cursor = poll_all(site, cursor)

    assert ids == expected
    assert set(cursor) == {"floor", "skip", "created"}


def test_a_polled_event_is_the_same_as_the_pushed_one() -> None:
    site = Site()
    _, cursor = poll_all(site, {})
    site.happens(5)
    pushed = Chargebee().parse(Incoming(source="chargebee", body=json.dumps(site.events[0]).encode()))

    page = Chargebee(KEYED).poll(cursor, FakeHttp(site), NOW)

    assert [replace(event, raw=None) for event in page.events] == pushed
    assert list(Chargebee(KEYED).hosts) == ["harbour.chargebee.com"]


def test_an_event_nobody_can_read_does_not_stop_the_others() -> None:
    site = Site()
    _, cursor = poll_all(site, {})
    site.happens(1)
    site.events[0]["content"] = None
    readable = site.happens(2)

    assert poll_all(site, cursor)[0] == [readable]


@pytest.mark.parametrize(
    ("answer", "permanent"),
    [
        (says({}, 404), True),
        (says({}, 429), False),
        (says({}, 503), False),
        (says(["no object"]), False),
        (raises(NotSent("harbour.chargebee.com: ConnectTimeout")), False),
        (raises(Forbidden("harbour.chargebee.com is not a host this connection may reach")), True),
    ],
)
def test_a_poll_that_gets_no_answer_fails_and_keeps_its_place(answer: Any, permanent: bool) -> None:
    with pytest.raises(AskFailed) as failure:
        Chargebee(KEYED).poll({}, FakeHttp(answer), NOW)

    assert failure.value.permanent is permanent


def test_without_a_key_or_a_site_nothing_is_polled() -> None:
    http = FakeHttp(says({}))

    for settings in ({}, {"api_key": "k"}, {"api_url": "https://harbour.chargebee.com"}):
        with pytest.raises(AskFailed):
            Chargebee(settings).poll({}, http, NOW)

    assert http.calls == []


@pytest.mark.parametrize(
    ("case", "kind", "status", "is_gone"),
    [
        ("invoice-generated", "invoice", "payment_due", False),
        ("invoice-generated", "invoice", "paid", True),
        ("payment-failed", "invoice", "not_paid", False),
        ("payment-failed", "invoice", "voided", True),
        ("invoice-updated-paid", "invoice", "paid", False),
        ("subscription-trial-end-reminder", "subscription", "in_trial", False),
        ("subscription-trial-end-reminder", "subscription", "cancelled", True),
    ],
)
def test_asked_again_what_was_paid_voided_or_cancelled_meanwhile_is_gone(
    case: str, kind: str, status: str, is_gone: bool
) -> None:
    event = event_of(case)
    number = event.data["id" if kind == "subscription" else "number"]
    record = {"id": number, "status": status, "currency_code": "EUR", "amount_due": 500}
    http = FakeHttp(says({kind: record}))

    if is_gone:
        with pytest.raises(AskFailed, match=f"{kind} is {status} by now") as failure:
            Chargebee(KEYED).refresh(event, http)
        assert failure.value.gone
    else:
        fresh = Chargebee(KEYED).refresh(event, http)
        assert fresh.data["customer"] == event.data["customer"]
        assert fresh.data.get("total") == event.data.get("total")
        assert fresh.data.get("amount_due", "5.00") == "5.00"
    assert http.calls[0].url == f"https://harbour.chargebee.com/api/v2/{kind}s/{number}"
    assert http.calls[0].params == {}


def test_a_customer_of_chargebee_is_not_asked_for_again() -> None:
    http = FakeHttp(says({}))

    assert Chargebee(KEYED).refresh(event_of("customer-changed"), http) == event_of("customer-changed")
    assert http.calls == []
