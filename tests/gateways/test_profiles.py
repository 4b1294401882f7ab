"""Gateways whose file is whole only with an account's settings, and the proofs and charsets some providers use."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

import gateways
from gateways.base import HttpGateway
from gateways.declarative import outline, template
from model.event import Incoming
from model.message import State
from model.reasons import ConfigError, Reason, Refused
from model.sending import Outcome, Submission
from running.configured import gateways_of
from settings import GatewaySettings, Settings
from wire import jwt
from wire.http import Client, Reply

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
SENT = Submission(message_id="m0000000000001", to="+447700900123", text="Hi")


def account(**changes: Any) -> dict[str, Any]:
    document = yaml.load((gateways.HERE / "didglobal.yaml").read_text("utf-8"), Loader=template.StringsOnly)  # noqa: S506 - a SafeLoader subclass
    return {**document["samples"]["settings"], **changes}


def refusal(**settings: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        gateways.build("didglobal", "didglobal", settings, Client())
    return str(refused.value)


# --- a profile ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["base_url", "path", "number_format", "auth", "id_path", "receipt_body", "receipt_id_path", "receipt_status_path",
     "receipt_map"],
)  # fmt: skip
def test_a_profile_without_a_fact_of_the_account_does_not_start(name: str) -> None:
    settings = account()
    del settings[name]

    assert f"{name} is missing" in refusal(**settings)
    assert f"{name} is missing" in refusal(**account(**{name: ""}))


def test_an_empty_profile_names_everything_it_needs() -> None:
    assert refusal().count("is missing") == 9


def test_the_service_refuses_to_start_with_half_a_profile() -> None:
    half = {"kind": "didglobal", "base_url": "https://sms.example", "path": "/x"}

    with pytest.raises(ConfigError) as refused:
        gateways_of(Settings(gateways={"did": GatewaySettings.model_validate(half)}))

    assert "receipt_map is missing" in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"receipt_map": {"DONE": "deliverd"}}, "receipt.status.map.DONE: 'deliverd' is none of"),
        ({"receipt_map": "DONE=delivered"}, "receipt.status.map: must be a mapping"),
        ({"receipt_map": {"DONE": "queued"}}, "receipt.status.map.DONE: 'queued' is none of"),
        ({"auth": "magic"}, "auth.type: 'magic' is none of"),
        ({"auth": "basic"}, "password is missing"),
        ({"auth": "bearer", "token": ""}, "token is missing"),
        ({"auth": "header"}, "auth.name: is missing"),
        ({"auth": "hmac", "token_name": "X"}, "auth.secret: is missing"),
        ({"auth": "header", "token_name": "{{ nothing }}"}, "auth: {{ nothing }} is unknown"),
        ({"base_url": "sms.example"}, "base_url: must be an address"),
        ({"number_format": "national"}, "number_format: 'national' is none of"),
        ({"json": {"to": "{{ to }}"}}, "send: {{ text }} is nowhere"),
        ({"json": {"to": "{{ to }}", "text": "{{ txt }}"}}, "send: {{ txt }} is unknown, did you mean text?"),
        ({"json": {"to": "{{ to | upper }}", "text": "{{ text }}"}}, "a placeholder looks like"),
        ({"form": {"to": "{{ to }}", "text": "{{ text }}"}}, "a request has one body"),
        ({"accepted_words": ""}, "response.accepted.in: is missing"),
        ({"receipt_body": "xml"}, "receipt.body: 'xml' is none of"),
        ({"id_path": "{{ options.token }}"}, "response.id: must be a dotted path"),
        ({"id_path": ["a"]}, "response.id: must be a dotted path"),
    ],
)
def test_a_wrong_fact_is_named_and_the_profile_does_not_start(settings: dict[str, Any], says: str) -> None:
    assert says in refusal(**account(**settings))


def test_no_secret_stands_in_a_refusal() -> None:
    assert "SECRET" not in refusal(**account(token="SECRET", password="SECRET", receipt_map={"DONE": "x"}))


def test_two_accounts_of_one_profile_do_not_mix() -> None:
    one = gateways.build("didglobal", "one", account(), Client())
    two = gateways.build(
        "didglobal", "two", account(receipt_map={"ARRIVED": "failed"}, path="/two", number_format="e164"), Client()
    )
    receipt = Incoming(source="x", body=b'{"invented": {"id": "7", "status": "ARRIVED"}}')

    assert isinstance(one, HttpGateway)
    assert isinstance(two, HttpGateway)
    assert [gateway.parse_receipt(receipt)[0].state for gateway in (one, two)] == [State.DELIVERED, State.FAILED]
    assert one.capabilities.number_format == "digits"
    assert two.capabilities.number_format == "plus"
    assert one.encode(SENT).url.endswith("/invented/path")
    assert two.encode(SENT).url.endswith("/two")


def test_a_setting_is_not_read_again_when_a_text_is_filled_in() -> None:
    gateway = gateways.build("didglobal", "one", account(token="{{ text }}"), Client())

    assert isinstance(gateway, HttpGateway)
    assert gateway.encode(SENT).headers["Authorization"] == "Bearer {{ text }}"


# --- repeats --------------------------------------------------------------------------------------------------------


def test_only_a_provider_that_documents_it_is_trusted_to_recognise_a_repeat() -> None:
    declared = [path.stem for path in gateways.HERE.glob("*.yaml") if not path.name.endswith(".samples.yaml")]

    assert [kind for kind in declared if gateways.load(kind).capabilities.idempotent] == ["bulksms"]


def test_a_repeat_nobody_verified_is_not_claimed() -> None:
    document = template.read(gateways.HERE / "bulksms.yaml")[0]
    document["idempotency"]["repeat"] = "unverified"

    assert template.check(document, "bulksms") == []
    assert not _capabilities(document).idempotent


def _capabilities(document: dict[str, Any]) -> Any:
    return outline.capabilities_of(document)


# --- proofs ---------------------------------------------------------------------------------------------------------


def gatewayapi(**settings: Any) -> HttpGateway:
    gateway = gateways.build("gatewayapi", "main", {"token": "t", "webhook_token": "HOOK", **settings}, Client())
    assert isinstance(gateway, HttpGateway)
    return gateway


def refused_for(gateway: HttpGateway, incoming: Incoming, now: datetime = NOW) -> Reason:
    with pytest.raises(Refused) as refusal:
        gateway.verify(incoming, now)
    return refusal.value.reason


def test_a_token_that_holds_the_body_proves_this_body_only() -> None:
    receipt = {"id": 1, "msisdn": 447700900123, "status": "DELIVERED", "userref": "m1", "code": None}
    token = jwt.sign_hmac({**receipt, "callback_url": "https://tidings.example", "api": 4}, "HOOK")
    genuine = Incoming(source="x", headers={"x-gwapi-signature": token}, body=json.dumps(receipt).encode())

    gatewayapi().verify(genuine, NOW)

    for changed in ({**receipt, "status": "EXPIRED"}, {**receipt, "id": 2}, {**receipt, "new": 1}):
        assert refused_for(gatewayapi(), replace(genuine, body=json.dumps(changed).encode())) is Reason.BAD_SIGNATURE
    assert refused_for(gatewayapi(webhook_token="other"), genuine) is Reason.BAD_SIGNATURE
    assert refused_for(gatewayapi(webhook_token=""), genuine) is Reason.BAD_SIGNATURE
    assert refused_for(gatewayapi(), replace(genuine, headers={})) is Reason.NO_SIGNATURE
    assert refused_for(gatewayapi(), replace(genuine, body=b"[]")) is Reason.BAD_SHAPE


def test_a_token_that_holds_a_time_only_must_be_fresh() -> None:
    settings = {"api_key": "k", "signing_key": "SIGN", "from": "+447700900100"}
    gateway = gateways.build("httpsms", "main", settings, Client())
    assert isinstance(gateway, HttpGateway)
    at = int(NOW.timestamp())
    times = {"iat": at, "nbf": at - 600, "exp": at + 600, "iss": "api.httpsms.com"}

    def called(claims: dict[str, Any], key: str = "SIGN") -> Incoming:
        return Incoming(source="x", headers={"authorization": f"Bearer {jwt.sign_hmac(claims, key)}"}, body=b"{}")

    gateway.verify(called(times), NOW)
    gateway.verify(called(times), NOW + timedelta(minutes=9))

    assert refused_for(gateway, called(times), NOW + timedelta(minutes=12)) is Reason.STALE_SIGNATURE
    assert refused_for(gateway, called({"exp": at + 600})) is Reason.STALE_SIGNATURE
    assert refused_for(gateway, called(times, "other")) is Reason.BAD_SIGNATURE
    assert refused_for(gateway, Incoming(source="x", headers={"authorization": "Bearer "})) is Reason.BAD_SIGNATURE
    assert refused_for(gateway, Incoming(source="x")) is Reason.NO_SIGNATURE


# --- texts and prices -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("charset", "text", "read"),
    [
        ("UTF-16BE", "%00S%00T%00O%00P", "STOP"),
        ("utf-16be", "%00S%00T%00O%00P", "STOP"),
        ("UTF-16BE", "%00S%00", "S\ufffd"),
        ("UTF-16BE", "%D8%3D", "\ufffd"),
        ("UTF-16BE", "", ""),
        ("ISO-8859-1", "Zo%EB+%26+co", "Zoë & co"),
        ("UTF-8", "100%25 1+1", "100%25 1+1"),
        ("../../etc", "%41", "%41"),
        ("", "%41", "%41"),
    ],
)
def test_a_text_written_in_escapes_is_read_in_its_charset(charset: str, text: str, read: str) -> None:
    gateway = gateways.build("clickatell", "main", {"api_key": "k"}, Client())
    body = {"messageId": "1", "fromNumber": "447700900123", "text": text, "charset": charset}

    (reply,) = gateway.parse_reply(Incoming(source="x", body=json.dumps(body).encode()))

    assert reply.text == read


@pytest.mark.parametrize(
    ("cost", "read"),
    [
        ("KES 0.8000", ("0.8000", "KES")),
        ("0.5", ("0.5", "")),
        ("KES", ("", "")),
        ("", ("", "")),
        ("free of charge", ("", "")),
    ],
)
def test_a_price_may_name_its_currency(cost: str, read: tuple[str, str]) -> None:
    gateway = gateways.build("africastalking", "main", {"username": "u", "api_key": "k"}, Client())
    assert isinstance(gateway, HttpGateway)
    entry = {"statusCode": 101, "number": "+447700900123", "messageId": "1", "cost": cost}
    body = json.dumps({"SMSMessageData": {"Recipients": [entry]}}).encode()

    result = gateway.decode(Reply(status=201, body=body), SENT)

    assert (result.outcome, result.cost, result.currency) == (Outcome.ACCEPTED, *read)


@pytest.mark.parametrize(
    ("sender", "written"), [("+447700900100", "447700900100"), ("Tidings", "Tidings"), ("+1", "+1"), ("60777", "60777")]
)
def test_where_numbers_have_no_plus_the_sender_s_number_has_none(sender: str, written: str) -> None:
    gateway = gateways.build("didww", "main", {"username": "u", "password": "p", "from": sender}, Client())
    assert isinstance(gateway, HttpGateway)

    assert gateway.encode(SENT).json["data"]["attributes"]["source"] == written
