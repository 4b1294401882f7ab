"""One contract for every gateway, over the samples each one carries. A new provider adds rows, not code.

Samples stand in the provider's own YAML under `samples:`, or beside its Python file as `<kind>.samples.yaml`:

    provenance: where the samples come from
    settings: {...}                  settings all samples share
    submit:
      - case: a sentence
        settings: {...}              settings of this sample only
        message: {to, text, ...}     fields of the Submission that differ from `submission()` below
        request: {method, path, query, headers, form | json}   what must be on the wire, exactly (headers: at least)
        answer: {status, headers, body}                        what the provider says; 200 {} when left out
        result: {outcome, error, ...}                          fields of the Result that must come of it
    receipts:
      - {case, incoming: {method, url, query, headers, body}, receipts: [{state, provider_id, ...}]}
    replies:
      - {case, incoming: {...}, replies: [{id, number, to, text, ...}]}

Every scalar is read as text. The same keys are checked by gateways/template.py for files of both kinds.
"""

from __future__ import annotations

import json
import logging
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import fields as fields_of
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

import pytest
import yaml

import gateways
from gateways import template
from gateways.base import Gateway, HttpGateway
from model.event import Incoming
from model.message import State
from model.reasons import Reason, Refused
from model.sending import ErrorClass, Outcome, Result, Submission
from tests.fakes.provider import Provider, Seen, closed_port, provider
from tests.fakes.smsc import by_number, smsc
from wire.http import Client
from wire.http import Reply as HttpReply

T = TypeVar("T")
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
KINDS = gateways.names()
CLASSES = {error.code: error for error in ErrorClass}
MARK = "SECRET-MARKER"
HARD_TEXT = (
    'Zoë\'s "order"\n{{ sender }} {{ to }} {{text}} {{ options.base_url }} ${X} {0} %s %0A 100% & a=b; +49 # '
    "<b>\\n</b> \\u0041 'x' Привет 日本 👩‍👩‍👧 \u200f €\t{[]} http://x.example/?a=1&b=2 end"
)
JUNK: tuple[Any, ...] = (
    None, True, False, 0, -1, 10**30, 1.5, "", "x" * 5000, "\x00", "\u202e", "\ud83d", "NaN", "<html>",
    [], [None], [[[]]], {}, {"": {}}, {"id": {"id": []}},
)  # fmt: skip
JUNK_BODIES = (
    b"", b"{}", b"[]", b"null", b"true", b'"text"', b"1", b"NaN", b"\x00\xff\xfe", b"<html><h1>Hello</h1></html>",
    b"[" * 20_000, b'{"a":' * 20_000, b"[{}]", b"[[]]", b"a=b&c=d", b"&&&&", b"=", b"%ff%fe=%00", b"a=b&" * 2000,
    b'{"error": "no credit"}', b'{"errors": [{"code": 1}]}', b'{"status": "ok"}', b'{"data": {"messages": [null]}}',
    b'{"data": {"messages": {}}}', b'{"status": {"type": []}}', b"9" * 5000, b'{"id": ' + b"9" * 5000 + b"}",
)  # fmt: skip


@cache
def samples_of(kind: str) -> dict[str, Any]:
    in_yaml = gateways.HERE / f"{kind}.yaml"
    if in_yaml.exists():
        document, problems = template.read(in_yaml)
        assert problems == []
        found: dict[str, Any] = document["samples"]
        return found
    beside = (gateways.HERE / f"{kind}.samples.yaml").read_text("utf-8")
    found = yaml.load(beside, Loader=template.StringsOnly)  # noqa: S506 - a SafeLoader subclass
    assert list(template.SAMPLES("", found)) == []
    return found


@cache
def class_of(kind: str) -> type[Gateway]:
    return gateways.load(kind)


HTTP_KINDS = [kind for kind in KINDS if issubclass(class_of(kind), HttpGateway)]


