"""What samples cannot express: Invoice Ninja's header, its look-up, asking again, and webhook and poll as one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.invoice_ninja import InvoiceNinja
from inbound import conversations, samples
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from tests.connectors.fake_http import FakeHttp, says, serves

KEYED = {"api_token": "not-a-real-token"}
CLIENT = {"id": "VolejRejNm", "phone": "+447700900192", "contacts": [{"first_name": "Ruth", "phone": ""}]}


def event_of(case: str) -> Event:
    return samples.read(samples.ROOT / "invoice_ninja" / f"{case}.json").events()[0]


def invoice(**changed: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((samples.ROOT / "invoice_ninja" / "invoice-sent.json").read_text("utf-8"))
    return {**found, **changed}


def test_only_the_header_proves_a_webhook() -> None:
    incoming = Incoming(source="n", headers={"x-tidings-token": "secret"}, body=b"{}")

    InvoiceNinja().verify(incoming, ["older", "secret"], incoming.received_at)

    for headers, reason in (({"x-tidings-token": "guess"}, Reason.BAD_SIGNATURE), ({}, Reason.NO_SIGNATURE)):
        with pytest.raises(Refused) as refusal:
            InvoiceNinja().verify(replace(incoming, headers=headers), ["secret"], incoming.received_at)
        assert refusal.value.reason is reason


def test_the_client_of_a_thin_invoice_is_fetched() -> None:
    http = FakeHttp(serves({"/api/v1/clients/VolejRejNm": {"data": CLIENT}}))

    event = InvoiceNinja(KEYED).lookup(event_of("invoice-late-without-its-client"), http)

    assert (event.data["customer"]["phone"], event.data["customer"]["first_name"]) == ("+447700900192", "Ruth")
    assert (event.data["number"], event.lookup) == ("0042", "")
    assert http.calls[0].headers == {"X-API-TOKEN": "not-a-real-token", "X-Requested-With": "XMLHttpRequest"}
    assert list(InvoiceNinja().hosts) == ["invoicing.co"]


def test_webhook_and_poll_name_what_an_invoice_reached_alike() -> None:
    talk = conversations.read(samples.ROOT / "invoice_ninja" / "invoices-sent-and-paid-and-a-payment.poll.yaml")
    polled = {event.type: event for event in talk.events()}

    assert polled["invoice.paid"].id.replace("/A/", "/Opnel5aKBz/") == event_of("invoice-updated-once-it-is-paid").id
    assert polled["payment.succeeded"].id.replace("/P/", "/X1aPnel5aK/") == event_of("payment-created").id


@pytest.mark.parametrize("changed", [{"status_id": "4"}, {"status_id": "5"}, {"is_deleted": True}])
def test_asked_again_an_invoice_that_was_settled_is_gone(changed: dict[str, Any]) -> None:
    with pytest.raises(AskFailed) as failure:
        InvoiceNinja(KEYED).refresh(event_of("invoice-sent"), FakeHttp(says({"data": invoice(**changed)})))

    assert failure.value.gone


def test_asked_again_an_open_invoice_has_what_is_due_by_now_and_its_customer_still() -> None:
    http = FakeHttp(says({"data": invoice(balance=20, status_id="3", client=None)}))

    fresh = InvoiceNinja(KEYED).refresh(event_of("invoice-sent"), http)

    assert (fresh.data["amount_due"], fresh.data["customer"]["phone"]) == ("20", "+447700900190")
    assert InvoiceNinja(KEYED).refresh(event_of("payment-created"), http) == event_of("payment-created")


def test_a_poll_without_a_token_says_what_is_missing() -> None:
    with pytest.raises(AskFailed, match="api_token"):
        InvoiceNinja().poll({}, FakeHttp(says({})), Incoming(source="n").received_at)
