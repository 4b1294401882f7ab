"""Many facts in one request or on one page: an odd one must not cost the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from connectors.base import Page
from model.event import Event
from model.reasons import Refused
from wire import reading

T = TypeVar("T")


def all_of(listed: Iterable[T], read: Callable[[T], Iterable[Event]]) -> list[Event]:
    """Return the events of those that can be read. Raises Refused where something is odd and nothing can be read."""
    events, trouble = readable(listed, read)
    if trouble and not events:
        raise trouble
    return events


def readable(listed: Iterable[T], read: Callable[[T], Iterable[Event]]) -> tuple[list[Event], Refused | None]:
    """Return the events of those that can be read, and why the last odd one cannot."""
    events: list[Event] = []
    trouble: Refused | None = None
    for one in listed:
        try:
            events += read(one)
        except Refused as refusal:
            trouble = refusal
    return events, trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A system's list of its own events, polled by the ids they have as webhooks.

    `at` is when one happened, as a number or a text that compares as the time does; `read` parses one. The cursor holds
    how far we are (`created`), and nothing of the baseline is told (`floor`, and `skip` of that very moment). While
    pages wait, the place of the next is in `mark`, and `newest` is what `created` will be.
    """

    at: Callable[[Any], Any]
    read: Callable[[Any], Iterable[Event]]
    mark: str = "before"

    def baseline(self, listed: Sequence[Any], now: int | str) -> Page:
        """Begin behind the newest event, by the system's clock; by ours only where there is none."""
        floor = max(map(self.at, listed), default=now) or now
        skip = [reading.text(one, "id") for one in listed if self.at(one) == floor]
        return Page(events=(), cursor={"floor": floor, "skip": skip, "created": floor})

    def page(self, cursor: Mapping[str, Any], found: Sequence[Any], place: str) -> Page:
        """Tell what was found, oldest first; `place` is where the next page begins, "" where there is none."""
        done = cursor["created"]
        newest = max([cursor.get("newest", done), *map(self.at, found)])
        stand = {"created": done, "newest": newest, self.mark: place} if place else {"created": newest}
        fresh = [one for one in sorted(found, key=self.at) if reading.text(one, "id") not in cursor["skip"]]
        events, _ = readable((one for one in fresh if isinstance(one, dict)), self._read)
        kept = {"floor": cursor["floor"], "skip": cursor["skip"]}
        return Page(events=events, cursor={**kept, **stand}, more=bool(place))

    def _read(self, one: Any) -> Iterable[Event]:
        return [replace(event, raw=one) for event in self.read(one)]
