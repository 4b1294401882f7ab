"""The language of gateways/*.yaml: what a file can say, and what it is told when it is wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

import gateways
from certify.provider import Provider, provider
from gateways import declarative
from gateways.base import HttpGateway
from gateways.declarative import template
from model.event import Incoming
from model.message import State
from model.reasons import ConfigError, Reason, Refused
from model.sending import ErrorClass, Outcome, Submission
from tests.scale import runs
from wire.http import Client
from wire.http import Reply as HttpReply

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
SHIPPED = sorted(path for path in gateways.HERE.glob("*.yaml") if not path.name.endswith(".samples.yaml"))
SENT = Submission(message_id="m0000000000001", to="+447700900123", text="Hi {{ sender }} & Zoë", encoding="ucs2")

ACME = """
gateway: acme
version: 1
title: Acme
docs: https://acme.example/docs (read never)
base_url: https://api.acme.example/v2
options:
  account: {text: The account., required: yes}
  key: {text: The key., secret: yes}
  hook_key: {text: The key of callbacks., secret: yes}
auth: {type: none}
limits: {max_segments: 6, min_validity_seconds: 60, max_validity_seconds: 3600}
number_format: digits
encoding: {gsm: text, unicode: unicode}
client_ref: {max: 20}
send:
  method: POST
  path: /{{ options.account }}/sms
  query: {dlr: "{{ receipt_url }}"}
  headers: {X-Ref: "{{ ref }}"}
  json:
    to: ["{{ to }}"]
    from: "{{ sender }}"
    body: {type: "{{ encoding }}", content: "{{text}}", parts: "{{ segments | int }}", ttl: "{{validity_minutes|int}}"}
    note: "to {{ to }} of {{ ref }}"
    flag: !!bool true
    code: NO
response: {results: data.list, match: to, accepted: {path: state, in: [OK, QUEUED]}, id: id, parts: parts,
           price: {value: cost, currency: /currency, scale: 100}}
errors:
  - {path: state, in: THROTTLED, class: throttle, retry_after: 20}
  - {path: state, in: [BLOCKED, STOPPED], class: opt_out, text: The person opted out.}
  - {http: [401, 402-403], class: route_stop}
  - {http: 5xx, class: unknown}
receipt:
  body: json
  list: reports
  id: id
  ref: ref
  status: {path: state, map: {DONE: delivered, GONE: undelivered}}
  error: {path: code, map: {"7": opt_out}}
  time: {path: at, format: unix_ms}
  part: part
  verify: {type: hmac, header: X-Signature, signed: "{timestamp}.{body}", prefix: "sha256=", timestamp_header: X-Time,
           tolerance: 60, secret: hook_key}
  ack: {status: 202, body: "<ok/>", content_type: text/xml}
inbound:
  body: query
  id: id
  from: from
  to: to
  text: text
  opt_out: {path: kind, in: [stop, arret]}
test:
  query: {dry: "1"}
  json: {sandbox: !!bool true}
samples:
  provenance: Invented for this test.
  submit: []
