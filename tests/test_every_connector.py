"""One contract for every connector, over every sample in sample_payloads/. A new connector adds rows, not code."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlsplit

import pytest

import connectors
from connectors.base import AskFailed, Audience, Connector, Lookup, Poller
from inbound import conversations, samples
from inbound.conversations import Conversation
from inbound.recorded import System
from inbound.samples import Sample
from model.event import Answer, Event, Incoming, is_event_type
from model.reasons import Reason, Refused
from tests.connectors.fake_http import FakeHttp, raises, says
from tests.scale import runs
from wire.http import Call, Forbidden, NotSent, Reply, Unclear
from wire.reading import dig
from wire.signatures import STANDARD_WEBHOOKS

SAMPLES = list(samples.every())
TALKS = list(conversations.every())
LOOK_UPS = [
    (sample, index)
    for sample in SAMPLES
    for index, expected in enumerate(sample.expect.get("events", ()))
    if "looked_up" in expected
]
FOUND = [(s, index) for s, index in LOOK_UPS if not s.expect["events"][index]["looked_up"].get("gone")]
FAILURES = [
    (says({}, 400), True),
    (says({}, 404), True),
    (says({}, 401), False),
    (says({}, 429), False),
    (says({}, 500), False),
    (says(["?"]), False),
    (raises(NotSent("shop.example: ConnectTimeout")), False),
    (raises(Unclear("shop.example: ReadTimeout")), False),
    (raises(Forbidden("that is not a host this connection may reach")), True),
]
NAMES = connectors.names()
JUNK: tuple[Any, ...] = (
    None, True, False, 0, -1, 10**30, 1.5, "", "x" * 5000, "\x00", "\u202e", "2026-13-45", "NaN",
    [], [None], [[[]]], {}, {"": {}}, {"id": {"id": []}},
)  # fmt: skip


def facts(event: Event) -> dict[str, Any]:
    return {
        "type": event.type,
        "native_type": event.native_type,
        "id": event.id,
        "key": event.key,
        "occurred_at": event.occurred_at,
        "test": event.test,
        "version": event.version,
        "lookup": event.lookup,
    }


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_sample_becomes_the_expected_events(sample: Sample) -> None:
    if "refused" in sample.expect:
        with pytest.raises(Refused) as refusal:
            sample.events()
        assert refusal.value.reason.code == sample.expect["refused"]
        return

    events = sample.events()

    check_expected(events, sample.expect["events"])


def check_expected(events: list[Event], wanted_events: list[dict[str, Any]]) -> None:
    assert len(events) == len(wanted_events)
    for event, expected in zip(events, wanted_events, strict=True):
        wanted = {name: value for name, value in expected.items() if name not in {"data", "looked_up"}}
        if "occurred_at" in wanted and not isinstance(wanted["occurred_at"], datetime):
            wanted["occurred_at"] = datetime.fromisoformat(wanted["occurred_at"])
        assert {name: facts(event)[name] for name in wanted} == wanted
        seen = {path: dig(event.data, path) for path in expected.get("data", {})}
        assert seen == expected.get("data", {})


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_events_carry_only_the_fields_their_connector_documents(sample: Sample) -> None:
    if "refused" in sample.expect:
        pytest.skip(reason="this sample is refused")

    for event in sample.events():
        assert event.type in sample.build().event_types or event.type.startswith("custom.")
        documented(sample.build(), event)
        json.dumps(dict(event.data))


def documented(connector: Connector, event: Event) -> None:
    """Hold the fields of an event against those its connector documents."""
    named = connector.fields.get(event.type)
    if named:
        free = tuple(path.removesuffix("*") for path in named if path.endswith(".*"))
        assert {path for path in paths(event.data) if not path.startswith(free)} <= set(named)
        assert all("[" not in path for path in named)


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_parsing_twice_gives_equal_events(sample: Sample) -> None:
    if "refused" in sample.expect:
        pytest.skip(reason="this sample is refused")

    assert sample.events() == sample.events()


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_a_signed_sample_is_genuine_and_a_changed_one_is_not(sample: Sample) -> None:
    connector, signed = sample.build(), sample.signed()
    if not connector.needs_secret:
        pytest.skip(reason="this source has no proof of its own")

    connector.verify(signed, [sample.secret], sample.now)
    connector.verify(signed, ["an-older-secret", sample.secret], sample.now)

    for secrets in (["wrong-secret-of-someone-else"], [], [""]):
        refused(connector, signed, secrets, sample.now)
    refused(connector, sample.incoming, [sample.secret], sample.now)
    garbled = {n: v[:-4] + "AAAA" if signed.headers.get(n) != sample.incoming.headers.get(n) else v
               for n, v in signed.headers.items()}  # fmt: skip
    if garbled != dict(signed.headers):
        refused(connector, replace(signed, headers=garbled), [sample.secret], sample.now)


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_whatever_is_wrong_with_the_body_parse_answers_or_refuses(sample: Sample) -> None:
    connector = sample.build()
    for body in broken_bodies(sample):
        survives(connector, replace(sample.incoming, body=body))


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_whatever_is_wrong_with_the_headers_parse_answers_or_refuses(sample: Sample) -> None:
    connector = sample.build()
    for name in sample.incoming.headers:
        for value in ("", "x", "\udcff", "a" * 9000, "1e400", "{}"):
            survives(connector, replace(sample.incoming, headers={**sample.incoming.headers, name: value}))
    survives(connector, replace(sample.incoming, headers={}))


def test_each_system_that_is_asked_for_more_has_a_look_up_on_record() -> None:
    told = [sample for sample in SAMPLES if "events" in sample.expect]
    asked = {sample.connector for sample in told if any(event.lookup for event in sample.events())}
    recorded = {sample.connector for sample, _ in LOOK_UPS}

    # Salesforce is asked by its library over a session of its own: tests/connectors/test_salesforce_changes.py.
    assert asked - recorded == {"salesforce"}


@pytest.mark.parametrize(("sample", "index"), LOOK_UPS, ids=str)
def test_a_look_up_completes_an_event_as_its_sample_says(sample: Sample, index: int) -> None:
    connector, event, wanted = sample.build(), sample.events()[index], sample.expect["events"][index]["looked_up"]
    system = System(wanted["answers"])

    if wanted.get("gone"):
        with pytest.raises(AskFailed) as failure:
            cast("Lookup", connector).lookup(event, system)
        assert failure.value.gone
    else:
        found = cast("Lookup", connector).lookup(event, system)
        assert {path: dig(found.data, path) for path in wanted["data"]} == wanted["data"]
        named = wanted.get("type", event.type), wanted.get("id", event.id)
        assert (found.type, found.id, found.key, found.lookup) == (*named, event.key, "")
        documented(connector, found)
    assert {urlsplit(call.url).hostname for call in system.asked} <= set(connector.hosts)
    assert system.asked


@pytest.mark.parametrize(
    ("answer", "permanent"), FAILURES, ids=["400", "404", "401", "429", "500", "list", "unsent", "unclear", "forbidden"]
)
@pytest.mark.parametrize(("sample", "index"), {sample.connector: (sample, index) for sample, index in FOUND}.values())
def test_a_failed_look_up_says_whether_asking_again_can_help(
    sample: Sample, index: int, answer: Callable[[Call], Reply], permanent: bool
) -> None:
    recorded = System(sample.expect["events"][index]["looked_up"]["answers"])
    system = FakeHttp(lambda call: recorded.send(call) if "token" in call.url else answer(call))

    with pytest.raises(AskFailed) as failure:
        cast("Lookup", sample.build()).lookup(sample.events()[index], system)

    assert failure.value.permanent is permanent
    assert "not-a-real" not in str(failure.value)


@pytest.mark.parametrize(("sample", "index"), LOOK_UPS, ids=str)
def test_whatever_a_system_answers_a_look_up_completes_the_event_or_says_what_failed(
    sample: Sample, index: int
) -> None:
    event, answers = sample.events()[index], sample.expect["events"][index]["looked_up"]["answers"]
    for broken in broken_answers(answers):
        with suppress(AskFailed):
            found = cast("Lookup", sample.build()).lookup(event, System(broken))
            json.dumps(dict(found.data))
            assert (bool(found.id), found.key, found.lookup) == (True, event.key, "")


@pytest.mark.parametrize("talk", TALKS, ids=str)
def test_a_poll_tells_what_happened_after_the_first_and_tells_it_once(talk: Conversation) -> None:
    connector, system = talk.build(), talk.system("after")

    past, cursor = talk.poll(connector, talk.system("before"), {})
    told, cursor = talk.poll(connector, system, cursor)
    again, _ = talk.poll(connector, talk.system("after"), cursor)

    assert past == []
    check_expected(told, talk.expect["events"])
    assert {event.id for event in again} <= {event.id for event in told}
    assert all(event.type in connector.event_types or event.type.startswith("custom.") for event in told)
    assert {urlsplit(call.url).hostname for call in system.asked} <= set(connector.hosts)


@pytest.mark.parametrize("talk", TALKS, ids=str)
def test_whatever_a_polled_system_answers_the_poll_reads_it_or_says_what_failed(talk: Conversation) -> None:
    connector = talk.build()
    _, cursor = talk.poll(connector, talk.system("before"), {})
    for answers in broken_answers(talk.expect["after"]):
        with suppress(AskFailed):
            page = cast("Poller", talk.build()).poll(cursor, System(answers), talk.now)
            json.dumps(page.cursor)
            assert all(event.id and event.key for event in page.events)


@pytest.mark.parametrize("name", NAMES)
def test_every_declared_event_type_is_known_and_has_a_sample(name: str) -> None:
    connector = connectors.load(name)
    pushed = {e.type for s in SAMPLES if s.connector == name and "refused" not in s.expect for e in s.events()}
    polled = {e.type for talk in TALKS if talk.connector == name for e in talk.events()}

    assert connector.name == name
    assert connector.title
    assert connector.category
    assert all(is_event_type(event_type) for event_type in connector.event_types)
    assert set(connector.event_types) - pushed - polled == set()


TRIED = {sample.connector for sample in SAMPLES} | {talk.connector for talk in TALKS}
ASKED = sorted(name for name in TRIED if hasattr(connectors.load(name), "audience"))


@pytest.mark.parametrize("name", ASKED)
def test_whoever_can_be_asked_for_people_says_how_and_refuses_what_is_no_query(name: str) -> None:
    ours: list[Sample | Conversation] = [*TALKS, *SAMPLES]
    connector = next(one.build() for one in ours if one.connector == name)
    asked = System([])

    assert len(cast("Audience", connector).audience_query) > 20
    for query in (
        "",
        "delete from Contact",
        "DROP TABLE people",
        "../secrets?x",
        "https://evil.example/people",
        "\x00",
        "[" * 9_000,
    ):
        with pytest.raises(AskFailed) as refusal:
            list(cast("Audience", connector).audience(query, asked))
        assert refusal.value.permanent, query
    assert asked.asked == []


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_says_where_it_comes_from(name: str) -> None:
    everything: list[Sample | Conversation] = [*SAMPLES, *TALKS]
    mine = [example for example in everything if example.connector == name]

    assert mine
    for sample in mine:
        assert len(sample.expect["provenance"]) > 20, sample


def refused(connector: Connector, incoming: Incoming, secrets: list[str], now: datetime) -> None:
    with pytest.raises(Refused) as refusal:
        connector.verify(incoming, secrets, now)
    assert refusal.value.reason.status == 401


def survives(connector: Connector, incoming: Incoming) -> None:
    """Anything may come in; out come events, or the one refusal that keeps the body for replay."""
    try:
        shaken = connector.handshake(incoming, [samples.SECRET])
        events = connector.parse(incoming)
    except Refused as refusal:
        if refusal.reason is not Reason.BAD_SHAPE:
            raise
        return
    assert shaken is None or isinstance(shaken, Answer)
    for event in events:
        assert event.id, incoming.body[:200]
        json.dumps(dict(event.data))
    assert isinstance(connector.answer(events), Answer)


def broken_answers(answers: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Break one recorded answer at a time, at every place in it."""
    for index, answer in enumerate(answers):
        texts = ["", "null", "[]", "<html>", '{"a":' * 500]
        if isinstance(answer.get("answer"), dict | list):
            for path in node_paths(answer["answer"]):
                texts += [json.dumps(swapped(answer["answer"], path, junk)) for junk in JUNK[:: runs(6, 1)]]
                texts.append(json.dumps(swapped(answer["answer"], path, ...)))
        for text in texts:
            yield [*answers[:index], {**answer, "text": text}, *answers[index + 1 :]]
        for status in (204, 302, 401, 404, 429, 500):
            yield [*answers[:index], {**answer, "status": status}, *answers[index + 1 :]]


