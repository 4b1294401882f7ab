"""Tokens: what is taken, and everything that looks like a token and is none."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from model.reasons import Reason, Refused
from wire import jwt

NOW = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)  # 1700000000
AT = int(NOW.timestamp())
RFC_7515 = (  # appendix A.1: the header and claims hold line breaks, so nothing may be written anew before checking
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)
RFC_7515_KEY = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"


def encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def refusal(token: str, secrets: list[str], algorithms: tuple[str, ...] = ("HS256",)) -> Reason:
    with pytest.raises(Refused) as refused:
        jwt.claims_of(token, secrets, algorithms)
    return refused.value.reason


@pytest.mark.parametrize("algorithm", jwt.HMACS)
def test_what_we_sign_we_read_with_any_of_the_secrets(algorithm: str) -> None:
    token = jwt.sign_hmac({"a": "é", "n": 1}, "new", algorithm)

    assert jwt.claims_of(token, ["old", "new"], [algorithm]) == {"a": "é", "n": 1}
    assert refusal(token, ["old"], (algorithm,)) is Reason.BAD_SIGNATURE


def test_the_token_of_the_standard_is_signed_over_the_bytes_as_they_are() -> None:
    import hmac

    head, _, signature = RFC_7515.rpartition(".")
    key = base64.urlsafe_b64decode(RFC_7515_KEY + "==")  # not a text, so it is checked by hand

    digest = hmac.new(key, head.encode(), "sha256").digest()

    assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == signature
    assert refusal(RFC_7515, ["any text"]) is Reason.BAD_SIGNATURE


def test_a_token_may_not_choose_how_it_is_checked() -> None:
    token = jwt.sign_hmac({}, "s", "HS512")
    none = f"{encoded({'alg': 'none'})}.{encoded({})}."
    critical = f"{encoded({'alg': 'HS256', 'crit': ['x']})}.{encoded({})}.AAAA"

    assert refusal(token, ["s"]) is Reason.BAD_SIGNATURE
    assert {refusal(forged, ["s"], ("none", "HS256")) for forged in (none, critical)} == {Reason.BAD_SIGNATURE}


@pytest.mark.parametrize(
    "token",
    [
        "", ".", "..", "...", "a.b.c", "é.é.é", "\udcff.a.b", "a" * 9000, f"{encoded([])}.{encoded({})}.AAAA",
        f"{encoded({'alg': ['HS256']})}.{encoded({})}.AAAA", f"{encoded({'alg': 'HS256'})}.{encoded({})}.*",
        f"{encoded({'alg': 'HS256'})}.{encoded({})}", f"{encoded({})}.{encoded({})}.AAAA", "W" * 40 + ".e30.AAAA",
    ],
)  # fmt: skip
def test_whatever_is_no_token_is_refused_and_never_another_error(token: str) -> None:
    assert refusal(token, ["s"]) is Reason.BAD_SIGNATURE


def test_an_empty_secret_signs_for_nobody() -> None:
    assert refusal(jwt.sign_hmac({}, ""), ["", ""]) is Reason.BAD_SIGNATURE


def test_claims_that_are_no_object_are_refused() -> None:
    head = f"{encoded({'alg': 'HS256'})}.{encoded([1])}"
    import hmac

    signature = base64.urlsafe_b64encode(hmac.new(b"s", head.encode(), "sha256").digest()).decode().rstrip("=")

    assert refusal(f"{head}.{signature}", ["s"]) is Reason.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("claims", "max_age", "reason"),
    [
        ({}, None, None),
        ({"nbf": AT, "exp": AT}, None, None),
        ({"nbf": AT + 1, "exp": AT - 1}, None, None),
        ({"exp": AT - 2}, None, Reason.STALE_SIGNATURE),
        ({"nbf": AT + 2}, None, Reason.STALE_SIGNATURE),
        ({"iat": AT + 2}, None, Reason.STALE_SIGNATURE),
        ({"iat": AT - 60}, 60, None),
        ({"iat": AT - 61}, 60, Reason.STALE_SIGNATURE),
        ({}, 60, Reason.STALE_SIGNATURE),
        ({"exp": "soon"}, None, Reason.BAD_SIGNATURE),
        ({"iat": True}, None, Reason.BAD_SIGNATURE),
        ({"nbf": None}, None, Reason.BAD_SIGNATURE),
        ({"exp": 10**400}, None, Reason.BAD_SIGNATURE),
        ({"iat": float("nan")}, 60, Reason.BAD_SIGNATURE),
        ({"exp": float("inf")}, None, Reason.BAD_SIGNATURE),
    ],
)
def test_times_are_held_to(claims: dict[str, Any], max_age: int | None, reason: Reason | None) -> None:
    age = None if max_age is None else timedelta(seconds=max_age)
    found: Reason | None = None
    try:
        jwt.check_times(claims, NOW, leeway=timedelta(seconds=1), max_age=age)
    except Refused as refused:
        found = refused.reason

    assert found is reason


@pytest.mark.parametrize("stated", [None, 1, "", "00", "é", "\ud83d", ["x"]])
def test_a_hash_that_does_not_fit_is_refused(stated: Any) -> None:
    with pytest.raises(Refused):
        jwt.check_hash({"payload_hash": stated}, "payload_hash", b"body")


@pytest.mark.parametrize("pem", ["", "x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "é"])
def test_what_is_no_private_key_is_none(pem: str) -> None:
    assert jwt.private_key(pem) is None
