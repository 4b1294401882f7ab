"""Signature Version 4: AWS's own example and what is signed. More comparisons are in tests/gateways/test_signers.py."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from wire import sigv4

NOW = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
EXAMPLE = sigv4.Identity(
    access_key="AKIDEXAMPLE",
    secret_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    region="us-east-1",
    service="service",
)


def signature(headers: dict[str, str]) -> str:
    return headers["Authorization"].rpartition("Signature=")[2]


def test_a_plain_post_is_signed_as_in_aws_s_test_suite() -> None:
    headers = sigv4.signed("POST", "https://example.amazonaws.com/", {}, b"", EXAMPLE, NOW)

    assert headers["X-Amz-Date"] == "20150830T123600Z"
    assert headers["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        "SignedHeaders=host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
    )


@pytest.mark.parametrize(
    ("url", "other"),
    [
        ("https://a.example/", "https://a.example"),
        ("https://a.example:443/", "https://A.EXAMPLE/"),
        ("http://a.example:80/", "http://a.example/"),
        ("https://a.example/?b=2&a=1", "https://a.example/?a=1&b=2"),
    ],
)
def test_addresses_that_mean_the_same_are_signed_the_same(url: str, other: str) -> None:
    one, two = (sigv4.signed("POST", address, {}, b"x", EXAMPLE, NOW) for address in (url, other))

    assert signature(one) == signature(two)


def test_every_part_of_a_request_is_under_the_signature() -> None:
    url, other = "https://a.example/", "https://b.example/"
    calls = [
        sigv4.signed("POST", url, {}, b"x", EXAMPLE, NOW),
        sigv4.signed("GET", url, {}, b"x", EXAMPLE, NOW),
        sigv4.signed("POST", other, {}, b"x", EXAMPLE, NOW),
        sigv4.signed("POST", url, {"X-Amz-Target": "T"}, b"x", EXAMPLE, NOW),
        sigv4.signed("POST", url, {}, b"y", EXAMPLE, NOW),
        sigv4.signed("POST", url, {}, b"x", EXAMPLE, NOW.replace(minute=37)),
    ]

    assert len({signature(headers) for headers in calls}) == len(calls)


def test_secrets_do_not_show_when_an_identity_is_printed() -> None:
    identity = sigv4.Identity(access_key="A", secret_key="hidden-1", session_token="hidden-2", region="r", service="s")

    assert "hidden" not in repr(identity)


def test_a_form_is_sent_in_the_bytes_that_were_signed() -> None:
    call = sigv4.post_form("https://a.example/", {"Message": "é &=+"}, EXAMPLE, NOW)

    assert call.body == b"Message=%C3%A9+%26%3D%2B"
    again = sigv4.signed("POST", call.url, {"Content-Type": sigv4.FORM}, call.body, EXAMPLE, NOW)
    assert dict(call.headers) == again
