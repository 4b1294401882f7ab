"""/gateways: how each provider does, and which one an operator wants used or spared for a time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field

from audit import balances, steering
from audit.store import Tx
from model.access import Permission
from model.steering import Pin
from web.api.route import LIVE, Call, Done, Job, Route, found
from web.api.shapes import Given, Length, Taken, Word

USUAL = timedelta(hours=2)


class PinIn(Taken):
    """What to do with a gateway, how long, and why."""

    way: Literal["first", "away"] = Field(default="first", description="Send texts there first, or keep them off it.")
    lasts: Length = Field(default=USUAL, description="How long.")
    reason: Annotated[Word, Field(min_length=1)] = Field(description="Why; kept in the journal and shown.")


class PinOut(Given):
    """A wish about a gateway that is in force."""

    way: Literal["first", "away"]
    until: datetime
    reason: str
    by: str


class PauseOut(Given):
    """A stop that is in force; lanes in `spared` go on."""

    since: datetime
    spared: list[str]
    reason: str
    by: str


class BalanceOut(Given):
    """What was left on the account when the provider was last asked."""

    amount: str
    at: datetime


class GatewayOut(Given):
    """One gateway. `state` is how the running service last found it."""

    name: str
    kind: str
    state: Literal["working", "resting", "not used yet"]
    since: datetime | None
    until: datetime | None
    error: str
    pin: PinOut | None
    pause: PauseOut | None
    balance: BalanceOut | None


class Gateways(Given):
    """Every gateway of the settings."""

    data: list[GatewayOut]


class Unpinned(Given):
    """Whether there was a pin to end."""

    name: str
    was_pinned: bool


def list_gateways(call: Call, _: Taken) -> Gateways:
    """List gateways: how they do, what is pinned or paused, what was left on the accounts."""
    with call.store.read() as tx:
        return Gateways(data=[_told(tx, call, name) for name in sorted(call.office.gateways)])


def get_gateway(call: Call, _: Taken) -> GatewayOut:
    """Read how one gateway does."""
    with call.store.read() as tx:
        return _told(tx, call, _name(call))


def pin_gateway(call: Call, given: PinIn) -> Job:
    """Send what may use a gateway there first, or keep it away, until a time."""
    name = _name(call)
    wish = Pin(
        gateway=name, away=given.way == "away", reason=given.reason, actor=call.key.actor, since=call.now,
        until=call.now + given.lasts,
    )  # fmt: skip
    return lambda tx: _pinned(tx, call, wish)


def unpin_gateway(call: Call, _: Taken) -> Job:
    """End a pin before its time."""
    name = _name(call)
    return lambda tx: Done(
        answer=Unpinned(name=name, was_pinned=steering.unpin(tx, name, call.key.actor, call.now))
    )  # fmt: skip


def _pinned(tx: Tx, call: Call, wish: Pin) -> Done:
    steering.pin(tx, wish)
    return Done(answer=_told(tx, call, wish.gateway))


def _told(tx: Tx, call: Call, name: str) -> GatewayOut:
    seen, left = steering.conditions(tx).get(name), balances.known(tx).get(name)
    now = steering.current(tx, call.now)
    pin = next((one for one in now.pins if one.gateway == name), None)
    pause = next((one for one in now.pauses if one.scope == "gateway" and one.name == name), None)
    return GatewayOut(
        name=name, kind=call.office.gateways[name].kind, state=seen.state if seen else "not used yet",
        since=seen.since if seen else None, until=seen.until if seen else None, error=seen.error if seen else "",
        pin=PinOut(way="away" if pin.away else "first", until=pin.until, reason=pin.reason, by=pin.actor)
        if pin else None,
        pause=PauseOut(since=pause.since, spared=sorted(pause.spared), reason=pause.reason, by=pause.actor)
        if pause else None,
        balance=BalanceOut(amount=left.amount, at=left.at) if left else None,
    )  # fmt: skip


def _name(call: Call) -> str:
    name = call.names["name"]
    found(call.office.gateways.get(name), "There is no such gateway.")
    return name


NAME = {"name": "The gateway's name in the settings."}
ROUTES = (
    Route(path="/gateways", view=list_gateways, needs=Permission.READ, gives=Gateways),
    Route(path="/gateways/{name}", view=get_gateway, needs=Permission.READ, gives=GatewayOut, names=NAME, tagged=True),
    Route(
        method="PUT", path="/gateways/{name}/pin", view=pin_gateway, needs=Permission.STEER, takes=PinIn,
        gives=GatewayOut, way="creates", kinds=LIVE, names=NAME,
        example={"way": "away", "lasts": "2h", "reason": "their status page says so"},
    ),
    Route(
        method="DELETE", path="/gateways/{name}/pin", view=unpin_gateway, needs=Permission.STEER, gives=Unpinned,
        way="creates", kinds=LIVE, names=NAME,
    ),
)  # fmt: skip
