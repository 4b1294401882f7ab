"""What the contract over samples cannot express: GoCardless's chain of look-ups, its poll, and mixed batches."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.gocardless import FACT_FIELDS, PAGES, GoCardless
from inbound import samples
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from tests.connectors.fake_http import FakeHttp, every_page, says, serves
from wire.http import Call, Reply

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
KEYED = {"access_token": "live_not_a_real_one"}
PAYMENT = {
    "id": "PM0001TIDINGS",
    "amount": 2450,
    "currency": "EUR",
    "charge_date": "2026-11-20",
    "description": "Gemüsekiste",
    "links": {"mandate": "MD0009TIDINGS", "creditor": "CR1"},
}
CUSTOMER = {
    "id": "CU0001TIDINGS",
    "given_name": "Greta",
    "family_name": "Dietrich",
    "company_name": None,
    "email": "greta.dietrich@example.com",
    "phone_number": "+49 171 3920 067",
    "language": "de",
    "country_code": "DE",
}
RECORDS = {
    "/payments/PM0001TIDINGS": {"payments": PAYMENT},
    "/refunds/RF0001TIDINGS": {"refunds": {"amount": 500, "currency": "EUR", "links": {"payment": "PM0001TIDINGS"}}},
    "/mandates/MD0009TIDINGS": {"mandates": {"id": "MD0009TIDINGS", "links": {"customer": "CU0001TIDINGS"}}},
    "/customers/CU0001TIDINGS": {"customers": CUSTOMER},
}


def events_of(case: str) -> list[Event]:
    return samples.read(samples.ROOT / "gocardless" / f"{case}.json").events()


def test_amount_and_phone_are_fetched_over_payment_mandate_and_customer() -> None:
    http = FakeHttp(serves(RECORDS))

    event = GoCardless(KEYED).lookup(events_of("payment-confirmed")[0], http)

    assert (event.data["total"], event.data["currency"], event.data["due_date"]) == ("24.50", "EUR", "2026-11-20")
    assert (event.data["description"], event.data["country"], event.lookup) == ("Gemüsekiste", "DE", "")
    assert event.data["customer"] == {
        "id": "CU0001TIDINGS",
        "name": "Greta Dietrich",
        "first_name": "Greta",
        "email": "greta.dietrich@example.com",
        "phone": "+49 171 3920 067",
        "locale": "de",
    }
    assert [call.url.removeprefix("https://api.gocardless.com") for call in http.calls] == [
        "/payments/PM0001TIDINGS",
        "/mandates/MD0009TIDINGS",
        "/customers/CU0001TIDINGS",
    ]
    assert http.calls[0].headers == {
        "Authorization": "Bearer live_not_a_real_one",
        "GoCardless-Version": "2015-07-06",
    }
    assert list(GoCardless(KEYED).hosts) == ["api.gocardless.com"]


def test_a_refund_keeps_its_own_amount_on_the_way_to_the_customer() -> None:
    (refund,) = [event for event in events_of("batch-of-payments") if event.type == "payment.refunded"]

    event = GoCardless(KEYED).lookup(refund, FakeHttp(serves(RECORDS)))

    assert (event.data["total"], event.data["customer"]["first_name"]) == ("5.00", "Greta")


def test_the_fields_a_look_up_adds_are_documented() -> None:
    event = GoCardless(KEYED).lookup(events_of("payment-confirmed")[0], FakeHttp(serves(RECORDS)))

    told = {name for name in event.data if name != "customer"} | {f"customer.{n}" for n in event.data["customer"]}
    assert told == set(FACT_FIELDS)


def test_a_payment_without_a_mandate_cannot_be_followed() -> None:
    with pytest.raises(AskFailed) as failure:
        GoCardless(KEYED).lookup(events_of("payment-confirmed")[0], FakeHttp(says({"payments": {"amount": 1}})))

    assert failure.value.permanent


def test_without_a_token_nothing_is_asked() -> None:
    http = FakeHttp(says({}))

    with pytest.raises(AskFailed):
        GoCardless().lookup(events_of("payment-confirmed")[0], http)

    assert http.calls == []


def test_one_bad_item_in_a_batch_does_not_stop_the_others() -> None:
    assert [event.key for event in events_of("batch-with-one-bad-item")] == ["PM0006TIDINGS", "PM0007TIDINGS"]


def test_a_batch_in_which_nothing_can_be_read_is_kept_for_replay() -> None:
    with pytest.raises(Refused) as refusal:
        GoCardless().parse(Incoming(source="gocardless", body=b'{"events": [{"action": "confirmed"}, 7]}'))

    assert refusal.value.reason is Reason.BAD_SHAPE


def test_more_types_are_a_setting_and_unknown_ones_are_refused_at_the_start() -> None:
    sample = samples.read(samples.ROOT / "gocardless" / "payout-paid-gives-no-event.json")

    (event,) = GoCardless({"types": {"payouts/paid": "custom.payout"}}).parse(sample.incoming)

    assert (event.type, event.key, event.lookup) == ("custom.payout", "PO0001TIDINGS", "")
    with pytest.raises(ValueError, match="Setting types"):
        GoCardless({"types": {"payouts/paid": "payout"}})


def test_gocardless_signs_the_body_as_it_is() -> None:
    proof = "03def589620c813f198fd03d7967e292b163ef0435ebf43071ce0e9519763cb7"
    incoming = Incoming(source="gocardless", headers={"webhook-signature": proof}, body=b'{"id":1}')

    GoCardless().verify(incoming, ["secret"], NOW)

    with pytest.raises(Refused):
        GoCardless().verify(replace(incoming, body=b'{"id":1}\n'), ["secret"], NOW)


class Ledger:
    """GoCardless's list of events: newest first, in pages of three."""

    def __init__(self, *seconds: int) -> None:
        self.events: list[dict[str, Any]] = []
        for second in seconds:
            self.happens(second)

    def happens(self, second: int) -> str:
        body = json.loads((samples.ROOT / "gocardless" / "payment-confirmed.json").read_text("utf-8"))
        event_id = f"EV{len(self.events):06d}"
        created = (NOW + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S.250Z")
        self.events.append({**body["events"][0], "id": event_id, "created_at": created})
        return event_id

    def __call__(self, call: Call) -> Reply:
        assert call.url == "https://api.gocardless.com/events"
        listed = sorted(self.events, key=lambda event: (event["created_at"], event["id"]), reverse=True)
        since = datetime.fromisoformat(call.params.get("created_at[gte]", "2000-01-01T00:00:00Z"))
        listed = [event for event in listed if datetime.fromisoformat(event["created_at"]) >= since]
        ids = [event["id"] for event in listed]
        listed = listed[ids.index(call.params["after"]) + 1 :] if "after" in call.params else listed
        after = listed[2]["id"] if len(listed) > 3 else None
        body = {"events": listed[:3], "meta": {"cursors": {"before": None, "after": after}, "limit": 3}}
        return Reply(status=200, body=json.dumps(body).encode())


def poll_all(ledger: Ledger, cursor: Any) -> tuple[list[str], Any]:
    events, cursor = every_page(GoCardless(KEYED), ledger, cursor, NOW)
    return [event.id for event in events], cursor


def test_the_first_poll_texts_nobody_about_the_past() -> None:
    ledger = Ledger(-3600, -60, 0, 0)

    first, cursor = poll_all(ledger, {})
    second, _ = poll_all(ledger, cursor)

    assert (first, second) == ([], [])


def test_what_happens_after_the_first_poll_is_found_even_in_the_same_moment() -> None:
    ledger = Ledger(-60, 0)
    _, cursor = poll_all(ledger, {})
    same, later = ledger.happens(0), ledger.happens(200)

    assert poll_all(ledger, cursor)[0] == [same, later]


def test_an_account_without_events_starts_from_now() -> None:
    ledger = Ledger()
    ids, cursor = poll_all(ledger, {})
    first = ledger.happens(30)

    assert ids == []
    assert poll_all(ledger, cursor)[0] == [first]


def test_an_event_that_shows_up_late_is_still_found() -> None:
    ledger = Ledger(0)
    _, cursor = poll_all(ledger, {})
    ledger.happens(1000)
    _, cursor = poll_all(ledger, cursor)
    late = ledger.happens(800)

    assert late in poll_all(ledger, cursor)[0]


def test_after_a_long_outage_nothing_is_left_out() -> None:
    ledger = Ledger(0)
    _, cursor = poll_all(ledger, {})
    expected = [ledger.happens(second) for second in range(1, PAGES * 3 + 20)]

    first = GoCardless(KEYED).poll(cursor, FakeHttp(ledger), NOW)
    ids, _ = poll_all(ledger, cursor)

    assert first.more
    assert sorted(ids) == expected


def test_a_polled_event_is_the_same_as_the_pushed_one() -> None:
    ledger = Ledger()
    _, cursor = poll_all(ledger, {})
    ledger.happens(5)
    body = json.dumps({"events": ledger.events, "meta": {}}).encode()

    page = GoCardless(KEYED).poll(cursor, FakeHttp(ledger), NOW)

    assert page.events == GoCardless().parse(Incoming(source="gocardless", body=body))


def test_a_poll_that_gets_no_answer_fails_and_keeps_its_place() -> None:
    with pytest.raises(AskFailed):
        GoCardless(KEYED).poll({}, FakeHttp(says({}, 503)), NOW)


@pytest.mark.parametrize(
    ("event_type", "status", "is_gone"),
    [
        ("payment.failed", "failed", False),
        ("payment.failed", "submitted", False),
        ("payment.failed", "paid_out", True),
        ("payment.succeeded", "paid_out", False),
        ("custom.mandate.cancelled", "cancelled", False),
        ("custom.mandate.cancelled", "active", True),
        ("subscription.created", "active", False),
        ("subscription.created", "cancelled", True),
    ],
)
def test_asked_again_what_was_made_good_or_cancelled_meanwhile_is_gone(
    event_type: str, status: str, is_gone: bool
) -> None:
    cases = ("batch-of-payments", "payment-confirmed", "batch-of-mandates-and-subscriptions")
    told = [one for case in cases for one in events_of(case)]
    event = next(one for one in told if one.type == event_type)
    event = replace(event, data={**event.data, "customer": {"phone": "+44 7700 900142"}})
    kind = event.native_type.partition("/")[0]
    http = FakeHttp(says({kind: {**PAYMENT, "id": event.key, "status": status}}))

    if is_gone:
        with pytest.raises(AskFailed, match=f"{status} by now") as failure:
            GoCardless(KEYED).refresh(event, http)
        assert failure.value.gone
    else:
        fresh = GoCardless(KEYED).refresh(event, http)
        assert fresh.data["customer"] == {"phone": "+44 7700 900142"}
        assert fresh.data["total"]
    assert http.calls[0].url == f"https://api.gocardless.com/{kind}/{event.key}"
