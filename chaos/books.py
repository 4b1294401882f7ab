"""The books: what the record says, what the provider counted and what senders were promised, side by side."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise

from audit import conservation
from chaos.ground import Ground
from tests.fakes.counting import Counting, Taken

WAITS = """
select id from events where state = 'received' union all
select id from messages where state in ('queued', 'submitting')
"""
STEP = re.compile(r"^Record (\S+) step (\d+)$")
HANDED_OVER = {"accepted", "sent", "delivered", "unknown"}


@dataclass(frozen=True, slots=True)
class Record:
    """What the database of an episode says."""

    ground: Ground

    @property
    def states(self) -> dict[str, int]:
        """How many texts are in each state."""
        return dict(Counter(self.texts.values()))

    @property
    def texts(self) -> dict[str, str]:
        """Each text and its state."""
        return dict(self.ground.rows("select text, state from messages"))

    @property
    def events(self) -> set[str]:
        """The senders' ids of the events that were accepted."""
        return {row[0] for row in self.ground.rows("select transport_id from events")}

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to do but to hear of what is unclear."""
        return not self.ground.rows(WAITS)

    @property
    def faults(self) -> list[str]:
        """The sums that do not hold."""
        with closing(self.ground.store()) as store:
            return conservation.report(store).faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What an episode may do to the books, because nobody could help it: each is listed, none is silent.

    `lost`: events whose disk gave up what it had confirmed; `again`: texts whose attempt went with them.
    """

    states: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    again: frozenset[str] = frozenset()


@dataclass(slots=True, kw_only=True)
class Balance:
    """How an episode ended."""

    events: int = 0
    taken: int = 0
    lost: int = 0
    doubled: int = 0
    unknown: int = 0
    states: Mapping[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)


def taken_by(providers: Iterable[Counting]) -> list[Taken]:
    """Return what phones got, in the order they got it."""
    return sorted((one for provider in providers for one in provider.taken), key=lambda one: one.at)


def balance(
    record: Record, providers: Sequence[Counting], promised: set[str], allowed: Allowed | None = None
) -> Balance:
    """Close the books of a service that has come to rest."""
    allowed = allowed or Allowed()
    texts, events, phones = record.texts, record.events, taken_by(providers)
    bodies = {one.body for one in phones}
    doubled = [body for (_, body), times in Counter((one.to, one.body) for one in phones).items() if times > 1]
    lost = promised - events
    unsent = {text for text, state in texts.items() if state in HANDED_OVER - {"unknown"}} - bodies
    broken = {
        "accepted and lost": lost - allowed.lost,
        "sent twice": set(doubled) - allowed.again,
        "on record as sent, and no phone got it": unsent,
        "sent, and not on record": bodies - set(texts) - allowed.again,
        "sent, and on record as not sent": unlisted(texts, bodies) - allowed.again,
        "left in a state nobody settles": odd_states(texts, allowed),
        "out of order": set(out_of_order(phones)),
        "sums that do not hold": set(record.faults),
    }
    return Balance(
        events=len(events), taken=len(phones), lost=len(lost), doubled=len(doubled),
        unknown=sum(state == "unknown" for state in texts.values()), states=record.states,
        broken=[_told(promise, found) for promise, found in broken.items() if found],
    )  # fmt: skip


def unlisted(texts: Mapping[str, str], bodies: set[str]) -> set[str]:
    """Return the texts that phones have and the record neither calls sent nor unknown."""
    return {text for text, state in texts.items() if state not in HANDED_OVER} & bodies


def odd_states(texts: Mapping[str, str], allowed: Allowed) -> set[str]:
    """Return the texts that did not come to an end that may be."""
    fine = HANDED_OVER | allowed.states | {"superseded", "cancelled"}
    return {f"{text} ({state})" for text, state in texts.items() if state not in fine}


def out_of_order(phones: Iterable[Taken]) -> list[str]:
    """Return where a phone was told an older step of a record after a newer one."""
    steps: dict[str, list[int]] = defaultdict(list)
    for one in phones:
        if found := STEP.match(one.body):
            steps[found[1]].append(int(found[2]))
    return [f"record {record}: {after} after {before}" for record, told in steps.items()
            for before, after in pairwise(told) if after < before]  # fmt: skip


def _told(promise: str, found: set[str]) -> str:
    some = sorted(found)[:3]
    return f"{promise}: {len(found)}, such as {', '.join(some)}"
