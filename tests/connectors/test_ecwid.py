"""What the contract over samples cannot express: Ecwid's look-ups, what its signature covers, and its poll's pages."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.ecwid import MAX_PAGES, SIZE, Ecwid
from inbound import samples
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from tests.connectors.fake_http import FakeHttp, says, serves
from wire.http import Call, Reply

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
KEYED = {"store_id": "100301", "token": "not-a-real-token", "currency": "GBP"}
SECRET = "client-secret-not-a-real-one"
ORDER = {
    "id": "B8HGD",
    "total": 46.9,
    "email": "imogen@hale.example",
    "paymentStatus": "PAID",
    "fulfillmentStatus": "SHIPPED",
    "trackingNumber": "JD0002221",
    "shippingPerson": {"name": "Imogen Hale", "countryCode": "GB"},
    "billingPerson": {"name": "Imogen Hale", "phone": "07700 900142"},
}


def sample(case: str) -> Incoming:
    return next(one for one in samples.every(connector="ecwid") if one.case == case).incoming


def told(case: str) -> Event:
    return Ecwid(KEYED).parse(sample(case))[-1]


def test_an_order_is_asked_for_with_the_token() -> None:
    http = FakeHttp(serves({"/api/v3/100301/orders/B8HGD": ORDER}))

    Ecwid(KEYED).lookup(told("order-shipped"), http)

    assert http.calls[0].headers["Authorization"] == "Bearer not-a-real-token"


@pytest.mark.parametrize("stands", [{"fulfillmentStatus": "PROCESSING"}, {"paymentStatus": "REFUNDED"}])
def test_a_status_the_order_does_not_have_is_not_told(stands: dict[str, str]) -> None:
    with pytest.raises(AskFailed) as failure:
        Ecwid(KEYED).lookup(told("order-shipped"), FakeHttp(says({**ORDER, **stands})))

    assert failure.value.gone


def test_a_text_about_an_order_that_was_cancelled_meanwhile_is_wrong() -> None:
    event = replace(told("order-ready-for-pickup"), lookup="")
    http = FakeHttp(says({**ORDER, "fulfillmentStatus": "READY_FOR_PICKUP", "paymentStatus": "CANCELLED"}))

    with pytest.raises(AskFailed, match="CANCELLED"):
        Ecwid(KEYED).refresh(event, http)


def test_a_new_customer_is_fetched() -> None:
    customer = {"id": 270919557, "email": "imogen@hale.example", "billingPerson": ORDER["billingPerson"]}

    event = Ecwid(KEYED).lookup(told("customer-created"), FakeHttp(serves({"/customers/270919557": customer})))

    assert event.data["customer"]["phone"] == "07700 900142"
    assert event.data["customer"]["email"] == "imogen@hale.example"


def test_an_old_webhook_cannot_be_sent_again_by_somebody_else() -> None:
    shop = Ecwid(KEYED)
    signed = shop.sign(sample("order-paid"), SECRET, NOW)

    shop.verify(signed, [SECRET], NOW + timedelta(hours=24))
    with pytest.raises(Refused) as refusal:
        shop.verify(signed, [SECRET], NOW + timedelta(hours=26))

    assert refusal.value.reason is Reason.STALE_SIGNATURE


def test_a_signature_does_not_fit_another_webhook() -> None:
    shop = Ecwid(KEYED)
    signed = shop.sign(sample("order-paid"), SECRET, NOW)

    with pytest.raises(Refused):
        shop.verify(replace(signed, body=signed.body.replace(b"380003", b"380004")), [SECRET], NOW)


def test_all_pages_are_read_before_anything_is_told() -> None:
    def answer(call: Call) -> Reply:
        first = int(call.params["offset"])
        made = [{**ORDER, "id": f"N{first + n}", "updateTimestamp": 1795427600 + n} for n in range(SIZE)]
        return Reply(status=200, body=json.dumps({"items": made if first < SIZE else made[:1]}).encode())

    http = FakeHttp(answer)
    first = Ecwid(KEYED).poll({}, FakeHttp(says({"items": []})), NOW)
    page = Ecwid(KEYED).poll(first.cursor, http, NOW)

    assert [call.params["offset"] for call in http.calls] == ["0", "100"]
    assert not page.more
    assert len(page.cursor["seen"]) == SIZE + 1


def test_a_store_that_has_changed_more_than_can_be_read_is_not_told_in_part() -> None:
    endless: dict[str, Any] = {"items": [ORDER] * SIZE}
    http = FakeHttp(says(endless))

    with pytest.raises(AskFailed, match="More than 5000 orders"):
        Ecwid(KEYED).poll({}, http, NOW)

    assert len(http.calls) == MAX_PAGES
