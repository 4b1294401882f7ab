"""The sentence and the history, without any page around them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from audit import events, journal, trace
from audit.sentences import sentence, span
from audit.trace import Trace
from tests.web.house import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    opened = House(tmp_path)
    yield opened
    opened.store.close()


def of(house: House, event_id: str) -> Trace:
    found = trace.of_event(house.store, event_id)
    assert found is not None
    return found


def test_every_kind_of_row_is_in_the_glossary() -> None:
    page = (Path(__file__).parents[2] / "docs" / "glossary.md").read_text("utf-8")

    assert [kind for kind, text in journal.KINDS.items() if f"| `{kind}` | {text} |" not in page] == []


def test_an_event_is_told_from_its_coming_to_its_receipt(house: House) -> None:
    found = of(house, house.delivered("1001"))

    assert [entry.kind for entry in found.entries] == [
        "received", "decision", "attempt", "outcome", "receipt", "receipt",
    ]  # fmt: skip
    assert sentence(found) == "Order 1001 from shop: text sent to ••12, delivered in 3.2 s"


def test_a_decision_keeps_what_each_gate_saw_and_where_it_stands(house: House) -> None:
    (decision,) = of(house, house.order("1", 80)).decisions

    assert (decision.file, decision.line, decision.reason) == ("rules.yaml", 11, "when[0]")
    assert [(gate.name, gate.passed) for gate in decision.gates] == [
        ("event", True), ("max_age", True), ("test_events", True), ("when[0]", False),
    ]  # fmt: skip


def test_a_waiting_event_says_that_it_waits(house: House) -> None:
    event_id = house.comes("order.created", {"number": "#5"})

    assert sentence(of(house, event_id)) == "Order 5 from shop: received, and not planned yet"


def test_after_a_replay_the_newest_decision_speaks(house: House) -> None:
    event_id = house.order("1", 80)
    house.store.write(lambda tx: events.replay(tx, event_id, "mara", house.now))
    house.passes(days=3)

    found = of(house, event_id)

    assert "max_age" in sentence(found)
    assert len(found.decisions) == 2


def test_of_several_rules_the_one_that_came_closest_speaks(tmp_path: Path) -> None:
    rules = """\
version: 1
rules:
  - {id: far, event: order.created, enabled: false, to: [phone], text: "x"}
  - {id: near, event: order.created, when: ["total > 5"], to: [phone], text: "x"}
"""
    house = House(tmp_path, rules=rules)
    event_id = house.comes("order.created", {"number": "9", "total": 3})
    house.works()

    said = sentence(of(house, event_id))
    house.store.close()

    assert said == "Order 9 from shop: no text. Rule near, line 4: total is 3, needs > 5 (1 other rule said no as well)"


def test_several_texts_are_summed_up(tmp_path: Path) -> None:
    rules = """\
version: 1
rules:
  - {id: one, event: order.created, to: [phone], text: "x"}
  - {id: two, event: order.created, to: [phone], text: "y"}
"""
    house = House(tmp_path, rules=rules)
    event_id = house.comes("order.created", {"phone": "+491713920012"})
    house.works()

    said = sentence(of(house, event_id))
    house.store.close()

    assert said.endswith("from shop: 2 texts: 2 taken by the gateway")


def test_an_event_that_only_ends_what_waits_says_so(house: House) -> None:
    event_id = house.comes("appointment.cancelled", {"appointment_id": "A1", "number": "A1"}, key="A1", source="salon")
    house.works()

    assert sentence(of(house, event_id)) == (
        "Appointment A1 from salon: no text. "
        "appointment.cancelled ends what waits for A1 (rule appointment-reminder, line 27)"
    )


def test_nothing_is_known_of_unknown_ids(house: House) -> None:
    assert trace.of_event(house.store, "e0") is None
    assert trace.of_message(house.store, "m0") is None


def test_values_of_redacted_fields_are_hidden_in_data_and_body(house: House) -> None:
    event_id = house.comes(
        "verification.requested", {"phone": "+491713920012", "user": {"code": "4815"}, "note": "4815"}
    )

    hidden = trace.without(of(house, event_id), ["user.code", "missing.path"])

    assert hidden.data["user"] == {"code": "******"}
    assert hidden.request is not None
    assert b"4815" not in hidden.request.body


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(milliseconds=400), "0.4 s"),
        (timedelta(seconds=3.2), "3.2 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(hours=9, minutes=50, seconds=12), "9 h 50 min"),
        (timedelta(days=3, hours=4), "3 d 4 h"),
    ],
)
def test_lengths_of_time_are_written_as_people_say_them(length: timedelta, words: str) -> None:
    assert span(length) == words
