"""What samples cannot express: the look-up in QuickBooks, both formats naming one fact, and asking again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.quickbooks import CONTACT_FIELDS, INVOICE_FIELDS, PAYMENT_FIELDS, QuickBooks
from inbound import conversations, samples
from model.event import Event, Incoming
from model.reasons import Refused
from tests.connectors.fake_http import FakeHttp
from wire.http import Call, Reply

KEYED = {"client_id": "not-a-real-id", "client_secret": "not-a-real-one", "refresh_token": "not-a-real-token"}
INVOICE = {
    "Id": "1145",
    "DocNumber": "1042",
    "TotalAmt": 180.25,
    "Balance": 180.25,
    "DueDate": "2026-12-23",
    "CurrencyRef": {"value": "USD"},
    "CustomerRef": {"value": "58", "name": "Cedar Yoga"},
    "InvoiceLink": "https://connect.intuit.example/portal/x",
    "MetaData": {"CreateTime": "2026-11-23T00:15:39-08:00", "LastUpdatedTime": "2026-11-23T00:15:39-08:00"},
}
CUSTOMER = {
    "Id": "58",
    "DisplayName": "Cedar Yoga",
    "GivenName": "Lena",
    "PrimaryEmailAddr": {"Address": "lena@cedar.example"},
    "PrimaryPhone": {"FreeFormNumber": "(202) 555-0141 ext 3"},
    "Mobile": {"FreeFormNumber": "(202) 555-0142"},
    "BillAddr": {"Country": "USA"},
}


def api(**records: Any) -> FakeHttp:
    known = {"invoice/1145": {"Invoice": INVOICE}, "customer/58": {"Customer": CUSTOMER}, **records}

    def answer(call: Call) -> Reply:
        path = call.url.partition("/v3/company/310687/")[2]
        body = {"access_token": "token"} if call.method == "POST" else known.get(path)
        missing = {"Fault": {"Error": [{"code": "610", "Message": "Object Not Found"}], "type": "ValidationFault"}}
        return Reply(status=200 if body else 400, body=json.dumps(body or missing).encode())

    return FakeHttp(answer)


def events_of(case: str) -> list[Event]:
    return samples.read(samples.ROOT / "quickbooks" / f"{case}.json").events()


def issued() -> Event:
    return events_of("invoice-created-as-a-cloud-event")[0]


def test_amount_and_phone_are_fetched_from_the_invoice_and_its_customer() -> None:
    http = api()

    event = QuickBooks(KEYED).lookup(issued(), http)

    assert event.data == {
        "id": "1145",
        "number": "1042",
        "total": "180.25",
        "amount_due": "180.25",
        "currency": "USD",
        "status": "open",
        "due_date": "2026-12-23",
        "pay_url": "https://connect.intuit.example/portal/x",
        "company_id": "310687",
        "country": "USA",
        "customer": {
            "id": "58",
            "name": "Cedar Yoga",
            "first_name": "Lena",
            "email": "lena@cedar.example",
            "phone": "(202) 555-0142",
        },
    }
    assert http.calls[1].headers["Authorization"] == "Bearer token"
    assert list(QuickBooks().hosts) == ["quickbooks.api.intuit.com", "oauth.platform.intuit.com"]


@pytest.mark.parametrize(
    ("event_type", "fields"),
    [("invoice.issued", INVOICE_FIELDS), ("payment.succeeded", PAYMENT_FIELDS), ("contact.created", CONTACT_FIELDS)],
)
def test_the_fields_a_look_up_adds_are_documented(event_type: str, fields: Any) -> None:
    wanted = next(event for event in events_of("older-format-of-many-changes") if event.type == event_type)
    payment = {"Id": "87", "TotalAmt": 5, "CustomerRef": {"value": "58"}}

    event = QuickBooks(KEYED).lookup(wanted, api(**{"payment/87": {"Payment": payment}}))

    told = {name for name in event.data if name != "customer"} | {f"customer.{n}" for n in event.data["customer"]}
    assert told == set(fields)
    assert event.data["customer"]["phone"] == "(202) 555-0142"


def test_both_formats_and_the_poll_name_a_new_invoice_alike() -> None:
    older = events_of("older-format-of-many-changes")[0]
    talk = conversations.read(samples.ROOT / "quickbooks" / "an-invoice-issued-one-paid-and-a-payment.poll.yaml")
    polled = next(event for event in talk.events() if event.type == "invoice.issued")

    assert older.id == issued().id == polled.id
    assert older.key == issued().key == polled.key


@pytest.mark.parametrize("changed", [{"Balance": 0}, {"Balance": 0, "TotalAmt": 0}])
def test_asked_again_an_invoice_without_anything_due_is_gone(changed: dict[str, Any]) -> None:
    event = QuickBooks(KEYED).lookup(issued(), api())

    with pytest.raises(AskFailed) as failure:
        QuickBooks(KEYED).refresh(event, api(**{"invoice/1145": {"Invoice": {**INVOICE, **changed}}}))

    assert failure.value.gone


def test_asked_again_a_deleted_record_is_gone() -> None:
    with pytest.raises(AskFailed) as failure:
        QuickBooks(KEYED).refresh(events_of("cloud-events-with-one-bad-item")[0], api())

    assert failure.value.gone


def test_asked_again_an_open_invoice_has_what_is_due_by_now() -> None:
    event = QuickBooks(KEYED).lookup(issued(), api())
    partly = api(**{"invoice/1145": {"Invoice": {**INVOICE, "Balance": 80}}})

    assert QuickBooks(KEYED).refresh(event, partly).data["amount_due"] == "80"


def test_without_keys_nothing_is_asked() -> None:
    http = api()

    with pytest.raises(AskFailed, match="refresh_token"):
        QuickBooks().lookup(issued(), http)

    assert http.calls == []


def test_the_published_rule_gives_this_signature() -> None:
    proof = "A971iWIMgT8Zj9A9eWfikrFj7wQ16/Qwcc4OlRl2PLc="
    incoming = Incoming(source="quickbooks", headers={"intuit-signature": proof}, body=b'{"id":1}')

    QuickBooks().verify(incoming, ["secret"], incoming.received_at)

    with pytest.raises(Refused):
        QuickBooks().verify(incoming, ["another"], incoming.received_at)
