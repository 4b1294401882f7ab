"""The front door: whatever a sender does, it answers, never with 500, and what it answered 2xx is kept."""

from __future__ import annotations

import io
import json
import logging
import random
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import app
from audit import conservation
from audit.store import Tx
from connectors.generic import Generic
from inbound import samples
from inbound.samples import SECRET, Sample
from inbound.sources import Source
from model.event import Answer, Event, Incoming
from model.reasons import ConfigError
from settings import Settings, SourceSettings
from tests.fakes.knocking import Got, deliver, knock
from tests.scale import runs

SAMPLES = list(samples.posted())
NOON = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
ANSWERS = {200, 202, 204, 401, 413, 429, 503}
LIMIT = 50_000

DEEP = 20_000
NOT_READABLE: dict[str, bytes] = {
    "empty": b"",
    "cut off": b'{"id": "1", "type": "order.created", "data": {',
    "not utf-8": b'{"id": "\xff\xfe\x80", "type": "order.created"}',
    "utf-16": '{"id": "1"}'.encode("utf-16"),
    "zeros": b"\x00" * 1000,
    "deep lists": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * 7_000 + b"1" + b"}" * 7_000,
    "never closed": b"[" * DEEP,
    "twins": b'{"id": "1", "id": "2", "type": "order.created"}',
    "not a number": b'{"id": "1", "type": "order.created", "total": NaN}',
    "infinite": b'{"id": "1", "type": "order.created", "total": -Infinity}',
    "too many digits": b'{"id": ' + b"9" * 10_000 + b"}",
    "html": b"<html><body>502 Bad Gateway</body></html>",
    "a bomb": b'<!DOCTYPE b [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><b>&b;</b>',
    "a form": b"a=1&b=%ff&c",
}
ODD: dict[str, bytes] = {
    "null": b"null",
    "a list": b"[]",
    "an object": b"{}",
    "a number": b"42",
    "a text": b'"order.created"',
    "half a character": b'{"id": "\\ud800", "type": "order.created", "data": {"number": "\\udfff"}}',
    "half a character as a name": b'{"id": "h", "type": "order.created", "data": {"\\ud800": 1}}',
    "nul": b'{"id": "\\u0000", "type": "order.created", "data": {"number": "\\u0000"}}',
    "huge numbers": b'{"id": 1e300, "type": "order.created", "data": {"total": 123456789012345678901234567890}}',
    "a far time": b'{"id": "t", "type": "order.created", "time": "9999-12-31T23:59:59-23:59", "data": {}}',
    "an early time": b'{"id": "u", "type": "order.created", "time": "0001-01-01T00:00:00+23:59", "data": {}}',
    "a huge name": b'{"id": "n", "type": "order.created", "data": {"' + b"k" * 30_000 + b'": 1}}',
    "wrong types": b'{"id": {"a": []}, "type": ["order.created"], "data": 7}',
}
JUNK: tuple[Any, ...] = (
    None, True, -1, 2**63, 10**40, 1e308, "", "\ud800", "\x00", "x" * 5000, "+", "9" * 400, [], [None], {}, {"": {}},
)  # fmt: skip


