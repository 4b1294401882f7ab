"""What a campaign would do, before anybody approves it: planned dry, by the planning that sends, a few rows at a time.

A large list is judged by a sample spread evenly over it; what follows from a sample is said to be that.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from audit import campaigns, lists
from audit.facts import StoredFacts
from audit.store import Row
from dispatch.campaigns.ground import Ground, micros_of
from dispatch.campaigns.script import Member, Script, earliest, moment_of, script_of
from dispatch.recipient import mask
from model.message import Decision, Message

SAMPLE, STRETCH, SHOWN = 2_000, 50, 10
"""People planned for a preview where nobody asks for all of them; neighbours read together; people shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One person of the list: the text they would get and when it leaves, or the reason why there is none."""

    row: int
    number: str
    code: str
    detail: str = ""
    variant: str = ""
    locale: str = ""
    text: str = ""
    encoding: str = ""
    segments: int = 0
    leaves_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """One text of a variant in a language as it would be sent to the first person who gets it, and to how many."""

    variant: str
    locale: str
    text: str
    encoding: str
    segments: int
    people: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a campaign would do.

    `people` are on the list, `doubles` and `wrong` are rows left out when it was read, `opted_out` is counted over the
    whole list. `planned` of the people were planned to find the rest; where that is a sample, `texts`, `segments`,
    `costs` and `skipped` are reckoned up to the whole list. `unpriced` texts are in no price table. `ends_at` is when
    the last text would leave, None for at once.
    """

    people: int
    doubles: int
    wrong: int
    opted_out: int
    planned: int = 0
    texts: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    variants: Mapping[str, int] = field(default_factory=dict)
    wordings: tuple[Wording, ...] = ()
    examples: tuple[Example, ...] = ()
    segments: int = 0
    costs: Mapping[str, Decimal] = field(default_factory=dict)
    unpriced: int = 0
    starts_at: datetime
    ends_at: datetime | None

    @property
    def is_sample(self) -> bool:
        """Whether only some of the people were planned."""
        return self.planned < self.people


@dataclass(slots=True)
class _Seen:
    """What the people planned so far came to."""

    planned: int = 0
    texts: int = 0
    segments: int = 0
    unpriced: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    variants: Counter[str] = field(default_factory=Counter)
    micros: Counter[str] = field(default_factory=Counter)
    wordings: dict[tuple[str, str], Message] = field(default_factory=dict)
    told: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: list[Example] = field(default_factory=list)
    last: datetime | None = None

    def add(self, member: Member, decision: Decision, ground: Ground) -> None:
        """Count one person."""
        self.planned += 1
        if len(self.examples) < SHOWN:
            self.examples.append(_example(member, decision))
        message = decision.message
        if message is None:
            self.skipped[decision.code] += 1
            return
        self.texts += 1
        self.segments += message.segments
        self.variants[message.step] += 1
        self.told[message.step, message.locale] += 1
        self.wordings.setdefault((message.step, message.locale), message)
        self.last = max(self.last or message.due_at, message.due_at)
        price = ground.price(message)
        if price is None:
            self.unpriced += 1
        else:
            self.micros[price.currency] += micros_of(price, message.segments)


def preview(
    ground: Ground, campaign_id: str, now: datetime, *, sample: int = SAMPLE, progress: Callable[[int], object] = abs
) -> Preview:
    """Plan up to `sample` people of a campaign's list, 0 for all of them, and write nothing. Raises CannotRun."""
    with ground.store.read() as tx:
        row = ground.row(tx, campaign_id)
        rule, rate = ground.rule(row["rule"]), ground.rate(row)
        found, span = lists.get(tx, row["list_id"]), campaigns.span(tx, row["list_id"])
        stopped = lists.opted_out(tx, row["list_id"], rule.consent)
    assert found is not None  # noqa: S101 - a campaign is made of one
    script = script_of(campaign_id, rule, ground.book())
    begins = max(now, earliest(script.campaign) or now)
    seen, people = _Seen(), int(found["rows"])
    wanted = people if not sample or people <= sample else sample
    for part, member in _members(ground, row, span, people, wanted):
        due = _due(script, member, seen, begins, rate * part)
        _plan_dry(ground, script, seen, member, due)
        if seen.planned % STRETCH == 0:
            progress(seen.planned)
    return _reckoned(seen, found, stopped, begins, script)


def _due(script: Script, member: Member, seen: _Seen, begins: datetime, per_second: float) -> datetime:
    """Return when a person's turn would be: as many texts before it as a sample of this size stands for."""
    turn = begins + timedelta(seconds=seen.texts / per_second) if per_second else begins
    return script.starts_at(member, turn)


def _members(
    ground: Ground, row: Row, span: tuple[int, int], people: int, wanted: int
) -> Iterator[tuple[float, Member]]:
    """Yield people of a list with the share of it that is planned: all, or stretches spread evenly over it."""
    first, last = span
    part = wanted / people if people else 1.0
    whole, done = wanted >= people, first - 1
    for count in itertools.count():
        after = done if whole else max(done, first - 1 + count * (last - first + 1) * STRETCH // max(wanted, STRETCH))
        with ground.store.read() as tx:
            found = lists.after(tx, row["list_id"], after, STRETCH)
        if not found or (not whole and count * STRETCH >= wanted):
            return
        yield from ((part, member) for member in found)
        done = found[-1][0]


def _plan_dry(ground: Ground, script: Script, seen: _Seen, member: Member, due: datetime) -> None:
    event = script.event_of(member, due)
    with ground.store.read() as tx:
        facts = StoredFacts(tx, due)
        made = script.plan(event, member[1], facts, moment_of(event.id, due, lambda kind: f"{kind}-{event.id}"))
    for decision in made.decisions:
        seen.add(member, decision, ground)


def _example(member: Member, decision: Decision) -> Example:
    message = decision.message
    if message is None:
        return Example(
            row=member[0], number=mask(member[1]), code=decision.code, detail=decision.detail, variant=decision.step
        )
    return Example(
        row=member[0], number=mask(member[1]), code="send", variant=message.step, locale=message.locale,
        text=message.shown or message.text, encoding=message.encoding, segments=message.segments,
        leaves_at=message.due_at,
    )  # fmt: skip


def _reckoned(seen: _Seen, found: Row, stopped: int, begins: datetime, script: Script) -> Preview:
    """Reckon from the people planned to all people of the list."""
    people = int(found["rows"])

    def whole(count: int) -> int:
        return round(count * people / seen.planned) if seen.planned else 0

    wordings = tuple(
        Wording(
            variant=variant, locale=locale, text=said.shown or said.text, encoding=said.encoding,
            segments=said.segments, people=whole(seen.told[variant, locale]),
        )
        for (variant, locale), said in sorted(seen.wordings.items())
    )  # fmt: skip
    return Preview(
        people=people, doubles=found["doubles"], wrong=found["wrong"], opted_out=stopped, planned=seen.planned,
        texts=whole(seen.texts), skipped={code: whole(count) for code, count in sorted(seen.skipped.items())},
        variants={name: whole(seen.variants[name]) for name in script.rules if name}, wordings=wordings,
        examples=tuple(seen.examples), segments=whole(seen.segments), unpriced=whole(seen.unpriced),
        costs={name: Decimal(whole(micros)) / 1_000_000 for name, micros in sorted(seen.micros.items())},
        starts_at=begins, ends_at=seen.last,
    )  # fmt: skip
