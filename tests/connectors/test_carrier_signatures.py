"""The published and recomputed signature vectors of the carriers, and the proofs that are not a plain signature."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from connectors.aftership import AfterShip
from connectors.base import Connector
from connectors.dhl import Dhl
from connectors.fedex import FedEx
from connectors.onfleet import Onfleet
from connectors.sendcloud import Sendcloud
from connectors.seventeentrack import SeventeenTrack
from connectors.shipengine import ShipEngine
from connectors.ups import Ups
from model.event import Incoming
from model.reasons import Reason, Refused
from tests.fakes.world import NOON

BODY = b'{"id":1}'
BASE64 = "A971iWIMgT8Zj9A9eWfikrFj7wQ16/Qwcc4OlRl2PLc="
HEX = "03def589620c813f198fd03d7967e292b163ef0435ebf43071ce0e9519763cb7"
SHA512 = (
    "25013bfb7013bdcf8d0bb5e1b2e73b01a88699871cc1658523d408bf28595be5"
    "faab1c7d8fcdc062aea682e486af6f523f347b9b9f91c77a6af19aa87a585947"
)
NAMES = {
    "signature": "x-shipengine-rsa-sha256-signature",
    "key_id": "x-shipengine-rsa-sha256-key-id",
    "timestamp": "x-shipengine-timestamp",
}
SIGNED_AT = "2026-11-23T10:59:30Z"


def request(headers: Mapping[str, str], body: bytes = BODY) -> Incoming:
    return Incoming(source="carrier", headers=headers, body=body, received_at=NOON)


def refusal(connector: Connector, incoming: Incoming, *secrets: str) -> Reason:
    with pytest.raises(Refused) as refused:
        connector.verify(incoming, secrets, NOON)
    return refused.value.reason


@pytest.mark.parametrize(
    ("connector", "headers", "secret"),
    [
        (AfterShip(), {"aftership-hmac-sha256": BASE64}, "secret"),
        (FedEx(), {"fdx-signature": BASE64}, "secret"),
        (Sendcloud(), {"sendcloud-signature": HEX}, "secret"),
        (Onfleet(), {"x-onfleet-signature": SHA512}, "00112233445566778899aabbccddeeff"),
        (SeventeenTrack(), {"sign": "ae8b3727c9ca54f55f4e1c87b36687b8d1743824805de484124ec0baa0a6d0d3"}, "KEY"),
        (Ups(), {"credential": "token"}, "token"),
        (Ups(), {"x-api-key": "token"}, "token"),
        (Ups(), {"authorization": "Bearer token"}, "token"),
        (Dhl({"header": "x-dhl-token"}), {"x-dhl-token": "token"}, "token"),
    ],
)
def test_a_genuine_request_is_taken_and_a_changed_one_is_not(
    connector: Connector, headers: dict[str, str], secret: str
) -> None:
    connector.verify(request(headers), [secret], NOON)
    connector.verify(request(headers), ["an-older-secret", secret], NOON)

    forged = request({name: value[:-6] + "AAAAA=" for name, value in headers.items()})
    assert refusal(connector, forged, secret) is Reason.BAD_SIGNATURE
    assert refusal(connector, request({}), secret) is Reason.NO_SIGNATURE


def test_the_example_of_sendclouds_page_is_genuine() -> None:
    proof = "1eed4b3d41f4653ac64fd56f1bf1cbfd349e4482cbc11dff7134bd93e5da4b0a"

    Sendcloud().verify(request({"sendcloud-signature": proof}, b'{"key": "value"}'), ["secretkey"], NOON)

    changed = request({"sendcloud-signature": proof}, b'{"key": "other"}')
    assert refusal(Sendcloud(), changed, "secretkey") is Reason.BAD_SIGNATURE


def test_onfleets_greeting_is_given_back() -> None:
    greeting = Incoming(source="onfleet", method="GET", query={"check": "hello<1>"})

    answer = Onfleet().handshake(greeting, [])

    assert answer is not None
    assert (answer.status, answer.body, answer.content_type) == (200, "hello<1>", "text/plain; charset=utf-8")
    assert Onfleet().handshake(Incoming(source="onfleet", method="POST", query={"check": "x"}), []) is None
    assert Onfleet().handshake(Incoming(source="onfleet", method="GET"), []) is None


def test_a_secret_that_is_not_hexadecimal_lets_nobody_in_at_onfleet() -> None:
    assert refusal(Onfleet(), request({"x-onfleet-signature": SHA512}), "not hexadecimal") is Reason.BAD_SIGNATURE


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwks(key: rsa.RSAPrivateKey) -> str:
    numbers = key.public_key().public_numbers()

    def text(number: int) -> str:
        raw = number.to_bytes((number.bit_length() + 7) // 8)
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    return json.dumps({"keys": [{"kty": "RSA", "kid": "k1", "e": text(numbers.e), "n": text(numbers.n)}]})


def signed(key: rsa.RSAPrivateKey, at: str = SIGNED_AT, **changes: str) -> Incoming:
    """Sign as ShipEngine does; `changes` replace the signature, key_id or timestamp afterwards."""
    proof = key.sign(f"{at}.".encode() + BODY, padding.PKCS1v15(), SHA256())
    headers = {
        "x-tidings-token": "token",
        NAMES["signature"]: base64.b64encode(proof).decode(),
        NAMES["key_id"]: "k1",
        NAMES["timestamp"]: at,
    }
    for name, value in changes.items():
        headers[NAMES[name]] = value
    return request(headers)


def test_shipengines_signature_is_checked_where_its_keys_are_known(key: rsa.RSAPrivateKey) -> None:
    connector = ShipEngine({"keys": jwks(key)})

    connector.verify(signed(key), ["token"], NOON)
    connector.verify(signed(key), ["token"], NOON + timedelta(minutes=4))
    ShipEngine().verify(request({"x-tidings-token": "token"}), ["token"], NOON)

    assert refusal(connector, signed(key), "another token") is Reason.BAD_SIGNATURE
    assert refusal(connector, request({"x-tidings-token": "token"}), "token") is Reason.NO_SIGNATURE
    assert refusal(connector, signed(key, key_id="k2"), "token") is Reason.BAD_SIGNATURE
    assert refusal(connector, signed(key, signature="AAAA"), "token") is Reason.BAD_SIGNATURE
    assert refusal(connector, signed(key, signature="%"), "token") is Reason.BAD_SIGNATURE
    assert refusal(connector, signed(key, timestamp="soon"), "token") is Reason.BAD_SIGNATURE
    assert refusal(connector, signed(key, "2026-11-23T10:50:00Z"), "token") is Reason.STALE_SIGNATURE
    assert refusal(connector, signed(key, "2026-11-23T11:10:00Z"), "token") is Reason.STALE_SIGNATURE


@pytest.mark.parametrize("written", ["not json", "{}", '{"keys": [1]}', '{"keys": [{"kty": "RSA", "kid": "k1"}]}', 7])
def test_keys_that_are_none_are_refused_at_the_start(written: Any) -> None:
    with pytest.raises(ValueError, match="Setting keys: this is not the JSON"):
        ShipEngine({"keys": written})
