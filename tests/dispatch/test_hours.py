"""Quiet hours and wall clocks, on ordinary nights and on those when the clock changes."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from dispatch.hours import (
    QuietHours,
    at_local,
    is_quiet,
    last_open,
    local,
    next_open,
    parse_duration,
    parse_offset,
    shift,
    zone_or_none,
)
from dispatch.recipient import zones_of
from tests.scale import runs

BERLIN, NEW_YORK, LORD_HOWE, KATHMANDU = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"
NIGHT = QuietHours(start=time(21), end=time(8))
SMALL_HOURS = QuietHours(start=time(0, 30), end=time(2, 30))
SECOND = timedelta(seconds=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("day", "clock", "zone", "moment"),
    [
        (date(2026, 11, 23), time(10), BERLIN, "2026-11-23T10:00+01:00"),
        (date(2026, 11, 23), time(10), KATHMANDU, "2026-11-23T10:00+05:45"),
        (date(2026, 10, 25), time(2, 30), BERLIN, "2026-10-25T02:30+02:00"),  # twice: the first
        (date(2026, 10, 25), time(3), BERLIN, "2026-10-25T03:00+01:00"),
        (date(2027, 3, 28), time(2), BERLIN, "2027-03-28T03:00+02:00"),  # never: right after the jump
        (date(2027, 3, 28), time(2, 30), BERLIN, "2027-03-28T03:00+02:00"),
        (date(2027, 3, 28), time(2, 59, 59, 999999), BERLIN, "2027-03-28T03:00+02:00"),
        (date(2027, 3, 28), time(3), BERLIN, "2027-03-28T03:00+02:00"),
        (date(2026, 11, 1), time(1, 30), NEW_YORK, "2026-11-01T01:30-04:00"),
        (date(2027, 3, 14), time(2, 15), NEW_YORK, "2027-03-14T03:00-04:00"),
        (date(2026, 10, 4), time(2, 10), LORD_HOWE, "2026-10-04T02:30+11:00"),  # jumps half an hour
        (date(2027, 4, 4), time(1, 45), LORD_HOWE, "2027-04-04T01:45+11:00"),
        (date(2011, 12, 30), time(12), "Pacific/Apia", "2011-12-31T00:00+14:00"),  # a day that never was
    ],
)
def test_a_wall_time_becomes_a_moment(day: date, clock: time, zone: str, moment: str) -> None:
    assert at_local(day, clock, zone) == utc(moment)


@pytest.mark.parametrize(
    ("at", "zones", "quiet", "opens", "closed"),
    [
        ("2026-11-23T20:59:59+01:00", [BERLIN], NIGHT, None, None),
        ("2026-11-23T21:00+01:00", [BERLIN], NIGHT, "2026-11-24T08:00+01:00", "2026-11-23T20:59:59+01:00"),
        ("2026-11-24T07:59:59+01:00", [BERLIN], NIGHT, "2026-11-24T08:00+01:00", "2026-11-23T20:59:59+01:00"),
        ("2026-11-24T08:00+01:00", [BERLIN], NIGHT, None, None),
        ("2026-11-23T23:10+05:45", [KATHMANDU], NIGHT, "2026-11-24T08:00+05:45", "2026-11-23T20:59:59+05:45"),
        # The clock goes back in the night: one quiet stretch, an hour longer.
        ("2026-10-25T02:30+02:00", [BERLIN], NIGHT, "2026-10-25T08:00+01:00", "2026-10-24T20:59:59+02:00"),
        ("2026-10-25T02:15+02:00", [BERLIN], SMALL_HOURS, "2026-10-25T02:30+01:00", "2026-10-25T00:29:59+02:00"),
        ("2026-10-25T02:45+02:00", [BERLIN], SMALL_HOURS, "2026-10-25T02:30+01:00", "2026-10-25T00:29:59+02:00"),
        ("2026-10-25T02:30+01:00", [BERLIN], SMALL_HOURS, None, None),
        ("2026-11-01T01:45-05:00", [NEW_YORK], SMALL_HOURS, "2026-11-01T02:30-05:00", "2026-11-01T00:29:59-04:00"),
        ("2027-04-04T01:45+10:30", [LORD_HOWE], SMALL_HOURS, "2027-04-04T02:30+10:30", "2027-04-04T00:29:59+11:00"),
        # The clock goes forward over the end: it ends with the jump.
        ("2027-03-28T01:59+01:00", [BERLIN], SMALL_HOURS, "2027-03-28T03:00+02:00", "2027-03-28T00:29:59+01:00"),
        ("2027-03-14T01:59-05:00", [NEW_YORK], SMALL_HOURS, "2027-03-14T03:00-04:00", "2027-03-14T00:29:59-05:00"),
        ("2026-10-04T01:59+10:30", [LORD_HOWE], SMALL_HOURS, "2026-10-04T02:30+11:00", "2026-10-04T00:29:59+10:30"),
        ("2027-03-28T01:59+01:00", [BERLIN], NIGHT, "2027-03-28T08:00+02:00", "2027-03-27T20:59:59+01:00"),
        # The start is jumped over: it is quiet right after the jump.
        (
            "2027-03-28T03:10+02:00",
            [BERLIN],
            QuietHours(start=time(2, 30), end=time(8)),
            "2027-03-28T08:00+02:00",
            "2027-03-28T01:59:59+01:00",
        ),
        # Quiet in any zone counts: it opens when the last one wakes and closes when the first one sleeps.
        (
            "2026-11-23T08:30-05:00",
            [NEW_YORK, "America/Los_Angeles"],
            NIGHT,
            "2026-11-23T08:00-08:00",
            "2026-11-22T20:59:59-05:00",
        ),
        ("2026-11-23T12:00-05:00", [NEW_YORK, "America/Los_Angeles"], NIGHT, None, None),
        # A zone nobody knows is left out as long as there is another.
        (
            "2026-11-23T22:00+01:00",
            ["Mars/Olympus", BERLIN],
            NIGHT,
            "2026-11-24T08:00+01:00",
            "2026-11-23T20:59:59+01:00",
        ),
    ],
)
def test_quiet_hours_open_and_close_by_the_recipients_clock(
    at: str, zones: list[str], quiet: QuietHours, opens: str | None, closed: str | None
) -> None:
    moment = utc(at)

    assert is_quiet(moment, zones, quiet) is (opens is not None)
    assert next_open(moment, zones, quiet) == utc(opens or at)
    assert last_open(moment, zones, quiet) == utc(closed or at)


def test_equal_start_and_end_are_never_quiet() -> None:
    never = QuietHours(start=time(8), end=time(8))

    assert not any(is_quiet(utc("2026-11-23T00:00Z") + n * timedelta(minutes=30), [BERLIN], never) for n in range(48))


def test_without_a_known_zone_it_is_always_quiet_and_never_opens() -> None:
    at = utc("2026-11-23T12:00Z")

    assert is_quiet(at, [], NIGHT)
    assert is_quiet(at, ["Mars/Olympus"], NIGHT)
    assert next_open(at, [], NIGHT) is None
    assert last_open(at, ["../etc/passwd"], NIGHT) is None


def test_zones_around_the_whole_world_may_leave_no_hour_open() -> None:
    world = ["Pacific/Auckland", "Asia/Tokyo", "Asia/Kolkata", BERLIN, NEW_YORK, "Pacific/Honolulu"]
    at = utc("2026-11-23T12:00Z")

    assert next_open(at, world, NIGHT) is None
    assert last_open(at, world, NIGHT) is None


def test_days_say_on_which_evening_the_quiet_begins() -> None:
    weekend = QuietHours(start=time(20), end=time(10), days=frozenset({4, 5}))  # Friday and Saturday evening

    assert is_quiet(utc("2026-11-27T21:00+01:00"), [BERLIN], weekend)  # Friday
    assert is_quiet(utc("2026-11-29T09:00+01:00"), [BERLIN], weekend)  # Sunday morning is Saturday's night
    assert not is_quiet(utc("2026-11-29T21:00+01:00"), [BERLIN], weekend)  # Sunday evening
    assert not is_quiet(utc("2026-11-27T09:00+01:00"), [BERLIN], weekend)  # Friday morning


def test_a_moment_without_a_zone_is_refused() -> None:
    naive = datetime(2026, 11, 23, 12)  # noqa: DTZ001 - the point of the test

    with pytest.raises(ValueError, match="without a time zone"):
        is_quiet(naive, [BERLIN], NIGHT)


NUMBERS = [
    "+491713920012",
    "+14155552671",
    "+18502341234",
    "+61412345678",
    "+447911123456",
    "+34612345678",
    "+79123456789",
]
EDGES = [utc(text) for text in ("2026-10-25T01:00Z", "2027-03-28T01:00Z", "2026-11-01T06:00Z", "2027-04-03T15:00Z")]
WINDOWS = [
    NIGHT,
    SMALL_HOURS,
    QuietHours(start=time(12), end=time(13, 30)),
    QuietHours(start=time(2, 15), end=time(2, 45)),
]


def test_for_a_hundred_thousand_moments_the_next_opening_is_open_and_the_first() -> None:
    dice = random.Random(20261123)
    zones_by_number = [[LORD_HOWE], [KATHMANDU, BERLIN], *map(zones_of, NUMBERS)]

    for number in range(runs(10_000, 100_000)):
        start = dice.choice(EDGES) if number % 2 else EDGES[0] + timedelta(days=dice.randrange(365))
        at = start + timedelta(seconds=dice.randint(-90_000, 90_000))
        zones, quiet = dice.choice(zones_by_number), dice.choice(WINDOWS)
        opens = next_open(at, zones, quiet)
        assert opens is not None
        assert opens >= at
        if opens == at:
            continue
        assert is_quiet(opens - SECOND, zones, quiet)
        assert not any(is_quiet(opens, [zone], quiet) for zone in zones)
        if number % 50 == 0:
            minutes = range(int((opens - at) / timedelta(minutes=1)))
            assert all(is_quiet(at + minute * timedelta(minutes=1), zones, quiet) for minute in minutes)
            closed = last_open(at, zones, quiet)
            assert closed is not None
            assert closed < at
            assert not is_quiet(closed, zones, quiet)
            assert is_quiet(closed + SECOND, zones, quiet)


def test_on_nights_without_a_change_quiet_is_what_the_wall_clock_says() -> None:
    start = utc("2026-06-01T00:00Z")

    for minute in range(0, 7 * 24 * 60, 7):
        at = start + timedelta(minutes=minute)
        clock = at.astimezone(ZoneInfo(KATHMANDU)).time()
        assert is_quiet(at, [KATHMANDU], NIGHT) is (clock >= time(21) or clock < time(8))


@pytest.mark.parametrize(
    ("at", "offset", "zone", "moved"),
    [
        ("2026-10-26T10:00+01:00", -3, BERLIN, "2026-10-23T10:00+02:00"),
        ("2026-10-26T10:00+01:00", timedelta(hours=-72), BERLIN, "2026-10-23T11:00+02:00"),
        ("2027-03-27T10:00+01:00", 1, BERLIN, "2027-03-28T10:00+02:00"),
        ("2027-03-27T10:00+01:00", timedelta(hours=24), BERLIN, "2027-03-28T11:00+02:00"),
        ("2027-03-27T02:30+01:00", 1, BERLIN, "2027-03-28T03:00+02:00"),
        ("2026-10-24T02:30+02:00", 1, BERLIN, "2026-10-25T02:30+02:00"),
        ("2026-10-25T02:30+01:00", 0, BERLIN, "2026-10-25T02:30+01:00"),
        ("2026-11-23T23:30Z", 7, KATHMANDU, "2026-11-30T23:30Z"),
    ],
)
def test_days_keep_the_wall_time_and_hours_are_hours(at: str, offset: timedelta | int, zone: str, moved: str) -> None:
    assert shift(utc(at), offset, zone) == utc(moved)


@pytest.mark.parametrize(
    ("text", "duration", "offset"),
    [
        ("24h", timedelta(hours=24), timedelta(hours=24)),
        ("-24h", timedelta(hours=-24), timedelta(hours=-24)),
        ("-3d", timedelta(days=-3), -3),
        ("+7d", timedelta(days=7), 7),
        ("2w", timedelta(weeks=2), 14),
        ("1w2d", timedelta(days=9), 9),
        ("1d12h", timedelta(hours=36), timedelta(hours=36)),
        ("15m", timedelta(minutes=15), timedelta(minutes=15)),
        ("90s", timedelta(seconds=90), timedelta(seconds=90)),
        (" 1h30m ", timedelta(minutes=90), timedelta(minutes=90)),
        ("0s", timedelta(), timedelta()),
        ("3660d", timedelta(days=3660), 3660),
    ],
)
def test_durations_are_read(text: str, duration: timedelta, offset: timedelta | int) -> None:
    assert parse_duration(text) == duration
    assert parse_offset(text) == offset
    assert type(parse_offset(text)) is type(offset)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("24", "has no unit; write 24s, 24m, 24h or 24d"),
        ("1.5h", "whole numbers"),
        ("", "is not a duration"),
        ("h", "is not a duration"),
        ("1M", "is not a duration"),
        ("soon", "is not a duration"),
        ("1 h", "is not a duration"),
        ("٣h", "is not a duration"),
        ("30m1h", "largest first"),
        ("1h1h", "largest first"),
        ("999999999w", "longer than ten years"),
        ("3660d1s", "longer than ten years"),
        ("9999999999s", "is not a duration"),
    ],
)
def test_what_is_no_duration_is_explained(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse_duration(text)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "../x",
        "../../etc/passwd",
        "/etc/passwd",
        "Europe",
        "Mars/Olympus",
        "a" * 5000,
        "\0",
        "\ud800",
        "tzdata.zi",
        "Europe/Berlin/",
    ],
)
def test_a_name_that_is_no_zone_is_none(name: str) -> None:
    assert zone_or_none(name) is None


def test_a_zone_is_found_by_name_and_shows_its_wall_clock() -> None:
    assert zone_or_none(BERLIN) == ZoneInfo(BERLIN)
    assert local(utc("2026-11-23T10:00Z"), KATHMANDU).isoformat() == "2026-11-23T15:45:00+05:45"
    with pytest.raises(ValueError, match="not a time zone"):
        local(utc("2026-11-23T10:00Z"), "Mars/Olympus")
