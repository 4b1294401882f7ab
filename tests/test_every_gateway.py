"""One contract for every gateway, over the samples each one carries. A new provider adds rows, not code.

The checks are those of `tidings gateways certify` (certify/); here they run for every kind, with its samples' settings.
What is too slow for a certificate, breaking every answer in every place, is done here only. certify/samples.py says how
samples are written.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

import pytest

import gateways
from certify import checks
from certify.check import Check, Subject, look
from certify.junk import JUNK_BODIES
from certify.samples import incoming, submission
from gateways.base import HttpGateway
from model.event import Incoming
from model.reasons import Reason, Refused
from model.sending import Outcome
from tests.scale import runs
from wire.http import Reply as HttpReply

T = TypeVar("T")
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
KINDS = gateways.names()
HIDING = {"secrets-in-results", "secrets-in-refusals"}
JUNK: tuple[Any, ...] = (
    None, True, False, 0, -1, 10**30, 1.5, "", "x" * 5000, "\x00", "\u202e", "\ud83d", "NaN", "<html>",
    [], [None], [[[]]], {}, {"": {}}, {"id": {"id": []}},
)  # fmt: skip


@cache
def subject(kind: str) -> Subject:
    return Subject.of(gateways.load(kind), NOW)


def samples_of(kind: str) -> Mapping[str, Any]:
    return subject(kind).samples


HTTP_KINDS = [kind for kind in KINDS if issubclass(subject(kind).kind, HttpGateway)]


class Case:
    """One sample of one gateway."""

    def __init__(self, kind: str, row: Mapping[str, Any]) -> None:
        self.kind, self.row = kind, row

    def __str__(self) -> str:
        return f"{self.kind}: {self.row['case']}"

    @property
    def incoming(self) -> Incoming:
        return incoming(self.kind, self.row, NOW)


def cases(part: str, *, http_only: bool = False) -> list[Case]:
    kinds = HTTP_KINDS if http_only else KINDS
    return [Case(kind, row) for kind in kinds for row in samples_of(kind).get(part, [])]


ANSWERED = [case for case in cases("submit", http_only=True) if "answer" in case.row]
CALLBACKS = cases("receipts") + cases("replies")


def applicable(*, hiding: bool) -> list[Any]:
    return [
        pytest.param(kind, check, id=f"{kind}: {check.name}")
        for kind in KINDS
        for check in checks.ALL
        if (check.name in HIDING) is hiding and not check.not_for(subject(kind))
    ]


# --- the checks of the certificate ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "check"), applicable(hiding=False)[:: runs(3, 1)])
def test_every_check_of_the_certificate_holds(kind: str, check: Check) -> None:
    found = look(check, subject(kind))

    assert found.verdict == "passed", f"{check.text} {found.why}"


@pytest.mark.parametrize(("kind", "check"), applicable(hiding=True)[:: runs(2, 1)])
def test_no_secret_turns_up_in_results_errors_or_logs(kind: str, check: Check) -> None:
    found = look(check, subject(kind))

    assert found.verdict == "passed", f"{check.text} {found.why}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_gateway_has_a_sample_for_everything_it_says_it_can(kind: str) -> None:
    gateway, samples = subject(kind).kind, samples_of(kind)
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


# --- every answer broken in every place ------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ANSWERED, ids=str)
def test_whatever_is_wrong_in_an_answer_the_result_stays_a_result(case: Case) -> None:
    gateway = http_gateway(case.kind)
    status, body = int(case.row["answer"]["status"]), case.row["answer"].get("body", "").encode()
    for broken in broken_bodies(body, str(case)):
        result = gateway.decode(HttpReply(status=status, body=broken), submission())

        assert isinstance(result.text, str)
        assert isinstance(result.code, str)
        assert result.segments is None or 0 < result.segments < 1000
        if result.outcome is Outcome.ACCEPTED:
            assert result.provider_id.strip()


@pytest.mark.parametrize("case", CALLBACKS, ids=str)
def test_whatever_is_wrong_with_a_callback_it_is_read_or_refused(case: Case) -> None:
    gateway = subject(case.kind).sampled()
    for body in broken_bodies(case.incoming.body, str(case)):
        receipts = survives(gateway.parse_receipt, replace(case.incoming, body=body))
        replies = survives(gateway.parse_reply, replace(case.incoming, body=body))

        assert all(receipt.provider_id or receipt.message_id for receipt in receipts)
        assert all(reply.id and reply.number for reply in replies)


def http_gateway(kind: str) -> HttpGateway:
    gateway = subject(kind).sampled()
    assert isinstance(gateway, HttpGateway)
    return gateway


def survives(parse: Callable[[Incoming], list[T]], incoming: Incoming) -> list[T]:
    """Anything may come in; out come values, or the one refusal that keeps the body."""
    try:
        return parse(incoming)
    except Refused as refusal:
        if refusal.reason is not Reason.BAD_SHAPE:
            raise
        return []


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
