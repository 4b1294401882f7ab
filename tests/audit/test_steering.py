"""How gateways do, as other processes read it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit import steering
from model.steering import Condition
from tests.fakes.stores import open_store

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "seen",
    [
        Condition(gateway="main", state="working", since=NOW),
        Condition(gateway="main", state="resting", since=NOW, until=NOW + timedelta(seconds=30), error="503"),
    ],
    ids=lambda seen: seen.state,
)
def test_how_a_gateway_does_is_read_as_it_was_noted(tmp_path: Path, seen: Condition) -> None:
    store = open_store(tmp_path / "steering.db")
    before = Condition(gateway="main", state="resting", since=NOW - timedelta(hours=1), error="by hand")

    store.write(lambda tx: steering.note_condition(tx, before))
    store.write(lambda tx: steering.note_condition(tx, seen))

    with store.read() as tx:
        assert steering.conditions(tx) == {"main": seen}
    store.close()
