"""What the contract over samples cannot express: Stripe's look-ups, its poll, and its timed signature."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.stripe import PAGES, Stripe
from inbound import samples
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from tests.connectors.fake_http import FakeHttp, every_page, raises, says, serves
from wire.http import Call, Forbidden, NotSent, Reply, Unclear

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
KEYED = {"api_key": "rk_test_not_a_real_one"}
CUSTOMER = {
    "id": "cus_HannaVogt01",
    "object": "customer",
    "name": "Hanna Vogt",
    "email": "hanna.vogt@example.com",
    "phone": "+491713920056",
    "preferred_locales": ["de-DE"],
    "address": {"country": "DE"},
}


def event_of(case: str) -> Event:
    (event,) = samples.read(samples.ROOT / "stripe" / f"{case}.json").events()
    return event


def test_the_phone_of_a_subscriber_is_fetched_from_the_customer_record() -> None:
    http = FakeHttp(serves({"/v1/customers/cus_HannaVogt01": CUSTOMER}))

    event = Stripe(KEYED).lookup(event_of("subscription-trial-will-end"), http)

    assert event.data["customer"] == {
        "id": "cus_HannaVogt01",
        "name": "Hanna Vogt",
        "email": "hanna.vogt@example.com",
        "phone": "+491713920056",
        "locale": "de-DE",
    }
    assert event.data["country"] == "DE"
    assert event.lookup == ""
    assert http.calls[0].url == "https://api.stripe.com/v1/customers/cus_HannaVogt01"
    assert http.calls[0].headers == {"Authorization": "Bearer rk_test_not_a_real_one"}


def test_a_customer_of_a_connected_account_is_asked_for_in_that_account() -> None:
    http = FakeHttp(says(CUSTOMER))

    Stripe(KEYED).lookup(event_of("invoice-paid-on-a-connected-account"), http)

    assert http.calls[0].headers["Stripe-Account"] == "acct_1TidingsShop02"


def test_a_thin_event_is_filled_from_its_record_and_then_from_the_customer() -> None:
    invoice = json.loads((samples.ROOT / "stripe" / "invoice-paid.json").read_text("utf-8"))["data"]["object"]
    records = {"/v1/invoices/in_1TidingsLW0117": {**invoice, "customer_phone": None}, "/cus_HannaVogt01": CUSTOMER}

    event = Stripe(KEYED).lookup(event_of("thin-invoice-paid"), FakeHttp(serves(records)))

    assert (event.data["number"], event.data["total"]) == ("LW-0117", "49.90")
    assert event.data["customer"]["phone"] == "+491713920056"
    assert event.lookup == ""


def test_a_thin_event_whose_record_holds_the_phone_costs_one_request() -> None:
    invoice = json.loads((samples.ROOT / "stripe" / "invoice-paid.json").read_text("utf-8"))["data"]["object"]
    http = FakeHttp(says(invoice))

    event = Stripe(KEYED).lookup(event_of("thin-invoice-paid"), http)

    assert event.data["customer"]["phone"] == "+491713920056"
    assert len(http.calls) == 1


@pytest.mark.parametrize("path", ["//evil.example/v1/x", "/@evil.example/v1/x", "/v1/x?expand=y", "/dashboard"])
def test_the_key_never_leaves_for_an_address_that_an_event_made_up(path: str) -> None:
    http = FakeHttp(says({}))

    with pytest.raises(AskFailed) as failure:
        Stripe(KEYED).lookup(replace(event_of("thin-invoice-paid"), lookup=path), http)

    assert failure.value.permanent
    assert http.calls == []


@pytest.mark.parametrize(
    ("answer", "permanent"),
    [
        (says({"error": {}}, 404), True),
        (says({"error": {}}, 401), False),
        (says({"error": {}}, 429), False),
        (says({"error": {}}, 500), False),
        (says(["no object"]), False),
        (says({"id": "cus_HannaVogt01", "object": "customer", "deleted": True}), True),
        (raises(NotSent("api.stripe.com: ConnectTimeout")), False),
        (raises(Unclear("api.stripe.com: ReadTimeout")), False),
        (raises(Forbidden("api.stripe.com is not a host this connection may reach")), True),
    ],
)
def test_a_failed_look_up_says_whether_asking_again_can_help(answer: Any, permanent: bool) -> None:
    with pytest.raises(AskFailed) as failure:
        Stripe(KEYED).lookup(event_of("subscription-created"), FakeHttp(answer))

    assert failure.value.permanent is permanent
    assert "rk_test" not in str(failure.value)


def test_without_a_key_nothing_is_asked() -> None:
    http = FakeHttp(says(CUSTOMER))

    with pytest.raises(AskFailed) as failure:
        Stripe().lookup(event_of("subscription-created"), http)

    assert failure.value.permanent
    assert http.calls == []


def test_another_address_of_the_api_is_the_only_host_then() -> None:
    stripe = Stripe({**KEYED, "api_url": "http://127.0.0.1:12111/"})
    http = FakeHttp(says(CUSTOMER))

    stripe.lookup(event_of("subscription-created"), http)

    assert list(stripe.hosts) == ["127.0.0.1"]
    assert http.calls[0].url == "http://127.0.0.1:12111/v1/customers/cus_HannaVogt01"


def test_a_currency_can_be_counted_in_hundredths_by_a_setting() -> None:
    sample = samples.read(samples.ROOT / "stripe" / "payment-intent-in-yen.json")

    (event,) = Stripe({"hundredths": ["JPY"]}).parse(sample.incoming)

    assert event.data["total"] == "50.00"


class Account:
    """Stripe's list of events as its API gives it: newest first, in pages."""

    def __init__(self, *ages: int) -> None:
        self.events: list[dict[str, Any]] = []
        for age in ages:
            self.happens(age)

    def happens(self, second: int) -> str:
        envelope = json.loads((samples.ROOT / "stripe" / "invoice-paid.json").read_text("utf-8"))
        event_id = f"evt_{len(self.events):05d}"
        self.events.append({**envelope, "id": event_id, "created": int(NOW.timestamp()) + second})
        return event_id

    def __call__(self, call: Call) -> Reply:
        assert call.url == "https://api.stripe.com/v1/events"
        newest_first = sorted(self.events, key=lambda event: (event["created"], event["id"]), reverse=True)
        listed = [event for event in newest_first if event["created"] >= int(call.params.get("created[gte]", 0))]
        if "starting_after" in call.params:
            ids = [event["id"] for event in listed]
            listed = listed[ids.index(call.params["starting_after"]) + 1 :]
        size = int(call.params.get("limit", 10))
        body = {"object": "list", "data": listed[:size], "has_more": len(listed) > size}
        return Reply(status=200, body=json.dumps(body).encode())


