"""What must hold each time a text is handed over: the hour, the person, the record, the mode.

The oracles here share no code with what they judge: hours are read off a wall clock, opt-outs off the order of the
ledger, pauses and records off what the triggers of watch.sql kept of the moment the attempt began.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from audit.rows import ms
from dispatch.leaving import CONFIRMATION
from model.message import Lane
from simulation.books import HOME, LAW, QUIET
from simulation.records import Records
from simulation.world import World

OTP = Lane.OTP.rank
CONFIRMED_WITHIN = 5 * 60_000
A_MOMENT = 2_000
"""Milliseconds by which a text may leave later than its time and still count as in time (dispatch/leaving.py)."""


def right_hour(world: World, book: Records) -> Iterator[str]:
    """Nothing is handed over in closed hours, after its time to live, or while it is paused."""
    for row in book.attempts:
        closed = QUIET.get(row["rule"])
        if closed and row["rule"] not in [there for since, there in world.books if since < row["row"]][-1]:
            closed = None  # a rule that is gone keeps nothing back: tests/dispatch/test_late_texts.py
        if row["category"] and closed is None and not row["rule"].startswith("-"):  # what answers may come at night
            closed = next((hours for head, hours in LAW.items() if row["number"].startswith(head)), None)
        if closed and _is_closed(row["at"], closed, row["number"]):
            in_time = row["at"] - row["due_at"] <= A_MOMENT and not _is_closed(row["due_at"], closed, row["number"])
            if not in_time:
                yield f"{_attempt(row)} left at {_clock(row['at'])}, and is quiet from {closed[0]} to {closed[1]}"
        if row["at"] >= row["expires_at"]:
            yield f"{_attempt(row)} left at {_clock(row['at'])}, its time ended {_clock(row['expires_at'])}"
        if pause := _pause_of(row):
            yield f"{_attempt(row)} left while {pause} was paused"


def _is_closed(stamp: int, closed: tuple[str, str, str], number: str) -> bool:
    """Read the wall clock; what lies between two closed moments of one night is closed, too."""
    start, end, zone = closed
    zone = zone or next(name for head, name in HOME.items() if number.startswith(head))
    at = datetime.fromtimestamp(stamp / 1000, tz=UTC)

    def shows_closed(moment: datetime) -> bool:
        clock = moment.astimezone(ZoneInfo(zone)).time()
        return clock >= time.fromisoformat(start) or clock < time.fromisoformat(end)

    steps = [timedelta(minutes=15 * count) for count in range(1, 5)]
    return shows_closed(at) or (
        any(shows_closed(at - step) for step in steps) and any(shows_closed(at + step) for step in steps)
    )


def _pause_of(row: Any) -> str:
    for pause in filter(None, (row["paused"] or "").split(";")):
        scope, name, spared = pause.split(":")
        mine = scope == "all" or (scope, name) in {("rule", row["rule"]), ("gateway", row["gateway"])}
        if mine and not (row["lane"] == OTP and spared):
            return f"{scope} {name}".strip()
    return ""


def right_person(world: World, book: Records) -> Iterator[str]:
    """No text after the opt-out is on record, none of a test, none without consent, none past what the mode allows."""
    for row in book.attempts:
        stopped = _stopped(row, book)
        confirms = row["rule"] == CONFIRMATION and row["at"] < row["due_at"] + CONFIRMED_WITHIN
        if stopped and not confirms:
            yield f"{_attempt(row)} left after {row['number']} opted out ({stopped})"
        if row["test"]:
            yield f"{_attempt(row)} comes from a test event"


def _stopped(row: Any, book: Records) -> str:
    """Return by which way the newest wish before an attempt was a stop: the order of the ledger, not its times."""
    newest: dict[str, Any] = {}
    for wish in book.wishes:
        if wish["row"] < row["row"] and wish["number"] in {row["number"], row["sent_to"]}:
            newest[f"{wish['number']} {wish['category']}"] = wish
    found = [wish for wish in newest.values() if wish["status"] == "out" and wish["category"] in {"", row["category"]}]
    return found[0]["channel"] if found else ""


def still_true(world: World, book: Records) -> Iterator[str]:
    """No text about a record that was closed before it left, none that a newer word on the record has overtaken."""
    for row in book.attempts:
        if row["closed"] is None or row["newest"] is None or book.by_hand(row["message"]):
            continue
        if row["closed"] and row["newest"] >= row["occurred_at"]:
            yield f"{_attempt(row)} left after {row['key']} was closed"
        elif row["newest"] > row["occurred_at"]:
            yield f"{_attempt(row)} left after a newer word on {row['key']}"


def asked_before(world: World, book: Records) -> Iterator[str]:
    """A rule that asks its source once more has asked for this text within a minute before it leaves.

    Two texts about one record are asked about one after the other, and the shop may change its mind between them: the
    answer to a text is the one right before the journal says that this text was rechecked.
    """
    for row in book.attempts:
        if row["rule"] != "invoice":
            continue
        noted = [one["id"] for one in book.between(row["message"], 0, row["row"]) if one["kind"] == "rechecked"]
        mine = [one for one in world.shop.asked if noted and one.key == row["key"] and one.row < noted[-1]]
        said = [one.said for one in mine[-1:] if 0 <= row["at"] - ms(one.at) <= 60_000]
        if said != ["open"]:
            yield f"{_attempt(row)} left, and in the minute before the shop said {said[0] if said else 'nothing'}"


def modes_hold(world: World, book: Records) -> Iterator[str]:
    """What the mode of its time does not allow stays on this machine."""
    yield from world.escaped


def _attempt(row: Any) -> str:
    return f"attempt {row['try']} of {row['message']} ({row['rule'] or 'by hand'})"


def _clock(stamp: int) -> str:
    return f"{datetime.fromtimestamp(stamp / 1000, tz=UTC):%m-%d %H:%M:%S}"
