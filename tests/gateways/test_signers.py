"""Signatures of providers: their own libraries make and take what we make and take. And what samples cannot show.

The libraries are installed by the extra `peers`; where one is missing its tests are skipped and say so.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from certify.provider import Provider, provider
from gateways.aws import Aws
from gateways.aws_sns import AwsSns
from gateways.base import HttpGateway
from gateways.infobip import Infobip
from gateways.messagebird import MessageBird
from gateways.plivo import Plivo
from gateways.plivo import sign as plivo_sign
from gateways.sinch import SIGNATURE as SINCH
from gateways.sinch import Sinch
from gateways.telnyx import Telnyx
from gateways.vonage import Vonage
from gateways.vonage import sign as vonage_sign
from gateways.vonage_messages import VonageMessages
from model.event import Incoming
from model.message import State
from model.reasons import Reason, Refused
from model.sending import ErrorClass, Outcome, Submission
from wire import jwt, sigv4
from wire.http import Client

NOW = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)  # 1700000000
URL = "https://example.org/hooks/plivo?a=1"
HOOK = "https://tidings.example/receipts/main/token?m=m1"
SUBMISSION = Submission(message_id="m0sample00000001", to="+447700900123", text="Hi Zoë & =+~*'")
SEED = bytes(range(32))
ED25519 = Ed25519PrivateKey.from_private_bytes(SEED)
PUBLIC = base64.b64encode(ED25519.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
LETTERS = "aZ0 +&=%é😀\n'\"{}Я/?.,"
LONG = "a-key-of-sixty-four-bytes-because-PyJWT-warns-of-shorter-ones-000"
PEERS = "install the extra: pip install -e .[peers]"


@pytest.fixture
def stub() -> Iterator[Provider]:
    with provider() as running:
        yield running


def peer(module: str) -> Any:
    return pytest.importorskip(module, reason=PEERS)


def client() -> Client:
    return Client(connect=0.3, read=0.3)


def hook(body: bytes = b'{"id":1}', url: str = HOOK, method: str = "POST", **headers: str) -> Incoming:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Incoming(source="main", method=method, url=url, headers=named, body=body)


def refusal(gateway: HttpGateway, incoming: Incoming, now: datetime) -> Reason:
    with pytest.raises(Refused) as refused:
        gateway.verify(incoming, now)
    return refused.value.reason


def random_fields(dice: random.Random) -> dict[str, str]:
    names = ("messageId", "status", "text", "err-code", "to", "A", "a1")
    return {name: "".join(dice.choices(LETTERS, k=dice.randint(0, 9))) for name in dice.sample(names, 4)}


# --- vectors --------------------------------------------------------------------------------------------------------

VECTORS: list[tuple[str, Callable[[], str], str]] = [
    (
        "Vonage SMS",
        lambda: vonage_sign(
            "signature_secret",
            {"param1": "value1", "param2": "value2", "timestamp": "1234567890", "sig": "is left out"},
            "sha256",
        ),
        "280c4320703dbc98bfa22db676655ed2acfbfe8792b062ff7622e67f1183c287",
    ),
    (
        "Plivo v3, POST with query and form",  # the number is part of the vector, calculated only, never texted
        lambda: plivo_sign("my_auth_token", "POST", URL, {"From": ["15550001111"], "Status": ["delivered"]}, "12345"),
        "+pMGxHR1koN7NYOcRuHPXEB39Z0u5eabWOXBpXpxhFQ=",
    ),
    (
        "Sinch",
        lambda: SINCH.sign(hook(x_sinch_webhook_signature_nonce="nonce1"), "secret", NOW).headers[SINCH.header],
        "nqhEJfH1h4liCHEgvhUC7uVMyUM45spj9GWDjCYdtaQ=",
    ),
    (
        "Telnyx",
        lambda: base64.b64encode(ED25519.sign(b'1700000000|{"id":1}')).decode(),
        "Z1ZnwWculP6u2dNVyJl4NNAvP0DPJSN7NbTZZ0or4new7AuFKfXB8uQSczot79nWhtybk4vaPWaStRhusOfJAg==",
    ),
]


@pytest.mark.parametrize(("name", "made", "wanted"), VECTORS, ids=[name for name, _, _ in VECTORS])
def test_a_vector_comes_out_as_it_should(name: str, made: Callable[[], str], wanted: str) -> None:
    assert made() == wanted


# --- Vonage ---------------------------------------------------------------------------------------------------------


def vonage(method: str = "sha256") -> Vonage:
    settings = {"api_key": "k", "api_secret": "s", "signature_secret": "sig-secret", "signature_method": method}
    return Vonage("main", settings, client())


@pytest.mark.parametrize("method", ["md5", "sha1", "sha256", "sha512"])
def test_vonage_s_library_and_we_sign_alike(method: str) -> None:
    auth = peer("vonage_http_client.auth").Auth(api_key="k", signature_secret="sig-secret", signature_method=method)
    dice = random.Random(method)
    for _ in range(100):
        fields = {**random_fields(dice), "timestamp": "1700000000", "nonce": "n"}
        ours = vonage_sign("sig-secret", fields, method)

        assert auth.sign_params(dict(fields)) == ours
        assert auth.check_signature({**fields, "sig": ours.upper()})
        for body in (urlencode({**fields, "sig": ours}).encode(), json.dumps({**fields, "sig": ours}).encode()):
            vonage(method).verify(hook(body), NOW)
        by_get = Incoming(source="main", method="GET", query={**fields, "sig": ours, "m": "m1"})
        vonage(method).verify(by_get, NOW)
        assert not auth.check_signature({**fields, "more": "1", "sig": ours})
        forged = urlencode({**fields, "more": "1", "sig": ours}).encode()
        assert refusal(vonage(method), hook(forged), NOW) is Reason.BAD_SIGNATURE


def test_a_vonage_signature_ages_and_may_not_be_missing() -> None:
    fields = {"messageId": "1", "status": "delivered", "timestamp": "1700000000"}
    signed = hook(urlencode({**fields, "sig": vonage_sign("sig-secret", fields, "sha256")}).encode())

    assert refusal(vonage(), signed, NOW + timedelta(minutes=6)) is Reason.STALE_SIGNATURE
    assert refusal(vonage(), signed, NOW - timedelta(minutes=6)) is Reason.STALE_SIGNATURE
    assert refusal(vonage(), hook(urlencode(fields).encode()), NOW) is Reason.NO_SIGNATURE
    assert refusal(vonage("md5"), signed, NOW) is Reason.BAD_SIGNATURE


def messages(**settings: str) -> VonageMessages:
    plain = {"api_key": "k", "api_secret": "s", "signature_secret": LONG}
    return VonageMessages("main", {**plain, **settings}, client())


def vonage_token(body: bytes, key: str = LONG, **claims: Any) -> str:
    plain = {"iat": int(NOW.timestamp()), "jti": "j", "iss": "Vonage", "payload_hash": digest(body)}
    return jwt.sign_hmac({**plain, **claims}, key)


def digest(body: bytes) -> str:
    from hashlib import sha256

    return sha256(body).hexdigest()


def test_vonage_s_library_takes_our_token_and_we_look_at_the_body_as_well() -> None:
    library = peer("vonage_jwt")
    token = vonage_token(b'{"id":1}')

    assert library.verify_signature(token, LONG)
    assert not library.verify_signature(token, LONG[::-1])
    messages().verify(hook(authorization=f"Bearer {token}"), NOW)
    messages().verify(hook(authorization=f"bearer {token}"), NOW)
    assert refusal(messages(), hook(b'{"id":2}', authorization=f"Bearer {token}"), NOW) is Reason.BAD_SIGNATURE
    assert refusal(messages(), hook(), NOW) is Reason.NO_SIGNATURE
    late = NOW + timedelta(minutes=6)
    assert refusal(messages(), hook(authorization=f"Bearer {token}"), late) is Reason.STALE_SIGNATURE
    other = vonage_token(b'{"id":1}', key=LONG[::-1])
    assert refusal(messages(), hook(authorization=f"Bearer {other}"), NOW) is Reason.BAD_SIGNATURE


def test_vonage_signs_in_with_the_private_key() -> None:
    library = peer("jwt")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for written in (pem, pem.replace("\n", "\\n")):
        gateway = messages(application_id="app-1", private_key=written)
        gateway.clock = lambda: NOW

        word, _, token = gateway.encode(SUBMISSION).headers["Authorization"].partition(" ")
        claims = library.decode(token, key.public_key(), algorithms=["RS256"], options={"verify_exp": False})

        assert word == "Bearer"
        assert (claims["application_id"], claims["exp"] - claims["iat"]) == ("app-1", 900)
        assert library.get_unverified_header(token) == {"alg": "RS256", "typ": "JWT"}


# --- Telnyx ---------------------------------------------------------------------------------------------------------


def test_telnyx_s_library_takes_our_signature_and_refuses_what_we_refuse() -> None:
    library = peer("telnyx.lib.webhook_verification")
    peer("nacl.signing")
    gateway = Telnyx("main", {"api_key": "KEY", "public_key": PUBLIC}, client())
    now = datetime.now(UTC)  # the library looks at the clock itself
    stamp = str(int(now.timestamp()))
    body = '{"data": "é"}'.encode()
    given = {
        "telnyx-timestamp": stamp,
        "telnyx-signature-ed25519": base64.b64encode(ED25519.sign(f"{stamp}|".encode() + body)).decode(),
    }
    genuine = Incoming(source="main", headers=given, body=body)

    gateway.verify(genuine, now)
    library.verify_webhook_signature(body, given, PUBLIC)

    old = {**given, "telnyx-timestamp": str(int(stamp) - 400)}
    for forged in (replace(genuine, body=body + b" "), replace(genuine, headers=old), replace(genuine, headers={})):
        assert refusal(gateway, forged, now).status == 401
        with pytest.raises(library.WebhookVerificationError):
            library.verify_webhook_signature(forged.body, dict(forged.headers), PUBLIC)
    assert refusal(gateway, genuine, now + timedelta(minutes=6)) is Reason.STALE_SIGNATURE
    for key in ("", "AAAA", "é", PUBLIC[:-4]):
        other = Telnyx("main", {"api_key": "KEY", "public_key": key or "="}, client())
        assert refusal(other, genuine, now) is Reason.BAD_SIGNATURE


# --- Sinch ----------------------------------------------------------------------------------------------------------


def test_sinch_s_library_takes_our_signature_and_refuses_what_we_refuse() -> None:
    library = peer("sinch.domains.sms.sinch_events.v1.sms_sinch_event").SmsSinchEvent("secret")
    gateway = Sinch("main", {"service_plan_id": "p", "api_token": "t", "callback_secret": "secret"}, client())
    signed = SINCH.sign(hook('{"body": "é"}'.encode(), x_sinch_webhook_signature_nonce="n1"), "secret", NOW)

    gateway.verify(signed, NOW)
    assert library.validate_authentication_header(dict(signed.headers), signed.body)

    for forged in (
        replace(signed, body=signed.body + b" "),
        replace(signed, headers={**signed.headers, "x-sinch-webhook-signature-nonce": "n2"}),
        replace(signed, headers={}),
    ):
        assert refusal(gateway, forged, NOW).status == 401
        assert not library.validate_authentication_header(dict(forged.headers), forged.body)
    assert refusal(gateway, signed, NOW + timedelta(minutes=6)) is Reason.STALE_SIGNATURE


# --- Plivo ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("url", ["https://example.org/a", "https://example.org/a?b=1&A=2", "http://example.org:8080/"])
def test_plivo_s_library_and_we_sign_alike(method: str, url: str) -> None:
    library = peer("plivo.utils.signature_v3")
    gateway = Plivo("main", {"auth_id": "MA1", "auth_token": "tok"}, client())
    dice = random.Random(f"{method}{url}")
    for _ in range(60):
        form = {name: [value] for name, value in random_fields(dice).items()} if dice.random() < 0.8 else {}
        sent = form if method == "POST" else {}  # a GET carries everything in its address
        ours = plivo_sign("tok", method, url, sent, "12345")
        simple = {name: values[0] for name, values in sent.items()}

        assert library.validate_v3_signature(method, url, "12345", "tok", f"other,{ours}", dict(simple))
        body = urlencode(simple).encode()
        signed = hook(body, url, method, x_plivo_signature_v3=f"x, {ours}", x_plivo_signature_v3_nonce="12345")
        gateway.verify(signed, NOW)
        other = replace(signed, headers={**signed.headers, "x-plivo-signature-v3-nonce": "12346"})
        assert refusal(gateway, other, NOW) is Reason.BAD_SIGNATURE
        assert not library.validate_v3_signature(method, url, "12346", "tok", ours, dict(simple))
        if method == "POST":
            more = replace(signed, body=body + b"&Zz=1")
            assert refusal(gateway, more, NOW) is Reason.BAD_SIGNATURE


def test_plivo_sorts_repeated_fields_by_their_values() -> None:
    library = peer("plivo.utils.signature_v3")
    form = parse_qs("To=2&To=1&From=9")
    ours = plivo_sign("tok", "POST", URL, form, "n")

    assert library.validate_v3_signature("POST", URL, "n", "tok", ours, form)


# --- MessageBird ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize("body", [b"", b"id=e1&status=delivered"])
def test_messagebird_s_library_takes_our_token_and_refuses_what_we_refuse(algorithm: str, body: bytes) -> None:
    library = peer("messagebird.request_validator").RequestValidator(LONG)
    failed = peer("messagebird.error").ValidationError
    gateway = MessageBird("main", {"access_key": "a", "signing_key": LONG}, client())
    now = datetime.now(UTC)  # the library looks at the clock itself
    at = int(now.timestamp())
    claims: dict[str, Any] = {"iss": "MessageBird", "nbf": at, "exp": at + 60, "url_hash": digest(HOOK.encode())}
    full = {**claims, "payload_hash": digest(body)} if body else claims

    def both_take(claims: dict[str, Any], url: str = HOOK, content: bytes = body, key: str = LONG) -> bool:
        token = jwt.sign_hmac(claims, key, algorithm)
        try:
            library.validate_signature(token, url, content)
            theirs = True
        except failed:
            theirs = False
        try:
            gateway.verify(hook(content, url, messagebird_signature_jwt=token), now)
        except Refused:
            assert not theirs
            return False
        assert theirs
        return True

    assert both_take(full)
    assert not both_take(full, url=HOOK + "1")
    assert not both_take(full, content=body + b"&x=1")
    assert not both_take(full, key=LONG[::-1])
    assert not both_take({**full, "iss": "Somebody"})
    assert not both_take({**full, "exp": at - 60})
    assert not both_take({**full, "nbf": at + 60})
    assert not both_take({name: value for name, value in full.items() if name != "exp"})
    assert not both_take({**claims, "payload_hash": digest(b"else")})
    assert not both_take(claims if body else {**claims, "payload_hash": digest(b"")})


# --- AWS ------------------------------------------------------------------------------------------------------------

AWS_CALLS: list[tuple[str, type[Aws] | type[AwsSns], str, str]] = [
    ("end user messaging", Aws, "sms-voice", "https://sms-voice.eu-central-1.amazonaws.com/"),
    ("SNS", AwsSns, "sns", "https://sns.eu-central-1.amazonaws.com/"),
]


@pytest.mark.parametrize("session", ["", "a-session-token"])
@pytest.mark.parametrize(("name", "kind", "service", "url"), AWS_CALLS, ids=[name for name, *_ in AWS_CALLS])
def test_botocore_signs_our_requests_the_same_way(
    name: str, kind: type[Aws] | type[AwsSns], service: str, url: str, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "secret/+", "session_token": session}
    gateway = kind("main", {**settings, "region": "eu-central-1", "from": "+12025550100"}, client())
    gateway.clock = lambda: NOW

    call = gateway.encode(SUBMISSION)

    assert call.url == url
    assert call.body is not None
    assert call.headers["Authorization"] == by_botocore(
        monkeypatch, url, call.body, dict(call.headers), service, session
    )


@pytest.mark.parametrize(
    "url", ["https://example.org/", "http://127.0.0.1:4566/a%20b/ü?b=2&a=1&a=%20", "https://example.org:443/x?y"]
)
def test_botocore_signs_other_addresses_the_same_way(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = sigv4.Identity(access_key="AKIDEXAMPLE", secret_key="secret/+", region="eu-central-1", service="x")
    headers = sigv4.signed("POST", url, {"Content-Type": "a/b", "X-Two": "a   b "}, b"\xff", identity, NOW)

    assert headers["Authorization"] == by_botocore(monkeypatch, url, b"\xff", headers, "x", "")
    assert "secret/+" not in repr(identity)


def by_botocore(
    monkeypatch: pytest.MonkeyPatch, url: str, body: bytes, headers: dict[str, str], service: str, session: str
) -> str:
    auth, awsrequest, credentials = (peer(f"botocore.{part}") for part in ("auth", "awsrequest", "credentials"))
    monkeypatch.setattr(auth, "get_current_datetime", lambda *_: NOW.replace(tzinfo=None))
    ours = {"authorization", "x-amz-date", "x-amz-security-token"}
    kept = {name: value for name, value in headers.items() if name.lower() not in ours}
    request = awsrequest.AWSRequest(method="POST", url=url, data=body, headers=kept)
    auth.SigV4Auth(
        credentials.Credentials("AKIDEXAMPLE", "secret/+", session or None), service, "eu-central-1"
    ).add_auth(request)
    return str(request.headers["Authorization"])


def test_a_subscription_is_confirmed_at_our_own_address_for_our_own_topic_only(stub: Provider) -> None:
    settings = {"access_key_id": "A", "secret_access_key": "s", "region": "eu-central-1", "topic_arn": "arn:ours"}
    gateway = Aws("main", {**settings, "sns_base_url": stub.url}, client())
    for topic in ("arn:theirs", "", "arn:ours"):
        wish = {
            "Type": "SubscriptionConfirmation",
            "TopicArn": topic,
            "Token": "t1",
            "SubscribeURL": f"{stub.url}/evil",
        }

        assert gateway.parse_receipt(hook(json.dumps(wish).encode())) == []

    (seen,) = stub.seen
    assert (seen.method, seen.path) == ("POST", "/")
    assert dict(seen.form) == {
        "Action": "ConfirmSubscription", "Version": "2010-03-31", "TopicArn": "arn:ours", "Token": "t1",
    }  # fmt: skip


# --- what samples cannot show ---------------------------------------------------------------------------------------


def test_receipts_that_come_by_get_are_read_from_the_query() -> None:
    at_vonage = {"messageId": "0A01", "status": "delivered", "client-ref": "m1", "m": "m1"}
    at_messagebird = {"id": "e1", "reference": "m1", "status": "delivered", "m": "m1"}

    (one,) = vonage().parse_receipt(Incoming(source="main", method="GET", query=at_vonage))
    (two,) = MessageBird("main", {"access_key": "a"}, client()).parse_receipt(
        Incoming(source="main", method="GET", query=at_messagebird)
    )

    assert (one.state, one.provider_id, one.message_id) == (State.DELIVERED, "0A01", "m1")
    assert (two.state, two.provider_id, two.message_id) == (State.DELIVERED, "e1", "m1")


def test_sinch_is_told_until_when_a_text_is_worth_delivering(stub: Provider) -> None:
    gateway = Sinch("main", {"service_plan_id": "p1", "api_token": "t", "from": "A", "base_url": stub.url}, client())
    gateway.clock = lambda: NOW

    gateway.submit(replace(SUBMISSION, receipt_url=HOOK))
    gateway.submit(replace(SUBMISSION, validity=timedelta(days=9), sender="+447700900100"))

    first, second = stub.seen
    assert (first.path, first.headers["authorization"]) == ("/xms/v1/p1/batches", "Bearer t")
    assert first.json == {
        "type": "mt_text", "to": ["447700900123"], "from": "A", "body": SUBMISSION.text, "callback_url": HOOK,
        "delivery_report": "per_recipient", "expire_at": "2023-11-15T22:13:20.000Z",
        "client_reference": "m0sample00000001",
    }  # fmt: skip
    assert (second.json["expire_at"], second.json["from"]) == ("2023-11-17T22:13:20.000Z", "447700900100")


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([{"id": "b1", "client_reference": "m0sample00000001"}], "b1"),
        ([{"id": "b0", "client_reference": "other"}, {"id": "b1", "client_reference": "m0sample00000001"}], "b1"),
        ([{"id": "b1", "client_reference": "m0sample00000001"}] * 2, ""),
        ([{"id": "b0", "client_reference": "other"}], ""),
        ([], ""),
    ],
)
def test_sinch_finds_a_batch_by_our_reference(rows: list[dict[str, str]], found: str, stub: Provider) -> None:
    gateway = Sinch("main", {"service_plan_id": "p1", "api_token": "t", "base_url": stub.url}, client())
    stub.answer(200, {"count": len(rows), "batches": rows})

    result = gateway.resolve(SUBMISSION, NOW)

    assert stub.seen[0].query == {"client_reference": "m0sample00000001"}
    assert ("" if result is None else result.provider_id) == found


def test_infobip_finds_a_text_by_our_id(stub: Provider) -> None:
    gateway = Infobip("main", {"api_key": "k", "base_url": stub.url}, client())
    stub.answer(200, {"results": [{"messageId": "m0sample00000001", "status": {"groupName": "PENDING"}}]})
    stub.answer(200, {"results": [{"messageId": "another"}]})
    stub.answer(429, {})
    stub.answer(200, {"results": [{"messageId": "m0sample00000001", "status": {"groupName": "REJECTED"}}]})

    found, other, busy, refused = (gateway.resolve(SUBMISSION, NOW) for _ in range(4))

    assert found is not None
    assert (found.outcome, found.provider_id, found.error) == (Outcome.ACCEPTED, "m0sample00000001", ErrorClass.NONE)
    assert (other, busy, refused) == (None, None, None)
    assert stub.seen[0].query == {"messageId": "m0sample00000001"}


@pytest.mark.parametrize(
    ("log", "outcome"),
    [
        ([{"messageId": "m0sample00000001", "status": {"groupName": "PENDING"}}], Outcome.ACCEPTED),
        ([{"messageId": "m0sample00000001", "status": {"groupName": "REJECTED"}}], Outcome.REJECTED),
        ([], Outcome.ACCEPTED),
    ],
)
def test_infobip_s_duplicate_is_no_yes_where_the_first_try_was_refused(
    log: list[dict[str, Any]], outcome: Outcome, stub: Provider
) -> None:
    gateway = Infobip("main", {"api_key": "k", "base_url": stub.url}, client())
    stub.answer(200, {"messages": [{"messageId": "m0sample00000001", "status": {"groupId": 5, "id": 23}}]})
    stub.answer(200, {"results": log})

    result = gateway.submit(SUBMISSION)

    assert (result.outcome, result.code) == (outcome, "23")
    assert [(seen.method, seen.path) for seen in stub.seen] == [("POST", "/sms/3/messages"), ("GET", "/sms/3/logs")]
