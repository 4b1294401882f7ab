"""What the contract over samples cannot express: Razorpay's event id in a header, and its look-up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.base import AskFailed
from connectors.razorpay import Razorpay
from inbound import samples
from inbound.samples import Sample
from model.event import Event, Incoming
from model.reasons import Refused
from tests.connectors.fake_http import FakeHttp, says, serves

KEYED = {"key_id": "rzp_live_tidings", "key_secret": "not-a-real-one"}
RAVI = {
    "id": "cust_TidingsRavi1",
    "entity": "customer",
    "name": "Ravi Kulkarni",
    "email": "ravi.kulkarni@example.com",
    "contact": "+447700900160",
    "gstin": None,
}


def sample_of(case: str) -> Sample:
    return samples.read(samples.ROOT / "razorpay" / f"{case}.json")


def event_of(case: str) -> Event:
    (event,) = sample_of(case).events()
    return event


def test_a_delivery_is_named_by_its_header() -> None:
    sample = sample_of("payment-captured")
    resent = replace(sample.incoming, headers={**sample.incoming.headers, "x-razorpay-event-id": "another"})

    assert event_of("payment-captured").id == "TdngsEvt000001"
    assert Razorpay().parse(resent)[0].id == "another"


def test_where_a_proxy_drops_the_header_the_same_fact_keeps_one_id() -> None:
    sample = sample_of("payment-captured-without-the-header")
    resent = replace(sample.incoming, body=sample.incoming.body.replace(b'"fee": 2998', b'"fee": 2999'))

    assert Razorpay().parse(resent)[0].id == event_of("payment-captured-without-the-header").id


def test_a_refund_is_tied_to_its_payment_and_tells_what_was_paid_back() -> None:
    refund, payment = event_of("refund-processed"), event_of("payment-captured")

    assert refund.key == payment.key
    assert (refund.data["total"], refund.data["customer"]["phone"]) == ("499.00", "+447700900158")


def test_razorpays_signature_is_the_plain_digest_of_the_body() -> None:
    proof = "03def589620c813f198fd03d7967e292b163ef0435ebf43071ce0e9519763cb7"
    incoming = Incoming(source="razorpay", headers={"x-razorpay-signature": proof}, body=b'{"id":1}')

    Razorpay().verify(incoming, ["a-new-secret", "secret"], incoming.received_at)

    with pytest.raises(Refused):
        Razorpay().verify(replace(incoming, body=b'{"id":2}'), ["a-new-secret", "secret"], incoming.received_at)


def test_the_phone_of_a_subscriber_is_fetched_from_the_customer_record() -> None:
    http = FakeHttp(serves({"/v1/customers/cust_TidingsRavi1": RAVI}))

    event = Razorpay(KEYED).lookup(event_of("subscription-halted"), http)

    assert event.data["customer"] == {
        "id": "cust_TidingsRavi1",
        "name": "Ravi Kulkarni",
        "email": "ravi.kulkarni@example.com",
        "phone": "+447700900160",
    }
    assert event.lookup == ""
    assert http.calls[0].auth == ("rzp_live_tidings", "not-a-real-one")
    assert list(Razorpay(KEYED).hosts) == ["api.razorpay.com"]


def test_without_a_key_nothing_is_asked() -> None:
    http = FakeHttp(says(RAVI))

    with pytest.raises(AskFailed) as failure:
        Razorpay({"key_id": "rzp_live_tidings"}).lookup(event_of("subscription-halted"), http)

    assert failure.value.permanent
    assert http.calls == []


@pytest.mark.parametrize(
    ("case", "place", "status", "is_gone"),
    [
        ("payment-failed", "orders", "attempted", False),
        ("payment-failed", "orders", "paid", True),
        ("invoice-expired", "invoices", "expired", False),
        ("invoice-expired", "invoices", "paid", True),
        ("subscription-halted", "subscriptions", "halted", False),
        ("subscription-halted", "subscriptions", "active", True),
    ],
)
def test_asked_again_what_was_paid_or_called_off_meanwhile_is_gone(
    case: str, place: str, status: str, is_gone: bool
) -> None:
    event, http = event_of(case), FakeHttp(says({"status": status}))

    if is_gone:
        with pytest.raises(AskFailed, match=f"{status} by now") as failure:
            Razorpay(KEYED).refresh(event, http)
        assert failure.value.gone
    else:
        assert Razorpay(KEYED).refresh(event, http) == event
    wanted = event.data["order_id" if place == "orders" else "id"]
    assert http.calls[0].url == f"https://api.razorpay.com/v1/{place}/{wanted}"


def test_a_payment_that_was_made_is_not_asked_for_again() -> None:
    http = FakeHttp(says({}))

    assert Razorpay(KEYED).refresh(event_of("payment-captured"), http) == event_of("payment-captured")
    assert http.calls == []
