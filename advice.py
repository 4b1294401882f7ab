"""`tidings rules check`: the checker, given what this installation knows of connectors, samples and prices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Literal, cast

import connectors
from dispatch import content, segments
from dispatch.plan import scope_of
from inbound import examples
from model.event import EVENT_TYPES, Event
from model.reasons import Problem, Refused
from rules.book import Book
from rules.check import check
from rules.known import Example, Fields, Scales, warn

NO_NAMES = Book.of([], "")
ANYTHING: Fields = {".*": ("", "This source sends whatever its sender does.")}

JOINED: Fields = {
    f"customer.{name}": (kind, "From the contacts of another source.")
    for name, kind in (
        ("phone", "phone"), ("name", "text"), ("first_name", "text"), ("email", "text"), ("locale", "text"),
    )
}  # fmt: skip


def advise(book: Book, sources: Mapping[str, Any] | None = None) -> list[Problem]:
    """Return every error and warning of a loaded book. `sources` are those of the settings: connector and options."""
    found = check(book, catalogue(sources or {}), _examples_of, SCALES)
    found += texted_twice(book, sources or {})
    return sorted(found, key=lambda problem: (problem.path, problem.line, problem.column))


def texted_twice(book: Book, sources: Mapping[str, Any]) -> Iterator[Problem]:
    """Warn of rules that text people whom the source's own system texts, until somebody says that it does not."""
    for name, source in sources.items():
        kind = connectors.load(source.connector)
        if not kind.provider_texts or getattr(source, "provider_texts", None) is False:
            continue
        for rule in book.rules:
            heard = [one for one in rule.events if one.source in {"", name} and one.type in kind.event_types]
            if rule.enabled and heard:
                text = f"{kind.provider_texts} The people of source {name} may be texted twice."
                hint = f"Switch it off there and write provider_texts = false in [sources.{name}]."
                yield warn(rule, "event", text, hint)


def catalogue(sources: Mapping[str, Any]) -> dict[str, dict[str, tuple[str, str]]]:
    """Gather the documented fields: per event type of all connectors, and per `source:type` of configured sources."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for name in connectors.names():
        for event_type, fields in _documented(name).items():
            found.setdefault(event_type, {}).update(fields)
    for name, source in sources.items():
        for event_type in EVENT_TYPES:
            fields = _fields_of(source, event_type)
            if fields and fields is not ANYTHING and getattr(source, "contacts", None):
                fields = {**JOINED, **fields}
            found[f"{name}:{event_type}"] = dict(fields)
            if fields is not ANYTHING:  # what sends anything would silence the check for all others
                found.setdefault(event_type, {}).update(fields)
    return {event_type: fields for event_type, fields in found.items() if fields}


@cache
def _documented(connector: str) -> Mapping[str, Fields]:
    return connectors.load(connector).fields


def _fields_of(source: Any, event_type: str) -> Fields:
    """Return what a source sends; one that is described by its settings and has no table of fields sends anything."""
    if source.connector != "generic":
        return _documented(source.connector).get(event_type, {})
    named = source.options.get("fields")
    return dict.fromkeys(named, ("", "Set up for this source.")) if named else ANYTHING


@cache
def _examples_of(event_type: str) -> Sequence[Example]:
    """Return the sample events of a type, of the connectors that document it: elsewhere, what a sample holds is the
    choice of its settings. They come with the code, so that once is enough.
    """
    named = [name for name in connectors.names() if event_type in _documented(name)]
    return [example for name in named for example in _examples(name) if example.type == event_type]


@cache
def _examples(connector: str) -> Sequence[Example]:
    return [
        Example(
            name=str(sample), type=event.type, source=event.source, data=scope_of(event, NO_NAMES), now=sample.now
        )
        for sample in examples.of(connector)
        for event in _events(sample)
    ]  # fmt: skip


def _events(sample: examples.Example) -> Sequence[Event]:
    """Return what is complete: of the rest, nobody has recorded what the system answers."""
    try:
        return [event for event in sample.completed() if not event.lookup]
    except Refused:
        return ()


def _measure(text: str, smart: str) -> segments.Measure:
    level = cast("Literal['off', 'safe', 'strip-accents', 'ascii']", smart)
    return segments.measure(segments.lookalikes(text, level))


SCALES = Scales(measure=_measure, blocked=content.blocked)