class Case:
    """One sample of one gateway."""

    def __init__(self, kind: str, part: str, row: dict[str, Any]) -> None:
        self.kind, self.part, self.row = kind, part, row

    def __str__(self) -> str:
        return f"{self.kind}: {self.row['case']}"

    @property
    def incoming(self) -> Incoming:
        given = self.row["incoming"]
        return Incoming(
            source=self.kind,
            method=given.get("method", "POST"),
            url=given.get("url", f"https://tidings.example/receipts/{self.kind}/token"),
            query=given.get("query", {}),
            headers={name.lower(): value for name, value in given.get("headers", {}).items()},
            body=given.get("body", "").encode(),
            received_at=NOW,
        )


def cases(part: str, *, http_only: bool = False) -> list[Case]:
    kinds = HTTP_KINDS if http_only else KINDS
    return [Case(kind, part, row) for kind in kinds for row in samples_of(kind).get(part, [])]


SUBMITS = cases("submit")
ON_THE_WIRE = [case for case in cases("submit", http_only=True) if "request" in case.row]
ANSWERED = [case for case in cases("submit", http_only=True) if "answer" in case.row]
TAKEN = [case for case in ANSWERED if case.row["result"]["outcome"] == "accepted"]
CALLBACKS = cases("receipts") + cases("replies")


@pytest.fixture
def stub() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture(scope="module")
def http() -> Client:
    return Client(connect=1.0, read=1.0)


@pytest.fixture(scope="module")
def impatient() -> Client:
    return Client(connect=1.0, read=0.25)


def build(kind: str, http: Client, base_url: str = "http://127.0.0.1:9", **settings: Any) -> Gateway:
    quiet = {"show": False} if kind == "console" else {"base_url": base_url}
    return class_of(kind)("main", {**samples_of(kind).get("settings", {}), **quiet, **settings}, http)


def marked(kind: str) -> dict[str, str]:
    """Give every secret setting a value that can be recognised wherever it turns up."""
    return {name: f"{MARK}-{name}" for name, option in class_of(kind).options.items() if option.secret}


def submission(**changes: Any) -> Submission:
    for name in ("segments", "attempt"):
        if name in changes:
            changes[name] = int(changes[name])
    if "validity" in changes:
        changes["validity"] = timedelta(seconds=int(changes["validity"]))
    plain = Submission(message_id="m0sample00000001", to="+447700900123", text="Hello")
    return replace(plain, **changes)


def play(case: Case, stub: Provider, http: Client, **settings: Any) -> Result:
    if case.kind == "smpp":
        return play_smpp(case, http)
    answer = case.row.get("answer", {"status": "200", "body": "{}"})
    stub.answer(int(answer["status"]), answer.get("body", ""), answer.get("headers"))
    gateway = build(case.kind, http, stub.url, **{**case.row.get("settings", {}), **settings})
    return gateway.submit(submission(**case.row.get("message", {})))


def play_smpp(case: Case, http: Client) -> Result:
    """Hand a text to an SMSC that plays what the end of its number stands for."""
    with smsc() as peer:
        peer.always = by_number
        gateway = build(case.kind, http, port=peer.port, **case.row.get("settings", {}))
        try:
            return gateway.submit(submission(**case.row.get("message", {})))
        finally:
            gateway.close()


# --- handing over ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ON_THE_WIRE, ids=str)
def test_the_request_on_the_wire_is_the_one_of_the_sample(case: Case, stub: Provider, http: Client) -> None:
    wanted = case.row["request"]

    play(case, stub, http)

    (seen,) = stub.seen
    assert (seen.method, seen.path) == (wanted.get("method", "POST"), wanted["path"])
    assert seen.query == wanted.get("query", {})
    assert {name: seen.headers.get(name) for name in wanted.get("headers", {})} == wanted.get("headers", {})
    if "json" in wanted:
        assert seen.json == json.loads(wanted["json"])
    else:
        assert sorted(seen.form) == sorted(wanted.get("form", {}).items())


@pytest.mark.parametrize("case", SUBMITS, ids=str)
def test_the_provider_s_answer_becomes_the_result_of_the_sample(case: Case, stub: Provider, http: Client) -> None:
    result = play(case, stub, http)

    for name, wanted in case.row["result"].items():
        assert shown(getattr(result, name)) == wanted, f"{name} of {result}"
    assert (result.outcome is Outcome.ACCEPTED) == (result.error is ErrorClass.NONE)
    assert result.provider_id or result.outcome is not Outcome.ACCEPTED
    assert "+447700900123" not in result.text


