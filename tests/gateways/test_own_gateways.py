"""What is particular to the gateways people run themselves: Kannel, Jasmin and a phone with SMSGate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from certify.provider import Provider, provider
from gateways.capcom6 import SIGNATURE, Capcom6
from gateways.jasmin import Jasmin
from gateways.kannel import Kannel
from model.event import Incoming
from model.message import State
from model.reasons import Reason, Refused
from model.sending import Outcome, Submission
from wire.http import Client
from wire.http import Reply as HttpReply

NOW = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)  # 1700000000
SUBMISSION = Submission(message_id="m0sample00000001", to="+447700900123", text="Hi")


@pytest.fixture
def stub() -> Iterator[Provider]:
    with provider() as running:
        yield running


def client() -> Client:
    return Client(connect=0.3, read=0.3)


def phone(base_url: str = "http://127.0.0.1:9") -> Capcom6:
    return Capcom6("main", {"username": "u", "password": "p", "signing_key": "secret", "base_url": base_url}, client())


def test_the_signature_of_a_phone_comes_out_as_measured() -> None:
    signed = SIGNATURE.sign(Incoming(source="main", body=b'{"id":1}'), "secret", NOW)

    assert signed.headers["x-signature"] == "2f3272135b099bb44dcc3fc6033143b827e43dd5715adbdd92783b7ebb0bfea6"
    phone().verify(signed, NOW)
    for forged, now in (
        (replace(signed, body=b'{"id":2}'), NOW),
        (replace(signed, headers={**signed.headers, "x-timestamp": "1700000001"}), NOW),
        (replace(signed, headers={}), NOW),
        (signed, NOW + timedelta(hours=2)),
    ):
        with pytest.raises(Refused) as refused:
            phone().verify(forged, now)
        assert refused.value.reason.status == 401
    with pytest.raises(Refused) as refused:
        phone().verify(signed, NOW + timedelta(hours=2))
    assert refused.value.reason is Reason.STALE_SIGNATURE


def test_a_phone_is_asked_about_a_text_by_our_id(stub: Provider) -> None:
    stub.answer(200, {"id": "m0sample00000001", "state": "Sent"})
    stub.answer(200, {"id": "m0sample00000001", "state": "Failed"})
    stub.answer(404, {"message": "not found"})

    taken, failed, missing = (phone(stub.url).resolve(SUBMISSION, NOW) for _ in range(3))

    assert taken is not None
    assert (taken.outcome, taken.provider_id) == (Outcome.ACCEPTED, "m0sample00000001")
    assert (failed, missing) == (None, None)
    assert (stub.seen[0].method, stub.seen[0].path) == ("GET", "/messages/m0sample00000001")


@pytest.mark.parametrize(("attempt", "outcome"), [(1, Outcome.UNKNOWN), (2, Outcome.ACCEPTED), (5, Outcome.ACCEPTED)])
def test_a_known_id_is_a_yes_only_where_we_have_tried_before(attempt: int, outcome: Outcome) -> None:
    reply = HttpReply(status=409, body=b'{"message": "exists"}')

    assert phone().decode(reply, replace(SUBMISSION, attempt=attempt)).outcome is outcome


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("1", State.DELIVERED),
        ("2", State.UNDELIVERED),
        ("8", State.SENT),
        ("16", State.REJECTED),
        ("32", State.UNCONFIRMED),
    ],
)
def test_kannel_fills_in_the_address_we_gave_it_and_calls_it_by_get(status: str, state: State) -> None:
    kannel = Kannel("main", {"username": "u", "password": "p"}, client())
    address = kannel.encode(replace(SUBMISSION, receipt_url="https://tidings.example/r?m=m1")).params["dlr-url"]
    query = {"m": "m1", "status": status, "answer": "ACK/", "foreign": ""}

    (receipt,) = kannel.parse_receipt(Incoming(source="main", method="GET", query=query))

    assert address == "https://tidings.example/r?m=m1&status=%d&answer=%A&foreign=%F"
    assert (receipt.state, receipt.message_id, receipt.provider_id) == (state, "m1", "m1")


def test_jasmin_may_call_by_get_too() -> None:
    jasmin = Jasmin("main", {"username": "u", "password": "p", "base_url": "http://127.0.0.1:9"}, client())
    query = {"id": "j1", "message_status": "DELIVRD", "level": "2", "m": "m1"}

    (receipt,) = jasmin.parse_receipt(Incoming(source="main", method="GET", query=query))

    assert (receipt.state, receipt.provider_id) == (State.DELIVERED, "j1")
    assert jasmin.answer().body == "ACK/Jasmin"
