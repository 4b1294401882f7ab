"""What every step of a history touches: the dice, the clock, the disk, the people and machines outside, the story."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

from audit.store import StoreDown
from dispatch.route import CONSOLE, Mode
from model.verification import Seen
from simulation.books import RULES
from simulation.carriers import Carrier
from simulation.disk import Crash, Faults, Shelf, rows
from simulation.house import House, Parts
from simulation.senders import Shop
from wire import keywords

T = TypeVar("T")
STARTS = (
    "2026-11-23T11:00:00+01:00", "2026-11-23T20:52:00+01:00", "2026-11-24T07:50:00+01:00",
    "2026-10-24T23:10:00+02:00", "2026-10-25T01:40:00+02:00", "2027-03-28T00:50:00+01:00",
    "2026-11-01T00:30:00-04:00", "2027-03-14T01:30:00-05:00", "2026-12-31T22:30:00+01:00",
)  # fmt: skip
"""Noon, just before a night and just before its end; both nights of changed clocks here and in New York."""

MODES = (
    Mode(name="live"), Mode(name="live"), Mode(name="live"), Mode(name="live"), Mode(name="live"), Mode(name="sink"),
    Mode(name="allowlist", allowed=frozenset({"+491713920011", "+12025550123"})),
    Mode(name="redirect", redirect_to="+491713920099"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where histories happen: a folder in memory with files for the databases, and the parts to build from."""

    shelf: Shelf
    parts: Parts


class World:
    """One history's world. Everything random comes from `dice`, everything about time from `now`."""

    def __init__(self, seed: int, place: Place) -> None:
        self.seed, self.parts, self._place = seed, place.parts, place
        self.dice = random.Random(seed)  # noqa: S311 - a story, not a secret
        self.now = datetime.fromisoformat(self.dice.choice(STARTS)).astimezone(UTC)
        self.faults, self.story, self.depth = Faults(), list[str](), 0
        self.counts: dict[str, int] = {}
        self.mode = self.dice.choice(MODES)
        self.routes = self.dice.choice((("main", "backup"), ("main",), ("twin", "main"), ("backup", "twin")))
        self.shop = Shop(self)
        self.carriers = {name: Carrier(self, name) for name in (CONSOLE, "main", "backup", "twin")}
        self.stops: dict[str, str] = {}
        """Wishes the door has confirmed: phone -> stop or start, the newest."""
        self.codes: list[Seen] = []
        self.escaped: list[str] = []
        self.books: list[tuple[int, frozenset[str]]] = []
        """Which rules there were, each from the journal's row on after which they were in force."""
        self.others: Sequence[Callable[[World], object]] = ()
        """What else may happen while a text is being handed over."""
        self.rules_file = place.shelf.folder / "rules" / "rules.yaml"
        self.rules_file.parent.mkdir(exist_ok=True)
        self.rules_file.write_text(RULES, "utf-8")
        self.file = place.shelf.take()
        self.house = House(self, self.carriers)
        self.house.start(self.now)
        self.in_force()

    def clock(self) -> datetime:
        """Return the virtual time."""
        return self.now

    def tell(self, said: str) -> None:
        """Add a line to the story."""
        self.story.append(f"{self.now:%a %m-%d %H:%M:%S.%f}"[:-3] + f"  {'  ' * self.depth}{said}")

    def count(self, what: str) -> None:
        """Count what happened, for the figures."""
        self.counts[what] = self.counts.get(what, 0) + 1

    def wait(self, seconds: float) -> None:
        """Let time pass; a negative time is a clock that was set back."""
        self.now += timedelta(seconds=seconds)

    def one_in(self, chances: int) -> bool:
        """Throw the dice."""
        return self.dice.randrange(chances) == 0

    def guarded(self, step: Callable[[], T], otherwise: T) -> T:
        """Run a step as the loops of the service do: a store that is down costs a pause."""
        try:
            return step()
        except StoreDown as down:
            self.tell(f"   the store is down: {down}")
            self.count("store down")
            return otherwise

    def meanwhile(self) -> None:
        """Let other steps happen inside of this one: whatever other threads may do between a call and its answer."""
        if self.depth >= 3 or self.dice.random() < 0.5:
            return
        self.depth += 1
        for _ in range(self.dice.randrange(1, 4)):
            self.guarded(lambda: self.dice.choice(self.others)(self), None)
        self.depth -= 1

    def confirmed(self, number: str, text: str) -> None:
        """Remember the newest wish of a phone that the door answered with 2xx."""
        if (wish := keywords.wish(text)) in {keywords.STOP, keywords.START}:
            self.stops[number] = wish

    def in_force(self) -> None:
        """Note which rules are in force from here on."""
        newest = rows(self.house.store, "select coalesce(max(id), 0) as id from journal")[0]["id"]
        self.books.append((newest, frozenset(rule.id for rule in self.house.worker.book.rules)))

    def watch(self, gateway: str, number: str) -> None:
        """Note a text that reaches a provider although the mode keeps it here, as the operator reads the mode."""
        mode = self.mode
        allowed = {"live": True, "sink": False, "allowlist": number in mode.allowed,
                   "redirect": number == mode.redirect_to}[mode.name]  # fmt: skip
        if gateway != CONSOLE and not allowed:
            self.escaped.append(f"{gateway} got a text for {number} in mode {mode.name}")

    def die(self, crash: Crash) -> None:
        """End the process as kill -9 does, and start another one on what lies on the disk."""
        self.count("crashes")
        self.tell("the process dies" + (", after a commit nobody was told of" if self.faults.crash_after else ""))
        self.faults.crash_in = self.faults.full_for = 0
        self._restart()

    def stop(self, mode: Mode) -> None:
        """End the process in order and start another one, perhaps in another mode."""
        while self.house.pool:
            handover = self.house.pool.pop(0)
            self.guarded(partial(self.house.worker.hand_over, handover, self.clock), None)
        self.mode = mode
        self._restart()

    def _restart(self) -> None:
        if self.one_in(8):  # seldom, because it takes long: what another process would find, down to the log
            before, self.file = self.file, self.file.as_it_lies(self._place.shelf.path())
            self.house.end()
            before.remove()
        else:
            self.house.end()
        self.wait(self.dice.choice((1, 5, 90)))
        self.depth = 0
        self.house = House(self, self.carriers)
        self.house.start(self.now)
        self.in_force()
        self.tell(f"a new process starts, mode {self.mode.name}")

    def end(self) -> None:
        """Let go of everything."""
        self.house.end()
        self._place.shelf.give_back(self.file)