def shown(value: Any) -> str:
    if isinstance(value, timedelta):
        return str(int(value.total_seconds()))
    if isinstance(value, Outcome):
        return value.value
    if isinstance(value, ErrorClass | State):
        return value.code
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.isoformat() if isinstance(value, datetime) else str(value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_gateway_has_a_sample_for_everything_it_says_it_can(kind: str) -> None:
    gateway, samples = class_of(kind), samples_of(kind)
    outcomes = {row["result"]["outcome"] for row in samples["submit"]}
    errors = {row["result"].get("error") for row in samples["submit"]}

    assert gateway.kind == kind
    assert gateway.title
    assert len(samples["provenance"]) > 20
    assert outcomes == {outcome.value for outcome in Outcome}
    assert {"throttle", "unknown", "permanent", "route_stop"} <= errors
    calls_back = gateway.capabilities.receipts != "connection"  # else tests/gateways/test_smpp_stories.py has them
    assert ("receipts" in samples) == (calls_back and gateway.capabilities.receipts != "none")
    assert ("replies" in samples) == (calls_back and gateway.capabilities.replies)
    for name, option in gateway.options.items():
        assert option.text.endswith("."), name


@pytest.mark.parametrize("kind", HTTP_KINDS)
def test_every_http_gateway_shows_what_a_server_error_means(kind: str) -> None:
    on_5xx = [row for row in samples_of(kind)["submit"] if row.get("answer", {}).get("status", "").startswith("5")]

    assert on_5xx
    assert {row["result"]["outcome"] for row in on_5xx} <= {"unknown", "retry"}


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("kind", HTTP_KINDS)
def test_a_proxy_s_error_page_leaves_the_outcome_unknown(kind: str, status: int, stub: Provider, http: Client) -> None:
    stub.answer(status, "<html><h1>error</h1></html>")

    result = build(kind, http, stub.url).submit(submission())

    assert result.outcome is Outcome.UNKNOWN
    assert stub.count == 1


@pytest.mark.parametrize("wait", ["7", "", "soon", "-1", "99999999999999", "Wed, 21 Oct 2026 07:28:00 GMT"])
@pytest.mark.parametrize("kind", HTTP_KINDS)
def test_too_many_requests_slows_down_for_as_long_as_asked(kind: str, wait: str, stub: Provider, http: Client) -> None:
    stub.answer(429, "{}", {"Retry-After": wait})

    result = build(kind, http, stub.url).submit(submission())

    assert (result.outcome, result.error) == (Outcome.RETRY, ErrorClass.THROTTLE)
    assert result.retry_after == (timedelta(seconds=7) if wait == "7" else None)


@pytest.mark.parametrize("kind", HTTP_KINDS)
def test_a_refused_connection_means_that_nothing_was_sent(kind: str, http: Client) -> None:
    result = build(kind, http, f"http://127.0.0.1:{closed_port()}").submit(submission())

    assert (result.outcome, result.code) == (Outcome.RETRY, "not_sent")


@pytest.mark.parametrize("fault", ["hang", "close", "reset", "trickle", "garbage"])
@pytest.mark.parametrize("kind", HTTP_KINDS)
def test_when_the_answer_is_lost_the_outcome_is_unknown_and_nothing_is_repeated(
    kind: str, fault: str, stub: Provider, impatient: Client
) -> None:
    getattr(stub, fault)()

    result = build(kind, impatient, stub.url).submit(submission())

    assert (result.outcome, result.error) == (Outcome.UNKNOWN, ErrorClass.UNKNOWN)
    assert stub.waits_for(1) == 1


@pytest.mark.parametrize("kind", HTTP_KINDS)
def test_a_connection_that_died_while_idle_is_not_taken_for_a_refused_one(
    kind: str, stub: Provider, http: Client
) -> None:
    gateway = build(kind, http, stub.url)
    stub.answer(429, "{}")
    stub.close()

    gateway.submit(submission())
    second = gateway.submit(submission())

    assert second.outcome is Outcome.UNKNOWN
    assert stub.count == 2


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize("kind", HTTP_KINDS)
def test_an_answer_without_sense_is_never_a_yes(kind: str, status: int, http: Client) -> None:
    gateway = http_gateway(kind, http)
    for body in JUNK_BODIES:
        result = gateway.decode(HttpReply(status=status, body=body), submission())

        assert result.outcome is Outcome.UNKNOWN, body[:60]


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize("kind", HTTP_KINDS)
def test_an_answer_of_megabytes_is_cut_off(kind: str, status: int, stub: Provider, http: Client) -> None:
    stub.huge(status)

    assert build(kind, http, stub.url).submit(submission()).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("kind", HTTP_KINDS)
def test_a_redirect_is_not_followed_and_not_a_yes(kind: str, status: int, stub: Provider, http: Client) -> None:
    stub.redirect(status)

    result = build(kind, http, stub.url).submit(submission())

    assert result.outcome is Outcome.UNKNOWN
    assert stub.count == 1


@pytest.mark.parametrize("case", ANSWERED, ids=str)
def test_whatever_is_wrong_in_an_answer_the_result_stays_a_result(case: Case, http: Client) -> None:
    gateway = http_gateway(case.kind, http)
    status, body = int(case.row["answer"]["status"]), case.row["answer"].get("body", "").encode()
    for broken in broken_bodies(body, str(case)):
        result = gateway.decode(HttpReply(status=status, body=broken), submission())

        assert isinstance(result.text, str)
        assert isinstance(result.code, str)
        assert result.segments is None or 0 < result.segments < 1000
        if result.outcome is Outcome.ACCEPTED:
            assert result.provider_id.strip()


@pytest.mark.parametrize("case", TAKEN, ids=str)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500, 503])
def test_a_yes_under_an_error_code_is_not_a_yes(case: Case, status: int, http: Client) -> None:
    body = case.row["answer"]["body"].encode()

    result = http_gateway(case.kind, http).decode(HttpReply(status=status, body=body), submission())

    assert result.outcome is not Outcome.ACCEPTED


