"""What reports add up equals the counted days, whatever changes in whichever month, and right after an upgrade."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from audit import figures, kept, sums
from audit.report import BY, DRAWN, Report, daily, report
from audit.rows import ms
from audit.store import Row, Store, Tx
from tests.fakes.stores import open_store
from tests.scale import runs
from tests.web.house import MORNING, House

FIRST, DAYS = datetime(2026, 8, 20, tzinfo=UTC), 100
NOW = FIRST + timedelta(days=DAYS)


@pytest.fixture
def store(tmp_path: Path) -> Any:
    opened = open_store(tmp_path / "sums.db")
    yield opened
    opened.close()


def counts(dice: random.Random) -> list[dict[str, Any]]:
    """What a day may have been counted to."""
    kinds = {
        (*(dice.choice(["", "a", "b"]) for _ in sums.DIMENSIONS), dice.choice(["created", "sent", "failed"]))
        for _ in range(8)
    }
    return [
        {**dict(zip((*sums.DIMENSIONS, "measure"), kind, strict=True)), "label": label, "amount": dice.randrange(99)}
        for kind in kinds
        for label in ("", "30005")
    ]


def count_day(store: Store, day: int, dice: random.Random) -> None:
    store.write(partial(figures._write, day=ms(FIRST + timedelta(days=day)), rows=counts(dice)))


def plainly(tx: Tx, since: datetime, until: datetime, by: str) -> Counter[tuple[str, str, str]]:
    """Add up the counted days row by row."""
    found: Counter[tuple[str, str, str]] = Counter()
    for row in tx.execute("select * from figures where day >= ? and day < ?", (ms(since), ms(until))):
        found[_named(row, by), row["measure"], row["label"]] += row["amount"]
    return found


def _named(row: Row, by: str) -> str:
    return datetime.fromtimestamp(row["day"] / 1000, UTC).date().isoformat() if by == "day" else str(row[by])


def told(found: Report) -> Counter[tuple[str, str, str]]:
    return Counter(
        {(line.what, measure, label): amount for line in found.lines for measure, labels in line.amounts.items()
         for label, amount in labels.items()}
    )  # fmt: skip


def spans(tx: Tx) -> Counter[str]:
    rows = tx.execute("select distinct span, begins from sums where split = ''")
    return Counter(str(row["span"]) for row in rows)


@pytest.mark.parametrize("seed", range(runs(2, 20)))
def test_a_report_equals_the_counted_days_whatever_day_is_counted_again(store: Store, seed: int) -> None:
    dice = random.Random(seed)
    for day in range(DAYS):
        count_day(store, day, dice)
    assert sums.write_months(store, NOW) == 3
    for _ in range(8):
        count_day(store, dice.randrange(DAYS), dice)  # a receipt that came late
        if dice.random() < 0.5:
            sums.write_months(store, NOW)
        since = FIRST + timedelta(days=dice.randrange(DAYS))
        until, by = since + timedelta(days=dice.randrange(1, DAYS)), dice.choice(BY)

        found, drawn = report(store, since, until, by), daily(store, since, until)

        with store.read() as tx:
            assert told(found) == plainly(tx, since, until, by)
            before = plainly(tx, since - (until - since), since, by)
            by_day = plainly(tx, since, until, "day")
        assert sum(found.before.total(one) for one in ("created", "sent", "failed")) == before.total()
        assert {line.what for line in drawn} == {day for day, measure, _ in by_day if measure in DRAWN}
        sent = sum(amount for (_, measure, _), amount in by_day.items() if measure == "sent")
        assert sum(line.total("sent") for line in drawn) == sent


def test_a_day_that_is_counted_again_takes_its_month_away_until_that_is_added_up_again(store: Store) -> None:
    dice = random.Random(1)
    for day in range(DAYS):
        count_day(store, day, dice)
    sums.write_months(store, NOW)
    count_day(store, 30, dice)

    with store.read() as tx:
        assert spans(tx) == {"day": DAYS, "month": 2}
    assert sums.write_months(store, NOW) == 1
    assert sums.write_months(store, NOW) == 0
    with store.read() as tx:
        assert spans(tx) == {"day": DAYS, "month": 3}


def test_after_an_upgrade_the_counted_days_are_added_up_at_once(store: Store) -> None:
    dice = random.Random(2)
    for day in range(DAYS):
        count_day(store, day, dice)
    with store.read() as tx:
        there = {tuple(row) for row in tx.execute("select * from sums")}
    server = type(store.engine).__name__ != "Sqlite"
    folder = Path(figures.__file__).parent / "migrations" / ("postgres" if server else "")
    _, *fill = (folder / "0025_sums.sql").read_text("utf-8").split(";\n")

    def upgrade(tx: Tx) -> None:
        tx.execute("delete from sums")
        for statement in filter(str.strip, fill):
            tx.execute(statement)

    store.write(upgrade)

    with store.read() as tx:
        assert {tuple(row) for row in tx.execute("select * from sums")} == there


def test_what_a_version_without_sums_counts_while_both_run_is_added_up_by_this_one(tmp_path: Path) -> None:
    opened = House(tmp_path)
    store, day = opened.store, MORNING.replace(hour=0, minute=0, second=0, microsecond=0)
    opened.delivered("1")
    figures.refresh(store, MORNING)

    for number in ("2", "3"):
        opened.delivered(number)
        store.write(partial(_counted_by_the_version_before, day=day))
        stale = _sent(store, day)
        figures.refresh(store, MORNING)

        assert (stale, _sent(store, day)) == (int(number) - 1, int(number))
    opened.store.close()


def test_days_counted_between_the_migration_and_this_version_are_added_up_once(tmp_path: Path) -> None:
    opened = House(tmp_path)
    store, day = opened.store, MORNING.replace(hour=0, minute=0, second=0, microsecond=0)
    opened.delivered("1")
    store.write(partial(_counted_by_the_version_before, day=day))

    assert _sent(store, day) == 0
    assert [sums.mend(store, figures.UPTO, MORNING) for _ in range(2)] == [1, 0]
    assert _sent(store, day) == 1
    opened.store.close()


def _counted_by_the_version_before(tx: Tx, day: datetime) -> None:
    """Count a day as it was done when there were no sums."""
    tx.execute("delete from figures where day = ?", (ms(day),))
    rows = [{**dict(row), "day": ms(day)} for row in figures.count(tx, day, day + timedelta(days=1))]
    tx.executemany(figures.WRITE, rows)
    newest = tx.execute("select max(id) as id from journal").fetchone()["id"]
    kept.remember(tx, figures.UPTO, str(newest), MORNING)


def _sent(store: Store, day: datetime) -> int:
    return report(store, day, day + timedelta(days=1)).total.total("sent")
