"""Campaigns in words: their states, what comes next, and what each decision would do, with its count. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from dispatch.campaigns.reporting import Progress, Shown
from model.access import Permission
from model.reasons import Waits
from model.steering import WAITS
from web.words import DELIVERED, FAILED, MOVING, NOT_SENT, WAITING, Badge

BADGES = {
    "draft": Badge("waits for approval", "clock", WAITING),
    "approved": Badge("approved", "tick", MOVING),
    "running": Badge("running", "arrow", MOVING),
    "paused": Badge("paused", "minus", WAITING),
    "stopped": Badge("stopped", "cross", FAILED),
    "done": Badge("done", "tick", DELIVERED),
    "cancelled": Badge("cancelled", "minus", NOT_SENT),
}
PARKED = Badge("waits for a cap", "clock", WAITING)
CAPPED = {wait.code for wait in (Waits.CAP_DAY, Waits.CAP_COUNTRY, Waits.CAP_SPENT)}
OPEN = ("draft", "approved", "running", "paused", "stopped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something people decide about a campaign, in which states, and who may."""

    name: str
    title: str
    states: tuple[str, ...]
    permission: Permission


ACTS = {
    act.name: act
    for act in (
        Act(name="approve", title="Approve", states=("draft", "approved"), permission=Permission.APPROVE),
        Act(name="start", title="Start", states=("approved", "paused", "stopped"), permission=Permission.SEND),
        Act(name="pause", title="Pause", states=("running",), permission=Permission.SEND),
        Act(name="change", title="Change rate or budget", states=OPEN, permission=Permission.SEND),
        Act(name="release", title="Lift its caps for today", states=("running", "paused", "stopped"),
            permission=Permission.APPROVE),
        Act(name="cancel", title="End it for good", states=OPEN, permission=Permission.SEND),
    )
}  # fmt: skip


def badge(seen: Progress) -> Badge:
    """Return the badge of a campaign."""
    if seen.state == "running" and not CAPPED.isdisjoint(seen.parked):
        return PARKED
    return BADGES.get(seen.state, Badge(seen.state, "question", NOT_SENT))


def missing(found: Shown) -> int:
    """Say how many people still have to approve."""
    return max(0, found.approvals_needed - len(found.approvals))


def sentence(found: Shown) -> str:
    """Say first how a campaign is."""
    seen, lacking = found.progress, missing(found)
    said = {
        "draft": f"waits until {lacking} more {'person approves' if lacking == 1 else 'people approve'} it",
        "approved": f"is approved for {_people(seen.people)} and can be started",
        "running": f"is running, {seen.done:,} of {_people(seen.people)} settled",
        "paused": f"is paused, {seen.done:,} of {_people(seen.people)} settled",
        "stopped": f"has stopped by itself: {seen.reason or 'see its report'}",
        "done": f"is done{f': {seen.reason}' if seen.reason else ''}. {_texts(seen.left)} sent",
        "cancelled": f"was ended by hand. {_texts(seen.left)} sent before",
    }
    return f"{seen.id} {said.get(seen.state, seen.state)}"


def next_step(found: Shown) -> str:
    """Say what has to be done next, and by whom."""
    seen, lacking = found.progress, missing(found)
    if seen.state == "running":
        return _waits(seen) or "nothing to do"
    return {
        "draft": f"{lacking} more to approve, not by {found.made_by}",
        "approved": "start it",
        "paused": "start it again",
        "stopped": f"look why, then start it again: {seen.reason}",
    }.get(seen.state, "")


def _waits(seen: Progress) -> str:
    return "; ".join(f"{_people(count)} wait: {parked(code)}" for code, count in seen.parked.items() if code in CAPPED)


def parked(code: str) -> str:
    """Say what people set aside wait for."""
    return WAITS.get(code, code)


def consequence(act: str, found: Shown) -> str:
    """Name what a decision does, and to how many."""
    seen, lacking = found.progress, missing(found)
    ahead = seen.to_go + sum(seen.parked.values())
    waiting = f"{_texts(seen.waiting)} that wait and {_people(ahead)} not planned yet"
    again = seen.state in {"paused", "stopped"}
    last = lacking <= 1
    capped = sum(count for code, count in seen.parked.items() if code in CAPPED)
    return {
        "approve": f"Approve {seen.id}: {_people(seen.people)} on its list may be texted once it is started"
        + ("" if last else f"; {lacking - 1} more must approve after you"),
        "start": f"Let {seen.id} go on: {waiting} go on" if again
        else f"Start {seen.id}: texts to {_people(seen.people)} begin to leave{_pace(seen)}",
        "pause": f"Pause {seen.id}: {waiting} stay where they are until it is started again",
        "change": f"Change {seen.id}: it concerns {waiting}",
        "release": f"Lift the caps of {seen.id} until midnight UTC: {_people(capped)} waiting for tomorrow go on today",
        "cancel": f"End {seen.id} for good: {waiting} get nothing, and it cannot be started again",
    }[act]  # fmt: skip


def aside(act: str, found: Shown) -> str:
    """Say what else to know before deciding."""
    pace = found.progress.rate
    return {
        "approve": "Look at the preview first. What was approved is what leaves: a change of the rule stops it.",
        "start": "Each person gets one text at most, also after a crash. It can be paused at any moment.",
        "pause": "Texts that a gateway has already cannot be called back.",
        "change": f"It goes at {pace:g} a second now." if pace else "It has no limit of its own now.",
        "release": "Its budget and the caps of the settings hold all the same.",
        "cancel": "Texts that a gateway has already cannot be called back. The report stays.",
    }[act]


def money(amounts: Mapping[str, Decimal], unpriced: int = 0) -> str:
    """Write what something costs; what is in no table of prices is said to be that."""
    said = [f"{amount:,.2f} {currency}" for currency, amount in amounts.items()]
    if unpriced:
        said.append(f"{_texts(unpriced)} without a price")
    return " and ".join(said)


def _pace(seen: Progress) -> str:
    return f", at most {seen.rate:g} a second" if seen.rate else ", as fast as the gateways take them"


def _people(count: int) -> str:
    return f"{count:,} {'person' if count == 1 else 'people'}"


def _texts(count: int) -> str:
    return f"{count:,} {'text' if count == 1 else 'texts'}"