@pytest.mark.parametrize("kind", HTTP_KINDS)
def test_the_text_reaches_the_provider_letter_by_letter(kind: str, stub: Provider, http: Client) -> None:
    build(kind, http, stub.url).submit(submission(text=HARD_TEXT, sender="A & B {{ to }}", encoding="ucs2"))

    (seen,) = stub.seen
    values = list(words(seen))
    assert HARD_TEXT in values
    assert "A & B {{ to }}" in values or "from" not in class_of(kind).options


@pytest.mark.parametrize("kind", HTTP_KINDS)
def test_a_text_that_cannot_be_encoded_does_not_crash_the_sender(kind: str, stub: Provider, http: Client) -> None:
    result = build(kind, http, stub.url).submit(submission(text="half an emoji \ud83d"))

    assert result.outcome is not Outcome.ACCEPTED


@pytest.mark.parametrize("kind", [kind for kind in HTTP_KINDS if class_of(kind).capabilities.idempotent])
def test_an_idempotent_gateway_sends_the_same_bytes_for_the_same_message(
    kind: str, stub: Provider, http: Client
) -> None:
    gateway = build(kind, http, stub.url)

    gateway.submit(submission())
    gateway.submit(submission(attempt=2))
    gateway.submit(submission(message_id="m0sample00000002"))

    first, again, other = ((seen.query, seen.body) for seen in stub.seen)
    assert first == again
    assert first != other


@pytest.mark.parametrize("kind", [kind for kind in HTTP_KINDS if class_of(kind).capabilities.per_message_callback])
def test_the_receipt_address_is_sent_along_as_it_is(kind: str, stub: Provider, http: Client) -> None:
    address = "https://tidings.example/receipts/main/a-token?m=m1&x=%20"

    build(kind, http, stub.url).submit(submission(receipt_url=address))

    (seen,) = stub.seen
    assert any(address in str(value) for value in words(seen))


