"""What the contract over samples cannot express: Square signs the registered address, and its look-ups."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from connectors.base import AskFailed
from connectors.square import Square
from inbound import samples
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from tests.connectors.fake_http import FakeHttp, says, serves

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
KEYED = {"access_token": "EAAA_not_a_real_one"}
IDA = {
    "id": "CUSTIDABERGER00001",
    "given_name": "Ida",
    "family_name": "Berger",
    "email_address": "ida.berger@example.com",
    "phone_number": "+491713920049",
    "address": {"country": "DE"},
}
SALON = {
    "id": "LTIDINGSBERLIN",
    "name": "Mitte",
    "business_name": "Salon Ahorn",
    "timezone": "Europe/Berlin",
    "address": {"address_line_1": "Ahornweg 12", "postal_code": "10115", "locality": "Berlin"},
}


def event_of(case: str) -> Event:
    (event,) = samples.read(samples.ROOT / "square" / f"{case}.json").events()
    return event


def test_squares_signature_covers_the_address_it_was_registered_with() -> None:
    proof = {"x-square-hmacsha256-signature": "Z17wMEQJ5B3wEpQago0wmQU6IFhYwfVCak3b2+rsOOo="}
    incoming = Incoming(source="square", url="https://example.org/hooks/square", headers=proof, body=b'{"id":1}')

    Square().verify(incoming, ["secret"], NOW)

    with pytest.raises(Refused) as refusal:
        Square().verify(replace(incoming, url="https://example.org/hooks/square/"), ["secret"], NOW)
    assert refusal.value.reason is Reason.BAD_SIGNATURE


def test_the_registered_address_is_a_setting_where_a_proxy_changes_it() -> None:
    proof = {"x-square-hmacsha256-signature": "Z17wMEQJ5B3wEpQago0wmQU6IFhYwfVCak3b2+rsOOo="}
    incoming = Incoming(source="square", url="http://10.0.0.7/hooks/square", headers=proof, body=b'{"id":1}')

    Square({"notification_url": "https://example.org/hooks/square"}).verify(incoming, ["secret"], NOW)

    with pytest.raises(Refused):
        Square().verify(incoming, ["secret"], NOW)


def test_the_customer_and_the_place_of_a_booking_are_fetched() -> None:
    http = FakeHttp(
        serves({"/customers/CUSTIDABERGER00001": {"customer": IDA}, "/locations/LTIDINGSBERLIN": {"location": SALON}})
    )

    event = Square(KEYED).lookup(event_of("booking-created"), http)

    assert event.data["customer"] == {
        "id": "CUSTIDABERGER00001",
        "name": "Ida Berger",
        "first_name": "Ida",
        "email": "ida.berger@example.com",
        "phone": "+491713920049",
        "tz": "Europe/Berlin",
    }
    assert (event.data["location"], event.data["organizer"]) == ("Ahornweg 12, 10115, Berlin", "Salon Ahorn")
    assert (event.data["starts_at"], event.data["country"], event.lookup) == ("2026-11-26T14:00:00Z", "DE", "")
    assert http.calls[0].headers == {"Authorization": "Bearer EAAA_not_a_real_one"}
    assert list(Square(KEYED).hosts) == ["connect.squareup.com"]


def test_the_phone_of_a_buyer_costs_one_request_and_their_mail_address_stays() -> None:
    http = FakeHttp(says({"customer": IDA}))

    event = Square({**KEYED, "api_version": "2026-10-15"}).lookup(event_of("payment-updated-completed"), http)

    assert event.data["customer"]["phone"] == "+491713920049"
    assert event.data["customer"]["email"] == "erin.walsh@example.com"
    assert http.calls[0].headers["Square-Version"] == "2026-10-15"
    assert len(http.calls) == 1


def test_the_fields_a_look_up_adds_are_documented() -> None:
    http = FakeHttp(serves({"1": {"customer": IDA}, "BERLIN": {"location": SALON}}))

    for case in ("booking-created", "payment-updated-completed"):
        event = Square(KEYED).lookup(event_of(case), http)
        told = {name for name in event.data if name != "customer"} | {f"customer.{n}" for n in event.data["customer"]}
        assert told <= set(Square.fields[event.type])


def test_an_invoice_holds_its_phone_and_asks_for_nothing() -> None:
    assert event_of("invoice-published").lookup == ""


def test_a_booking_keeps_its_key_over_all_its_changes() -> None:
    cases = ("booking-created", "booking-updated-moved", "booking-updated-cancelled-by-customer")

    events = [event_of(case) for case in cases]

    assert {event.key for event in events} == {"bkTidingsIda001"}
    assert [event.version for event in events] == ["0", "1", "2"]


def test_without_a_token_nothing_is_asked() -> None:
    http = FakeHttp(says({"customer": IDA}))

    with pytest.raises(AskFailed) as failure:
        Square().lookup(event_of("booking-created"), http)

    assert failure.value.permanent
    assert http.calls == []


@pytest.mark.parametrize(
    ("case", "kind", "status", "is_gone"),
    [
        ("booking-created", "booking", "ACCEPTED", False),
        ("booking-created", "booking", "CANCELLED_BY_SELLER", True),
        ("booking-updated-moved", "booking", "NO_SHOW", True),
        ("booking-updated-cancelled-by-customer", "booking", "CANCELLED_BY_CUSTOMER", False),
        ("invoice-published", "invoice", "UNPAID", False),
        ("invoice-published", "invoice", "PAID", True),
        ("invoice-scheduled-charge-failed", "invoice", "CANCELED", True),
    ],
)
def test_asked_again_what_was_called_off_or_paid_meanwhile_is_gone(
    case: str, kind: str, status: str, is_gone: bool
) -> None:
    event = event_of(case)
    known = {**event.data["customer"], "phone": "+1 202 555 0142"}
    event = replace(event, data={**event.data, "customer": known})
    http = FakeHttp(says({kind: {"id": event.key, "status": status, "start_at": "2026-11-27T13:00:00Z"}}))

    if is_gone:
        with pytest.raises(AskFailed, match=f"{status} by now") as failure:
            Square(KEYED).refresh(event, http)
        assert failure.value.gone
    else:
        fresh = Square(KEYED).refresh(event, http)
        assert (fresh.data["status"], fresh.data["customer"]) == (status, known)
        assert fresh.data.get("starts_at", "2026-11-27T13:00:00Z") == "2026-11-27T13:00:00Z"
    assert http.calls[0].url == f"https://connect.squareup.com/v2/{kind}s/{quote(event.key, safe='')}"


def test_a_payment_that_was_made_is_not_asked_for_again() -> None:
    http = FakeHttp(says({}))

    assert Square(KEYED).refresh(event_of("payment-updated-completed"), http).type == "payment.succeeded"
    assert http.calls == []