def broken_bodies(sample: Sample) -> Iterator[bytes]:
    body = sample.incoming.body
    yield from (b"", b"null", b"[]", b"{}", b'"text"', b"1", b"\xff\xfe\x00", b"[" * 20_000, b'{"a":' * 20_000)
    yield from (b'{"id": NaN}', b'{"id": 1, "id": 2}', b"<a>" * 5000, b"a=b&" * 5000, b"\xef\xbb\xbf" + body)
    yield from (body[: len(body) * part // 17] for part in range(17))
    try:
        tree = json.loads(body)
    except ValueError:
        yield from shaken_bytes(sample)
        return
    for path in node_paths(tree):
        for junk in JUNK[:: runs(9, 1)]:
            yield json.dumps(swapped(tree, path, junk)).encode()
        yield json.dumps(swapped(tree, path, ...)).encode()


def shaken_bytes(sample: Sample) -> Iterator[bytes]:
    """Change single bytes of bodies that are not JSON; the seed is the sample, so a failure repeats."""
    dice = random.Random(str(sample))
    for _ in range(400 if sample.incoming.body else 0):
        body = bytearray(sample.incoming.body)
        for _ in range(dice.randint(1, 6)):
            body[dice.randrange(len(body))] = dice.randrange(256)
        yield bytes(body)


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


def paths(data: Any, before: str = "") -> Iterator[str]:
    for name, value in data.items():
        if isinstance(value, dict) and value:
            yield from paths(value, f"{before}{name}.")
        else:
            yield f"{before}{name}"


def test_signature_windows_are_kept_to_the_second() -> None:
    scheme = STANDARD_WEBHOOKS
    now = datetime.fromisoformat("2026-11-23T10:00:00+01:00")
    secret = "whsec_" + "c2VjcmV0LXNlY3JldC1zZWNyZXQtMTI="
    signed = scheme.sign(Incoming(source="s", headers={"webhook-id": "m1"}, body=b"{}"), secret, now)

    scheme.check(signed, [secret], now + timedelta(minutes=5))
    scheme.check(signed, [secret], now - timedelta(minutes=5))
    for seconds in (301, -301):
        with pytest.raises(Refused) as refusal:
            scheme.check(signed, [secret], now + timedelta(seconds=seconds))
        assert refusal.value.reason is Reason.STALE_SIGNATURE
