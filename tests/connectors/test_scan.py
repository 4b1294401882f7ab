"""How every poller finds what is new: the baseline tells nothing, later each change of standing counts once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.scan import BASELINE_PAGES, Listing, Sight, Window, scan, scan_each
from model.event import Event

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SIZE = 3


class System:
    """A list of records, read in pages by number, newest or oldest change first."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, Any]] = {}
        self.reads = 0

    def has(self, name: str, at: int, status: str) -> None:
        created = self.records.get(name, {}).get("created", at)
        self.records[name] = {"id": name, "created": created, "changed": at, "status": status}

    def read(self, window: Window) -> tuple[list[dict[str, Any]], str]:
        self.reads += 1
        listed = sorted(self.records.values(), key=lambda one: (one["changed"], one["id"]))
        listed = [one for one in listed if window.since is None or one["changed"] >= window.since]
        if window.since is None:
            listed.reverse()
        number = int(window.place or 1)
        page = listed[(number - 1) * SIZE : number * SIZE]
        return page, str(number + 1) if len(page) == SIZE else ""

    @property
    def listing(self) -> Listing:
        return Listing(
            read=self.read,
            identity=lambda one: str(one["id"]),
            changed=lambda one: int(one["changed"]),
            created=lambda one: int(one["created"]),
            standing=lambda one: one["status"],
            news=_news,
            back=lambda stamp: int(stamp) - 10,
        )


def _news(sight: Sight) -> Iterator[Event]:
    record = sight.record
    if sight.is_new:
        yield _event(record, "created")
    yield _event(record, record["status"])


def _event(record: dict[str, Any], tag: str) -> Event:
    return Event(
        source="x", type="order.updated", native_type="order", id=f"{record['id']}/{tag}", key=record["id"],
        occurred_at=NOW, data={},
    )  # fmt: skip


def poll(system: System, cursor: Any) -> tuple[list[str], Any]:
    told: list[str] = []
    more = True
    while more:
        page = scan(system.listing, cursor)
        cursor, more = json.loads(json.dumps(page.cursor)), page.more
        told += [event.id for event in page.events]
    return told, cursor


def test_the_first_poll_tells_nothing_about_the_past() -> None:
    system = System()
    system.has("a", 100, "open")

    told, cursor = poll(system, {})

    assert told == []
    assert poll(system, cursor)[0] == []


def test_a_new_record_and_a_change_are_told_once() -> None:
    system = System()
    system.has("a", 100, "open")
    _, cursor = poll(system, {})

    system.has("a", 110, "paid")
    system.has("b", 111, "open")
    told, cursor = poll(system, cursor)

    assert told == ["a/paid", "b/created", "b/open"]
    assert poll(system, cursor)[0] == []


def test_an_old_record_that_is_not_remembered_tells_nothing() -> None:
    system = System()
    for number in range(SIZE * BASELINE_PAGES + 1):
        system.has(f"r{number:03}", number, "open")
    _, cursor = poll(system, {})

    system.has("r000", 500, "paid")

    assert poll(system, cursor)[0] == []


def test_a_late_commit_with_an_earlier_stamp_is_found_within_the_overlap() -> None:
    system = System()
    system.has("a", 100, "open")
    _, cursor = poll(system, {})
    system.has("b", 120, "open")
    _, cursor = poll(system, cursor)

    system.has("c", 115, "open")

    assert poll(system, cursor)[0] == ["c/created", "c/open"]


def test_many_records_of_the_same_second_are_all_read() -> None:
    system = System()
    _, cursor = poll(system, {})
    for number in range(4 * SIZE):
        system.has(f"r{number:02}", 200, "open")

    told, _ = poll(system, cursor)

    assert len(set(told)) == 2 * 4 * SIZE


def test_several_lists_are_read_on_until_each_has_no_more() -> None:
    orders, people = System(), System()
    listings = {"orders": orders.listing, "people": people.listing}
    cursor = scan_each(listings, {}).cursor
    for number in range(2 * SIZE):
        orders.has(f"o{number}", 300 + number, "open")
    people.has("p", 300, "open")
    people.reads = 0

    told: list[str] = []
    more = True
    while more:
        page = scan_each(listings, cursor)
        cursor, more = json.loads(json.dumps(page.cursor)), page.more
        told += [event.id for event in page.events]

    assert len(set(told)) == 2 * (2 * SIZE + 1)
    assert people.reads == 1


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("xyz"), st.integers(0, 3)), max_size=60))
def test_every_standing_at_the_time_of_a_poll_is_told(history: list[tuple[str, str, int]]) -> None:
    system, clock, told = System(), 1000, []
    _, cursor = poll(system, {})
    expected = set()
    for name, status, pause in history:
        clock += pause
        system.has(name, clock, status)
        if pause == 0:
            found, cursor = poll(system, cursor)
            told += found
            expected |= {f"{one['id']}/{one['status']}" for one in system.records.values()}

    assert expected <= set(told)