"""


@pytest.fixture
def stub() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture
def acme(tmp_path: Path) -> Callable[..., HttpGateway]:
    def build(*changes: tuple[str, str], base_url: str = "", **settings: Any) -> HttpGateway:
        kind = declarative.load(write(tmp_path, *changes))
        plain = {"account": "a/b?c", "key": "KEY", "hook_key": "HOOK", "from": "{{ to }}"}
        chosen = {**plain, **({"base_url": base_url} if base_url else {}), **settings}
        gateway = kind("main", chosen, Client(connect=0.3, read=0.3))
        assert isinstance(gateway, HttpGateway)
        return gateway

    return build


def write(folder: Path, *changes: tuple[str, str]) -> Path:
    text = ACME
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path = folder / "acme.yaml"
    path.write_text(text, "utf-8")
    return path


# --- the request ----------------------------------------------------------------------------------------------------


def test_values_go_into_a_parsed_structure_and_are_not_read_again(acme: Callable[..., HttpGateway]) -> None:
    call = acme().encode(replace(SENT, validity=timedelta(hours=24), segments=2, receipt_url="https://t.example/r?a=1"))

    assert call.url == "https://api.acme.example/v2/a%2Fb%3Fc/sms"
    assert call.params == {"dlr": "https://t.example/r?a=1"}
    assert call.headers == {"X-Ref": "m0000000000001"}
    assert call.json == {
        "to": ["447700900123"],
        "from": "{{ to }}",
        "body": {"type": "unicode", "content": "Hi {{ sender }} & Zoë", "parts": 2, "ttl": 60},
        "note": "to 447700900123 of m0000000000001",
        "flag": True,
        "code": "NO",
    }


def test_empty_values_are_left_out_and_an_empty_text_is_not(acme: Callable[..., HttpGateway]) -> None:
    call = acme(**{"from": ""}).encode(replace(SENT, text="", message_id="m" * 21, encoding="gsm7"))

    assert call.params == {}
    assert call.headers == {}
    assert "from" not in call.json
    assert call.json["body"]["content"] == ""
    assert call.json["body"]["type"] == "text"


def test_the_validity_stays_within_the_provider_s_limits(acme: Callable[..., HttpGateway]) -> None:
    for given, sent in ((timedelta(seconds=1), 1), (timedelta(minutes=7), 7), (timedelta(days=9), 60)):
        assert acme().encode(replace(SENT, validity=given)).json["body"]["ttl"] == sent


def test_a_dry_run_adds_what_the_file_says(acme: Callable[..., HttpGateway]) -> None:
    assert acme(dry_run=True).encode(SENT).params == {"dry": "1"}
    assert acme(dry_run=True).encode(SENT).json["sandbox"] is True
    assert "sandbox" not in acme().encode(SENT).json


@pytest.mark.parametrize(
    ("auth", "place", "wanted"),
    [
        ("{type: none}", "authorization", None),
        ('{type: bearer, token: "{{ options.key }}"}', "authorization", "Bearer KEY"),
        ('{type: header, name: X-Key, token: "key {{ options.key }}"}', "x-key", "key KEY"),
        ('{type: basic, username: u, password: "{{ options.key }}"}', "authorization", "Basic dTpLRVk="),
    ],
)
def test_each_way_to_sign_in_by_header(
    auth: str, place: str, wanted: str | None, stub: Provider, acme: Callable[..., HttpGateway]
) -> None:
    acme(("auth: {type: none}", f"auth: {auth}"), base_url=stub.url).submit(SENT)

    assert stub.seen[0].headers.get(place) == wanted


def test_a_key_in_the_query_never_shows_in_an_error(stub: Provider, acme: Callable[..., HttpGateway]) -> None:
    stub.close()
    stub.answer(401, '{"message": "KEY"}')
    gateway = acme(
        ("auth: {type: none}", 'auth: {type: query, name: k, token: "{{ options.key }}"}'), base_url=stub.url
    )

    lost, refused = gateway.submit(SENT), gateway.submit(SENT)

    assert stub.seen[0].query["k"] == "KEY"
    assert "KEY" not in repr((lost, refused))


@pytest.mark.parametrize("form", [False, True])
def test_a_signed_request_is_signed_over_the_bytes_that_left(
    form: bool, stub: Provider, acme: Callable[..., HttpGateway]
) -> None:
    auth = "auth: {type: hmac, name: X-Sign, secret: key, signed: '{timestamp}.{body}', timestamp_header: X-Time}"
    changes = [("auth: {type: none}", auth)]
    if form:
        start, end = ACME.index("  json:\n    to:"), ACME.index("response:")
        changes += [(ACME[start:end], "  form: {a: '{{ text }}'}\n"), ("  json: {sandbox", "  form: {sandbox")]
    gateway = acme(*changes, base_url=stub.url)
    gateway.clock = lambda: NOW

    gateway.submit(SENT)

    (seen,) = stub.seen
    signed = f"{int(NOW.timestamp())}.".encode() + seen.body
    assert seen.headers["x-time"] == str(int(NOW.timestamp()))
    assert seen.headers["x-sign"] == hmac.new(b"KEY", signed, hashlib.sha256).hexdigest()
    assert (dict(seen.form)["a"] if form else seen.json["body"]["content"]) == SENT.text
    assert seen.headers["content-type"] == ("application/x-www-form-urlencoded" if form else "application/json")


# --- the answer -----------------------------------------------------------------------------------------------------


def answered(gateway: HttpGateway, status: int, body: str, **headers: str) -> Any:
    return gateway.decode(HttpReply(status=status, headers=headers, body=body.encode()), SENT)


def test_the_result_of_our_number_is_found_with_its_price(acme: Callable[..., HttpGateway]) -> None:
    mine = {"to": "+44 7700 900123", "state": "queued", "id": 12, "parts": 2, "cost": "7.5"}
    other = {"to": "447700900124", "state": "BLOCKED", "id": 1}
    body = json.dumps({"currency": "eur", "data": {"list": [other, mine]}})

    result = answered(acme(), 200, body)

    assert (result.outcome, result.provider_id, result.segments) == (Outcome.ACCEPTED, "12", 2)
    assert (result.cost, result.currency) == ("0.075", "EUR")


def test_the_first_row_that_fits_decides(acme: Callable[..., HttpGateway]) -> None:
    gateway = acme()
    blocked = '{"data": {"list": [{"to": "447700900123", "state": "blocked", "id": 1}]}}'

    throttled = answered(gateway, 200, blocked.replace("blocked", "THROTTLED"))
    opted_out = answered(gateway, 500, blocked)
    stopped = answered(gateway, 402, "{}")

    assert (throttled.error, throttled.retry_after) == (ErrorClass.THROTTLE, timedelta(seconds=20))
    assert (opted_out.error, opted_out.code, opted_out.text) == (ErrorClass.OPT_OUT, "blocked", "The person opted out.")
    assert (stopped.error, stopped.code) == (ErrorClass.ROUTE_STOP, "http_402")


def test_a_row_may_stand_for_a_hundred_statuses(acme: Callable[..., HttpGateway]) -> None:
    gateway = acme(("http: 5xx, class: unknown", "http: 5xx, class: route_stop"))

    found = {status: answered(gateway, status, "{}").error for status in (499, 500, 503, 599, 600)}

    assert [status for status, error in found.items() if error is ErrorClass.ROUTE_STOP] == [500, 503, 599]


def test_an_answer_may_be_the_list_of_results_itself(acme: Callable[..., HttpGateway]) -> None:
    body = json.dumps([{"to": "447700900124", "state": "OK", "id": 1}, {"to": "447700900123", "state": "OK", "id": 2}])

    result = answered(acme(("results: data.list", "results: .")), 200, body)

    assert (result.outcome, result.provider_id) == (Outcome.ACCEPTED, "2")


@pytest.mark.parametrize("status", [404, 302, 200, 500])
def test_what_no_row_explains_is_unknown(status: int, acme: Callable[..., HttpGateway]) -> None:
    body = '{"data": {"list": [{"to": "447700900123", "state": "NEW", "id": 1}]}}'

    assert answered(acme(), status, body).outcome is Outcome.UNKNOWN


# --- callbacks ------------------------------------------------------------------------------------------------------


def test_receipts_in_a_list_are_read_and_a_bad_one_does_not_lose_the_others(acme: Callable[..., HttpGateway]) -> None:
    body = b"""{"reports": [{"id": "1", "ref": "m1", "state": "done", "at": 1794996000000, "part": 2},
        {"state": 1}, null, {"id": "2", "state": "GONE", "code": 7},
        {"id": "3", "state": "NEW", "code": 8, "at": "soon"}]}"""

    one, two, three = acme().parse_receipt(Incoming(source="main", body=body))

    assert (one.state, one.message_id, one.part, one.at) == (
        State.DELIVERED,
        "m1",
        "2",
        datetime(2026, 11, 18, 10, tzinfo=UTC),
    )
    assert (two.state, two.error, two.error_code) == (State.UNDELIVERED, ErrorClass.OPT_OUT, "7")
    assert (three.state, three.error, three.at) == (State.UNCONFIRMED, ErrorClass.NONE, None)


def test_a_callback_without_any_usable_receipt_is_refused_or_empty(acme: Callable[..., HttpGateway]) -> None:
    assert acme().parse_receipt(Incoming(source="main", body=b'{"reports": []}')) == []
    for body in (b"{}", b'{"reports": [1]}', b'{"reports": [{"id": "1"}]}', b'{"reports": [{"state": "DONE"}]}'):
        with pytest.raises(Refused) as refusal:
            acme().parse_receipt(Incoming(source="main", body=body))
        assert refusal.value.reason is Reason.BAD_SHAPE


def test_a_reply_in_the_query_is_read(acme: Callable[..., HttpGateway]) -> None:
    query = {"id": "1", "from": "447700900123", "to": "60777", "text": "Arrêt", "kind": "ARRET"}

    (reply,) = acme().parse_reply(Incoming(source="main", method="GET", query=query))

    assert (reply.number, reply.to, reply.text, reply.opt_out) == ("+447700900123", "60777", "Arrêt", True)


def test_a_signed_callback_is_genuine_only_with_the_right_key_body_and_time(acme: Callable[..., HttpGateway]) -> None:
    body, stamp = b'{"reports": []}', str(int(NOW.timestamp()))
    proof = "sha256=" + hmac.new(b"HOOK", f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    genuine = Incoming(source="main", headers={"x-signature": proof, "x-time": stamp}, body=body)

    acme().verify(genuine, NOW)
    forged = [
        (replace(genuine, body=body + b" "), NOW, {}),
        (replace(genuine, headers={"x-time": stamp}), NOW, {}),
        (genuine, NOW + timedelta(seconds=61), {}),
        (genuine, NOW, {"hook_key": "other"}),
        (genuine, NOW, {"hook_key": ""}),
    ]
    for incoming, now, settings in forged:
        with pytest.raises(Refused) as refusal:
            acme(**settings).verify(incoming, now)
        assert refusal.value.reason.status == 401


def test_basic_credentials_on_callbacks_are_checked(acme: Callable[..., HttpGateway]) -> None:
    start, end = ACME.index("  verify: {type: hmac"), ACME.index("  ack: {status: 202")
    change = (ACME[start:end], "  verify: {type: basic, username: account, password: hook_key}\n")
    headers = {"authorization": "Basic " + base64.b64encode(b"shop:HOOK").decode()}

    acme(change, account="shop").verify(Incoming(source="main", headers=headers), NOW)
    for given, settings in (
        ({}, {}),
        (headers, {"hook_key": "x"}),
        ({"authorization": "Basic Og=="}, {"hook_key": ""}),
    ):
        with pytest.raises(Refused):
            acme(change, **{"account": "shop", **settings}).verify(Incoming(source="main", headers=given), NOW)


def test_the_file_says_what_the_provider_wants_to_hear(acme: Callable[..., HttpGateway]) -> None:
    answer = acme().answer()

    assert (answer.status, answer.body, answer.content_type) == (202, "<ok/>", "text/xml")
    plain = acme((', body: "<ok/>", content_type: text/xml', "")).answer()
    assert (plain.status, plain.body, plain.content_type) == (202, "ok", "text/plain; charset=utf-8")


def test_what_a_file_declares_becomes_capabilities_and_options(acme: Callable[..., HttpGateway]) -> None:
    gateway = acme()
    able = gateway.capabilities

    assert {name: option.text for name, option in gateway.options.items()} == {
        "account": "The account.", "key": "The key.", "hook_key": "The key of callbacks.",
        "base_url": "The provider's address.",
        "dry_run": "Let the provider check each request and send nothing.",
        "from": "Number or name texts come from, where a rule states none.",
    }  # fmt: skip
    assert (able.number_format, able.max_segments, able.receipts) == ("digits", 6, "signed")
    assert able.validity
    assert able.client_reference
    assert able.per_message_callback
    assert able.replies
    assert able.test_mode
    assert not able.idempotent
    assert {name for name, option in gateway.options.items() if option.secret} == {"key", "hook_key"}
    assert {name for name, option in gateway.options.items() if option.required} == {"account"}
    assert {"base_url", "from", "dry_run"} <= set(gateway.options)


# --- files that are wrong -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_file_is_right(path: Path) -> None:
    assert declarative.check(path) == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("version: 1", "version: 2", "acme.yaml: version: '2' is none of 1"),
        ("gateway: acme", "gateway: acne", "acme.yaml: gateway: is 'acne', but the file is called acme"),
        ("title: Acme\n", "", "acme.yaml: title: is missing"),
        ("title: Acme\n", "titel: Acme\n", "acme.yaml: titel: unknown key, did you mean title?"),
        ("  method: POST", "  methods: POST", "acme.yaml: send.methods: unknown key, did you mean method?"),
        ("class: opt_out, text", "class: opt-out, text", "acme.yaml: errors[1].class: 'opt-out' is none of"),
        ("http: 5xx", "http: 5x", "acme.yaml: errors[3].http: must be an HTTP code (404), a class (5xx)"),
        ("DONE: delivered", "DONE: deliverd", "acme.yaml: receipt.status.map.DONE: 'deliverd' is none of"),
        ("GONE: undelivered}", "GONE: undelivered}, default: delivered", "status.default: 'delivered' is none of"),
        ("{{ encoding }}", "{{ encodign }}", "acme.yaml: send: {{ encodign }} is unknown, did you mean encoding?"),
        ("{{ encoding }}", "{{ a.__class__ }}", "acme.yaml: send: {{ a.__class__ }} is unknown"),
        ("{{ encoding }}", "{{ text | upper }}", "acme.yaml: send.json.body.type: a placeholder looks like {{ name }}"),
        ("{{ encoding }}", "{{ 7*7 }}", "acme.yaml: send.json.body.type: a placeholder looks like {{ name }}"),
        ("{{ ref }}\"}", "{{ text }}\"}", "acme.yaml: send.headers: a text or sender may stand in query and body only"),
        ("{{ ref }}\"", "{{ key }}\"", "acme.yaml: idempotency: is missing, and send uses {{ key }}"),
        ("secret: hook_key", "secret: hook", "acme.yaml: receipt.verify: option hook is not declared under options"),
        ("auth: {type: none}", "auth: {type: bearer}", "acme.yaml: auth.token: is missing"),
        ("number_format: digits", "number_format: nice", "acme.yaml: number_format: 'nice' is none of e164, digits"),
        ("base_url: https://api.acme.example/v2", "base_url: https://api.acme.example/", "base_url: must be an"),
        ("max_segments: 6", "max_segments: six", "acme.yaml: limits.max_segments: must be a whole number"),
        ("errors:\n", "errors:\n  - nothing\n", "acme.yaml: errors[0]: must be a mapping"),
        ("title: Acme\n", "title: Acme\ntitle: Again\n", "acme.yaml: is not YAML: key title stands twice"),
        ("title: Acme\n", "title: [Acme\n", "acme.yaml: is not YAML"),
        ("title: Acme\n", "title: !!python/name:os.system ''\n", "acme.yaml: is not YAML"),
        ("note: \"to {{ to }} of {{ ref }}\"", "note: !!float 1.5", "acme.yaml: send.json.note: must be a text"),
        ("note: \"to {{ to }} of {{ ref }}\"", "note: !!timestamp 2026-01-01", "acme.yaml: send.json.note: must be"),
        ("title: Acme\n", "title: &a Acme\ndocs2: *a\n", "acme.yaml: is not YAML: aliases are not used here"),
        ("title: Acme\n", "title: Acme\n!!int 1: a\n", "acme.yaml: is not YAML: a key must be a text"),
        ("  submit: []", "  submit: [{case: x}]", "acme.yaml: samples.submit[0].result: is missing"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_file_and_key(old: str, new: str, says: str, tmp_path: Path) -> None:
    path = write(tmp_path, (old, new))

    problems = declarative.check(path)

    assert any(says in problem for problem in problems), problems
    with pytest.raises(ConfigError) as refusal:
        declarative.load(path)
    assert says in str(refusal.value)


@pytest.mark.parametrize("raw", [b"", b"[]", b"text", b"\xff\xfe", b"a: &x [*x]", b"? [a]\n: b", b"null", b"{" * 3000])
def test_a_file_that_is_nothing_like_a_gateway_is_one_problem_not_a_crash(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "acme.yaml"
    path.write_bytes(raw)

    assert declarative.check(path)
    assert declarative.check(tmp_path / "missing.yaml")


def test_any_single_key_of_a_shipped_file_may_be_missing_or_odd_without_a_crash(tmp_path: Path) -> None:
    for path in SHIPPED[:: runs(8, 1)]:
        document = yaml.load(path.read_text("utf-8"), Loader=template.StringsOnly)  # noqa: S506 - a SafeLoader subclass
        document.pop("samples")
        for name, value in document.items():
            for odd in (
                None,
                "x",
                [],
                {},
                {"a": "b"},
                [["x"]],
                [value],
                {**value, "zz": "1"} if isinstance(value, dict) else 7,
            ):
                broken = tmp_path / path.name
                broken.write_text(yaml.safe_dump({**document, name: odd, "samples": {"provenance": "x", "submit": []}}))
                if not declarative.check(broken):
                    assert issubclass(declarative.load(broken), declarative.Declared), (path, name, odd)


def test_every_key_and_word_of_the_language_has_a_sentence() -> None:
    for name, sentence in template.WORDS.items():
        assert sentence.endswith("."), name


def test_a_placeholder_is_filled_in_one_pass() -> None:
    values = {"a": "{{ b }}", "b": "{{ a }}", "n": 3}

    assert template.fill({"x": ["{{ a }}{{ b }}", "{{n|int}}", "{{ n }}"]}, values) == {
        "x": ["{{ b }}{{ a }}", 3, "3"]
    }  # fmt: skip
