"""When is a source that sends nothing worth a person's time?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.silence import WEEK, judge

NOW = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=60)


def steady(per_hour: float, until: datetime = NOW) -> Callable[[datetime, datetime], int]:
    """Count what a source that never rests would have sent, up to a time."""

    def count(since: datetime, end: datetime) -> int:
        return int(max((min(end, until) - since).total_seconds(), 0) / 3600 * per_hour)

    return count


@pytest.mark.parametrize(
    ("quiet", "per_hour", "first", "alarm"),
    [
        (timedelta(hours=4), 10, LONG_AGO, True),
        (timedelta(minutes=50), 100, LONG_AGO, False),  # less than one whole hour says nothing
        (timedelta(hours=4), 1, LONG_AGO, False),  # three events are too few to miss
        (timedelta(hours=12), 1, LONG_AGO, True),
        (timedelta(days=3), 0.1, LONG_AGO, True),
        (timedelta(days=40), 1, LONG_AGO - timedelta(days=60), True),  # as loud after weeks as on the first day
        (timedelta(hours=4), 10, NOW - timedelta(days=9), False),  # one week is no habit
        (timedelta(hours=4), 10, NOW - timedelta(days=16), True),
    ],
)
def test_silence_is_measured_against_the_same_hours_of_earlier_weeks(
    quiet: timedelta,
    per_hour: float,
    first: datetime,
    alarm: bool,
) -> None:
    last = NOW - quiet

    found = judge("shop", last, first, NOW, steady(per_hour, last))

    assert (found is not None) is alarm


def test_a_shop_that_sleeps_at_night_is_not_silent_at_night() -> None:
    evening = NOW.replace(hour=20, minute=55)

    def by_day(since: datetime, until: datetime) -> int:
        hours = [since + timedelta(hours=n) for n in range(int((until - since) / timedelta(hours=1)))]
        return sum(20 for hour in hours if 8 <= hour.hour < 21)

    night = judge("shop", evening, LONG_AGO, evening + timedelta(hours=10), by_day)
    noon = judge("shop", evening, LONG_AGO, evening + timedelta(hours=15), by_day)

    assert night is None
    assert noon is not None
    assert noon.words == "60"


def test_one_holiday_in_the_weeks_before_is_enough_to_keep_quiet() -> None:
    last = NOW - timedelta(hours=5)

    def count(since: datetime, until: datetime) -> int:
        return 0 if NOW - 2 * WEEK - timedelta(days=1) < since < NOW - 2 * WEEK + timedelta(days=1) else 50

    assert judge("shop", last, LONG_AGO, NOW, count) is None


@given(
    quiet=st.timedeltas(timedelta(), timedelta(days=90)), age=st.timedeltas(timedelta(), timedelta(days=200)),
    per_hour=st.floats(0, 1000),
)  # fmt: skip
def test_an_alarm_always_names_what_is_missed(quiet: timedelta, age: timedelta, per_hour: float) -> None:
    last = NOW - quiet

    found = judge("shop", last, last - age, NOW, steady(per_hour, last))

    if found is not None:
        assert min(found.usual) >= 5
        assert age >= WEEK
        assert quiet >= timedelta(hours=1)
