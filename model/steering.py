"""What an operator told the dispatcher by hand, and how each gateway does: pins, pauses, conditions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from model.message import Lane

Scope = Literal["all", "rule", "gateway"]


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
class Steering:
    """All pins and pauses in force."""

    pins: tuple[Pin, ...] = ()
    pauses: tuple[Pause, ...] = ()

    def pause_of(self, rule: str, lane: Lane) -> Pause | None:
        """Return the pause that stops the messages of a rule."""
        return next((pause for pause in self.pauses if pause.stops(rule, lane)), None)

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


GATEWAY_MARK = "gateway:"


def gateway_mark(lane: Lane, names: Sequence[str]) -> str:
    """Mark a message of a lane that waits for one of these gateways."""
    return f"{GATEWAY_MARK}{lane.code}:{','.join(names)}"


def is_held(mark: str, steering: Steering) -> bool:
    """Tell whether what a marked message waits for is still in force."""
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
    if scope == "rule":
        return f"the rule {name} is paused" if name else "texts by hand are paused"
    return f"{' and '.join(name.partition(':')[2].split(','))} must not be used now, paused or pinned away"