class Clock:
    """A clock that stands where the test puts it."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@contextmanager
def opened(folder: Path, sources: dict[str, dict[str, Any]], clock: Clock, **more: Any) -> Iterator[app.Tidings]:
    """Build a service without starting its threads."""
    settings = Settings(
        database=f"sqlite:///{folder / 'door.db'}",
        sources={name: SourceSettings.model_validate(table) for name, table in sources.items()},
        **more,
    )
    service = app.build(settings, clock, seed=1)
    try:
        yield service
    finally:
        service.stop()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(tmp_path: Path, clock: Clock) -> Iterator[app.Tidings]:
    """Open a door for one source per connector, and two generic ones."""
    sources: dict[str, dict[str, Any]] = {
        sample.connector: {"connector": sample.connector, "secret": sample.secret, "max_body": LIMIT, **sample.settings}
        for sample in SAMPLES
        if sample.connector != "generic"
    }
    shop = {"connector": "generic", "max_body": LIMIT, "types": {"order.created": "order.created"}, "time": "time"}
    sources["shop"] = {**shop, "secret": SECRET, "verify": "hmac", "header": "x-signature"}
    sources["open"] = {**shop, "verify": "none"}
    with opened(tmp_path, sources, clock) as service:
        yield service


def signed(service: app.Tidings, name: str, body: bytes) -> Incoming:
    """Return a request as the real sender would sign it."""
    source = service.sources[name]
    incoming = Incoming(
        source=name,
        url=f"{service.settings.address}/hooks/{name}",
        headers=dict(source.connector.sender_headers),
        body=body,
    )
    secret = source.secrets[0] if source.secrets else ""
    return source.connector.sign(incoming, secret, service.clock())


def order(number: int) -> bytes:
    data: dict[str, Any] = {"number": f"#{number}", "total": "5.00", "currency": "EUR", "status": "paid"}
    data |= {"phone": f"+49171{number:07d}", "customer": {"first_name": "Zoë"}}
    return json.dumps({"id": f"o{number}", "type": "order.created", "data": data}).encode()


def post(service: app.Tidings, number: int) -> Got:
    return deliver(service.wsgi, signed(service, "shop", order(number)))


def rows(service: app.Tidings, sql: str) -> list[Any]:
    with service.store.read() as tx:
        return [tuple(row) for row in tx.execute(sql)]


def count(service: app.Tidings, what: str) -> int:
    return int(rows(service, f"select count(*) from {what}")[0][0])  # noqa: S608 - fixed words


def plan_all(service: app.Tidings) -> None:
    while service.worker.plan_due(service.clock()):
        pass


# What has no valid proof --------------------


@pytest.mark.parametrize("case", [*NOT_READABLE, *ODD])
def test_a_body_without_proof_is_refused_and_leaves_no_trace(service: app.Tidings, case: str) -> None:
    body = {**NOT_READABLE, **ODD}[case]

    for name in service.sources:
        if name != "open":
            for headers in ({}, {"content-type": "application/json", "x-signature": "0" * 64}):
                answer = knock(service.wsgi, f"/hooks/{name}", body, headers)
                assert answer.status == 401, (name, answer)
                assert body not in answer.text.encode() or not body

    assert count(service, "events") == count(service, "bodies") == 0


@pytest.mark.parametrize("header", ["\xff\xfe", "\ud800", "=" * 70_000, "t=,v1=", "a,b;c=d", "é" * 64, "\x00", "v1,"])
def test_a_broken_proof_is_a_bad_proof(service: app.Tidings, header: str) -> None:
    for name in service.sources:
        if name != "open":
            headers = {key: header for key in signed(service, name, order(1)).headers if key != "content-type"}
            answer = knock(service.wsgi, f"/hooks/{name}", order(1), {"content-type": "application/json", **headers})

            assert answer.status in {200, 401}, (name, answer)
    assert count(service, "messages") == 0


def test_a_changed_body_is_refused(service: app.Tidings) -> None:
    real = signed(service, "shop", order(1))

    for changed in (real.body + b" ", real.body[:-1], real.body.replace(b"5.00", b"0.05"), b""):
        assert deliver(service.wsgi, replace(real, body=changed)).status == 401
    assert deliver(service.wsgi, real).status == 200


# What is genuine and cannot be read --------------------


@pytest.mark.parametrize("case", NOT_READABLE)
def test_genuine_garbage_is_kept_and_answered_as_received(
    service: app.Tidings, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    body = NOT_READABLE[case]
    caplog.set_level(logging.ERROR)

    for name in ("shop", "open", "shopify", "stripe"):
        answers = [deliver(service.wsgi, signed(service, name, body)) for _ in range(3)]

        assert {answer.status for answer in answers} == {200}, (name, answers)
        kept = rows(service, f"select state, error from events where source = '{name}'")  # noqa: S608
        assert [state for state, _ in kept] == ["unreadable"], (name, kept)
        assert kept[0][1], "the reason is said"
        stored = rows(service, f"select body from bodies where source = '{name}'")  # noqa: S608
        assert stored == [(body,)], "the exact bytes, once"
    assert caplog.text == ""


@pytest.mark.parametrize("case", ODD)
def test_odd_but_genuine_bodies_are_never_an_error_of_ours(
    service: app.Tidings, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)

    for name in service.sources:
        answer = deliver(service.wsgi, signed(service, name, ODD[case]))
        assert answer.status in {200, 202, 204, 401}, (name, answer)  # 401: the proof stands in the body itself

    plan_all(service)
    assert count(service, "events where state = 'received'") == 0
    assert count(service, "events where state = 'failed'") == 0, rows(service, "select source, error from events")
    assert caplog.text == ""


def test_every_sample_survives_swapped_values(tmp_path: Path) -> None:
    dice, clock = random.Random(7), Clock()
    for index, sample in enumerate([one for one in SAMPLES if one.incoming.body][:: runs(40, 4)]):
        clock.now = sample.now
        folder = tmp_path / str(index)
        folder.mkdir()
        with _alone(folder, sample, clock) as service:
            for body in _swapped(sample.incoming.body, dice, 6):
                request = sample.build().sign(replace(sample.incoming, body=body), sample.secret, sample.now)
                answer = deliver(service.wsgi, request)
                assert answer.status in {200, 202, 204, 401, 405}, (str(sample), body, answer)
            plan_all(service)

            assert rows(service, "select error from events where state in ('received', 'failed')") == [], str(sample)


def _swapped(body: bytes, dice: random.Random, times: int) -> Iterator[bytes]:
    """Yield the body with one of its values replaced by something nobody expects."""
    for _ in range(times):
        try:
            value = json.loads(body)
        except ValueError:
            at = dice.randrange(len(body))
            yield body[:at] + dice.choice([b"\xff", b"<", b"&", b"\x00", b'"', b""]) + body[at + 1 :]
            continue
        place: Any = value
        parent: Any = [value]
        key: Any = 0
        while isinstance(place, dict | list) and place:
            parent, key = place, dice.choice(list(place) if isinstance(place, dict) else list(range(len(place))))
            place = parent[key]
            if dice.random() < 0.2:
                break
        parent[key] = dice.choice(JUNK)
        yield json.dumps(value).encode()


class _Defective(Generic):
    """A connector with a defect: what it reads cannot be written, or its answer breaks."""

    def __init__(self, defect: str) -> None:
        super().__init__({"verify": "none"})
        self._defect = defect

    def parse(self, incoming: Incoming) -> list[Event]:
        data = {"odd": object()} if self._defect == "parse" else {}
        return [Event(source=incoming.source, type="custom.x", native_type="x", id="1", key="1", occurred_at=NOON,
                      data=data)]  # fmt: skip

    def answer(self, events: Sequence[Event]) -> Answer:
        return Answer() if self._defect == "parse" else 1 / 0  # type: ignore[return-value]


def test_a_defect_in_a_connector_costs_no_event_and_is_no_500(service: app.Tidings) -> None:
    for defect in ("parse", "answer"):
        service.sources[defect] = Source(name=defect, connector=_Defective(defect))

    assert knock(service.wsgi, "/hooks/parse", b'{"id": 1}').status == 200
    assert rows(service, "select state, error from events where source = 'parse'") == [
        ("unreadable", "TypeError while storing what was read")
    ]
    assert knock(service.wsgi, "/hooks/answer", b'{"id": 1}').status == 503
    assert count(service, "events where source = 'answer'") == 1


# Size, shape of the request, rate --------------------


def test_a_body_over_the_limit_is_refused_whatever_its_length_claims(service: app.Tidings) -> None:
    big = b"x" * 10_000_000

    for name in service.sources:
        assert knock(service.wsgi, f"/hooks/{name}", big).status == 413
        stream = _Endless()
        assert knock(service.wsgi, f"/hooks/{name}", stream, length="").status == 413
        assert stream.given <= LIMIT + 65_536, "reading stopped at the limit"
    assert count(service, "bodies") == 0


@pytest.mark.parametrize("length", ["0", "5", "1e3", "-1", "+10", "99", "²", "0x10", " 7 ", "9" * 5000])
def test_a_length_that_lies_is_never_believed(service: app.Tidings, length: str) -> None:
    real = signed(service, "shop", order(1))

    answer = knock(service.wsgi, "/hooks/shop", real.body, real.headers, length=length)

    assert answer.status in {200, 401, 413}, answer
    stored = rows(service, "select body from bodies")
    assert stored in ([], [(real.body,)]), "whole or not at all"


def test_a_connection_that_breaks_while_sending_is_not_an_event(service: app.Tidings) -> None:
    real = signed(service, "shop", order(1))

    for name in ("shop", "open"):
        answer = knock(service.wsgi, f"/hooks/{name}", _Breaking(real.body), real.headers, length="9999")
        assert answer.status == 503, "it is to be sent again"

    assert count(service, "events") == 0, "half a request is nobody's word"


def test_unknown_sources_and_wrong_methods_are_named(service: app.Tidings) -> None:
    for path in (
        "/hooks/nobody",
        "/hooks/%2e%2e",
        "/hooks/sh\xf6p",
        "/hooks/shop%00",
        "/receipts/nobody/x",
        "/hooks/ ",
    ):
        assert knock(service.wsgi, path, order(1)).status in {401, 404}, path
    for method in ("GET", "DELETE", "PATCH", "OPTIONS", "HEAD", "BREW"):
        assert knock(service.wsgi, "/hooks/shop", b"", method=method).status == 405, method
    assert knock(service.wsgi, "/hooks/", b"").status in {404, 405}
    assert count(service, "events") == 0


def test_many_and_huge_headers_do_no_harm(service: app.Tidings) -> None:
    real = signed(service, "shop", order(1))
    flood = {f"x-noise-{number}": "n" * 200 for number in range(500)}

    answer = knock(service.wsgi, "/hooks/shop", real.body, {**flood, **real.headers, "x-odd": "\ud800\xff\x00"})

    assert answer.status == 200
    assert count(service, "events where state = 'received'") == 1


def test_odd_queries_do_no_harm(service: app.Tidings) -> None:
    real = signed(service, "shop", order(1))

    for query in ("&".join(f"a{n}=1" for n in range(5000)), "%ff=%fe", "=&=&=", "a=%u1234", "\ud800=1", "x" * 100_000):
        assert knock(service.wsgi, "/hooks/shop", real.body, real.headers, query=query).status == 200
    assert count(service, "events") == 1


def test_a_source_over_its_rate_is_asked_to_wait_and_others_are_not(tmp_path: Path, clock: Clock) -> None:
    shop = {"connector": "generic", "verify": "none", "types": {"order.created": "order.created"}}
    with opened(tmp_path, {"fast": {**shop, "per_second": 3}, "open": shop}, clock) as service:
        answers = [knock(service.wsgi, "/hooks/fast", order(number)) for number in range(5)]

        assert [answer.status for answer in answers] == [200, 200, 200, 429, 429]
        assert answers[-1].headers["retry-after"]
        assert knock(service.wsgi, "/hooks/open", order(9)).status == 200
        clock.now = clock.now.replace(second=1)
        assert knock(service.wsgi, "/hooks/fast", order(4)).status == 200
        assert count(service, "events where source = 'fast'") == 4


# Once, however often it is sent --------------------


@contextmanager
def _alone(folder: Path, sample: Sample, clock: Clock) -> Iterator[app.Tidings]:
    table = {"connector": sample.connector, "secret": sample.secret, **sample.settings}
    with opened(folder, {sample.incoming.source: table}, clock, public_url=samples.PUBLIC_URL) as service:
        yield service


@pytest.mark.parametrize("sample", SAMPLES[:: runs(12, 2)], ids=str)
def test_a_sample_sent_again_and_again_is_one_event(sample: Sample, tmp_path: Path) -> None:
    refused = str(sample.expect.get("refused", ""))
    with _alone(tmp_path, sample, Clock(sample.now)) as service:
        request = samples.moved(sample, sample.now)
        both = threading.Barrier(2)

        def send(_: int) -> int:
            both.wait(10)
            return deliver(service.wsgi, request).status

        with ThreadPoolExecutor(2) as pool:
            statuses = set(pool.map(send, range(2)))
        plan_all(service)
        once = (count(service, "events"), count(service, "messages"), count(service, "bodies"))
        for _ in range(5):
            statuses.add(deliver(service.wsgi, request).status)
            plan_all(service)

        assert (count(service, "events"), count(service, "messages"), count(service, "bodies")) == once
        assert len(statuses) == 1
        assert statuses <= ANSWERS
        if not refused:
            assert once[0] == len({event.id for event in sample.events()})
        elif statuses == {200}:
            assert rows(service, "select state from events") == [("unreadable",)]
        report = conservation.report(service.store)
        assert [fault for fault in report.faults if "needs_lookup" not in fault] == []


def test_one_order_sent_by_many_at_once_is_one_text(service: app.Tidings) -> None:
    request = signed(service, "shop", order(1))
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: deliver(service.wsgi, request).status, range(64)))
    plan_all(service)

    assert set(answers) == {200}
    assert (count(service, "events"), count(service, "messages"), count(service, "bodies")) == (1, 1, 1)
    assert count(service, "journal where kind = 'redelivered'") == 63


# When the store cannot --------------------


def test_a_full_disk_is_answered_503_and_nothing_promised_is_lost(service: app.Tidings) -> None:
    before = [number for number in range(20) if post(service, number).status == 200]
    service.store.write(lambda tx: _room(tx, 4))
    answers = {number: post(service, number) for number in range(20, 60)}
    service.store.write(lambda tx: _room(tx, 100_000))
    after = [number for number in range(20, 60) if post(service, number).status == 200]

    full = [answer for answer in answers.values() if answer.status != 200]
    assert {answer.status for answer in full} == {503}
    assert all(answer.headers["retry-after"] for answer in full)
    assert len(before) == 20
    assert len(after) == 40
    kept = {row[0] for row in rows(service, "select transport_id from events")}
    assert kept == {f"o{number}" for number in range(60)}
    plan_all(service)
    assert conservation.report(service.store).faults == []


def test_planning_on_a_full_disk_waits_and_goes_on(service: app.Tidings) -> None:
    for number in range(30):
        post(service, number)
    service.store.write(lambda tx: _room(tx, 0))
    with pytest.raises(Exception, match="full"):
        plan_all(service)

    service.store.write(lambda tx: _room(tx, 100_000))
    plan_all(service)

    assert count(service, "messages") == 30
    assert conservation.report(service.store).faults == []


def test_a_locked_database_is_answered_503_and_recovers(service: app.Tidings) -> None:
    service.store.write(lambda tx: tx.execute("pragma busy_timeout = 50").fetchall())

    with closing(sqlite3.connect(service.store.path, isolation_level=None)) as other:
        other.execute("begin immediate")
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda number: post(service, number).status, range(24)))
        other.execute("rollback")

    assert set(answers) == {503}
    assert count(service, "events") == 0
    assert post(service, 1).status == 200
    assert count(service, "events") == 1


def test_a_closed_store_is_answered_503(service: app.Tidings) -> None:
    service.store.close()

    assert post(service, 1).status == 503
    assert knock(service.wsgi, "/hooks/shop", order(1)).status == 401, "a bad proof is told first"
    assert knock(service.wsgi, "/readyz", method="GET").status == 503
    assert knock(service.wsgi, "/healthz", method="GET").status == 200


def _room(tx: Tx, pages: int) -> None:
    used = tx.execute("pragma page_count").fetchone()[0]
    tx.execute(f"pragma max_page_count = {used + pages}").fetchall()


# Rules that are broken --------------------

GOOD = 'version: 1\nrules:\n  - id: order\n    event: order.created\n    to: [phone]\n    text: "Order {{ number }}."\n'
BROKEN = "version: 1\nrules:\n  - id: order\n    evnt: order.created\n"
SHOP = {"shop": {"connector": "generic", "secret": SECRET, "verify": "hmac", "header": "x-signature",
                 "types": {"order.created": "order.created"}}}  # fmt: skip


@pytest.mark.parametrize("broken", [BROKEN, "rules: [", "", "\x00", "version: 99\n", GOOD + "  - id: order\n"])
def test_broken_rules_change_nothing_and_are_shown(tmp_path: Path, clock: Clock, broken: str) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(GOOD)
    with opened(tmp_path, SHOP, clock, rules=str(path)) as service:
        before = service.worker.book
        path.write_text(broken)

        assert service.rules.reload() is False
        assert service.worker.book is before
        assert "not loaded" in service.rules.notices[0]
        assert "tidings_rules_broken 1.0" in knock(service.wsgi, "/metrics", method="GET").text
        post(service, 1)
        plan_all(service)
        assert rows(service, "select text from messages") == [("Order #1.",)]

        path.write_text(GOOD.replace("Order", "Your order"))
        assert service.rules.reload() is True
        assert service.rules.notices == []
        post(service, 2)
        plan_all(service)
        assert ("Your order #2.",) in rows(service, "select text from messages")


def test_a_rules_file_that_vanishes_or_cannot_be_read_changes_nothing(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(GOOD)
    with opened(tmp_path, SHOP, clock, rules=str(path)) as service:
        path.unlink()
        assert service.rules.reload() is False
        path.write_bytes(b"version: 1\nrules: \xff\xfe")
        assert service.rules.reload() is False
        assert len(service.worker.book.rules) == 1


def test_a_start_with_broken_rules_runs_on_the_last_version_that_was_in_force(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(GOOD)
    with opened(tmp_path, SHOP, clock, rules=str(path)):
        pass
    path.write_text(BROKEN)

    with opened(tmp_path, SHOP, clock, rules=str(path)) as service:
        post(service, 1)
        plan_all(service)

        assert rows(service, "select text from messages") == [("Order #1.",)]
        assert "not loaded" in service.rules.notices[0]
        assert count(service, "rule_versions") == 1


def test_a_first_start_with_broken_rules_is_refused_with_the_line(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(BROKEN)

    with pytest.raises(ConfigError) as refusal, opened(tmp_path, SHOP, clock, rules=str(path)):
        pass
    assert any(problem.line > 1 for problem in refusal.value.problems)


class _Endless(io.RawIOBase):
    """A body that never ends."""

    given = 0

    def read(self, size: int = -1, /) -> bytes:
        self.given += size
        return b"x" * size


class _Breaking(io.RawIOBase):
    """A body whose sender hangs up after a part of it."""

    def __init__(self, part: bytes) -> None:
        self._part = part

    def read(self, size: int = -1, /) -> bytes:
        if not self._part:
            raise OSError("connection reset")
        part, self._part = self._part, b""
        return part
