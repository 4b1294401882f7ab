"""What samples cannot express: both of Lago's signatures and what must not pass for one, its look-up, asking again."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.lago import Lago
from inbound import samples
from inbound.samples import Sample
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from tests.connectors.fake_http import FakeHttp, says, serves
from wire import jwt
from wire.certificates import rehearsal_key

KEYED = {"api_key": "not-a-real-key"}
CUSTOMER = {"external_id": "C-77", "firstname": "Maya", "phone": "+447700900180", "country": "GB"}


def sample(case: str) -> Sample:
    return samples.read(samples.ROOT / "lago" / f"{case}.json")


def event_of(case: str) -> Event:
    return sample(case).events()[0]


BY_TOKEN = sample("invoice-created-signed-by-jwt")
INVOICE = json.loads(sample("invoice-created").incoming.body)["invoice"]


def refusal_of(incoming: Incoming, *secrets: str, settings: Any = None) -> Reason:
    with pytest.raises(Refused) as refusal:
        Lago(BY_TOKEN.settings if settings is None else settings).verify(incoming, secrets, incoming.received_at)
    return refusal.value.reason


def test_the_published_rule_gives_this_signature() -> None:
    headers = {"x-lago-signature": "A971iWIMgT8Zj9A9eWfikrFj7wQ16/Qwcc4OlRl2PLc=", "x-lago-signature-algorithm": "hmac"}
    incoming = Incoming(source="lago", headers=headers, body=b'{"id":1}')

    Lago().verify(incoming, ["older", "secret"], incoming.received_at)

    assert refusal_of(replace(incoming, body=b"{}"), "secret") is Reason.BAD_SIGNATURE


def test_a_public_key_is_no_hmac_key() -> None:
    forged = Lago().scheme.sign(BY_TOKEN.incoming, BY_TOKEN.secret, BY_TOKEN.now)
    forged = replace(forged, headers={**forged.headers, "x-lago-signature-algorithm": "hmac"})

    assert refusal_of(forged, BY_TOKEN.secret) is Reason.BAD_SIGNATURE


def test_a_token_made_for_another_body_is_refused() -> None:
    signed = BY_TOKEN.signed()

    Lago(BY_TOKEN.settings).verify(signed, ["an-hmac-key", BY_TOKEN.secret.replace("\n", "\\n")], BY_TOKEN.now)
    assert refusal_of(replace(signed, body=signed.body + b" "), BY_TOKEN.secret) is Reason.BAD_SIGNATURE


@pytest.mark.parametrize(
    "token",
    [
        jwt.sign_rs256({"data": {}}, rehearsal_key()),
        jwt.sign_rs256({}, rehearsal_key()),
        jwt.sign_hmac({"data": BY_TOKEN.incoming.body.decode()}, BY_TOKEN.secret),
        BY_TOKEN.signed().header("x-lago-signature").rpartition(".")[0] + ".",
        "no.token",
        "\udcff.\udcff.\udcff",
    ],
)
def test_other_tokens_are_refused(token: str) -> None:
    signed = BY_TOKEN.signed()

    assert refusal_of(replace(signed, headers={**signed.headers, "x-lago-signature": token}), BY_TOKEN.secret)


def test_a_token_without_the_organization_is_not_enough() -> None:
    assert refusal_of(BY_TOKEN.signed(), BY_TOKEN.secret, settings={}) is Reason.BAD_SIGNATURE


def test_the_invoice_of_a_failed_payment_is_fetched_and_the_reason_kept() -> None:
    failed = event_of("invoice-payment-failure")
    http = FakeHttp(serves({f"/api/v1/invoices/{failed.key}": {"invoice": INVOICE}}))

    event = Lago(KEYED).lookup(failed, http)

    assert (event.data["number"], event.data["total"], event.data["reason"]) == (
        "LAG-1234-001-002",
        "29.90",
        "card_declined",
    )
    assert event.data["customer"]["first_name"] == "Maya"
    assert http.calls[0].headers == {"Authorization": "Bearer not-a-real-key"}
    assert list(Lago().hosts) == ["api.getlago.com"]


def test_the_customer_of_a_payment_is_fetched() -> None:
    http = FakeHttp(serves({"/api/v1/customers/C-77": {"customer": CUSTOMER}}))

    event = Lago(KEYED).lookup(event_of("payment-succeeded"), http)

    assert (event.data["total"], event.data["customer"]["phone"], event.lookup) == ("1099", "+447700900180", "")


@pytest.mark.parametrize("changed", [{"payment_status": "succeeded"}, {"status": "voided"}])
def test_asked_again_an_invoice_that_was_settled_is_gone(changed: dict[str, str]) -> None:
    with pytest.raises(AskFailed) as failure:
        Lago(KEYED).refresh(event_of("invoice-payment-overdue"), FakeHttp(says({"invoice": {**INVOICE, **changed}})))

    assert failure.value.gone


def test_asked_again_an_open_invoice_has_what_is_due_by_now() -> None:
    answer = says({"invoice": {**INVOICE, "total_due_amount_cents": 500}})

    assert Lago(KEYED).refresh(event_of("invoice-created"), FakeHttp(answer)).data["amount_due"] == "5.00"
    assert Lago(KEYED).refresh(event_of("customer-created"), FakeHttp(answer)) == event_of("customer-created")


def test_without_its_unique_key_a_repeated_delivery_is_the_same_event() -> None:
    changed = sample("customer-updated-without-a-unique-key").incoming

    assert Lago().parse(changed)[0].id == Lago().parse(changed)[0].id
    later = replace(changed, body=changed.body.replace(b"08:31:00", b"08:32:00"))
    assert Lago().parse(later)[0].id != Lago().parse(changed)[0].id
