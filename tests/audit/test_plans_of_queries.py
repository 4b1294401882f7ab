"""No page and no list of the API reads a big table from end to end, or sorts what grows with it.

Every address is asked once over a small database of the shape of a big one; SQLite is then asked how it goes about each
statement that was run. It keeps no statistics, so its plans are the same at any size.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from audit import figures
from audit.messages import HAD, WAITING
from audit.report import report
from audit.store import Store
from bench import walk
from bench.generate import generate
from bench.walk import House
from tests.scale import runs

NOW = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
BIG = "events|messages|journal|bodies|traces|replies|dedupe|parts|consent_history"
SCAN = re.compile(rf"SCAN ({BIG})\b")
SORT = "USE TEMP B-TREE FOR ORDER BY"
NAMED = re.compile(rf"\b(from|join) ({BIG})\b")
ALLOWED = {
    # piece of the statement -> why it may scan or sort
    "where journal.kind = 'decision' order by journal.id": "the audit log without a filter ends after one page",
    "journal.reason <> 'send' order by journal.id": "one decision in seven sends nothing: a page is found at once",
    "from messages where 1 = 1 order by messages.id": "texts without a filter end after one page",
    "from events where 1 = 1 order by events.id": "events without a filter end after one page",
    "from journal order by id desc limit 10000": "the newest rows, so many and no more",
    "with candidates as materialized": "at most a thousand events of a word or a phone are sorted",
    "from messages where event_id =": "the texts of one event",
    "where replies.number =": "what one phone wrote",
    "from conversations join replies": "sorted are phones that wrote, by an index up to the last column",
    "from (select due_at, expires_at from messages where state = 'queued'": "at most two thousand that are due",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("plans")
    generate(folder / "big.db", runs(1_500, 20_000), NOW, seals=False)
    with walk.opened(folder / "big.db", folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def ran(house: House) -> dict[str, str]:
    """Ask for every address; return each statement with the address that ran it first."""
    found: dict[str, str] = {}
    with house.store.read() as tx:
        assert isinstance(tx, sqlite3.Connection)
        tx.set_trace_callback(lambda sql: found.setdefault(" ".join(sql.split()), stop.name))
    for stop in walk.stops(house):
        status, size = house.get(stop)
        assert status < 400, stop.name
        assert size < 150_000, stop.name
    with house.store.read() as tx:
        assert isinstance(tx, sqlite3.Connection)
        tx.set_trace_callback(None)
    return {sql: name for sql, name in found.items() if sql.lower().startswith(("select", "with"))}


def faults(house: House, sql: str) -> list[str]:
    """Return the steps of a plan that would grow with the database."""
    if any(piece in sql for piece in ALLOWED):
        return []
    with house.store.read() as tx:
        plan = [row["detail"] for row in tx.execute(f"explain query plan {sql}")]
    sorts = SORT in plan and NAMED.search(sql) is not None
    return [step for step in plan if SCAN.search(step) or (sorts and step == SORT)]


def test_no_page_and_no_list_reads_or_sorts_a_whole_table(house: House, ran: dict[str, str]) -> None:
    found = {f"{name}: {sql[:300]}": steps for sql, name in ran.items() if (steps := faults(house, sql))}

    assert found == {}
    assert len(ran) > 200


def test_every_exception_is_still_needed(ran: dict[str, str]) -> None:
    assert [piece for piece in ALLOWED if not any(piece in sql for sql in ran)] == []


def test_a_filter_that_no_index_serves_would_be_noticed(house: House) -> None:
    assert faults(house, "select id from messages where warning = 'x' order by id desc limit 50")
    assert faults(house, "select id from journal where kind = 'decision' and reason = 'x' order by at limit 5")


def test_a_cancellation_reads_what_waits_for_its_record_and_not_all_that_waits(house: House) -> None:
    values = {"rule": "reminder", "key": "A77", "now": 0}
    for sql in (HAD, f"update messages set state = 'cancelled' where {WAITING}"):  # noqa: S608 - our own words
        with house.store.read() as tx:
            plan = [row["detail"] for row in tx.execute(f"explain query plan {sql}", values)]

        assert [step for step in plan if SCAN.search(step) or "messages_state" in step] == []
        assert {"messages_waiting_key", "messages_supersede"} <= {word for step in plan for word in step.split()}


# The report, counted another way: text by text in Python, from the rows as they are.


def recounted(store: Store, since: datetime, until: datetime) -> dict[str, int]:
    span = (int(since.timestamp() * 1000), int(until.timestamp() * 1000))
    with store.read() as tx:
        texts = tx.execute("select * from messages where created_at >= ? and created_at < ?", span).fetchall()
        skips = tx.execute(
            "select count(*) as n from journal where kind = 'decision' and reason not in ('send', 'cancels') "
            "and at >= ? and at < ?", span,
        ).fetchone()["n"]  # fmt: skip
        stops = {row["message_id"] for row in tx.execute("select message_id from replies where intent = 'stop'")}
    failures = {"undelivered", "expired", "rejected", "failed"}
    sent = [text for text in texts if text["accepted_at"] is not None]
    final = {"delivered", *failures}
    return {
        "created": len(texts),
        "sent": len(sent),
        "delivered": sum(text["state"] == "delivered" for text in texts),
        "reported": sum(text["receipt_at"] is not None and text["state"] in final for text in sent),
        "failed": sum(text["state"] in failures for text in texts),
        "ended": sum(text["state"] == "cancelled" for text in texts),
        "replied": sum(text["replied_at"] is not None for text in texts),
        "opted_out": sum(text["id"] in stops for text in texts),
        "segments": sum(text["segments"] for text in sent),
        "skipped": skips,
        "to_gateway": len(sent),
    }


@pytest.mark.parametrize("by", ["rule", "source", "gateway", "country", "campaign", "day"])
def test_the_report_equals_a_recount_whatever_it_is_split_by(house: House, by: str) -> None:
    since, until = (NOW - timedelta(days=30)).replace(hour=0), (NOW + timedelta(days=1)).replace(hour=0)

    found = report(house.store, since, until, by)

    wanted = recounted(house.store, since, until)
    assert {name: found.total.total(name) for name in wanted} == wanted
    assert {name: sum(line.total(name) for line in found.lines) for name in wanted} == wanted
    assert min(wanted.values()) > 0


def test_the_percentiles_of_the_report_lie_in_the_span_of_the_true_ones(house: House) -> None:
    since, until = (NOW - timedelta(days=30)).replace(hour=0), (NOW + timedelta(days=1)).replace(hour=0)
    span = (int(since.timestamp() * 1000), int(until.timestamp() * 1000))
    with house.store.read() as tx:
        rows = tx.execute(
            "select receipt_at - accepted_at as took from messages where state = 'delivered' and accepted_at > 0 "
            "and created_at >= ? and created_at < ? order by 1", span,
        ).fetchall()  # fmt: skip
    took = [row["took"] for row in rows]
    total = report(house.store, since, until).total

    for share in (0.5, 0.95, 0.99):
        told, true = total.seconds("to_handset", share), took[int(len(took) * share)]
        assert told is not None
        assert _span(told * 1000) == _span(true) or abs(told * 1000 - true) < true * 0.1


def _span(length: float) -> int:
    return next((end for end in figures.SPANS if length <= end), figures.SPANS[-1])
