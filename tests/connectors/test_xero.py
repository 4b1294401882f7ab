"""What samples cannot express: Xero's look-up, its rule for signatures, and asking again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.xero import CONTACT_FIELDS, INVOICE_FIELDS, Xero
from inbound import samples
from model.event import Event, Incoming
from model.reasons import Refused
from tests.connectors.fake_http import FakeHttp
from wire.http import Call, Reply

KEYED = {"client_id": "not-a-real-id", "client_secret": "not-a-real-one"}
TENANT = "c2cc9b6e-9458-4c7d-93cc-f02b81b0594f"
INVOICE = {
    "InvoiceID": "717f2bfc-c6d4-41fd-b238-3f2f0c0cf777",
    "InvoiceNumber": "INV-0042",
    "Reference": "Oak door",
    "Type": "ACCREC",
    "Status": "AUTHORISED",
    "Total": 480.25,
    "AmountDue": 480.25,
    "CurrencyCode": "GBP",
    "DueDate": "/Date(1796601600000+0000)/",
    "DueDateString": "2026-12-07T00:00:00",
    "UpdatedDateUTC": "/Date(1795421739903+0000)/",
    "Contact": {"ContactID": "396d55d2", "Name": "Bramble Cafe"},
}
CONTACT = {
    "ContactID": "396d55d2",
    "Name": "Bramble Cafe",
    "FirstName": "Priya",
    "EmailAddress": "priya@bramble.example",
    "ContactStatus": "ACTIVE",
    "Phones": [
        {"PhoneType": "FAX", "PhoneNumber": "1"},
        {"PhoneType": "DEFAULT", "PhoneNumber": "900 100", "PhoneAreaCode": "07700", "PhoneCountryCode": ""},
        {"PhoneType": "MOBILE", "PhoneNumber": "900 101", "PhoneAreaCode": "07700", "PhoneCountryCode": "44"},
    ],
    "Addresses": [{"AddressType": "STREET", "Country": "United Kingdom"}],
}


def api(invoice: dict[str, Any] = INVOICE, contact: dict[str, Any] = CONTACT) -> FakeHttp:
    records = {
        "/connect/token": {"access_token": "not-a-real-token"},
        "/OnlineInvoice": {"OnlineInvoices": [{"OnlineInvoiceUrl": "https://in.xero.example/abc"}]},
        f"/Invoices/{INVOICE['InvoiceID']}": {"Invoices": [invoice]},
        "/Contacts/396d55d2": {"Contacts": [contact]},
    }

    def answer(call: Call) -> Reply:
        found = next((record for end, record in records.items() if call.url.endswith(end)), None)
        return Reply(status=404 if found is None else 200, body=json.dumps(found).encode())

    return FakeHttp(answer)


def touched() -> Event:
    (event,) = samples.read(samples.ROOT / "xero" / "invoice-updated.json").events()
    return event


def test_everything_but_the_id_is_fetched_from_the_invoice_and_its_contact() -> None:
    http = api()

    event = Xero(KEYED).lookup(touched(), http)

    assert event.data == {
        "id": INVOICE["InvoiceID"],
        "number": "INV-0042",
        "status": "AUTHORISED",
        "reference": "Oak door",
        "total": "480.25",
        "amount_due": "480.25",
        "currency": "GBP",
        "due_date": "2026-12-07",
        "pay_url": "https://in.xero.example/abc",
        "tenant": TENANT,
        "country": "United Kingdom",
        "customer": {
            "id": "396d55d2",
            "name": "Bramble Cafe",
            "first_name": "Priya",
            "email": "priya@bramble.example",
            "phone": "+44 07700 900 101",
        },
    }
    assert event.lookup == ""
    assert {call.headers["xero-tenant-id"] for call in http.calls[1:]} == {TENANT}
    assert list(Xero().hosts) == ["api.xero.com", "identity.xero.com"]
    told = {name for name in event.data if name != "customer"} | {f"customer.{n}" for n in event.data["customer"]}
    assert told == set(INVOICE_FIELDS)


def test_a_contact_is_fetched_and_has_the_documented_fields() -> None:
    contact = samples.read(samples.ROOT / "xero" / "batch-of-a-contact-and-an-invoice.json").events()[0]

    event = Xero(KEYED).lookup(contact, FakeHttp(_any))

    told = {name for name in event.data if name != "customer"} | {f"customer.{n}" for n in event.data["customer"]}
    assert told == set(CONTACT_FIELDS)
    assert event.data["customer"]["first_name"] == "Priya"


def _any(call: Call) -> Reply:
    body: Any = {"access_token": "t"} if call.method == "POST" else {"Contacts": [CONTACT]}
    return Reply(status=200, body=json.dumps(body).encode())


@pytest.mark.parametrize(
    ("phones", "expected"),
    [
        ([{"PhoneType": "DEFAULT", "PhoneAreaCode": "07700", "PhoneNumber": "900123"}], "07700 900123"),
        ([{"PhoneType": "MOBILE", "PhoneNumber": ""}, {"PhoneType": "DDI", "PhoneNumber": "+447700900124"}],
         "+447700900124"),
        ([{"PhoneType": "FAX", "PhoneNumber": "900123"}], ""),
        ("none", ""),
    ],
)  # fmt: skip
def test_the_best_number_of_a_contact_is_joined_from_its_parts(phones: Any, expected: str) -> None:
    event = Xero(KEYED).lookup(touched(), api(contact={**CONTACT, "Phones": phones}))

    assert event.data["customer"]["phone"] == expected


def test_a_suppliers_bill_is_nothing_for_a_customer() -> None:
    with pytest.raises(AskFailed) as failure:
        Xero(KEYED).lookup(touched(), api({**INVOICE, "Type": "ACCPAY"}))

    assert failure.value.permanent


@pytest.mark.parametrize("status", ["PAID", "VOIDED", "DELETED"])
def test_asked_again_an_invoice_that_was_settled_is_gone(status: str) -> None:
    event = Xero(KEYED).lookup(touched(), api())

    with pytest.raises(AskFailed) as failure:
        Xero(KEYED).refresh(event, api({**INVOICE, "Status": status}))

    assert failure.value.gone


def test_asked_again_an_invoice_has_what_is_due_by_now() -> None:
    event = Xero(KEYED).lookup(touched(), api())

    assert Xero(KEYED).refresh(event, api({**INVOICE, "AmountDue": 80})).data["amount_due"] == "80"


def test_the_address_in_a_notice_is_not_followed() -> None:
    body = json.loads((samples.ROOT / "xero" / "invoice-updated.json").read_text("utf-8"))
    body["events"][0]["resourceUrl"] = "https://attacker.example/steal"
    (event,) = Xero(KEYED).parse(Incoming(source="xero", body=json.dumps(body).encode()))
    http = api()

    Xero(KEYED).lookup(event, http)

    assert not any("attacker" in call.url for call in http.calls)


def test_the_published_rule_gives_this_signature() -> None:
    proof = "A971iWIMgT8Zj9A9eWfikrFj7wQ16/Qwcc4OlRl2PLc="
    incoming = Incoming(source="xero", headers={"x-xero-signature": proof}, body=b'{"id":1}')

    Xero().verify(incoming, ["secret"], incoming.received_at)

    with pytest.raises(Refused):
        Xero().verify(incoming, ["another"], incoming.received_at)
    assert Xero().answer([]).body == ""


@pytest.mark.parametrize(
    ("days", "event_type", "event_id"),
    [
        ({"Date": "/Date(1795392000000+0000)/"}, "invoice.issued", f"{TENANT}/invoice/{INVOICE['InvoiceID']}/issued"),
        ({"Date": "/Date(1790000000000+0000)/"}, "custom.invoice.changed", ""),
        (
            {"Status": "PAID", "Date": "/Date(1790000000000+0000)/", "FullyPaidOnDate": "/Date(1795392000000+0000)/"},
            "invoice.paid",
            f"{TENANT}/invoice/{INVOICE['InvoiceID']}/paid",
        ),
    ],
    ids=["new", "old and edited", "old and paid now"],
)
def test_a_notice_is_told_as_the_poll_tells_it_where_the_invoice_has_just_come_there(
    days: dict[str, str], event_type: str, event_id: str
) -> None:
    event = Xero(KEYED).lookup(touched(), api({**INVOICE, **days}))

    assert (event.type, event.id) == (event_type, event_id or touched().id)
    assert event.data["customer"]["phone"] == "+44 07700 900 101"
