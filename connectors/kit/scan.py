"""Reading a list of records by time of change: the one way in which pollers find what is new.

The first scan is the baseline: it remembers how the newest records stand and tells nothing, or every old customer
would get a text. After that a record tells something when it stands otherwise than it did. What was created after
the baseline may tell its whole story again once it is forgotten: its events have the same ids, so each counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.base import Page
from model.event import Event

BASELINE_PAGES, REMEMBERED = 10, 2000
Stamp = int | str
"""A time as the system sorts it: a number, or text of one fixed format."""
Record = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which part of a list is wanted: changed at or after `since`, and `place` within that ("" is its start).

    `since` is None for the baseline, which wants the newest change first; otherwise the oldest comes first.
    """

    since: Any = None
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """A record that stands otherwise than it did. `before` is its last standing, None for one not seen yet."""

    record: Record
    before: Any
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A list of records of one kind.

    `read` returns a page and the place of the next, "" where there is none. `standing` is what makes two sights of a
    record the same (JSON). `news` tells what is new; `is_new` means created after the baseline. `back` moves a stamp
    back by the overlap that clocks and late commits need.
    `strangers` also tells about old records that are not remembered.
    """

    read: Callable[[Window], tuple[list[Record], str]]
    identity: Callable[[Record], str]
    changed: Callable[[Record], Stamp]
    created: Callable[[Record], Stamp]
    standing: Callable[[Record], Any]
    news: Callable[[Sight], Iterable[Event]]
    back: Callable[[Any], Stamp]
    start: Stamp = 0
    strangers: bool = False


def steps(reached: Iterable[tuple[str, str]], sight: Sight) -> Iterator[tuple[str, str]]:
    """Yield of the states a record has reached, each a word and our type, those it had not at the last sight.

    For listings whose `standing` is the list of these words.
    """
    return (step for step in reached if step[0] not in (sight.before or ()))


def scan(listing: Listing, cursor: Mapping[str, Any]) -> Page:
    """Read one page on from `cursor` ({} at first)."""
    if not cursor:
        return Page(events=(), cursor=_baseline(listing))
    window = Window(since=cursor["since"], place=str(cursor["place"]))
    found, after = listing.read(window)
    seen = dict(cursor["seen"])
    events: list[Event] = []
    for record in found:
        events += _news(listing, record, seen, cursor["floor"])
    newest = max([cursor["newest"], *map(listing.changed, found)])
    since, place = _next(listing, window, found, after, newest)
    remembered = dict(list(seen.items())[-REMEMBERED:])
    stand = {"floor": cursor["floor"], "newest": newest, "since": since, "place": place, "seen": remembered}
    return Page(events=events, cursor=stand, more=bool(after))


def scan_each(listings: Mapping[str, Listing], cursor: Mapping[str, Any]) -> Page:
    """Read one page of every list; while some have more, of those only."""
    places: dict[str, Any] = {name: cursor[name] for name in listings if name in cursor}
    waiting = [name for name in cursor.get("more", ()) if name in listings] or list(listings)
    events: list[Event] = []
    more = []
    for name in waiting:
        page = scan(listings[name], cursor.get(name, {}))
        events += page.events
        places[name] = page.cursor
        if page.more:
            more.append(name)
    return Page(events=events, cursor={**places, "more": more}, more=bool(more))


def _next(listing: Listing, window: Window, found: list[Record], after: str, newest: Stamp) -> tuple[Stamp, str]:
    """Go on from the last stamp where that is progress: pages shift when a record changes meanwhile."""
    if not after:
        return listing.back(newest), ""
    last: Any = listing.changed(found[-1]) if found else window.since
    return (last, "") if last > window.since else (window.since, after)


def _baseline(listing: Listing) -> dict[str, Any]:
    found, after = listing.read(Window())
    for _ in range(BASELINE_PAGES - 1):
        if not after:
            break
        page, after = listing.read(Window(place=after))
        found += page
    floor: Any = max(map(listing.changed, found), default=listing.start)
    seen = {listing.identity(one): listing.standing(one) for one in reversed(found) if listing.identity(one)}
    return {"floor": floor, "newest": floor, "since": listing.back(floor), "place": "", "seen": seen}


def _news(listing: Listing, record: Record, seen: dict[str, Any], floor: Any) -> Iterable[Event]:
    """Return what a record tells that it did not tell before; it is remembered as the newest in any case."""
    identity, standing = listing.identity(record), listing.standing(record)
    if not identity:
        return ()
    before = seen.pop(identity, None)
    seen[identity] = standing
    is_new = before is None and listing.created(record) >= floor
    if standing == before or (before is None and not is_new and not listing.strangers):
        return ()
    return listing.news(Sight(record=record, before=before, is_new=is_new))
