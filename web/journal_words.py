"""What each kind of row of the journal says on the pages. Pure."""

from __future__ import annotations

from collections.abc import Callable

from audit.sentences import BECAUSE, answer
from audit.trace import Entry, Text
from web import words
from web.access import shown
from web.words import DELIVERED, FAILED, MOVING, NOT_SENT, UNKNOWN, WAITING, Badge


def told(entry: Entry, text: Text | None) -> tuple[Badge, str] | None:
    """Return an entry as one sentence and what is said beside it; None for a decision or an unknown kind."""
    teller = _TELLERS.get(entry.kind)
    return teller(entry, text) if teller else None


def _attempt(entry: Entry, text: Text | None) -> tuple[Badge, str]:
    diverted = text is not None and text.sent_to not in {"", text.number}
    detail = f"Diverted to {shown(text.sent_to)}." if text is not None and diverted else ""
    return Badge(f"Attempt {entry.detail}: handed to {entry.gateway}", "arrow", MOVING), detail


def outcome(entry: Entry, _: Text | None = None) -> tuple[Badge, str]:
    """Say how a gateway answered."""
    by, said = entry.gateway, entry.detail
    tellings = {
        "accepted": (Badge(f"{by} took it", "tick", MOVING), ""),
        "rejected": (Badge(f"{by} refused it", "cross", FAILED), answer(said, by)),
        "retry": (Badge(f"{by} could not take it now", "clock", WAITING), answer(said, by)),
    }
    unknown = (Badge(f"Nobody knows whether {by} took it", "question", UNKNOWN), answer(said, by) if said else "")
    return tellings.get(entry.reason, unknown)


def _receipt(entry: Entry, _: Text | None) -> tuple[Badge, str]:
    badge = words.state(entry.reason)
    raw = f"In its own words: {entry.detail}." if entry.detail and entry.detail != entry.reason else ""
    word = {"sent": "taken by the carrier"}.get(entry.reason, badge.word)
    return Badge(f"{entry.gateway} reports: {word}", badge.icon, badge.tone), raw


def _reply(_: Entry, __: Text | None) -> tuple[Badge, str]:
    return Badge("Reply from the phone", "in", MOVING), ""


def _click(_: Entry, __: Text | None) -> tuple[Badge, str]:
    return Badge("Somebody followed its link", "tick", DELIVERED), ""


def _answered(entry: Entry, _: Text | None) -> tuple[Badge, str]:
    meant = words.meaning(entry.reason)
    if entry.detail:
        return Badge("The reply waits for a person", "warn", WAITING), words.needs(entry.detail)
    return Badge(f"The person {meant}" if meant else "A reply without a meaning", "tick", NOT_SENT), ""


def _written_back(entry: Entry, _: Text | None) -> tuple[Badge, str]:
    tellings = {
        "done": Badge("Written to the record at its source", "tick", NOT_SENT),
        "retry": Badge("Could not be written to the source yet; tried again later", "clock", WAITING),
    }
    failed = Badge("Could not be written to the source", "cross", FAILED)
    return tellings.get(entry.reason, failed), entry.detail


def _ended(entry: Entry, _: Text | None) -> tuple[Badge, str]:
    by = f" By {entry.actor}." if entry.actor else ""
    return Badge("Ended before it left", "minus", NOT_SENT), f"{words.because(entry.reason)}{by}"


def _released(entry: Entry, _: Text | None) -> tuple[Badge, str]:
    return Badge("Waits again", "clock", WAITING), BECAUSE.get(entry.reason, "")


def _redelivered(_: Entry, __: Text | None) -> tuple[Badge, str]:
    return Badge("Received again", "in", NOT_SENT), "The sender sent the same event once more; nothing new was planned."


def _failed(entry: Entry, _: Text | None) -> tuple[Badge, str]:
    return Badge("Planning failed", "cross", FAILED), f"{entry.detail}. It needs a person."


def _replayed(entry: Entry, _: Text | None) -> tuple[Badge, str]:
    return Badge(f"Planned again by {entry.actor or 'somebody'}", "again", MOVING), "With the rules as they were then."


def _looked_up(entry: Entry, _: Text | None) -> tuple[Badge, str]:
    tellings = {
        "found": Badge("The source told the rest of the record", "tick", NOT_SENT),
        "retry": Badge("The source could not be asked; asked again later", "clock", WAITING),
    }
    failed = Badge("The source did not tell the rest; planned as it is", "cross", FAILED)
    return tellings.get(entry.reason, failed), entry.detail


_TELLERS: dict[str, Callable[[Entry, Text | None], tuple[Badge, str]]] = {
    "attempt": _attempt,
    "outcome": outcome,
    "receipt": _receipt,
    "reply": _reply,
    "click": _click,
    "ended": _ended,
    "released": _released,
    "redelivered": _redelivered,
    "failed": _failed,
    "replayed": _replayed,
    "looked_up": _looked_up,
    "answered": _answered,
    "written_back": _written_back,
}
