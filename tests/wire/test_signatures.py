"""Signatures: vectors of vendors and of the facts, the official library as a second opinion, and everything malformed.

Bodies are written without a final newline where the vector has none: one byte more and the digest is another one.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from standardwebhooks import Webhook, WebhookVerificationError

from model.event import Incoming
from model.reasons import Reason, Refused
from wire.signatures import STANDARD_WEBHOOKS, Hmac, Scheme, Token

NOW = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)  # 1700000000
BODY = b'{"id":1}'
FIVE = timedelta(minutes=5)

STRIPE = Hmac(
    header="stripe-signature",
    signed="{timestamp}.{body}",
    timestamp_prefix="t=",
    prefix="v1=",
    separator=",",
    past=FIVE,
)
RECURLY = Hmac(
    header="recurly-signature", signed="{timestamp}.{body}", timestamp_first=True, separator=",", milliseconds=True,
    past=FIVE, future=FIVE,
)  # fmt: skip
PADDLE = Hmac(
    header="paddle-signature", signed="{timestamp}:{body}", timestamp_prefix="ts=", prefix="h1=", separator=";",
    past=timedelta(seconds=5),
)  # fmt: skip
GITHUB = Hmac(header="x-hub-signature-256", prefix="sha256=")
HUBSPOT_URL = "https://www.example.com/webhook_uri"
HUBSPOT_BODY = b'{"example_field":"example_value"}'
HUBSPOT_SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
HUBSPOT_3 = Hmac(
    header="x-hubspot-signature-v3", signed="{method}{url}{body}{timestamp}", encoding="base64", milliseconds=True,
    timestamp_header="x-hubspot-request-timestamp", past=FIVE, future=FIVE,
)  # fmt: skip
HEX_256 = "03def589620c813f198fd03d7967e292b163ef0435ebf43071ce0e9519763cb7"
BASE64_256 = "A971iWIMgT8Zj9A9eWfikrFj7wQ16/Qwcc4OlRl2PLc="
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def request(body: bytes = BODY, url: str = "", **headers: str) -> Incoming:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Incoming(source="s", url=url, headers=named, body=body)


VECTORS: list[tuple[str, Scheme, str, Incoming]] = [
    ("V1 Stripe, Calendly", STRIPE, "whsec_test", request(
        stripe_signature="t=1700000000,v1=2f441ba4b3b2d50d28a9ab9d9fd8880376ecd1eb5d0435401553f5d8d0a5dcf8,v0=x")),
    ("V4 Recurly", RECURLY, "secret", request(
        recurly_signature="1700000000000,17107187e6f9d8e13c7efccc1ed808974bda9b3eb9a262c5ad6c4f4a22f3f660")),
    ("V5 Xero", Hmac(header="x-xero-signature", encoding="base64"), "secret", request(x_xero_signature=BASE64_256)),
    ("V5 QuickBooks", Hmac(header="intuit-signature", encoding="base64"), "secret",
     request(intuit_signature=BASE64_256)),
    ("V5 AfterShip", Hmac(header="aftership-hmac-sha256", encoding="base64"), "secret",
     request(aftership_hmac_sha256=BASE64_256)),
    ("V5 WooCommerce", Hmac(header="x-wc-webhook-signature", encoding="base64"), "secret",
     request(x_wc_webhook_signature=BASE64_256)),
    ("V6 GoCardless", Hmac(header="webhook-signature"), "secret", request(webhook_signature=HEX_256)),
    ("V6 Razorpay", Hmac(header="x-razorpay-signature"), "secret", request(x_razorpay_signature=HEX_256)),
    ("V6 Mollie", Hmac(header="x-mollie-signature", prefix="sha256="), "secret",
     request(x_mollie_signature=f"sha256={HEX_256}")),
    ("V6 Sendcloud", Hmac(header="sendcloud-signature"), "secret", request(sendcloud_signature=HEX_256)),
    ("V6 Cal.com", Hmac(header="x-cal-signature-256"), "secret", request(x_cal_signature_256=HEX_256)),
    ("V6 Jira", Hmac(header="x-hub-signature", prefix="sha256="), "secret",
     request(x_hub_signature=f"sha256={HEX_256}")),
    ("V7 Paddle", PADDLE, "secret", request(
        paddle_signature="ts=1700000000;h1=edd803a327c3b7ff77c5211a9335644f50bb7723cc24c9dd43cc009ecaabaf5a")),
    ("V8 Square", Hmac(header="x-square-hmacsha256-signature", signed="{url}{body}", encoding="base64"), "secret",
     request(url="https://example.org/hooks/square",
             x_square_hmacsha256_signature="Z17wMEQJ5B3wEpQago0wmQU6IFhYwfVCak3b2+rsOOo=")),
    ("V9 Adyen", Hmac(header="hmacsignature", encoding="base64", key="hex"),
     "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056",
     request(b"7914073381342284::TestMerchant:TestPayment-1407325143704:1130:EUR:AUTHORISATION:true",
             hmacsignature="coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0=")),
    ("V10 EasyPost", Hmac(header="x-hmac-signature", prefix="hmac-sha256-hex=", key="nfkd"), "s\u00e9cret",
     request(x_hmac_signature="hmac-sha256-hex=7e7a272f85c440a1ca72203bf1bdd39d823f85c727c040cfb99d1dd42b6706c4")),
    ("V11 GitHub", GITHUB, "It's a Secret to Everybody", request(b"Hello, World!",
     x_hub_signature_256="sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")),
    ("V12 17TRACK", Hmac(header="sign", signed="{body}/{secret}", keyed=False), "KEY",
     request(sign="ae8b3727c9ca54f55f4e1c87b36687b8d1743824805de484124ec0baa0a6d0d3")),
    ("V13 Onfleet", Hmac(header="x-onfleet-signature", digest="sha512", key="hex"), "00112233445566778899aabbccddeeff",
     request(x_onfleet_signature="25013bfb7013bdcf8d0bb5e1b2e73b01a88699871cc1658523d408bf28595be5"
                                 "faab1c7d8fcdc062aea682e486af6f523f347b9b9f91c77a6af19aa87a585947")),
    ("V14 Zendesk", Hmac(header="x-zendesk-webhook-signature", signed="{timestamp}{body}", encoding="base64",
                         timestamp_header="x-zendesk-webhook-signature-timestamp"), "secret",
     request(x_zendesk_webhook_signature="xJT23JUY0GYNT9qIfUDqNg7zccSnxjzEs7K0a8zMZd4=",
             x_zendesk_webhook_signature_timestamp="2023-11-14T22:13:20Z")),
    ("V15 Acuity", Hmac(header="x-acuity-signature", encoding="base64"), "secret",
     request(b"action=scheduled&id=1&calendarID=2&appointmentTypeID=3",
             x_acuity_signature="MLos3NnWpka9fU7epy2PnW3o45ttruYN6sDnGTD1hQI=")),
    ("HubSpot v1", Hmac(header="x-hubspot-signature", signed="{secret}{body}", keyed=False), HUBSPOT_SECRET,
     request(HUBSPOT_BODY, x_hubspot_signature="54b2530692e3a3982727206aeee670ed1d85319cad55d4ddbafcf41725ebf2b3")),
    ("HubSpot v2", Hmac(header="x-hubspot-signature", signed="{secret}{method}{url}{body}", keyed=False),
     HUBSPOT_SECRET, request(HUBSPOT_BODY, HUBSPOT_URL,
     x_hubspot_signature="9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900")),
    ("HubSpot v3", HUBSPOT_3, HUBSPOT_SECRET, request(HUBSPOT_BODY, HUBSPOT_URL,
     x_hubspot_signature_v3="rQEKkaNUiu+1qGF//O/pw4BCzstSqO1PyUnGICmf+7o=",
     x_hubspot_request_timestamp="1700000000000")),
    ("Shopify", Hmac(header="x-shopify-hmac-sha256", encoding="base64"), "hush",
     request(x_shopify_hmac_sha256="VnKUjZsLuN5iZWjn5EntcBVCF9kMN43LglzCE1/GSeY=")),
    ("Frappe", Hmac(header="x-frappe-webhook-signature", encoding="base64"), "sek",
     request(rb'{"name": "SO-1", "grand_total": 10.5, "customer": "J\u00f6"}',
             x_frappe_webhook_signature="5a8Xj9ILqDZg5KQ9Cn//OIIlcZXEqsgWUv1sdRQ1osY=")),
    ("BigCommerce", STANDARD_WEBHOOKS, "whsec_" + base64.b64encode(b"bc-client-secret").decode(),
     request(b'{"a":1}', webhook_id="msg_1", webhook_timestamp="1700000000",
             webhook_signature="v1,yAQPl9RcwFIouXlSHFO80M5SVu+ZvNZIfQBxzrvuaPU=")),
    ("V3 Standard Webhooks v1a", STANDARD_WEBHOOKS, "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=",
     request(webhook_id="msg_1", webhook_timestamp="1700000000",
             webhook_signature="v1a,9PZAq/IcnQ+ZXCVJALBruhMq0b1PynD9hbfP+oMimx5rOOMatWhavgQu1YYKy5iSYkNIc2wr6KJsnMAAo4/"
                               "GAQ==")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("scheme", "secret", "incoming"), [row[1:] for row in VECTORS], ids=[row[0] for row in VECTORS]
)
def test_a_published_or_recomputed_vector_is_genuine(scheme: Scheme, secret: str, incoming: Incoming) -> None:
    scheme.check(incoming, [secret], NOW)
    scheme.check(incoming, ["another", "", secret], NOW)

    for body in (incoming.body + b"\n", b" " + incoming.body, b""):
        refuses(scheme, replace(incoming, body=body), secret)
    refuses(scheme, incoming, secret + "x")


def test_the_vector_of_the_standard_webhooks_specification_is_genuine() -> None:
    incoming = request(
        b'{"test": 2432232314}',
        webhook_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        webhook_timestamp="1614265330",
        webhook_signature="v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    )

    then = datetime.fromtimestamp(1614265330, UTC)

    STANDARD_WEBHOOKS.check(incoming, [WHSEC], then)

    refuses(STANDARD_WEBHOOKS, replace(incoming, body=b'{"test": 2432232315}'), WHSEC, then)


SIGNABLE = [row for row in VECTORS if "Zendesk" not in row[0] and "v1a" not in row[0]]


@pytest.mark.parametrize(
    ("scheme", "secret", "incoming"), [row[1:] for row in SIGNABLE], ids=[row[0] for row in SIGNABLE]
)
def test_signing_gives_the_very_bytes_of_the_vector(scheme: Hmac, secret: str, incoming: Incoming) -> None:
    bare = {name: value for name, value in incoming.headers.items() if name == "webhook-id"}

    signed = scheme.sign(replace(incoming, headers=bare), secret, NOW)

    assert dict(signed.headers) == {**incoming.headers, scheme.header: incoming.headers[scheme.header].split(",v0")[0]}


def test_the_official_library_takes_what_we_sign_and_we_take_what_it_signs() -> None:
    now = datetime.now(UTC)
    body = '{"type":"order.created","name":"Zoë 🎉"}'

    ours = STANDARD_WEBHOOKS.sign(request(body.encode(), webhook_id="msg_7"), WHSEC, now)
    assert Webhook(WHSEC).verify(ours.body, dict(ours.headers), json_parse=False) is None

    theirs = request(
        body.encode(),
        webhook_id="msg_8",
        webhook_timestamp=str(int(now.timestamp())),
        webhook_signature=Webhook(WHSEC).sign("msg_8", now, body),
    )
    STANDARD_WEBHOOKS.check(theirs, [WHSEC], now)


def test_both_refuse_a_changed_body() -> None:
    now = datetime.now(UTC)
    signed = STANDARD_WEBHOOKS.sign(request(webhook_id="msg_9"), WHSEC, now)

    with pytest.raises(WebhookVerificationError):
        Webhook(WHSEC).verify(b'{"id":2}', dict(signed.headers), json_parse=False)
    refuses(STANDARD_WEBHOOKS, replace(signed, body=b'{"id":2}'), WHSEC, now)


def test_a_secret_may_lack_its_final_equals_sign() -> None:
    padded = "whsec_" + base64.b64encode(b"k" * 25).decode()
    signed = STANDARD_WEBHOOKS.sign(request(webhook_id="m"), padded, NOW)

    STANDARD_WEBHOOKS.check(signed, [padded.rstrip("=")], NOW)

    refuses(STANDARD_WEBHOOKS, signed, padded.replace("a2tr", "a2ts", 1))


def test_old_and_new_signature_and_both_kinds_of_key_may_stand_in_one_header() -> None:
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    public = "whpk_" + base64.b64encode(private.public_key().public_bytes_raw()).decode()
    signed = STANDARD_WEBHOOKS.sign(request(webhook_id="msg_1"), WHSEC, NOW)
    other = "v1a," + base64.b64encode(private.sign(b"msg_1.1700000000." + BODY)).decode()
    many = f"v1,AAAA v2,junk {other} {signed.header('webhook-signature')}"
    incoming = replace(signed, headers={**signed.headers, "webhook-signature": many})

    for secrets in ([WHSEC], [public], ["whsec_not base64", WHSEC], ["whpk_AAAA", "whpk_!", public]):
        STANDARD_WEBHOOKS.check(incoming, secrets, NOW)

    refuses(STANDARD_WEBHOOKS, replace(incoming, body=b'{"id":2}'), WHSEC)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_====", "whsec_!!!!", "whsec_ä", "whsec_\x00"])
def test_a_secret_without_a_key_in_it_lets_nobody_in(secret: str) -> None:
    empty_key = "v1," + base64.b64encode(hmac.digest(b"", b"m.1700000000." + BODY, "sha256")).decode()

    refuses(
        STANDARD_WEBHOOKS,
        request(webhook_id="m", webhook_timestamp="1700000000", webhook_signature=empty_key),
        secret,
    )
    with pytest.raises(Refused):
        STANDARD_WEBHOOKS.sign(request(webhook_id="m"), secret, NOW)


@pytest.mark.parametrize(
    ("scheme", "seconds", "is_fresh"),
    [
        (STRIPE, 300, True), (STRIPE, 301, False), (STRIPE, -100_000, True),
        (RECURLY, 300, True), (RECURLY, 301, False), (RECURLY, -300, True), (RECURLY, -301, False),
        (PADDLE, 5, True), (PADDLE, 6, False),
        (HUBSPOT_3, 301, False), (HUBSPOT_3, -301, False),
        (GITHUB, 10**9, True),
    ],
)  # fmt: skip
def test_each_sender_has_its_own_window(scheme: Hmac, seconds: int, is_fresh: bool) -> None:
    signed = scheme.sign(request(), "secret", NOW)

    if is_fresh:
        scheme.check(signed, ["secret"], NOW + timedelta(seconds=seconds))
    else:
        assert refuses(scheme, signed, "secret", NOW + timedelta(seconds=seconds)) is Reason.STALE_SIGNATURE


GOOD = STANDARD_WEBHOOKS.sign(request(webhook_id="msg_1"), WHSEC, NOW).headers
TEXT = GOOD["webhook-signature"]
SIGNATURES = [
    "", " ", ",", "v1", "v1,", "v1,,", "v1, ", TEXT.removeprefix("v1,"), TEXT.replace(",", ""), TEXT.replace(",", ", "),
    TEXT.replace(",", ";"), TEXT.replace("v1", "v2"), TEXT.replace("v1", "V1"), TEXT.replace("v1", "v1a"),
    TEXT.replace("v1", "v11"), f"{TEXT},extra", f"v1,{TEXT}", TEXT.upper(), TEXT.lower(), TEXT[:-1], TEXT[:-2],
    TEXT + "=",
    TEXT[:-4] + "AAAA", "v1,!!!!", "v1,é", "v1,\udcff", "v1,\ud800", "v1,\U0001f511", "v1,\x00", TEXT + "\x00",
    "\x00" + TEXT,
    TEXT[:10] + "\n" + TEXT[10:], "v1," + "A" * 1_000_000, "v1,A " * 50_000, "x y z", "v2,a v3,b", "v1a,!!!!",
    "v1a,AAAA",
    "v1a,é", "null", "undefined", "{}", "[]", '"' + TEXT + '"', "1700000000", f"t=1700000000,{TEXT}",
    "v1," + base64.b64decode(TEXT[3:]).hex(), "v1," + base64.b64decode(TEXT[3:]).hex().upper(),
]  # fmt: skip
TIMESTAMPS = [
    "", " ", "0", "-1700000000", "+1700000000", "1700000000.5", "1700000000.0", "1.7e9", "0x6553f100", "1_700_000_000",
    "NaN", "Infinity", "-Infinity", "now", "2023-11-14T22:13:20Z", "1700000000000", "9" * 16, "9" * 17, "9" * 5000,
    "١٧٠٠٠٠٠٠٠٠", "1700000000\x00", "1700000000\n", " 1700000000", "1700000000 ", "\udcff", "\ud800", "17000000000",
    "1700000001", "true", "null", TEXT,
]  # fmt: skip


@pytest.mark.parametrize("value", SIGNATURES, ids=range(len(SIGNATURES)))
def test_a_malformed_signature_is_refused_and_nothing_else_happens(value: str) -> None:
    incoming = Incoming(source="s", headers={**GOOD, "webhook-signature": value}, body=BODY)

    refuses(STANDARD_WEBHOOKS, incoming, WHSEC)
    refuses(STANDARD_WEBHOOKS, incoming, "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=")


@pytest.mark.parametrize("value", TIMESTAMPS, ids=range(len(TIMESTAMPS)))
def test_a_malformed_timestamp_is_refused_and_nothing_else_happens(value: str) -> None:
    headers = {**GOOD, "webhook-timestamp": value}

    refuses(STANDARD_WEBHOOKS, Incoming(source="s", headers=headers, body=BODY), WHSEC)
    for scheme, header in (
        (STRIPE, f"t={value},v1={HEX_256}"), (PADDLE, f"ts={value};h1={HEX_256}"), (RECURLY, f"{value},{HEX_256}"),
    ):  # fmt: skip
        refuses(scheme, Incoming(source="s", headers={scheme.header: header}, body=BODY), "secret")


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_every_signed_header_has_to_be_there(missing: str) -> None:
    for headers in ({n: v for n, v in GOOD.items() if n != missing}, {**GOOD, missing: ""}):
        refuses(STANDARD_WEBHOOKS, Incoming(source="s", headers=headers, body=BODY), WHSEC)


@pytest.mark.parametrize("name", ["msg_2", "msg_1 ", "msg_1.", "\udcff", "\x00", "x" * 100_000])
def test_the_id_is_signed_too(name: str) -> None:
    refuses(STANDARD_WEBHOOKS, Incoming(source="s", headers={**GOOD, "webhook-id": name}, body=BODY), WHSEC)


@pytest.mark.parametrize(
    "value",
    [
        HEX_256, HEX_256.upper(), f"sha1={HEX_256}", f"SHA256={HEX_256}", f"sha256={HEX_256.upper()}", "sha256=",
        f"sha256 ={HEX_256}", f"sha256={HEX_256[:-1]}", f"sha256={HEX_256}0", f"sha256=0x{HEX_256}", "sha256=\udcff",
        f"sha256={BASE64_256}", f"sha256={HEX_256},sha256={HEX_256}", "sha256=" + "0" * 64, "sha256=" + "0" * 10**6,
    ],
)  # fmt: skip
def test_a_malformed_hex_signature_is_refused(value: str) -> None:
    refuses(GITHUB, request(x_hub_signature_256=value), "secret")


@pytest.mark.parametrize(
    "value",
    [
        f"v1={HEX_256},t=", "t=1700000000", f"v1={HEX_256}", f"t=,v1={HEX_256}", ",,,", "=,=", "t=1700000000,v1=",
        f"{HEX_256},1700000000", f"t={HEX_256},v1=1700000000", f"t=1700000000;v1={HEX_256}",
        f"t=1700000000,v0={HEX_256}",
    ],
)  # fmt: skip
def test_a_malformed_packed_header_is_refused(value: str) -> None:
    for scheme in (STRIPE, PADDLE, RECURLY):
        refuses(scheme, Incoming(source="s", headers={scheme.header: value}, body=BODY), "secret")


TOKENS = [
    (Token(header="X-Key"), request(x_key="s3cret")),
    (Token(kind="bearer"), request(authorization="Bearer s3cret")),
    (Token(kind="bearer"), request(authorization="bearer  s3cret")),
    (Token(kind="basic"), request(authorization="Basic czNjcmV0")),
    (Token(query="token"), Incoming(source="s", query={"token": "s3cret"})),
]


@pytest.mark.parametrize(("token", "incoming"), TOKENS)
def test_a_shared_token_opens_and_anything_near_it_does_not(token: Token, incoming: Incoming) -> None:
    token.check(incoming, ["older", "s3cret"], NOW)
    token.check(token.sign(request(), "s3cret", NOW), ["s3cret"], NOW)

    for secrets in ("s3cre", "s3crets", "S3CRET", "", " ", "\x00"):
        refuses(token, incoming, secrets)
    for junk in (
        "",
        " ",
        "Bearer",
        "Bearer ",
        "Basic",
        "Basic !!!",
        "s3cret\x00",
        "\udcff",
        "\ud800",
        "x" * 10**6,
        "Token s",
    ):
        refuses(token, Incoming(source="s", headers=dict.fromkeys(("x-key", "authorization"), junk)), "s3cret")
        refuses(token, Incoming(source="s", query={"token": junk}), "s3cret")
    refuses(token, request(), "s3cret")


def refuses(scheme: Scheme, incoming: Incoming, secret: str, now: datetime = NOW) -> Reason:
    with pytest.raises(Refused) as refusal:
        scheme.check(incoming, [secret], now)
    assert refusal.value.reason.status == 401
    assert secret not in str(refusal.value) or len(secret) < 3
    return refusal.value.reason