def poll_all(account: Account, cursor: Any) -> tuple[list[str], Any]:
    events, cursor = every_page(Stripe(KEYED), account, cursor, NOW)
    return [event.id for event in events], cursor


def test_the_first_poll_texts_nobody_about_the_past() -> None:
    account = Account(-3600, -60, 0, 0)

    first, cursor = poll_all(account, {})
    second, _ = poll_all(account, cursor)

    assert first == []
    assert second == []


def test_what_happens_after_the_first_poll_is_found_even_in_the_same_second() -> None:
    account = Account(-60, 0)
    _, cursor = poll_all(account, {})
    same_second, later = account.happens(0), account.happens(200)

    ids, _ = poll_all(account, cursor)

    assert ids == [same_second, later]


def test_an_account_without_events_starts_from_now() -> None:
    account = Account()
    ids, cursor = poll_all(account, {})
    first = account.happens(30)

    assert ids == []
    assert poll_all(account, cursor)[0] == [first]


def test_a_polled_event_is_the_same_as_the_pushed_one() -> None:
    account = Account()
    _, cursor = poll_all(account, {})
    account.happens(5)
    pushed = Stripe().parse(Incoming(source="stripe", body=json.dumps(account.events[0]).encode()))

    page = Stripe(KEYED).poll(cursor, FakeHttp(account), NOW)

    assert [replace(event, raw=None) for event in page.events] == pushed
    assert page.events[0].raw == account.events[0]


def test_an_event_that_shows_up_late_is_still_found() -> None:
    account = Account(0)
    _, cursor = poll_all(account, {})
    account.happens(1000)
    _, cursor = poll_all(account, cursor)
    late = account.happens(800)

    ids, _ = poll_all(account, cursor)

    assert late in ids


def test_events_come_oldest_first_over_all_pages() -> None:
    account = Account(0)
    _, cursor = poll_all(account, {})
    expected = [account.happens(second) for second in range(1, 91)]

    ids, _ = poll_all(account, cursor)

    assert ids == expected


