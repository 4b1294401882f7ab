"""The hours in which the law of a person's country allows marketing texts: rules/data/windows.yaml, dated."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import time
from functools import cache
from pathlib import Path

from rules.reader import Node, read

WINDOWS = Path(__file__).parent / "data" / "windows.yaml"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NANP = "+1"
HOURS = re.compile(r"([0-9]{2}:[0-9]{2})-([0-9]{2}:[0-9]{2})")

Week = tuple[tuple[time, time] | None, ...]
"""Opening and closing time of each day, Monday first; None is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """When marketing texts may reach the numbers of a country, or of some of its area codes."""

    name: str
    country: str
    week: Week
    shown: str
    basis: str
    source: str
    area_codes: frozenset[str] = frozenset()
    holidays: frozenset[str] = frozenset()


def windows_for(number: str, country: str) -> tuple[Window, ...]:
    """Return every window that holds for a number; () where no law of its country is known."""
    code = number[2:5] if number.startswith(NANP) else ""
    fitting = _windows().get(country, ())
    return tuple(window for window in fitting if not window.area_codes or code in window.area_codes)


def windows_of(country: str) -> tuple[Window, ...]:
    """Return the windows of a country as a whole."""
    return tuple(window for window in _windows().get(country, ()) if not window.area_codes)


def every_window() -> Iterator[Window]:
    """Yield all windows, in the order of the file."""
    for several in _windows().values():
        yield from several


@cache
def _windows() -> Mapping[str, tuple[Window, ...]]:
    found: dict[str, tuple[Window, ...]] = {}
    for name, node in _entries((read(WINDOWS).entries or {})["windows"]):
        window = _window(name, node)
        found[window.country] = (*found.get(window.country, ()), window)
    return found


def _window(name: str, node: Node) -> Window:
    said = node.entries or {}
    week: list[tuple[time, time] | None] = [None] * len(DAYS)
    for days, hours in _entries(said["hours"]):
        first, _, last = days.partition("-")
        for day in range(DAYS.index(first), DAYS.index(last or first) + 1):
            week[day] = _hours(hours.text or "")
    return Window(
        name=name,
        country=said["country"].text or "" if "country" in said else name,
        week=tuple(week),
        shown=", ".join(f"{days} {hours.text}" for days, hours in _entries(said["hours"])),
        basis=said["basis"].text or "",
        source=said["source"].text or "",
        area_codes=_words(said.get("area_codes")),
        holidays=_words(said.get("holidays")),
    )


def _entries(node: Node) -> Iterator[tuple[str, Node]]:
    yield from (node.entries or {}).items()


def _words(node: Node | None) -> frozenset[str]:
    return frozenset(child.text or "" for child in node.items or ()) if node else frozenset()


def _hours(text: str) -> tuple[time, time]:
    found = HOURS.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} in {WINDOWS.name} are no opening hours")
    return time.fromisoformat(found[1]), time.fromisoformat(found[2])
