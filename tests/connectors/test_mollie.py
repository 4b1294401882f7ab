"""What samples cannot express: what proves a webhook of either kind, Mollie's look-up, and how far its poll reads."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.mollie import PAGES, Mollie
from inbound import samples
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from tests.connectors.fake_http import FakeHttp, says, serves
from wire.http import Call, Reply

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
KEYED = {"api_key": "live_not_a_real_one"}
FORM = b"id=tr_5B8cwPMGnU6qLbRvo7qEZo"
PAYMENT = {
    "id": "tr_5B8cwPMGnU6qLbRvo7qEZo",
    "mode": "live",
    "status": "paid",
    "amount": {"value": "20.00", "currency": "EUR"},
    "description": "Order CR-9",
    "metadata": {"order_number": "CR-9"},
    "method": "ideal",
    "billingAddress": {"givenName": "Femke", "familyName": "Bos", "phone": "+447700900162", "country": "NL"},
    "locale": "nl_NL",
}


def touched() -> Event:
    return samples.read(samples.ROOT / "mollie" / "classic-payment.txt").events()[0]


def refusal_of(incoming: Incoming, *secrets: str) -> Reason:
    with pytest.raises(Refused) as refusal:
        Mollie().verify(incoming, secrets or ["secret"], NOW)
    return refusal.value.reason


def test_a_classic_webhook_is_believed_for_the_token_in_its_address_only() -> None:
    Mollie().verify(Incoming(source="m", query={"token": "secret"}, body=FORM), ["older", "secret"], NOW)

    assert refusal_of(Incoming(source="m", query={"token": "guess"}, body=FORM)) is Reason.BAD_SIGNATURE
    assert refusal_of(Incoming(source="m", body=FORM)) is Reason.NO_SIGNATURE
    assert refusal_of(Incoming(source="m", query={"token": ""}, body=FORM), "") is Reason.NO_SIGNATURE


def test_a_newer_webhook_without_its_signature_is_refused_even_with_the_token() -> None:
    for body in (b'{"id":1}', b' \n{"id":1}', b"\xef\xbb\xbf[]"):
        assert refusal_of(Incoming(source="m", query={"token": "secret"}, body=body)) is Reason.NO_SIGNATURE


def test_the_published_rule_gives_this_signature_and_one_of_several_is_enough() -> None:
    proof = "sha256=03def589620c813f198fd03d7967e292b163ef0435ebf43071ce0e9519763cb7"
    incoming = Incoming(source="m", headers={"x-mollie-signature": f"sha256=00, {proof}"}, body=b'{"id":1}')

    Mollie().verify(incoming, ["secret"], NOW)

    assert refusal_of(replace(incoming, body=b'{"id":2}')) is Reason.BAD_SIGNATURE


def test_everything_but_the_id_is_fetched() -> None:
    http = FakeHttp(serves({"/v2/payments/tr_5B8cwPMGnU6qLbRvo7qEZo": PAYMENT}))

    event = Mollie(KEYED).lookup(touched(), http)

    assert (event.data["status"], event.data["total"], event.data["number"]) == ("paid", "20.00", "CR-9")
    assert event.data["customer"] == {
        "id": "",
        "name": "Femke Bos",
        "first_name": "Femke",
        "email": "",
        "phone": "+447700900162",
        "locale": "nl_NL",
    }
    assert http.calls[0].headers == {"Authorization": "Bearer live_not_a_real_one"}
    assert list(Mollie().hosts) == ["api.mollie.com"]


def test_with_a_test_key_everything_is_a_test() -> None:
    (event,) = Mollie({"api_key": "test_not_a_real_one"}).parse(Incoming(source="m", body=FORM))

    assert event.test


def test_asked_again_an_invoice_that_was_paid_is_gone() -> None:
    (issued,) = samples.read(samples.ROOT / "mollie" / "sales-invoice-issued.json").events()
    open_one = says({"id": issued.key, "status": "issued", "amountDue": {"value": "80.00", "currency": "EUR"}})

    assert Mollie(KEYED).refresh(issued, FakeHttp(open_one)).data["amount_due"] == "80.00"
    with pytest.raises(AskFailed) as failure:
        Mollie(KEYED).refresh(issued, FakeHttp(says({"id": issued.key, "status": "paid"})))
    assert failure.value.gone


class Till:
    """Mollie's list of payments: newest first, in pages of two."""

    def __init__(self, *hours_ago: int) -> None:
        self.payments = [self.made(f"tr_{number}", hours) for number, hours in enumerate(hours_ago)]

    def made(self, payment_id: str, hours: int) -> dict[str, Any]:
        at = (NOW - timedelta(hours=hours)).isoformat()
        return {**PAYMENT, "id": payment_id, "status": "open", "createdAt": at}

    def __call__(self, call: Call) -> Reply:
        listed = sorted(self.payments, key=lambda one: str(one["createdAt"]), reverse=True)
        start = next((n for n, one in enumerate(listed) if one["id"] == call.params.get("from")), 0)
        links = {"next": {"href": f"{call.url}?from={listed[start + 2]['id']}"}} if len(listed) > start + 2 else {}
        body = {"_embedded": {"payments": listed[start : start + 2]}, "_links": links}
        return Reply(status=200, body=json.dumps(body).encode())


def test_a_payment_that_is_paid_days_later_is_told_once() -> None:
    till = Till(1, 2, 30, 100)
    cursor = json.loads(json.dumps(Mollie(KEYED).poll({}, FakeHttp(till), NOW).cursor))
    till.payments[3] |= {"status": "paid", "paidAt": NOW.isoformat()}

    page = Mollie(KEYED).poll(cursor, FakeHttp(till), NOW)
    again = Mollie(KEYED).poll(json.loads(json.dumps(page.cursor)), FakeHttp(till), NOW)

    assert [(event.type, event.key) for event in page.events] == [("payment.succeeded", "tr_3")]
    assert again.events == []


def test_the_poll_reads_no_further_back_than_it_was_told() -> None:
    http = FakeHttp(Till(*range(1, 60)))

    Mollie({**KEYED, "watch_days": 1}).poll({}, http, NOW)

    assert len(http.calls) == 13
    assert PAGES >= 13


@pytest.mark.parametrize("days", ["often", 0, -1, 10**6, None])
def test_days_that_make_no_sense_are_refused_at_the_start(days: Any) -> None:
    with pytest.raises(ValueError, match="watch_days"):
        Mollie({"watch_days": days})


@pytest.mark.parametrize(
    ("state", "event_type", "tag"),
    [
        ({"paidAt": "2026-11-23T08:00:00+00:00"}, "payment.succeeded", "paid"),
        ({"status": "open"}, "custom.payment.updated", ""),
        ({"amountRefunded": {"value": "5.00", "currency": "EUR"}}, "payment.refunded", "refunded-5.00"),
        ({"status": "expired"}, "custom.payment.expired", "expired"),
    ],
)
def test_a_classic_webhook_is_told_as_the_poll_tells_it(state: dict[str, Any], event_type: str, tag: str) -> None:
    event = Mollie(KEYED).lookup(touched(), FakeHttp(says({**PAYMENT, **state})))

    assert (event.type, event.lookup) == (event_type, "")
    assert event.id == (f"payment/{PAYMENT['id']}/{tag}" if tag else touched().id)
