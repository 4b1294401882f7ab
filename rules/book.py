"""A loaded rules file: frozen rules, indexed by the events they listen to.

Long because it holds every part a rule can have, as the other parts of the house see it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from model.event import Event
from model.message import Lane
from rules.condition import Condition
from rules.links import Links
from rules.render import Text
from rules.replies import REPLY, Replies
from rules.trial import RuleTest


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """Which events: a normalised type, narrowed to one source where `source` is given."""

    type: str
    source: str = ""

    def fits(self, event: Event) -> bool:
        """Tell whether the event is one of these."""
        return event.type == self.type and self.source in {"", event.source}


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """One line of `when` and where it stands."""

    condition: Condition
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a text leaves: at a field of the record, moved by `offset`, or on that day at `time`."""

    at: str
    offset: timedelta = timedelta()
    offset_days: int = 0
    time: str = ""
    if_past: str = "skip"
    not_after: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """Hours in which nobody is texted; `zone` is "recipient" or the name of a zone."""

    start: str
    end: str
    zone: str = "recipient"
    then: str = "defer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Who a campaign is for: a file, a saved list, or a query on a source, and what must hold for each person."""

    file: str = ""
    list: str = ""
    source: str = ""
    query: str = ""
    when: tuple[When, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WallTime:
    """A time as the clock of each recipient shows it."""

    day: date
    clock: time


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """An amount in millionths of its currency."""

    micros: int
    currency: str

    def __str__(self) -> str:
        return f"{self.micros / 1_000_000:,.2f} {self.currency}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignCaps:
    """How much of a campaign leaves on one day (UTC); what is over waits for the next. 0 and None mean no limit.

    `country` has a limit per ISO country; its entry `*` holds for every other country on its own.
    """

    day: int = 0
    country: Mapping[str, int] = field(default_factory=dict)
    money: Money | None = None

    def of(self, country: str) -> int:
        """Return how many texts may go to a country on one day, 0 for any number."""
        return self.country.get(country, self.country.get("*", 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class StopOn:
    """When a campaign stops by itself: of at least `after` texts that ended, more than the share `failed` failed, or
    the next one would cost more than is left of `spent`.
    """

    failed: float = 0.3
    after: int = 50
    spent: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """One text to everybody on a list. `rate` is in texts per second, 0 means no limit.

    `start` None means at once. `variants` are the texts that share the list, with the share of each.
    """

    audience: Audience
    start: datetime | WallTime | None = None
    stop: datetime | None = None
    rate: float = 0.0
    approve: int = 1
    variants: Mapping[str, int] = field(default_factory=dict)
    caps: CampaignCaps = field(default_factory=CampaignCaps)
    stop_on: StopOn = field(default_factory=StopOn)


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """What the rules file says of one source: the zone of its naive times, its names for fields, and where."""

    place: tuple[str, int, int] = ("", 1, 1)
    zone: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """At most `max` texts per `per`, counted per recipient, per rule and recipient, or per record."""

    max: int
    per: timedelta
    key: str = "recipient"
    then: str = "drop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Several events for one person in one text, `wait` after the first of them, or as soon as there are `max`."""

    key: Text
    wait: timedelta
    max: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One text of a rule. A rule without a sequence has exactly one, with an empty id.

    `texts` maps the value of `text_by` ("" without it) to a text per locale.
    """

    id: str = ""
    line: int = 0
    texts: Mapping[str, Mapping[str, Text]]
    schedule: Schedule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One entry of rules.yaml: which events, to whom, in what words, when.

    A rule with a `campaign` has no events; its texts go to the people of a list.
    """

    id: str
    file: str
    line: int
    hash: str
    events: tuple[Pattern, ...] = ()
    campaign: Campaign | None = None
    when: tuple[When, ...] = ()
    to: tuple[str, ...] = ()
    region: str = ""
    locale: str = "en"
    zone: str = "UTC"
    default_locale: str = "en"
    default_zone: str = "UTC"
    text_by: str = ""
    steps: tuple[Step, ...]
    key: Text | None = None
    dedupe_key: Text | None = None
    dedupe_for: timedelta = timedelta(days=30)
    cancel_on: tuple[Pattern, ...] = ()
    supersede: Text | None = None
    batch: Batch | None = None
    quiet: Quiet | None = None
    legal_hours: str = "consent"
    throttle: Throttle | None = None
    ttl: timedelta = timedelta(hours=24)
    max_age: timedelta = timedelta(hours=48)
    lane: Lane = Lane.NORMAL
    gateways: tuple[str, ...] = ()
    next_after: timedelta | None = None
    sender: str = ""
    consent: str = ""
    redact: tuple[str, ...] = ()
    max_segments: int = 6
    smart: str = "safe"
    on_unknown: str = "drop"
    test_events: bool = False
    enabled: bool = True
    shadow: bool = False
    recheck: Mapping[str, Any] | None = None
    replies: Replies | None = None
    links: Links | None = None
    tests: tuple[RuleTest, ...] = ()
    places: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def reads(self) -> frozenset[str]:
        """The fields of the event this rule looks at."""
        texts = [text for step in self.steps for by_locale in step.texts.values() for text in by_locale.values()]
        own = (self.key, self.dedupe_key, self.supersede, self.batch.key if self.batch else None)
        texts += [text for text in own if text is not None]
        fields = {path for text in texts for path in text.fields}
        if self.replies:
            fields |= {path for _, text in self.replies.texts() for path in text.fields} - {REPLY}
        fields |= {path for when in self.when for path in when.condition.fields}
        fields |= {step.schedule.at for step in self.steps if step.schedule}
        others = (
            self.text_by,
            self.locale,
            self.zone,
            self.region,
        )  # of the last three, whatever is no field is harmless
        return frozenset({*fields, *self.to, *filter(None, others)})

    def line_of(self, name: str) -> int:
        """Return the line of the field `name`, or of the rule where it is left out."""
        return self.places[name][0] if name in self.places else self.line

    def place_of(self, path: str) -> tuple[int, int]:
        """Return line and column of `text.de` or `when.0`, or of the nearest thing around it that is written down."""
        while path and path not in self.places:
            path = path.rpartition(".")[0]
        return self.places[path] if path else (self.line, 1)


@dataclass(frozen=True, slots=True)
class Book:
    """All rules in force. Looking up an event costs the same for one rule and for ten thousand."""

    rules: tuple[Rule, ...]
    hash: str
    path: str = ""
    sources: Mapping[str, Naming] = field(default_factory=dict)
    uses_raw: bool = False
    _by_id: dict[str, Rule] = field(default_factory=dict, repr=False)
    _by_type: dict[str, list[Rule]] = field(default_factory=dict, repr=False)
    _cancelling: dict[str, list[Rule]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls, rules: Sequence[Rule], digest: str, path: str = "", sources: Mapping[str, Naming] | None = None
    ) -> Book:
        """Index the rules."""
        book = cls(tuple(rules), digest, path, sources or {}, _uses_raw(rules, sources or {}))
        for rule in rules:
            book._by_id.setdefault(rule.id, rule)
            for event_type in dict.fromkeys(pattern.type for pattern in rule.events):
                book._by_type.setdefault(event_type, []).append(rule)
            for event_type in dict.fromkeys(pattern.type for pattern in rule.cancel_on):
                book._cancelling.setdefault(event_type, []).append(rule)
        return book

    def only(self, rule: Rule) -> Book:
        """Return a book of one rule that is otherwise this one."""
        return Book.of([rule], self.hash, self.path, self.sources)

    def matching(self, event: Event) -> list[Rule]:
        """Return the rules that listen to `event`, in file order."""
        listening = self._by_type.get(event.type, ())
        return [rule for rule in listening if any(pattern.fits(event) for pattern in rule.events)]

    def cancelled_by(self, event: Event) -> list[Rule]:
        """Return the rules whose waiting texts `event` ends."""
        ending = self._cancelling.get(event.type, ())
        return [rule for rule in ending if any(pattern.fits(event) for pattern in rule.cancel_on)]

    def get(self, rule_id: str) -> Rule | None:
        """Return the rule called `rule_id`."""
        return self._by_id.get(rule_id)


def _uses_raw(rules: Sequence[Rule], sources: Mapping[str, Naming]) -> bool:
    """Tell whether any rule reads the native record."""
    named = (path for source in sources.values() for path in source.fields.values())
    read = (path for rule in rules for path in rule.reads)
    return any(path.partition(".")[0] == "raw" for path in itertools.chain(named, read))