def test_after_a_long_outage_nothing_is_left_out() -> None:
    account = Account(0)
    _, cursor = poll_all(account, {})
    expected = [account.happens(second) for second in range(1, PAGES * 25 + 60)]

    first = Stripe(KEYED).poll(cursor, FakeHttp(account), NOW)
    ids, cursor = poll_all(account, cursor)
    again, _ = poll_all(account, cursor)

    assert first.more
    assert sorted(ids) == expected
    assert set(again) <= set(expected[-301:])


def test_an_event_nobody_can_read_does_not_stop_the_others() -> None:
    account = Account(0)
    _, cursor = poll_all(account, {})
    account.happens(10)
    account.events[-1]["data"] = {}
    readable = account.happens(20)

    assert poll_all(account, cursor)[0] == [readable]


def test_a_poll_that_gets_no_answer_fails_and_keeps_its_place() -> None:
    with pytest.raises(AskFailed):
        Stripe(KEYED).poll({}, FakeHttp(says({}, 503)), NOW)


def signed(header: str) -> Incoming:
    return Incoming(source="stripe", headers={"stripe-signature": header}, body=b'{"id":1}')


def test_stripes_signature_is_taken_beside_others_in_the_header() -> None:
    at = datetime.fromtimestamp(1_700_000_000, tz=UTC)
    right = "2f441ba4b3b2d50d28a9ab9d9fd8880376ecd1eb5d0435401553f5d8d0a5dcf8"
    header = f"t=1700000000,v1={'0' * 64},v1={right},v0={'1' * 64}"

    Stripe().verify(signed(header), ["whsec_other", "whsec_test"], at)

    with pytest.raises(Refused) as refusal:
        Stripe().verify(signed(f"t=1700000000,v0={right}"), ["whsec_test"], at)
    assert refusal.value.reason is Reason.BAD_SIGNATURE


@pytest.mark.parametrize("seconds", [301, -301])
def test_a_delivery_five_minutes_off_is_refused_in_both_directions(seconds: int) -> None:
    stripe = Stripe()
    delivery = stripe.sign(signed(""), "whsec_test", NOW)

    stripe.verify(delivery, ["whsec_test"], NOW + timedelta(seconds=seconds - seconds // 301))

    with pytest.raises(Refused) as refusal:
        stripe.verify(delivery, ["whsec_test"], NOW + timedelta(seconds=seconds))
    assert refusal.value.reason is Reason.STALE_SIGNATURE


@pytest.mark.parametrize(
    ("case", "place", "status", "is_gone"),
    [
        ("invoice-finalized", "invoices", "open", False),
        ("invoice-finalized", "invoices", "paid", True),
        ("invoice-overdue", "invoices", "void", True),
        ("invoice-payment-failed", "invoices", "paid", True),
        ("payment-intent-failed", "payment_intents", "requires_payment_method", False),
        ("payment-intent-failed", "payment_intents", "succeeded", True),
        ("subscription-trial-will-end", "subscriptions", "trialing", False),
        ("subscription-trial-will-end", "subscriptions", "canceled", True),
    ],
)
def test_asked_again_what_was_settled_or_cancelled_meanwhile_is_gone(
    case: str, place: str, status: str, is_gone: bool
) -> None:
    event = event_of(case)
    known = {**event.data["customer"], "phone": "+1 202 555 0142"}
    event = replace(event, data={**event.data, "customer": known})
    http = FakeHttp(says({"id": event.key, "status": status, "currency": "eur", "amount_remaining": 500}))

    if is_gone:
        with pytest.raises(AskFailed, match=f"{status} by now") as failure:
            Stripe(KEYED).refresh(event, http)
        assert failure.value.gone
    else:
        fresh = Stripe(KEYED).refresh(event, http)
        assert fresh.data["customer"]["phone"] == "+1 202 555 0142"
        assert fresh.data["status"] == status
        assert fresh.data.get("amount_due", "5.00") == "5.00"
    assert http.calls[0].url == f"https://api.stripe.com/v1/{place}/{event.key}"


@pytest.mark.parametrize("case", ["charge-refunded-a-second-time", "checkout-session-completed", "customer-created"])
def test_what_cannot_be_overtaken_is_not_asked_for_again(case: str) -> None:
    http = FakeHttp(says({}))

    assert Stripe(KEYED).refresh(event_of(case), http) == event_of(case)
    assert http.calls == []
