"""What the checker knows about the world: the fields sources send, examples of their events, the price of a text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from model.reasons import Problem
from rules.book import Naming, Pattern, Rule
from rules.naming import renamed
from rules.render import Text

ABOUT = frozenset({"event.key", "event.id", "event.source", "event.type", "event.native", "event", "opt_out"})
"""What a rule can name of every event, besides its data."""

TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)

Fields = Mapping[str, tuple[str, str]]
Catalogue = Mapping[str, Fields]
"""Event type, or `source:type`, -> dotted path -> (kind, sentence), as connectors document it."""


class Size(Protocol):
    """What a text costs."""

    @property
    def segments(self) -> int:
        """Billed parts."""

    @property
    def flips(self) -> Sequence[str]:
        """The characters that force the dear alphabet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One event as a source really sends it: everything a rule can name, and when it arrived."""

    name: str
    type: str
    source: str
    data: Mapping[str, Any]
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Scales:
    """How dispatch weighs a text: `measure(text, smart)` as it would leave, `blocked(text)` why it must not, or ""."""

    measure: Callable[[str, str], Size]
    blocked: Callable[[str], str]


@dataclass(slots=True, kw_only=True)
class World:
    """What a check may ask."""

    catalogue: Catalogue
    samples: Callable[[str], Sequence[Example]]
    scales: Scales
    sources: Mapping[str, Naming] = field(default_factory=dict)
    _fields: dict[tuple[Pattern, ...], dict[str, tuple[str, str]] | None] = field(default_factory=dict)
    _examples: dict[str, Sequence[Example]] = field(default_factory=dict)

    def fields_of(self, patterns: tuple[Pattern, ...]) -> dict[str, tuple[str, str]] | None:
        """Return the fields any of these events has; None where one of them is not documented, or there is none."""
        if patterns not in self._fields:
            self._fields[patterns] = self._gathered(patterns) if patterns else None
        return self._fields[patterns]

    def _gathered(self, patterns: tuple[Pattern, ...]) -> dict[str, tuple[str, str]] | None:
        found: dict[str, tuple[str, str]] = {}
        for pattern in patterns:
            documented = self.catalogue.get(f"{pattern.source}:{pattern.type}") or self.catalogue.get(pattern.type)
            if not documented or pattern.type.startswith("custom.") or ".*" in documented:
                return None
            found |= documented
            found |= self._named(pattern.source, documented)
        return found

    def _named(self, source: str, documented: Fields) -> dict[str, tuple[str, str]]:
        """Return the names that rules have for fields of a source, or of any source."""
        namings = [naming for name, naming in self.sources.items() if source in {"", name}]
        return {
            name: documented.get(path, ("", f"{path} of a source."))
            for naming in namings
            for name, path in naming.fields.items()
        }

    def sent_by(self, source: str) -> Fields | None:
        """Return everything a configured source sends; None when no source of this name is known."""
        found = {
            path: said
            for event_type, fields in self.catalogue.items()
            if event_type.startswith(f"{source}:")
            for path, said in fields.items()
        }
        return found or None

    def is_known_source(self, source: str) -> bool:
        """Tell whether a source of this name is set up, as far as we were told of any."""
        names = {event_type.partition(":")[0] for event_type in self.catalogue if ":" in event_type}
        return not names or source in names

    def examples_of(self, rule: Rule) -> Iterator[Example]:
        """Yield the examples of the events a rule listens to, without a source that it narrows them to."""
        for pattern in rule.events:
            if pattern.type not in self._examples:
                self._examples[pattern.type] = [self._as_named(each) for each in self.samples(pattern.type)]
            yield from self._examples[pattern.type]

    def _as_named(self, example: Example) -> Example:
        naming = self.sources.get(example.source)
        return replace(example, data=renamed(example.data, naming)) if naming else example


def is_known(path: str, fields: Fields) -> bool:
    """Tell whether a source documents a field, a group it is in, or the list or record it is a part of."""
    if path in fields or path in ABOUT or path.partition(".")[0] == "raw":
        return True
    if any(name.startswith(f"{path}.") for name in fields):
        return True
    parts = path.split(".")
    around = [".".join(parts[:count]) for count in range(1, len(parts))]
    return any(f"{outer}.*" in fields or fields.get(outer, ("", ""))[0] == "list" for outer in around)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One text of a rule and its place: for one step, one value of text_by, one locale."""

    place: str
    step: int
    value: str
    locale: str
    text: Text

    @property
    def literal(self) -> str:
        """What it says whatever the event holds."""
        return TAG.sub(" ", self.text.source)


def texts_of(rule: Rule) -> Iterator[Said]:
    """Yield every text of a rule."""
    for index, step in enumerate(rule.steps):
        start = (
            f"sequence.{index}.text" if "sequence" in rule.places else "text" if "text" in rule.places else "template"
        )
        for value, by_locale in step.texts.items():
            for locale, text in by_locale.items():
                place = ".".join(part for part in (start, value, locale) if part)
                yield Said(place=place, step=index, value=value, locale=locale, text=text)


def answers_of(rule: Rule) -> Iterator[Said]:
    """Yield the automatic answers of a rule."""
    for intent, by_locale in rule.replies.answer.items() if rule.replies else ():
        for locale, text in by_locale.items():
            place = ".".join(part for part in ("replies.answer", intent, locale) if part)
            yield Said(place=place, step=0, value="", locale=locale, text=text)


def all_said(rule: Rule) -> Iterator[Said]:
    """Yield everything a rule may text: its own texts and its answers to replies."""
    yield from texts_of(rule)
    yield from answers_of(rule)


def at(rule: Rule, place: str, text: str, hint: str = "", level: str = "error") -> Problem:
    """Return a problem at a place of a rule."""
    line, column = rule.place_of(place)
    return Problem(path=rule.file, line=line, column=column, text=text, hint=hint, level=level)


def warn(rule: Rule, place: str, text: str, hint: str = "") -> Problem:
    """Return a warning at a place of a rule."""
    return at(rule, place, text, hint, "warning")
