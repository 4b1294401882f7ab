"""What the first page adds up by the minute is what a count of texts and decisions gives at that moment."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from audit import journal, kept, minutes
from audit.counts import figures
from audit.rows import ms
from audit.store import Tx, settled
from tests.fakes.stores import only_sqlite
from tests.scale import runs
from tests.web.house import MORNING, House

DAY = MORNING.replace(hour=0, minute=0, second=0, microsecond=0)
WEEK = timedelta(days=7)
ENDS = ("delivered", "undelivered", "rejected", "expired", "failed", "unknown", "accepted")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    opened = House(tmp_path)
    opened.order("1")
    yield opened
    opened.store.close()


def counted(tx: Tx, since: int, until: int) -> dict[str, int]:
    """Count a time text by text."""
    total = dict.fromkeys(minutes.MEASURES, 0)
    for each in minutes._count(tx, since, until).values():
        for name, amount in each.items():
            total[name] += amount
    return total


def something_happens(tx: Tx, dice: random.Random, number: int) -> None:
    """A text is planned, or one of any day is told about, or a rule decides against one."""
    row = dict(tx.execute("select * from messages order by id limit 1").fetchone())
    began = ms(DAY - dice.choice([timedelta(), WEEK])) + dice.randrange(12 * 3_600_000)
    texts = [one["id"] for one in tx.execute("select id from messages where id > 'n'")]
    if dice.random() < 0.4 or not texts:
        row |= {"id": f"n{number:013}", "created_at": began, "state": "queued", "accepted_at": None, "receipt_at": None}
        tx.execute(f"insert into messages ({', '.join(row)}) values ({', '.join(f':{one}' for one in row)})", row)  # noqa: S608
        journal.note(tx, began, "decision", message_id=str(row["id"]), reason="send")
    elif dice.random() < 0.7:
        one, state = dice.choice(texts), dice.choice(ENDS)
        tx.execute(
            "update messages set state = ?, accepted_at = ?, receipt_at = ? where id = ?",
            (state, began, began if dice.random() < 0.8 else None, one),
        )
        journal.note(tx, began, "receipt", message_id=one, reason=state)
    else:
        journal.note(tx, began, "decision", reason=dice.choice(["no_recipient", "when[0]", "cancels"]))


@pytest.mark.parametrize("seed", range(runs(2, 20)))
def test_the_minutes_equal_a_count_whatever_happens_on_whichever_day(house: House, seed: int) -> None:
    dice, store = random.Random(seed), house.store
    for number in range(60):
        store.write(partial(something_happens, dice=dice, number=number))
        if dice.random() < 0.4:
            since = DAY - dice.choice([timedelta(), WEEK]) + timedelta(milliseconds=dice.choice([0, 0, 7, 61_000]))
            until = since + timedelta(milliseconds=dice.choice([50, 60_000, dice.randrange(15 * 3_600_000)]))
            with store.read() as tx:
                plainly = counted(tx, ms(since), ms(until))

            assert minutes.add_up(store, since, until) == plainly
        if dice.random() < 0.1:
            minutes.refresh(store, MORNING)


def test_a_minute_that_was_counted_is_not_counted_again_until_something_is_said_about_it(house: House) -> None:
    store = house.store
    house.delivered("2")
    before = figures(store, DAY, timedelta(hours=12))
    store.write(lambda tx: tx.execute("update messages set state = 'failed'"))  # nothing in the journal says so

    assert figures(store, DAY, timedelta(hours=12)) == before
    assert before.delivered == 1

    store.write(_told)
    after = figures(store, DAY, timedelta(hours=12))
    assert (after.delivered, after.failed) == (0, 2)


def _told(tx: Tx) -> None:
    for row in tx.execute("select id from messages").fetchall():
        journal.note(tx, ms(MORNING), "receipt", message_id=row["id"])


def test_who_was_slower_does_not_keep_what_he_counted_before_somebody_else_looked(house: House) -> None:
    store, until = house.store, DAY + timedelta(hours=12)
    with store.read() as tx:
        slower = minutes._look(tx, ms(DAY), ms(until))
    house.delivered("2")
    quick = minutes.add_up(store, DAY, until)
    store.write(partial(minutes._keep, looked=slower, now=until))

    assert minutes.add_up(store, DAY, until) == quick
    assert quick["delivered"] == 1


def test_a_look_reads_a_bounded_part_of_the_journal_and_the_job_the_rest(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(minutes, "STEP", 5)
    store = house.store
    minutes.refresh(store, MORNING)
    for number in range(4):
        house.order(str(number + 2))

    minutes.refresh(store, MORNING)

    with store.read() as tx:
        assert settled(tx) - int(kept.recall(tx, minutes.UPTO)) <= 5
        plainly = counted(tx, ms(DAY), ms(MORNING))
    assert minutes.add_up(store, DAY, MORNING) == plainly


def test_days_nobody_asks_for_any_more_are_forgotten(house: House) -> None:
    store = house.store
    minutes.refresh(store, MORNING)
    minutes.refresh(store, MORNING + 2 * WEEK)

    with store.read() as tx:
        oldest = tx.execute("select min(begins) as begins from minutes").fetchone()["begins"]
    assert oldest == ms(DAY + WEEK)


@only_sqlite
def test_a_full_disk_keeps_nobody_from_the_figures(house: House) -> None:
    house.delivered("2")
    house.store.write(lambda tx: tx.execute("pragma max_page_count = 1").fetchone())  # no page more than there are

    assert figures(house.store, DAY, timedelta(hours=23)).delivered == 1
    with house.store.read() as tx:
        assert tx.execute("select count(*) as n from minutes").fetchone()["n"] == 0
