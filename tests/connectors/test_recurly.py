"""What samples cannot express: Recurly's signature in milliseconds, its look-up, and asking again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.recurly import CONTACT_FIELDS, FIELDS, Recurly
from inbound import conversations, samples
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from tests.connectors.fake_http import FakeHttp, serves

KEYED = {"api_key": "not-a-real-key"}
SIGNED_AT = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
PROOF = "17107187e6f9d8e13c7efccc1ed808974bda9b3eb9a262c5ad6c4f4a22f3f660"
ACCOUNT = {
    "id": "acc1",
    "code": "C-7",
    "first_name": "Sanne",
    "last_name": "Visser",
    "email": "sanne@example.com",
    "preferred_locale": "nl-NL",
    "address": {"phone": "", "country": "NL"},
    "billing_info": {"address": {"phone": "+44 7700 900170"}},
}
INVOICE = {
    "id": "i1",
    "number": "1042",
    "state": "past_due",
    "total": 24.5,
    "balance": 20,
    "currency": "EUR",
    "due_at": "2026-11-20T00:00:00Z",
    "account": {"id": "acc1", "code": "C-7"},
}
RECORDS: dict[str, Any] = {
    "/invoices/number-1042": INVOICE,
    "/accounts/acc1": ACCOUNT,
    "/accounts/code-acct%2F7": ACCOUNT,
    "/transactions/uuid-63b068f7d409d4b5": {
        "amount": 24.5,
        "status": "declined",
        "status_code": "insufficient_funds",
        "customer_message": "Your card has insufficient funds.",
        "invoice": {"number": "1042"},
        "account": {"id": "acc1"},
    },
    "/subscriptions/uuid-63b068f7d409d4c1": {"state": "canceled", "plan": {"name": "Gold"}, "account": {"id": "acc1"}},
}


def event_of(case: str) -> Event:
    return samples.read(samples.ROOT / "recurly" / f"{case}.json").events()[0]


def test_the_signature_counts_milliseconds_and_one_of_several_is_enough() -> None:
    header = f"1700000000000,{'0' * 64},{PROOF}"
    incoming = Incoming(source="recurly", headers={"recurly-signature": header}, body=b'{"id":1}')

    Recurly().verify(incoming, ["older", "secret"], SIGNED_AT + timedelta(minutes=4))
    Recurly().verify(incoming, ["secret"], SIGNED_AT - timedelta(minutes=4))

    for now in (SIGNED_AT + timedelta(minutes=6), SIGNED_AT - timedelta(minutes=6)):
        with pytest.raises(Refused) as refusal:
            Recurly().verify(incoming, ["secret"], now)
        assert refusal.value.reason is Reason.STALE_SIGNATURE
    with pytest.raises(Refused):
        Recurly().verify(replace(incoming, body=b'{"id":2}'), ["secret"], SIGNED_AT)


def test_amount_and_phone_are_fetched_from_the_invoice_and_its_account() -> None:
    http = FakeHttp(serves(RECORDS))

    event = Recurly(KEYED).lookup(event_of("charge-invoice-past-due"), http)

    assert event.data == {
        "id": "1042",
        "number": "1042",
        "status": "past_due",
        "total": "24.5",
        "amount_due": "20",
        "currency": "EUR",
        "due_date": "2026-11-20T00:00:00Z",
        "country": "NL",
        "customer": {
            "id": "C-7",
            "name": "Sanne Visser",
            "first_name": "Sanne",
            "email": "sanne@example.com",
            "phone": "+44 7700 900170",
            "locale": "nl-NL",
        },
    }
    assert http.calls[0].headers == {"Accept": "application/vnd.recurly.v2021-02-25"}
    assert http.calls[0].auth == ("not-a-real-key", "")
    assert list(Recurly().hosts) == ["v3.recurly.com"]


@pytest.mark.parametrize(
    "case", ["charge-invoice-past-due", "payment-failed", "subscription-canceled", "account-updated"]
)
def test_the_fields_a_look_up_adds_are_documented(case: str) -> None:
    event = Recurly(KEYED).lookup(event_of(case), FakeHttp(serves(RECORDS)))

    told = {name for name in event.data if name != "customer"} | {f"customer.{n}" for n in event.data["customer"]}
    assert told == set(FIELDS[event.native_type.partition(".")[0]])
    assert set(CONTACT_FIELDS) <= told
    assert event.data["customer"]["phone"] == "+44 7700 900170"


def test_webhook_and_poll_name_a_paid_invoice_alike() -> None:
    talk = conversations.read(samples.ROOT / "recurly" / "an-invoice-issued-one-paid-and-one-overdue.poll.yaml")
    polled = talk.events()[0]

    assert polled.id == event_of("charge-invoice-paid").id.replace("1042", "1040")


@pytest.mark.parametrize("case", ["charge-invoice-created", "charge-invoice-past-due"])
def test_asked_again_an_invoice_that_was_paid_is_gone(case: str) -> None:
    paid = FakeHttp(serves({**RECORDS, "/invoices/number-1042": {**INVOICE, "state": "paid"}}))
    partly = FakeHttp(serves({**RECORDS, "/invoices/number-1042": {**INVOICE, "balance": 5}}))

    with pytest.raises(AskFailed) as failure:
        Recurly(KEYED).refresh(event_of(case), paid)

    assert failure.value.gone
    assert Recurly(KEYED).refresh(event_of(case), partly).data["amount_due"] == "5"