# --- secrets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", HTTP_KINDS)
def test_no_secret_turns_up_in_results_errors_or_logs(
    kind: str, stub: Provider, http: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = marked(kind)
    echo = ", ".join(secrets.values())
    gateway = build(kind, http, stub.url, **secrets)
    answers: list[tuple[int, Any]] = [
        (status, body)
        for status in (200, 201, 400, 401, 403, 404, 409, 429, 500, 503)
        for body in ({"code": 99999, "message": echo, "status": status, "type": echo}, {"code": echo, "message": echo})
    ]
    said: list[Any] = []
    for status, body in answers:
        stub.answer(status, body)
        said.append(gateway.submit(submission()))
    for fault in (stub.close, stub.reset, stub.garbage):
        fault()
        said.append(gateway.submit(submission()))
    nowhere = build(kind, http, f"http://127.0.0.1:{closed_port()}", **secrets)
    said.append(nowhere.submit(submission()))
    said += [gateway.balance(), gateway.resolve(submission(), NOW), gateway, secrets and gateway.http]

    assert secrets
    assert MARK not in repr(said)
    assert MARK not in caplog.text
    assert MARK not in "".join(str(record.__dict__) for record in caplog.records)


@pytest.mark.parametrize("case", CALLBACKS, ids=str)
def test_no_secret_turns_up_when_a_callback_is_refused(case: Case, http: Client) -> None:
    gateway = build(case.kind, http, **({} if case.kind == "console" else marked(case.kind)))
    for incoming in (case.incoming, replace(case.incoming, body=b"{")):
        for act in (lambda given: gateway.verify(given, NOW), gateway.parse_receipt, gateway.parse_reply):
            assert MARK not in str(refusal_of(act, incoming))


# --- receipts and replies -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", cases("receipts"), ids=str)
def test_a_callback_becomes_the_receipts_of_the_sample(case: Case, http: Client) -> None:
    found = build(case.kind, http).parse_receipt(case.incoming)

    assert [facts(receipt, wanted) for receipt, wanted in pairs(found, case.row["receipts"])] == case.row["receipts"]


@pytest.mark.parametrize("case", cases("replies"), ids=str)
def test_a_callback_becomes_the_replies_of_the_sample(case: Case, http: Client) -> None:
    found = build(case.kind, http).parse_reply(case.incoming)

    assert [facts(reply, wanted) for reply, wanted in pairs(found, case.row["replies"])] == case.row["replies"]
    for reply, wanted in pairs(found, case.row["replies"]):
        assert reply.opt_out == (wanted.get("opt_out") == "yes")


def pairs(found: list[Any], wanted: list[dict[str, str]]) -> Iterator[tuple[Any, dict[str, str]]]:
    assert len(found) == len(wanted)
    yield from zip(found, wanted, strict=True)


def facts(found: Any, wanted: dict[str, str]) -> dict[str, str]:
    return {field.name: shown(getattr(found, field.name)) for field in fields_of(found) if field.name in wanted}


@pytest.mark.parametrize("case", cases("receipts"), ids=str)
def test_a_status_nobody_knows_is_never_delivered(case: Case, http: Client) -> None:
    gateway = build(case.kind, http)
    for wanted in case.row["receipts"]:
        word = wanted.get("raw_status", wanted["state"]).partition(".")[0]
        for strange in ("zz-new-word", "DELIVERED?", "not delivered", "deliver"):
            body = case.incoming.body.replace(word.encode(), strange.encode())
            found = gateway.parse_receipt(replace(case.incoming, body=body))

            odd = [receipt for receipt in found if receipt.raw_status.startswith(strange)]
            assert odd, body
            assert {receipt.state for receipt in odd} == {State.UNCONFIRMED}


@pytest.mark.parametrize("case", CALLBACKS, ids=str)
def test_whatever_is_wrong_with_a_callback_it_is_read_or_refused(case: Case, http: Client) -> None:
    gateway = build(case.kind, http)
    for body in broken_bodies(case.incoming.body, str(case)):
        receipts = survives(gateway.parse_receipt, replace(case.incoming, body=body))
        replies = survives(gateway.parse_reply, replace(case.incoming, body=body))

        assert all(receipt.provider_id or receipt.message_id for receipt in receipts)
        assert all(reply.id and reply.number for reply in replies)


@pytest.mark.parametrize("case", CALLBACKS, ids=str)
def test_a_forged_callback_is_refused(case: Case, http: Client) -> None:
    gateway = build(case.kind, http)
    if gateway.capabilities.receipts != "signed":
        pytest.skip(reason="this provider does not sign; the token in the address is the proof")

    forged = {"x-twilio-signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "authorization": "Basic eDp5", "x-signature": "00"}
    for headers in ({}, forged, dict.fromkeys(forged, ""), dict.fromkeys(forged, "\udcff"), dict.fromkeys(forged, "é")):
        with pytest.raises(Refused) as refusal:
            gateway.verify(replace(case.incoming, headers={**case.incoming.headers, **headers}), NOW)
        assert refusal.value.reason.status == 401


@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_to_a_callback_says_nothing_a_phone_could_hear(kind: str, http: Client) -> None:
    answer = build(kind, http).answer()

    assert answer.status in (200, 204)
    assert answer.body in ("", "ok", "<Response/>", "ACK/Jasmin")


@pytest.mark.parametrize("kind", KINDS)
def test_asking_about_a_text_or_the_balance_never_raises(kind: str, stub: Provider, http: Client) -> None:
    gateway = build(kind, http, stub.url)
    for body in JUNK_BODIES[:14]:
        stub.answer(200, body)
        assert gateway.balance() == ""
        stub.answer(200, body)
        assert gateway.resolve(submission(), NOW) is None


# --- what may come instead ------------------------------------------------------------------------------------------


def http_gateway(kind: str, http: Client) -> HttpGateway:
    gateway = build(kind, http)
    assert isinstance(gateway, HttpGateway)
    return gateway


def refusal_of(act: Callable[[Incoming], object], incoming: Incoming) -> Refused | None:
    try:
        act(incoming)
    except Refused as refusal:
        return refusal
    return None


def survives(parse: Callable[[Incoming], list[T]], incoming: Incoming) -> list[T]:
    """Anything may come in; out come values, or the one refusal that keeps the body."""
    try:
        return parse(incoming)
    except Refused as refusal:
        if refusal.reason is not Reason.BAD_SHAPE:
            raise
        return []


def words(seen: Seen) -> Iterator[Any]:
    """Every value on the wire: in the query, the form or the JSON; UTF-16 in hex is read back."""
    has_json = "json" in seen.headers.get("content-type", "")
    for value in (*seen.query.values(), *leaves(seen.json if has_json else [value for _, value in seen.form])):
        yield value
        if isinstance(value, str) and re.fullmatch(r"([0-9a-f]{4})+", value):
            yield bytes.fromhex(value).decode("utf-16-be", "replace")


def leaves(tree: Any) -> Iterator[Any]:
    children = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    for child in children:
        yield from leaves(child)
    if not isinstance(tree, dict | list):
        yield tree


def broken_bodies(body: bytes, seed: str) -> Iterator[bytes]:
    yield from JUNK_BODIES
    yield from (body[: len(body) * part // 13] for part in range(13))
    try:
        tree = json.loads(body)
    except ValueError:
        yield from broken_forms(body)
    else:
        for path in node_paths(tree):
            for junk in (*JUNK, ...):
                yield json.dumps(swapped(tree, path, junk)).encode()
    dice = random.Random(seed)
    for _ in range(100 if body else 0):
        shaken = bytearray(body)
        for _ in range(dice.randint(1, 6)):
            shaken[dice.randrange(len(shaken))] = dice.randrange(256)
        yield bytes(shaken)


def broken_forms(body: bytes) -> Iterator[bytes]:
    fields = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    for index, (name, value) in enumerate(fields):
        rest = fields[:index] + fields[index + 1 :]
        yield urlencode(rest).encode()
        yield urlencode([*rest, (name, value), (name, "again")]).encode()
        for junk in ("", " ", "\x00", "x" * 9000, "9" * 400, "²", "٣", "é", "\u202e", "[]", "-1", "1e400"):
            yield urlencode([*rest, (name, junk)]).encode()
        yield urlencode(rest).encode() + b"&" + name.encode() + b"=%ff%fe%00"


def node_paths(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    children = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for name, child in children:
        yield from node_paths(child, (*path, name))


def swapped(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Copy `tree` with the node at `path` replaced, or left out when `value` is `...`."""
    if not path:
        return None if value is ... else value
    name, *rest = path
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    if not rest and value is ...:
        del copy[name]
    else:
        copy[name] = swapped(tree[name], tuple(rest), value)
    return copy
