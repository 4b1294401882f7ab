"""What is particular to Twilio: its signature, its lookup, its balance. The rest is in tests/test_every_gateway.py."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator

from certify.provider import Provider, provider
from gateways import twilio
from gateways.twilio import CODES, Twilio
from model.event import Incoming
from model.message import State
from model.reasons import Reason, Refused
from model.sending import ErrorClass, Outcome, Submission
from wire.http import Client

NOW = datetime(2026, 11, 23, 10, 0, 30, tzinfo=UTC)
URL = "https://example.org/hooks/twilio/status?route=eu"
FORM_TYPE = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
VECTORS = [
    (
        "12345",
        "https://mycompany.com/myapp.php?foo=1&bar=2",
        {
            "CallSid": "CA1234567890ABCDE",
            "Digits": "1234",
            "From": "+14158675309",  # published in Twilio's own unit tests, calculated only, never texted
            "To": "+18005551212",
            "Caller": "+14158675309",
        },
        "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
    ),
    (
        "tok",
        URL,
        {
            "MessageSid": "SM" + "0" * 32,
            "MessageStatus": "undelivered",
            "ErrorCode": "30003",
            "To": "+447911123456",  # part of the published vector, calculated only
            "Body": "Hi é 😀",
            "Empty": "",
        },
        "xsve4dasNC5Yucx8HVvDoF1UHNM=",
    ),
]


@pytest.fixture
def stub() -> Iterator[Provider]:
    with provider() as running:
        yield running


def gateway(stub: Provider | None = None, **settings: str) -> Twilio:
    base = stub.url if stub else "http://127.0.0.1:9"
    plain = {"account_sid": "AC1", "auth_token": "tok", "from": "+12025550100", "base_url": base}
    return Twilio("main", {**plain, **settings}, Client(connect=0.3, read=0.3))


def callback(url: str, params: Mapping[str, str] | list[tuple[str, str]], signature: str) -> Incoming:
    headers = {**FORM_TYPE, "x-twilio-signature": signature}
    return Incoming(source="main", url=url, headers=headers, body=urlencode(params).encode())


def refusal(incoming: Incoming, **settings: str) -> Reason:
    with pytest.raises(Refused) as refused:
        gateway(None, **settings).verify(incoming, NOW)
    assert "tok" not in str(refused.value).split()
    return refused.value.reason


# --- signature ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("token", "url", "params", "signature"), VECTORS)
def test_a_published_vector_is_genuine(token: str, url: str, params: dict[str, str], signature: str) -> None:
    gateway(auth_token=token).verify(callback(url, params, signature), NOW)

    assert twilio.sign(token, url, set(params.items())) == signature


@pytest.mark.parametrize(("token", "url", "params", "signature"), VECTORS)
def test_a_published_vector_with_one_thing_changed_is_not(
    token: str, url: str, params: dict[str, str], signature: str
) -> None:
    changed = [
        callback(url, {**params, "More": "1"}, signature),
        callback(url, dict(list(params.items())[1:]), signature),
        callback(url + "&x=1", params, signature),
        callback(url.replace("https", "http"), params, signature),
        callback(url, params, signature.lower()),
        callback(url, params, "é\udcff"),
    ]

    assert {refusal(incoming, auth_token=token) for incoming in changed} == {Reason.BAD_SIGNATURE}
    assert refusal(callback(url, params, signature), auth_token="another") is Reason.BAD_SIGNATURE
    assert refusal(callback(url, params, "")) is Reason.NO_SIGNATURE


@pytest.mark.parametrize(
    "url", [URL, "https://example.org:8443/a?b=%20c&d", "http://example.org/", "https://e.org:443/x"]
)
def test_our_signature_and_twilio_s_own_library_agree(url: str) -> None:
    dice = random.Random(url)
    letters = "aZ0 +&=%é😀\n'\"{}Я\u200d/?"
    for _ in range(200):
        params = {word(dice, "ABCabc_1"): word(dice, letters) for _ in range(dice.randint(0, 8))}
        official = RequestValidator("tok")

        ours = twilio.sign("tok", url, set(params.items()))
        assert official.validate(url.replace(":8443", ""), params, ours) or ":8443" in url
        for theirs in (official.compute_signature(url, params), official.compute_signature(bare(url), params)):
            gateway().verify(callback(url, params, theirs), NOW)
            assert official.validate(url, params, theirs)


def word(dice: random.Random, letters: str) -> str:
    return "".join(dice.choices(letters, k=dice.randint(1, 12)))


def bare(url: str) -> str:
    return url.replace(":8443", "").replace(":443", "")


def test_repeated_names_are_signed_with_their_unique_values_in_order() -> None:
    class Repeated(dict[str, Any]):
        def getlist(self, name: str) -> list[str]:
            values: list[str] = self[name]
            return values

    pairs = [("Media", "b"), ("Media", "a"), ("Media", "b"), ("Body", "")]
    theirs = RequestValidator("tok").compute_signature(URL, Repeated(Media=["b", "a", "b"], Body=[""]))

    gateway().verify(callback(URL, pairs, theirs), NOW)

    with pytest.raises(Refused):
        gateway().verify(callback(URL, [*pairs, ("Media", "c")], theirs), NOW)


def test_the_port_may_be_in_the_signature_or_not() -> None:
    params = {"MessageSid": "SM1"}
    for signed in ("https://example.org/x", "https://example.org:443/x"):
        for called in ("https://example.org/x", "https://example.org:443/x"):
            gateway().verify(callback(called, params, twilio.sign("tok", signed, set(params.items()))), NOW)
    other = twilio.sign("tok", "https://example.org:8443/x", set(params.items()))

    assert refusal(callback("https://example.org/x", params, other)) is Reason.BAD_SIGNATURE


def test_a_json_body_is_signed_by_its_digest_in_the_address() -> None:
    body = '{"MessageSid": "SM1", "text": "é"}'
    url = f"{URL}&bodySHA256={hashlib.sha256(body.encode()).hexdigest()}"
    headers = {"content-type": "application/json", "x-twilio-signature": twilio.sign("tok", url, set())}
    genuine = Incoming(source="main", url=url, headers=headers, body=body.encode())

    gateway().verify(genuine, NOW)
    assert RequestValidator("tok").validate(url, body, headers["x-twilio-signature"])
    assert refusal(replace(genuine, body=body.encode() + b" ")) is Reason.BAD_SIGNATURE
    assert refusal(replace(genuine, url=URL)) is Reason.BAD_SIGNATURE


def test_a_json_body_cannot_pass_as_unsigned_by_calling_itself_nothing() -> None:
    signed_empty = twilio.sign("tok", URL, set())
    for kind in ("", "text/plain", "application/json", "multipart/form-data; boundary=x"):
        headers = {"content-type": kind, "x-twilio-signature": signed_empty}
        forged = Incoming(source="main", url=URL, headers=headers, body=b"MessageSid=SM1&MessageStatus=delivered")

        assert refusal(forged) is Reason.BAD_SIGNATURE


def test_both_tokens_count_while_they_are_rotated_and_none_counts_for_nobody() -> None:
    params = {"MessageSid": "SM1"}
    by_new = callback(URL, params, twilio.sign("new", URL, set(params.items())))
    by_empty = callback(URL, params, twilio.sign("", URL, set(params.items())))

    gateway(auth_token_secondary="new").verify(by_new, NOW)
    assert refusal(by_empty) is Reason.BAD_SIGNATURE
    assert refusal(by_empty, auth_token="", api_key="SK1", api_secret="s") is Reason.BAD_SIGNATURE


@pytest.mark.parametrize("body", [b"\xff\xfe", b"a=b&" * 2000, b"%ff=1", b"\x00", b"=" * 100])
def test_a_body_that_is_no_form_is_refused_as_forged(body: bytes) -> None:
    headers = {**FORM_TYPE, "x-twilio-signature": "AAAA"}

    assert refusal(Incoming(source="main", url=URL, headers=headers, body=body)) is Reason.BAD_SIGNATURE


# --- states and codes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("accepted", State.ACCEPTED),
        ("scheduled", State.ACCEPTED),
        ("queued", State.ACCEPTED),
        ("sending", State.SENDING),
        ("sent", State.SENT),
        ("partially_delivered", State.SENT),
        ("delivered", State.DELIVERED),
        ("read", State.DELIVERED),
        ("undelivered", State.UNDELIVERED),
        ("failed", State.FAILED),
        ("canceled", State.CANCELLED),
        ("receiving", State.UNCONFIRMED),
    ],
)
def test_each_status_becomes_its_state(status: str, state: State) -> None:
    body = urlencode({"MessageSid": "SM1", "MessageStatus": status}).encode()

    (receipt,) = gateway().parse_receipt(Incoming(source="main", body=body))

    assert (receipt.state, receipt.provider_id, receipt.raw_status) == (state, "SM1", status)


@pytest.mark.parametrize("code", CODES)
def test_each_listed_code_is_sorted_the_same_way_in_answer_and_receipt(code: str, stub: Provider) -> None:
    stub.answer(400, {"code": int(code), "message": "in Twilio's words", "status": 400})
    body = urlencode({"MessageSid": "SM1", "MessageStatus": "failed", "ErrorCode": code}).encode()

    result = gateway(stub).submit(Submission(message_id="m1", to="+447700900123", text="Hi"))
    (receipt,) = gateway().parse_receipt(Incoming(source="main", body=body))

    assert result.error is receipt.error is CODES[code][0]
    assert result.text == CODES[code][1]
    assert result.text.endswith(".")


def test_only_stop_is_recorded_as_an_opt_out() -> None:
    assert [code for code, (error, _) in CODES.items() if error is ErrorClass.OPT_OUT] == ["21610"]


def test_a_start_at_twilio_is_no_wish_to_stop() -> None:
    for kind, out in (("STOP", True), ("START", False), ("HELP", False), ("", False)):
        form = {"MessageSid": "SM1", "From": "+447700900123", "To": "+12025550100", "Body": "x", "OptOutType": kind}

        (reply,) = gateway().parse_reply(Incoming(source="main", body=urlencode(form).encode()))

        assert reply.opt_out is out


# --- lookup and balance ---------------------------------------------------------------------------------------------

SENT = Submission(message_id="m1", to="+447700900123", text="Hi {{ x }}\nZoë")


def row(**changes: Any) -> dict[str, Any]:
    created = format_datetime(NOW)
    plain = {"sid": "SM7", "to": SENT.to, "body": SENT.text, "direction": "outbound-api", "date_created": created}
    return {**plain, "num_segments": "1", "price": None, "status": "sent", **changes}


def date(seconds: int) -> dict[str, str]:
    return {"Date": format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)}


def test_a_text_twilio_lists_is_adopted(stub: Provider) -> None:
    others = [row(body="another"), row(to="+447700900124"), row(direction="inbound"), row(sid="")]
    old = row(date_created=format_datetime(NOW - timedelta(minutes=5)))
    stub.answer(200, {"messages": [*others, old, row()]})

    result = gateway(stub).resolve(SENT, NOW)

    assert result is not None
    assert (result.outcome, result.provider_id, result.segments) == (Outcome.ACCEPTED, "SM7", 1)
    (seen,) = stub.seen
    assert (seen.method, seen.path) == ("GET", "/2010-04-01/Accounts/AC1/Messages.json")
    assert seen.query == {"To": SENT.to, "DateSent>": "2026-11-23", "PageSize": "200"}


def test_a_text_twilio_does_not_list_is_free_to_go_again_after_a_minute(stub: Provider) -> None:
    stub.answer(200, {"messages": []}, date(59))
    stub.answer(200, {"messages": [row(body="another")]}, date(60))

    early, late = gateway(stub).resolve(SENT, NOW), gateway(stub).resolve(SENT, NOW)

    assert early is None
    assert late is not None
    assert (late.outcome, late.code) == (Outcome.RETRY, "not_found")


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [row(), row(sid="SM8")]},
        {"messages": [], "next_page_uri": "/next"},
        {"messages": None},
        {"messages": [row(date_created="yesterday")], "next_page_uri": "/x"},
        [],
        None,
    ],
)
def test_what_the_list_cannot_tell_stays_open(body: Any, stub: Provider) -> None:
    stub.answer(200, body, date(600))

    assert gateway(stub).resolve(SENT, NOW) is None


@pytest.mark.parametrize("fault", ["hang", "close", "reset", "garbage"])
def test_a_lookup_that_fails_stays_open(fault: str, stub: Provider) -> None:
    getattr(stub, fault)()

    assert gateway(stub).resolve(SENT, NOW) is None


@pytest.mark.parametrize("status", [302, 401, 404, 429, 500])
def test_a_lookup_that_is_refused_stays_open(status: int, stub: Provider) -> None:
    stub.answer(status, {"messages": []}, date(600))

    assert gateway(stub).resolve(SENT, NOW) is None


def test_the_balance_is_read_with_its_currency(stub: Provider) -> None:
    stub.answer(200, json.dumps({"account_sid": "AC1", "balance": "12.3400", "currency": "usd"}))
    stub.answer(401, {"code": 20003})

    assert gateway(stub).balance() == "12.3400 USD"
    assert gateway(stub).balance() == ""
    assert stub.seen[0].path == "/2010-04-01/Accounts/AC1/Balance.json"


def test_a_compatible_host_below_a_path_is_reached(stub: Provider) -> None:
    stub.answer(201, {"sid": "SM1", "status": "queued"})

    result = gateway(stub, base_url=f"{stub.url}/api/laml/").submit(SENT)

    assert result.outcome is Outcome.ACCEPTED
    assert stub.seen[0].path == "/api/laml/2010-04-01/Accounts/AC1/Messages.json"
