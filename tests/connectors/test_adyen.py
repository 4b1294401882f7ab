"""What samples cannot express: Adyen's published signatures, and what must not pass for one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.adyen import Adyen
from inbound import samples
from model.event import Incoming
from model.reasons import Reason, Refused

KEY = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
PUBLISHED = {
    "pspReference": "7914073381342284",
    "originalReference": "",
    "merchantAccountCode": "TestMerchant",
    "merchantReference": "TestPayment-1407325143704",
    "amount": {"value": 1130, "currency": "EUR"},
    "eventCode": "AUTHORISATION",
    "success": "true",
    "additionalData": {"hmacSignature": "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="},
}


def body_of(*items: Any, live: Any = "true") -> Incoming:
    body = {"live": live, "notificationItems": [{"NotificationRequestItem": one} for one in items]}
    return Incoming(source="adyen", body=json.dumps(body).encode())


def reason_for(incoming: Incoming, secret: str = KEY) -> Reason:
    with pytest.raises(Refused) as refusal:
        Adyen().verify(incoming, [secret], incoming.received_at)
    return refusal.value.reason


def test_the_published_signature_fits() -> None:
    Adyen().verify(body_of(PUBLISHED), ["ab" * 32, KEY], Incoming(source="a").received_at)
    Adyen().verify(body_of(PUBLISHED), [KEY.lower()], Incoming(source="a").received_at)

    assert reason_for(body_of(PUBLISHED), "ab" * 32) is Reason.BAD_SIGNATURE


@pytest.mark.parametrize(
    "changed", [{"success": "false"}, {"pspReference": "1"}, {"amount": {"value": 1, "currency": "EUR"}},
                {"eventCode": "REFUND"}, {"merchantReference": "TestPayment-1407325143705"}]
)  # fmt: skip
def test_no_signed_field_can_be_changed(changed: dict[str, Any]) -> None:
    assert reason_for(body_of({**PUBLISHED, **changed})) is Reason.BAD_SIGNATURE


def test_one_unsigned_item_in_a_batch_refuses_it_all() -> None:
    unsigned = {name: value for name, value in PUBLISHED.items() if name != "additionalData"}

    assert reason_for(body_of(PUBLISHED, unsigned)) is Reason.NO_SIGNATURE
    assert reason_for(body_of(PUBLISHED, {**PUBLISHED, "success": "false"})) is Reason.BAD_SIGNATURE
    assert reason_for(body_of(PUBLISHED, 7)) is Reason.NO_SIGNATURE


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"null", b'{"notificationItems": []}', b"\xff", b'{"notificationItems": 1}']
)
def test_a_body_without_items_proves_nothing(body: bytes) -> None:
    assert reason_for(Incoming(source="adyen", body=body)) is Reason.NO_SIGNATURE


def test_a_key_that_is_not_hex_lets_nobody_in() -> None:
    assert reason_for(body_of(PUBLISHED), "not hex at all") is Reason.BAD_SIGNATURE


def test_colons_and_odd_values_are_signed_as_they_are() -> None:
    odd = {**PUBLISHED, "merchantReference": "a:b\\c/d", "originalReference": None, "amount": "none", "success": True}
    signed = Adyen().sign(body_of(odd), KEY, Incoming(source="a").received_at)

    Adyen().verify(signed, [KEY], signed.received_at)

    assert reason_for(signed, "ab" * 32) is Reason.BAD_SIGNATURE


def test_adyen_hears_that_a_webhook_was_accepted() -> None:
    answer = Adyen().answer([])

    assert (answer.status, answer.body) == (200, "[accepted]")


def test_the_shoppers_number_is_found_where_the_setting_says() -> None:
    item = {**PUBLISHED, "additionalData": {"metadata.mobile": "+447700900156"}}

    (event,) = Adyen({"phone_keys": ["metadata.mobile"]}).parse(body_of(item))

    assert event.data["customer"]["phone"] == "+447700900156"


def test_a_repeated_delivery_is_the_same_event() -> None:
    sample = samples.read(samples.ROOT / "adyen" / "authorisation.json")

    assert [e.id for e in sample.events()] == [e.id for e in Adyen().parse(sample.incoming)]
