"""What a text waits for while operators pause, pin or cap: whether it still has to, and how that is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from model.message import Lane
from model.steering import Cap, Pause, Pin, Steering, gateway_mark, held_words, is_held

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
NO_BULK = Pause(scope="gateway", name="main", spared=frozenset({"high"}), reason="slow", actor="Ines", since=NOW)
AWAY = Pin(gateway="backup", away=True, reason="dear", actor="Ines", since=NOW, until=NOW + timedelta(hours=1))
CAP = Cap(name="texts/DE", most=10, bulk=5, used=7)


@pytest.mark.parametrize(
    ("mark", "steering", "held"),
    [
        (gateway_mark(Lane.BULK, ["main"]), Steering(pauses=(NO_BULK,)), True),
        (gateway_mark(Lane.HIGH, ["main"]), Steering(pauses=(NO_BULK,)), False),
        (gateway_mark(Lane.BULK, ["main", "backup"]), Steering(pauses=(NO_BULK,)), False),
        (gateway_mark(Lane.BULK, ["main", "backup"]), Steering(pauses=(NO_BULK,), pins=(AWAY,)), True),
        (CAP.mark(Lane.BULK), Steering(caps=(CAP,)), True),
        (CAP.mark(Lane.HIGH), Steering(caps=(CAP,)), False),
        ("rule:news", Steering(pauses=(Pause(scope="rule", name="news", reason="", actor="Ines", since=NOW),)), True),
        ("rule:news", Steering(), False),
    ],
)
def test_a_text_waits_as_long_as_what_stopped_it_is_in_force_for_its_lane(
    mark: str, steering: Steering, *, held: bool
) -> None:
    assert is_held(mark, steering) is held


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ("all:", "sending is paused"),
        ("rule:news", "the rule news is paused"),
        ("rule:", "texts by hand are paused"),
        (gateway_mark(Lane.BULK, ["main", "backup"]), "main and backup must not be used now, paused or pinned away"),
        ("cap:bulk:texts", "the texts of this day are used up"),
        ("cap:bulk:texts/DE", "the texts of this day are used up (DE)"),
    ],
)
def test_what_a_text_waits_for_is_said_in_words(mark: str, said: str) -> None:
    assert held_words(mark) == said
