"""What an operator told the dispatcher by hand, and how each gateway does: pins, pauses, caps, conditions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from model.message import Lane
from model.reasons import Waits

WAITS = {wait.code: f"{wait.text[:1].lower()}{wait.text[1:]}".rstrip(".") for wait in Waits}
"""What a parked text or person waits for, to go on in a sentence."""

Scope = Literal["all", "rule", "gateway"]
GATEWAY_MARK, CAP_MARK = "gateway:", "cap:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """An operator's wish about one gateway until a time: what may use it goes there first, or (`away`) nothing does."""

    gateway: str
    away: bool = False
    reason: str
    actor: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """An operator's stop for everything, one rule or one gateway. The lanes in `spared` go on."""

    scope: Scope
    name: str = ""
    spared: frozenset[str] = frozenset()
    reason: str
    actor: str
    since: datetime

    @property
    def mark(self) -> str:
        """What a message that waits for the end of this pause is marked with."""
        return f"{self.scope}:{self.name}"

    def stops(self, rule: str, lane: Lane) -> bool:
        """Tell whether it keeps the messages of a rule from being handed over, whatever their gateway."""
        mine = self.scope == "all" or (self.scope == "rule" and self.name == rule)
        return mine and lane.code not in self.spared


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """How much may leave on one day: texts, texts to a country (`texts/DE`) or money (`money/EUR`, in millionths).

    Bulk texts may use `bulk` of it, so that some is left for what people wait for. Codes are counted and never stopped:
    who asks for one stands at a door, and codes have limits of their own.
    """

    name: str
    most: int
    bulk: int
    used: int

    @property
    def words(self) -> str:
        """What is used of how much, for people."""
        kind, _, of = self.name.partition("/")
        if kind == "money":
            return f"{self.used / 1_000_000:,.2f} of {self.most / 1_000_000:,.2f} {of} today"
        to = {"": "", "*": " to each other country"}.get(of, f" to {of}")
        return f"{self.used:,} of {self.most:,} texts{to} today"

    def mark(self, lane: Lane) -> str:
        """What a message of a lane that waits for the next day's allowance is marked with."""
        return f"{CAP_MARK}{lane.code}:{self.name}"

    def covers(self, country: str) -> bool:
        """Tell whether texts to a country count here."""
        kind, _, of = self.name.partition("/")
        return kind == "money" or of in {"", country}

    def is_full(self, lane: Lane, more: int = 0) -> bool:
        """Tell whether no further text of a lane may leave, with `more` texts on top of what is used."""
        return lane is not Lane.OTP and self.used + more >= (self.bulk if lane is Lane.BULK else self.most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Steering:
    """All pins, pauses and caps in force."""

    pins: tuple[Pin, ...] = ()
    pauses: tuple[Pause, ...] = ()
    caps: tuple[Cap, ...] = ()

    def pause_of(self, rule: str, lane: Lane) -> Pause | None:
        """Return the pause that stops the messages of a rule."""
        return next((pause for pause in self.pauses if pause.stops(rule, lane)), None)

    def caps_of(self, country: str) -> list[Cap]:
        """Return the caps that texts to a country count under; `texts/*` is that of each country without its own."""
        found = [cap for cap in self.caps if cap.covers(country)]
        others = next((cap for cap in self.caps if cap.name == "texts/*"), None)
        if others is not None and all(cap.name != f"texts/{country}" for cap in found):
            found.append(replace(others, name=f"texts/{country}"))
        return found

    def blocked(self, lane: Lane) -> frozenset[str]:
        """Return the gateways that get nothing of a lane: paused, or pinned away."""
        paused = {p.name for p in self.pauses if p.scope == "gateway" and lane.code not in p.spared}
        return frozenset(paused | {pin.gateway for pin in self.pins if pin.away})

    def steer(self, order: Sequence[str], lane: Lane) -> list[str]:
        """Put pinned gateways first and leave blocked ones out; [] when none is left."""
        blocked = self.blocked(lane)
        first = {pin.gateway for pin in self.pins if not pin.away}
        return sorted((name for name in order if name not in blocked), key=lambda name: name not in first)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How a gateway does, as the running service last saw it. `until` is when a resting one is tried again."""

    gateway: str
    state: Literal["working", "resting"] = "working"
    since: datetime
    until: datetime | None = None
    error: str = ""


def gateway_mark(lane: Lane, names: Sequence[str]) -> str:
    """Mark a message of a lane that waits for one of these gateways."""
    return f"{GATEWAY_MARK}{lane.code}:{','.join(names)}"


def is_held(mark: str, steering: Steering) -> bool:
    """Tell whether what a marked message waits for is still in force."""
    if mark.startswith(CAP_MARK):
        code, _, wanted = mark.removeprefix(CAP_MARK).partition(":")
        lane = next(lane for lane in Lane if lane.code == code)
        return any(cap.name == wanted and cap.is_full(lane) for cap in steering.caps)
    if not mark.startswith(GATEWAY_MARK):
        return any(pause.mark == mark for pause in steering.pauses)
    code, _, names = mark.removeprefix(GATEWAY_MARK).partition(":")
    blocked = steering.blocked(next(lane for lane in Lane if lane.code == code))
    return all(name in blocked for name in names.split(","))


def held_words(mark: str) -> str:
    """Say what a marked message waits for."""
    scope, _, name = mark.partition(":")
    if scope == "all":
        return "sending is paused"
    if mark.startswith(CAP_MARK):
        what, _, of = name.partition(":")[2].partition("/")
        return f"{WAITS[f'cap_{what}']}{f' ({of})' if of else ''}"
    if scope == "rule":
        return f"the rule {name} is paused" if name else "texts by hand are paused"
    return f"{' and '.join(name.partition(':')[2].split(','))} must not be used now, paused or pinned away"
