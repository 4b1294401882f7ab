"""Our SMPP gateway against SMSCs we did not write, npm smpp and PyPI smpp34: a misreading cannot hide in both ends."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import gateways
from certify.check import Subject
from certify.junk import STRADDLING
from certify.memory import PHONE, memory
from certify.sampled import unlike_result
from certify.samples import submission
from dispatch.segments import measure
from model.message import State
from model.sending import Outcome
from tests.fakes.service import free_port, until
from tests.peers.processes import NODE_MODULES, PYTHON, needs, process

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
HERE = Path(__file__).parent
SUBJECT = Subject.of(gateways.load("smpp"), NOW)
SCRIPTS = {
    "npm smpp": (shutil.which("node") or "node", HERE / "smsc.js", NODE_MODULES / "smpp"),
    "smpp34": (PYTHON / "python", HERE / "smsc34.py"),
}
MISSING = {
    "npm smpp": needs(NODE_MODULES / "smpp", node=True),
    "smpp34": needs(PYTHON / "python", PYTHON.parent / "lib" / "python3.11" / "site-packages" / "smpp34"),
}
CANNOT = {
    "smpp34": {
        "a wrong password": "it lets everybody in",
        "a status that only this SMSC knows ends the message": "it answers with statuses of the specification only",
        "the same status, named in the settings": "it answers with statuses of the specification only",
    }
}
"""What a peer cannot play, and why."""


@pytest.fixture(params=[pytest.param(name, marks=MISSING[name]) for name in SCRIPTS])
def peer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, int]]:
    port, name = free_port(), str(request.param)
    with process([*SCRIPTS[name], str(port)], tmp_path, port=port):
        yield name, port


def samples() -> list[Any]:
    return [pytest.param(row, id=row["case"]) for row in SUBJECT.rows("submit")]


@pytest.mark.parametrize("row", samples())
def test_the_samples_hold_with_an_smsc_of_others(row: dict[str, Any], peer: tuple[str, int]) -> None:
    name, port = peer
    if why := CANNOT.get(name, {}).get(row["case"]):
        pytest.skip(reason=f"{name}: {why}")
    gateway = SUBJECT.sampled(row=row, port=port)
    try:
        result = gateway.submit(submission(**row.get("message", {})))
    finally:
        gateway.close()

    assert list(unlike_result(result, row)) == []


def test_ids_in_another_base_doubled_receipts_and_stop_come_back(peer: tuple[str, int]) -> None:
    _, port = peer
    gateway = SUBJECT.sampled(port=port)
    with memory(NOW) as there:
        gateway.open(there.inbox)
        try:
            result = gateway.submit(submission(to=PHONE))
            text = there.hands_over(result.provider_id)

            until(lambda: there.state(text) == State.DELIVERED.code, lambda: f"the text is {there.state(text)}")
            until(there.stopped, lambda: "STOP was not heard")
        finally:
            gateway.close()

    assert result.provider_id == "3039"  # and the receipts said 12345


def test_texts_of_every_kind_are_taken_part_by_part(peer: tuple[str, int]) -> None:
    _, port = peer
    gateway = SUBJECT.sampled(port=port)
    try:
        for text in STRADDLING:
            size = measure(text)
            result = gateway.submit(submission(to="+12025550110", text=text, encoding=size.encoding))

            assert result.outcome is Outcome.ACCEPTED
            assert len(result.parts) == (size.segments if size.segments > 1 else 0)
    finally:
        gateway.close()


def test_many_texts_at_once_keep_the_window_full_and_none_is_lost(peer: tuple[str, int]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    _, port = peer
    gateway = SUBJECT.sampled(port=port, window=10)
    try:
        with ThreadPoolExecutor(20) as pool:
            results = list(pool.map(lambda n: gateway.submit(submission(to=f"+1202555{n:04}")), range(1000, 1100)))
    finally:
        gateway.close()

    assert {result.outcome for result in results} == {Outcome.ACCEPTED}
    assert len({result.provider_id for result in results}) == 100
