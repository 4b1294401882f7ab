"""What samples cannot express: PayPal's certificates, asking PayPal instead, and the look-up of a payer."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from connectors.base import AskFailed
from connectors.paypal import PayPal
from inbound import samples
from inbound.samples import Sample
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from tests.connectors.fake_http import FakeHttp, raises, says, serves
from wire.certificates import fits, pinned, rehearsal_key
from wire.http import NotSent, Reply

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
WEBHOOK = "8WH00000TIDINGS000"
KEYED = {"client_id": "not-a-real-id", "client_secret": "not-a-real-one"}


def sample(case: str = "capture-completed") -> Sample:
    return samples.read(samples.ROOT / "paypal" / f"{case}.json")


PEM = str(sample().settings["certificates"])


def signed(now: datetime = NOW, **headers: str) -> Incoming:
    found = PayPal().sign(sample().incoming, WEBHOOK, now)
    return replace(found, headers={**found.headers, **{f"paypal-{n.replace('_', '-')}": v for n, v in headers.items()}})


def refusal_of(paypal: PayPal, incoming: Incoming, now: datetime = NOW, secret: str = WEBHOOK) -> Reason:
    with pytest.raises(Refused) as refusal:
        paypal.verify(incoming, [secret], now)
    return refusal.value.reason


def fetched(pem: str = PEM) -> FakeHttp:
    return FakeHttp(lambda _: Reply(status=200, body=pem.encode()))


def test_a_certificate_not_seen_before_is_fetched_once_from_paypal() -> None:
    http = fetched()
    paypal = PayPal(http=http)

    for _ in range(3):
        paypal.verify(signed(), ["another-webhook", WEBHOOK], NOW)

    assert [call.url for call in http.calls] == ["https://api.paypal.com/v1/notifications/certs/CERT-rehearsal"]


@pytest.mark.parametrize(
    "url",
    [
        "http://api.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com.attacker.example/v1/notifications/certs/CERT-1",
        "https://attacker.example/v1/notifications/certs/CERT-1",
        "https://api.paypal.com@attacker.example/v1/notifications/certs/CERT-1",
        "https://api.paypal.com:8443/v1/notifications/certs/CERT-1",
        "https://api.paypal.com/v1/notifications/certs/../../oauth2/token",
        "https://api.paypal.com/v1/notifications/certs/CERT-1?next=x",
        "https://[/CERT-1",
        "\udcff",
    ],
)
def test_a_certificate_anywhere_else_is_never_fetched(url: str) -> None:
    http = fetched()

    assert refusal_of(PayPal(http=http), signed(cert_url=url)) is Reason.BAD_SIGNATURE
    assert http.calls == []


def test_forged_names_of_certificates_cannot_make_us_call_paypal_all_the_time() -> None:
    http = FakeHttp(says({}, 404))
    paypal = PayPal(http=http)

    for number in range(30):
        url = f"https://api.paypal.com/v1/notifications/certs/CERT-{number}"
        assert refusal_of(paypal, signed(cert_url=url)) is Reason.BAD_SIGNATURE

    assert len(http.calls) == 6
    http.answer = fetched().answer
    paypal.verify(signed(NOW + timedelta(minutes=1)), [WEBHOOK], NOW + timedelta(minutes=1))


def test_a_certificate_that_cannot_be_fetched_refuses_and_is_tried_again() -> None:
    http = FakeHttp(raises(NotSent("api.paypal.com: ConnectTimeout")))
    paypal = PayPal(http=http)
    assert refusal_of(paypal, signed()) is Reason.BAD_SIGNATURE

    http.answer = fetched().answer
    paypal.verify(signed(), [WEBHOOK], NOW)


def test_a_pinned_certificate_is_believed_without_asking_and_no_other_is() -> None:
    http = fetched()

    PayPal({"certificates": PEM.replace("\n", "\\n")}, http).verify(signed(), [WEBHOOK], NOW)

    assert http.calls == []
    with pytest.raises(ValueError, match="certificates"):
        PayPal({"certificates": "no certificate"})


def test_a_certificate_past_its_end_or_of_somebody_else_proves_nothing() -> None:
    late = datetime(2046, 6, 1, tzinfo=UTC)
    assert refusal_of(PayPal(http=fetched()), signed(late), late) is Reason.BAD_SIGNATURE

    (certificate,), message = pinned(PEM), b"signed"
    signature = rehearsal_key().sign(message, PKCS1v15(), SHA256())
    assert fits(certificate, ".paypal.com", message, signature, NOW)
    assert not fits(certificate, ".somebody-else.example", message, signature, NOW)


def test_what_is_signed_is_id_time_webhook_and_checksum() -> None:
    changed = replace(signed(), body=signed().body + b"\n")

    assert refusal_of(PayPal(http=fetched()), changed) is Reason.BAD_SIGNATURE
    assert refusal_of(PayPal(http=fetched()), signed(transmission_id="x")) is Reason.BAD_SIGNATURE
    assert refusal_of(PayPal(http=fetched()), signed(), secret="WH-OF-ANOTHER") is Reason.BAD_SIGNATURE
    assert refusal_of(PayPal(http=fetched()), signed(auth_algo="SHA1withRSA")) is Reason.BAD_SIGNATURE
    assert refusal_of(PayPal(http=fetched()), signed(transmission_sig="%%%")) is Reason.BAD_SIGNATURE
    assert zlib.crc32(b'{"id":1}') == 1147009221


def test_an_old_request_is_stale_even_with_a_good_signature() -> None:
    paypal = PayPal(http=fetched())
    paypal.verify(signed(), [WEBHOOK], NOW + timedelta(hours=90))

    assert refusal_of(paypal, signed(), NOW + timedelta(hours=97)) is Reason.STALE_SIGNATURE
    assert refusal_of(paypal, signed(), NOW - timedelta(minutes=6)) is Reason.STALE_SIGNATURE


def vouching(status: str) -> FakeHttp:
    return FakeHttp(serves({"/oauth2/token": {"access_token": "t"},
                            "/verify-webhook-signature": {"verification_status": status}}))  # fmt: skip


def test_paypal_can_be_asked_instead_and_gets_the_body_as_it_came() -> None:
    http = vouching("SUCCESS")

    PayPal({**KEYED, "check_by": "api"}, http).verify(signed(), [WEBHOOK], NOW)

    asked = http.calls[1].body or b""
    assert asked.endswith(b'"webhook_event": ' + signed().body + b"}")
    assert json.loads(asked)["webhook_id"] == WEBHOOK
    assert json.loads(asked)["auth_algo"] == "SHA256withRSA"


def test_what_paypal_does_not_vouch_for_is_refused() -> None:
    assert refusal_of(PayPal({**KEYED, "check_by": "api"}, vouching("FAILURE")), signed()) is Reason.BAD_SIGNATURE
    down = PayPal({**KEYED, "check_by": "api"}, FakeHttp(says({}, 503)))
    assert refusal_of(down, signed()) is Reason.BAD_SIGNATURE
    with pytest.raises(ValueError, match="check_by"):
        PayPal({"check_by": "nothing"})


def test_a_body_cannot_bring_a_webhook_id_of_its_own_along() -> None:
    http = vouching("SUCCESS")
    forged = replace(signed(), body=b'{"id": "WH-1"}, "webhook_id": "MINE", "x": {}')

    assert refusal_of(PayPal({**KEYED, "check_by": "api"}, http), forged) is Reason.BAD_SIGNATURE
    assert http.calls == []


@pytest.mark.parametrize("hours", ["often", 0, 10**6])
def test_hours_that_make_no_sense_are_refused_at_the_start(hours: Any) -> None:
    with pytest.raises(ValueError, match="tolerance_hours"):
        PayPal({"tolerance_hours": hours})


def event_of(case: str) -> Event:
    return sample(case).events()[0]


ORDER = {
    "id": "5O190127TN364715T",
    "payer": {
        "payer_id": "QYR5Z8XDVJNXQ",
        "name": {"given_name": "Inès", "surname": "Moreau"},
        "phone": {"phone_number": {"national_number": "2025550147"}},
        "address": {"country_code": "US"},
    },
}
RECORDS = {
    "/oauth2/token": {"access_token": "t"},
    "/v2/checkout/orders/5O190127TN364715T": ORDER,
    "/v2/payments/captures/3C679366HH908993F": {
        "supplementary_data": {"related_ids": {"order_id": "5O190127TN364715T"}}
    },
}


@pytest.mark.parametrize("case", ["capture-completed", "capture-refunded"])
def test_the_payer_of_a_payment_is_found_over_its_order(case: str) -> None:
    event = PayPal(KEYED).lookup(event_of(case), FakeHttp(serves(RECORDS)))

    assert event.data["customer"] == {
        "id": "QYR5Z8XDVJNXQ",
        "name": "Inès Moreau",
        "first_name": "Inès",
        "email": "",
        "phone": "2025550147",
    }
    assert (event.data["country"], event.lookup) == ("US", "")


def test_without_keys_nothing_is_asked() -> None:
    http = FakeHttp(says({}))

    with pytest.raises(AskFailed, match="client_id"):
        PayPal().lookup(event_of("capture-denied"), http)

    assert http.calls == []
