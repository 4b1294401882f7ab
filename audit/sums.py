"""What reports add up: the counts of `figures` by one thing at a time, per day and per month that is over.

A report of a year would read two hundred thousand counts; by month and by one thing they are four thousand. The sums of
a day are written in the transaction that writes the day, which also takes away the sums of its month; those are made
again afterwards. A month that is not there is read day by day, so that a report is right at any moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial

from audit import kept
from audit.rows import at, ms
from audit.store import Row, Store, Tx

DIMENSIONS = ("rule", "source", "campaign", "gateway", "country")
SPLITS = (*DIMENSIONS, "")
"""What counts are split by; "" is all of them together."""
DAY_SPAN, MONTH_SPAN = "day", "month"
UPTO = "sums_upto"
"""How far the journal was counted with sums; a version that knows none leaves it behind what figures reached."""


def _sums_of_day(split: str) -> str:
    """Write the SQL that adds up one day."""
    what, grouped = (split, f"{split}, ") if split else ("''", "")
    return (
        "insert into sums (split, span, begins, what, measure, label, amount) "  # noqa: S608 - our own words
        f"select '{split}', 'day', day, {what}, measure, label, sum(amount) from figures where day = :day "
        f"group by day, {grouped}measure, label"
    )


SUM_DAY = tuple(_sums_of_day(split) for split in SPLITS)
SUM_MONTH = """
insert into sums (split, span, begins, what, measure, label, amount)
select split, 'month', cast(:begins as integer), what, measure, label, sum(amount) from sums
where split = :split and span = 'day' and begins >= :begins and begins < :ends
group by split, what, measure, label
"""
CLEAR = "delete from sums where split = :split and span = :span and begins = :begins"
ADDED = """
select what, measure, label, sum(amount) as amount from sums
where split = :split and span = :span and begins >= :begins and begins < :ends group by what, measure, label
"""
EACH_DAY = """
select begins as what, measure, label, amount from sums
where split = '' and span = 'day' and begins >= :begins and begins < :ends
"""
MONTHS = """
select distinct begins from sums where split = '' and span = 'month' and begins >= :begins and begins < :ends
"""
DIFFER = """
select distinct day from (
    select day, measure, label, sum(amount) as amount from figures group by day, measure, label
    except select begins, measure, label, amount from sums where split = '' and span = 'day') as found
"""
FIRST = "select begins from sums where split = '' and span = 'day' and begins >= :begins order by begins limit 1"


def write_day(tx: Tx, day: int) -> None:
    """Add up a day that was just counted; its month is added up again later."""
    month = ms(_month(at(day)))
    for span, begins in ((DAY_SPAN, day), (MONTH_SPAN, month)):
        tx.executemany(CLEAR, [{"split": split, "span": span, "begins": begins} for split in SPLITS])
    for sql in SUM_DAY:
        tx.execute(sql, {"day": day})


def mend(store: Store, reached: str, now: datetime) -> int:
    """Add up days a version without sums counted after these were made; once, for nobody noted which those are.

    `reached` names how far the figures are counted. Return how many days they were.
    """
    with store.read() as tx:
        if kept.recall(tx, UPTO):
            return 0
    return store.write(partial(_mend, reached=reached, now=now))


def _mend(tx: Tx, reached: str, now: datetime) -> int:
    days = [row["day"] for row in tx.execute(DIFFER)]
    for day in days:
        write_day(tx, day)
    kept.remember(tx, UPTO, kept.recall(tx, reached) or "0", now)
    return len(days)


def write_months(store: Store, now: datetime) -> int:
    """Add up the months that are over and are not there; return how many that were."""
    with store.read() as tx:
        missing = list(_missing(tx, _month(now)))
    for month in missing:
        store.write(partial(_write_month, month=month))
    return len(missing)


def read(tx: Tx, since: datetime, until: datetime, split: str) -> list[Row]:
    """Return (what `split` says, measure, label, amount) of whole days; rows of one kind have to be added up."""
    months = [at(row["begins"]) for row in tx.execute(MONTHS, {"begins": ms(since), "ends": ms(until)})]
    return [
        row
        for span, begins, ends in _pieces(since, until, sorted(months))
        for row in tx.execute(ADDED, {"split": split, "span": span, "begins": ms(begins), "ends": ms(ends)})
    ]


def read_days(tx: Tx, since: datetime, until: datetime, measures: Iterable[str] = ()) -> list[Row]:
    """Return (day, measure, label, amount) of everything together, or of some measures alone."""
    names = ", ".join(f"'{name}'" for name in measures)
    sql = f"{EACH_DAY} and measure in ({names})" if names else EACH_DAY
    return tx.execute(sql, {"begins": ms(since), "ends": ms(until)}).fetchall()


def _pieces(since: datetime, until: datetime, months: Iterable[datetime]) -> Iterator[tuple[str, datetime, datetime]]:
    """Cut a time into the months that are there and the days around them."""
    reached = since
    for month in months:
        ends = _next(month)
        if ends > until:
            break
        if month > reached:
            yield DAY_SPAN, reached, month
        yield MONTH_SPAN, month, ends
        reached = ends
    if reached < until:
        yield DAY_SPAN, reached, until


def _missing(tx: Tx, this: datetime) -> Iterator[datetime]:
    """Yield the months before this one that have days and no sums."""
    there = {row["begins"] for row in tx.execute(MONTHS, {"begins": 0, "ends": ms(this)})}
    day = tx.execute(FIRST, {"begins": 0}).fetchone()
    while day is not None and (month := _month(at(day["begins"]))) < this:
        if ms(month) not in there:
            yield month
        day = tx.execute(FIRST, {"begins": ms(_next(month))}).fetchone()


def _write_month(tx: Tx, month: datetime) -> None:
    """Add up a month within one transaction, so that no day of it can change meanwhile."""
    begins, ends = ms(month), ms(_next(month))
    for split in SPLITS:
        tx.execute(CLEAR, {"split": split, "span": MONTH_SPAN, "begins": begins})
        tx.execute(SUM_MONTH, {"split": split, "begins": begins, "ends": ends})


def _month(moment: datetime) -> datetime:
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _next(month: datetime) -> datetime:
    return _month(month + timedelta(days=31))
