"""Whatever the API of a billing system answers, a look-up reads it or says what failed."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.invoice_ninja import InvoiceNinja
from connectors.lago import Lago
from connectors.mollie import Mollie
from connectors.paypal import PayPal
from connectors.quickbooks import QuickBooks
from connectors.recurly import Recurly
from connectors.xero import Xero
from model.event import Event
from tests.connectors import (
    test_invoice_ninja,
    test_lago,
    test_mollie,
    test_paypal,
    test_quickbooks,
    test_recurly,
    test_xero,
)
from tests.connectors.fake_http import FakeHttp, serves
from tests.scale import runs
from tests.test_every_connector import JUNK, node_paths, swapped

TOKEN = {"access_token": "not-a-real-token"}
XERO = {
    "/connect/token": TOKEN,
    "/OnlineInvoice": {"OnlineInvoices": [{"OnlineInvoiceUrl": "https://in.xero.example/abc"}]},
    f"/Invoices/{test_xero.INVOICE['InvoiceID']}": {"Invoices": [test_xero.INVOICE]},
    "/Contacts/396d55d2": {"Contacts": [test_xero.CONTACT]},
}
QUICKBOOKS = {
    "/bearer": TOKEN,
    "/invoice/1145": {"Invoice": test_quickbooks.INVOICE},
    "/customer/58": {"Customer": test_quickbooks.CUSTOMER},
}
NINJA = {
    "/clients/VolejRejNm": {"data": test_invoice_ninja.CLIENT},
    "/invoices/Opnel5aKBz": {"data": test_invoice_ninja.invoice()},
}
LAGO = {f"/invoices/{test_lago.INVOICE['lago_id']}": {"invoice": test_lago.INVOICE}}
MOLLIE = {f"/payments/{test_mollie.PAYMENT['id']}": test_mollie.PAYMENT}


@pytest.mark.parametrize(
    ("connector", "event", "records"),
    [
        (Xero(test_xero.KEYED), test_xero.touched(), XERO),
        (QuickBooks(test_quickbooks.KEYED), test_quickbooks.issued(), QUICKBOOKS),
        (PayPal(test_paypal.KEYED), test_paypal.event_of("capture-refunded"), test_paypal.RECORDS),
        (Mollie(test_mollie.KEYED), test_mollie.touched(), MOLLIE),
        (Recurly(test_recurly.KEYED), test_recurly.event_of("payment-failed"), test_recurly.RECORDS),
        (Lago(test_lago.KEYED), test_lago.event_of("invoice-payment-failure"), LAGO),
        (InvoiceNinja(test_invoice_ninja.KEYED), test_invoice_ninja.event_of("invoice-sent"), NINJA),
    ],
    ids=["xero", "quickbooks", "paypal", "mollie", "recurly", "lago", "invoice_ninja"],
)
def test_an_odd_answer_of_the_api_does_not_break_a_look_up(connector: Any, event: Event, records: Any) -> None:
    asked = [method for name in ("lookup", "refresh") if (method := getattr(connector, name, None))]
    for path in [path for path in node_paths(records) if path]:
        for junk in JUNK[:: runs(6, 1)]:
            for method in asked:
                with suppress(AskFailed):
                    found = method(event, FakeHttp(serves(swapped(records, path, junk))))
                    assert json.loads(json.dumps(dict(found.data)))
