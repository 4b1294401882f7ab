"""Lists stay fast however much there is: every one is driven by an index, and no cursor is trusted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from audit import counts, search
from audit.finding import sought
from audit.paging import BadCursor
from audit.search import Filter
from tests.fakes.stores import only_sqlite
from tests.web.house import MORNING, House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    opened = House(tmp_path)
    yield opened
    opened.store.close()


def plans(house: House, ask: Any) -> list[str]:
    """What SQLite does for each statement of a question."""
    statements: list[str] = []
    with house.store.read() as tx:
        tx.set_trace_callback(statements.append)  # type: ignore[attr-defined]  # the file's own connection
    try:
        ask()
    finally:
        with house.store.read() as tx:
            tx.set_trace_callback(None)  # type: ignore[attr-defined]
    connection = sqlite3.connect(house.store.path)
    rows: list[str] = []
    for statement in statements:
        if statement.lstrip().startswith(("select", "with")):
            rows += [str(row[3]) for row in connection.execute(f"explain query plan {statement}")]
    connection.close()
    return rows


@only_sqlite
@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (Filter(), "journal_decisions"),
        (Filter(source="shop"), "journal_source"),
        (Filter(type="order.created"), "journal_type"),
        (Filter(rule="order-confirmed"), "journal_rule"),
        (Filter(reasons=("no_rule",)), "journal_reason"),
        (Filter(states=("delivered",)), "messages_state"),
        (Filter(states=("delivered",), rule="order-confirmed"), "messages_"),
        (Filter(number="+491713920012", spellings=("491713920012",)), "messages_number"),
        (Filter(number="+491713920012", spellings=("491713920012",)), "journal_event"),
        (Filter(words="anna"), "journal_event"),
        (Filter(states=("delivered",), since=MORNING), "messages_created"),
        (Filter(since=MORNING, until=MORNING + timedelta(days=1)), "journal_at"),
    ],
)
def test_each_filter_is_driven_by_an_index(house: House, wanted: Filter, index: str) -> None:
    house.order("1")

    steps = plans(house, lambda: search.decisions(house.store, wanted))

    assert any(index in step for step in steps), steps
    scans = [step for step in steps if step.startswith("SCAN") and "USING INDEX" not in step]
    known = ("SCAN candidates", "SCAN page", "SCAN finder", "SCAN hits", "SCAN (sub")
    assert not [step for step in scans if not step.startswith(known)], steps


@pytest.mark.parametrize("cursor", ["x!", "", "m1", "-5", "12345678901234567890"])
def test_a_cursor_of_another_list_is_refused_or_means_the_first_page(house: House, cursor: str) -> None:
    house.order("1")

    if cursor:
        with pytest.raises(BadCursor):
            search.decisions(house.store, Filter(), before=cursor)
    else:
        assert len(search.decisions(house.store, Filter(), before=cursor).rows) == 1


def test_an_event_planned_twice_is_found_once_per_decision(house: House) -> None:
    from audit import events

    event_id = house.order("1", name="Zoë")
    house.store.write(lambda tx: events.replay(tx, event_id, "mara", house.now))
    house.works()

    found = search.decisions(house.store, Filter(words="zoe"))

    assert [row["reason"] for row in found.rows] == ["duplicate", "send"]
    assert search.events_with_words(house.store, "zoe") == [event_id]


@pytest.mark.parametrize(
    ("typed", "query"),
    [
        ("Anna Bob", '"Anna"* AND "Bob"'),
        ('a" OR b*', '"a" AND "OR" AND "b"'),
        ("!!!", ""),
        ("__", ""),
        ("NEAR(x y)", '"NEAR"* AND "x" AND "y"'),
    ],
)
def test_what_people_type_is_never_an_operator(house: House, typed: str, query: str) -> None:
    with house.store.read() as tx:
        assert sought(tx, typed).query == query


@only_sqlite
def test_figures_rest_on_indexes_of_a_day(house: House) -> None:
    house.delivered("1")

    steps = plans(house, lambda: counts.figures(house.store, MORNING, timedelta(hours=9)))

    assert [step for step in steps if step.startswith("SCAN")] == []
    assert counts.figures(house.store, MORNING, timedelta(days=400)).delivered == 1


def test_what_needs_a_person_is_counted_to_a_hundred_at_most(house: House) -> None:
    for number in range(105):
        house.unreadable(f"{{{number}".encode())

    piles = counts.attention(house.store, MORNING)

    assert piles["unreadable"].shown == "99+"
    assert piles["failed"].shown == "0"
