"""How things are called and coloured on the pages: states, modes, reasons, times. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from markupsafe import Markup, escape

from audit.rows import at
from audit.sentences import BECAUSE, span
from dispatch.recipient import mask
from dispatch.route import Mode
from model.message import State
from model.reasons import Needs


@dataclass(frozen=True, slots=True)
class Badge:
    """A word, a shape and a colour that always say the same: nobody has to tell colours apart."""

    word: str
    icon: str
    tone: str


DELIVERED, MOVING, WAITING = "good", "moving", "waiting"
FAILED, NOT_SENT, UNKNOWN = "bad", "quiet", "unsure"
STATES = {
    State.QUEUED: Badge("waiting", "clock", WAITING),
    State.SUBMITTING: Badge("on its way", "arrow", MOVING),
    State.UNKNOWN: Badge("unknown", "question", UNKNOWN),
    State.ACCEPTED: Badge("on its way", "arrow", MOVING),
    State.SENDING: Badge("on its way", "arrow", MOVING),
    State.SENT: Badge("on its way", "arrow", MOVING),
    State.UNCONFIRMED: Badge("no receipt", "question", UNKNOWN),
    State.UNDELIVERED: Badge("not delivered", "cross", FAILED),
    State.EXPIRED: Badge("too late", "cross", FAILED),
    State.REJECTED: Badge("refused", "cross", FAILED),
    State.FAILED: Badge("failed", "cross", FAILED),
    State.CANCELLED: Badge("not sent", "minus", NOT_SENT),
    State.DELIVERED: Badge("delivered", "tick", DELIVERED),
}
BY_CODE = {state.code: badge for state, badge in STATES.items()}
EVENT_STATES = {
    "received": Badge("waiting", "clock", WAITING),
    "needs_lookup": Badge("waits for details", "clock", WAITING),
    "planned": Badge("planned", "tick", NOT_SENT),
    "unreadable": Badge("unreadable", "cross", FAILED),
    "failed": Badge("planning failed", "cross", FAILED),
}
MEANINGS = {
    "stop": "wants no more texts", "stop?": "seems to want no more texts", "start": "wants texts again",
    "help": "asks for help", "other": "", "confirm": "confirms", "cancel": "cancels",
    "reschedule": "wants another time", "call": "wants a call",
}  # fmt: skip
"""What a reply was taken for."""
NEEDS = {needs.code: needs.text for needs in Needs}
TROUBLES = {"no_recipient", "render_error", "rule_error", "too_long", "blocked_content", "no_time", "unreadable"}
"""Reasons that ask for a person: the others are what the rules are there for."""
MODES = {
    "sink": Badge("Sink: nothing leaves this machine", "minus", NOT_SENT),
    "live": Badge("Live: texts reach people", "tick", DELIVERED),
}
STATE_GROUPS = {
    "any_failure": ("failed in any way", ("undelivered", "expired", "rejected", "failed")),
    "any_way": ("on its way", ("submitting", "accepted", "sending", "sent")),
}
"""What people ask for when they mean several states at once."""
GATES = {
    "event": "Listens to",
    "sources": "Named by us",
    "enabled": "Switched on",
    "max_age": "Fresh enough",
    "test_events": "Not a test",
    "key": "Newest word",
    "text_by": "Text chosen by",
    "to": "Phone number",
    "schedule": "Time",
    "consent": "Consent",
    "dedupe": "Not texted before",
    "throttle": "Not too many",
    "text": "Text",
    "max_segments": "Length",
    "content": "Content",
    "quiet_hours": "Quiet hours",
    "ttl": "Still in time",
    "priority": "Lane",
    "gateway": "Gateways",
    "supersede": "Newest text",
}


def state(code: str) -> Badge:
    """Return the badge of a message's state."""
    return BY_CODE.get(code, Badge(code, "question", UNKNOWN))


def event_state(code: str) -> Badge:
    """Return the badge of an event's state."""
    return EVENT_STATES.get(code, Badge(code, "question", UNKNOWN))


def skip(reason: str) -> Badge:
    """Return the badge of a decision without a text."""
    if reason == "shadow":
        return Badge("shadow", "minus", NOT_SENT)
    return Badge("no text", "cross", FAILED) if reason in TROUBLES else Badge("no text", "minus", NOT_SENT)


def mode(value: Mode) -> Badge:
    """Say who can be reached at all."""
    if value.name == "allowlist":
        count = len(value.allowed)
        word = f"Allowlist: nothing leaves except to {count} {'number' if count == 1 else 'numbers'}"
        return Badge(word, "arrow", WAITING)
    if value.name == "redirect":
        return Badge(f"Redirect: nothing leaves except to {mask(value.redirect_to)}", "arrow", WAITING)
    return MODES.get(value.name, MODES["sink"])


def meaning(intent: str) -> str:
    """Say what a reply means, after "the person"; "" where it means nothing we know."""
    return MEANINGS.get(intent, intent)


def needs(code: str) -> str:
    """Say why a reply waits for a person."""
    return NEEDS.get(code, code)


def because(reason: str) -> str:
    """Say a reason code as a sentence."""
    return BECAUSE.get(reason.partition("[")[0], reason)


def gate(name: str) -> str:
    """Name a check as people do."""
    if name.startswith("when["):
        number = name[len("when[") : -1]
        return f"Condition {int(number) + 1}" if number.isdigit() else "Condition"
    return GATES.get(name, name)


def moment_of(value: datetime | int | None) -> datetime | None:
    """Read a time that may still be a column."""
    return at(value) if isinstance(value, int) else value


def ago(value: datetime, now: datetime) -> str:
    """Say how far a time is away: the largest unit is enough, the exact time stands in the title."""
    gap = now - value
    near = abs(gap)
    if near < timedelta(seconds=1):
        return "now"
    if near >= timedelta(days=30):
        return f"{value:%Y-%m-%d}"
    steps = (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("min", timedelta(minutes=1)))
    unit, size = next(((unit, size) for unit, size in steps if near >= size), ("s", timedelta(seconds=1)))
    shown = f"{near // size} {unit}"
    return f"in {shown}" if gap < timedelta() else f"{shown} ago"


def exact(value: datetime) -> str:
    """Write a time to the millisecond, in UTC."""
    value = value.astimezone(UTC)
    return f"{value:%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03d} UTC"


def when(value: datetime | int | None, now: datetime) -> Markup:
    """Write a time relative to `now`, with the exact one on hover and in print."""
    value = moment_of(value)
    if value is None:
        return Markup("")
    return _time(value, ago(value, now))


def clock(value: datetime | int | None) -> Markup:
    """Write a time of day, with the exact one on hover."""
    value = moment_of(value)
    return Markup("") if value is None else _time(value, f"{value:%H:%M:%S}")


def _time(value: datetime, shown: str) -> Markup:
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        value.isoformat(timespec="milliseconds"), escape(exact(value)), shown
    )


def gap(length: timedelta) -> str:
    """Write the time between two steps; below a tenth of a second there is none worth reading."""
    return f"+{span(length)}" if length >= timedelta(milliseconds=100) else ""
