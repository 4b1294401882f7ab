"""The sentences that sum up what became of an event or a text, and say why. Pure: they read a history as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from audit.trace import Entry, Text, Trace
from model.message import State
from model.reasons import Because
from model.sending import ErrorClass
from model.steering import held_words

NOUNS = {"": "Event", "custom": "Event", "privacy": "Privacy request"}
"""What a record is called where the first part of its event type is no word for it."""
BECAUSE = {because.code: because.text for because in Because}
ERRORS = {error.code: error for error in ErrorClass}


def hide(number: str) -> str:
    """Leave the last two digits of a number; who knows more about numbers passes a better mask."""
    return f"••{number[-2:]}"


def sentence(trace: Trace, mask: Callable[[str], str] = hide) -> str:
    """Say in one sentence what became of an event, with its numbers masked."""
    who = subject(trace)
    if trace.state == "unreadable":
        return f"Not readable: a genuine request from {trace.source} was kept, and no text was sent. {trace.error}"
    if trace.state == "failed":
        return f"{who}: planning failed, and no text was sent. {trace.error}"
    if trace.messages:
        return f"{who}: {_about_texts(trace, mask)}"
    if trace.state == "needs_lookup":
        return f"{who}: waits until {trace.source} has been asked for the rest of the record"
    if trace.state == "received":
        return f"{who}: received, and not planned yet"
    return f"{who}: no text. {_why_none(trace)}"


def subject(trace: Trace) -> str:
    """Name the record as people do: "Order 1001 from shop"."""
    kind = trace.type.partition(".")[0]
    noun = NOUNS.get(kind) or kind.capitalize()
    names = [trace.data.get(name) for name in ("number", "tracking_number", "order_number")]
    name = next((str(value) for value in names if isinstance(value, str | int) and value), trace.key).lstrip("#")
    return f"{noun} {name[:60]} from {trace.source}" if name else f"{noun} from {trace.source}"


def _about_texts(trace: Trace, mask: Callable[[str], str]) -> str:
    if len(trace.messages) == 1:
        return fate(trace.messages[0], mask, trace.received_at)
    words: dict[str, int] = {}
    for text in trace.messages:
        words[text.state.words] = words.get(text.state.words, 0) + 1
    return f"{len(trace.messages)} texts: {', '.join(f'{count} {word}' for word, count in words.items())}"


def fate(text: Text, mask: Callable[[str], str] = hide, since: datetime | None = None) -> str:
    """Say what became of one text. `since` is when its event came in; waiting on purpose does not count."""
    to, by = mask(text.number), text.gateway or "no gateway"
    state = text.state
    if state is State.DELIVERED:
        started = max(since or text.created_at, text.due_at)
        took = f" in {span(text.receipt_at - started)}" if text.receipt_at and text.receipt_at >= started else ""
        return f"text sent to {to}, delivered{took}"
    if state is State.QUEUED:
        if text.held:
            return f"text to {to} waits: {held_words(text.held)}"
        if text.attempts:
            return f"text to {to} waits for attempt {text.attempts + 1}: {answer(text.reason, by)}"
        return f"text to {to} waits until {moment(text.next_at or text.due_at)}"
    if state is State.CANCELLED:
        return f"text to {to} dropped before it left. {BECAUSE.get(text.reason, text.reason)}".rstrip()
    if state is State.UNKNOWN:
        return f"nobody knows whether {by} took the text to {to}; it was not repeated"
    if state is State.REJECTED and text.reason in ERRORS:
        return f"text to {to} refused by {by}. {ERRORS[text.reason].action}"
    plain = {
        State.SUBMITTING: f"text to {to} is being handed to {by}",
        State.ACCEPTED: f"text to {to} taken by {by}, no receipt yet",
        State.SENDING: f"text to {to} is on its way by {by}",
        State.SENT: f"text to {to} taken by the carrier, no word from the phone yet",
        State.UNCONFIRMED: f"text sent to {to} by {by}; no receipt came",
    }
    return plain.get(state) or f"text to {to} {state.words}. {_why_failed(text, by)}".rstrip()


def _why_failed(text: Text, gateway: str) -> str:
    if text.reason in BECAUSE:
        return BECAUSE[text.reason]
    if text.reason in ERRORS:
        return answer(text.reason, gateway)
    return f"{gateway} reported {text.reason}." if text.reason else ""


def answer(error: str, gateway: str) -> str:
    """Say what a gateway's no means and what follows from it."""
    known = ERRORS.get(error.partition(" ")[0])
    said = error.partition(" ")[2]
    if known is None or not known.action:
        return f"{gateway} said {error}." if error else ""
    return f"{gateway} said no{f' ({said})' if said else ''}. {known.action}"


def _why_none(trace: Trace) -> str:
    """Take the decision that came closest to a text: of the newest planning, the one with the most gates passed."""
    decisions = _newest(trace)
    if not decisions:
        return "No decision was written."
    best = max(decisions, key=lambda entry: (sum(gate.passed for gate in entry.gates), -entry.id))
    if not best.rule:
        return best.detail or BECAUSE["no_rule"]
    others = len({entry.rule for entry in decisions} - {best.rule})
    more = f" ({others} other {'rule' if others == 1 else 'rules'} said no as well)" if others else ""
    return f"{why(best)}{more}"


def why(entry: Entry) -> str:
    """Say why a decision sent nothing, with the rule and the line that decided."""
    saw = entry.detail or BECAUSE.get(entry.reason.partition("[")[0], entry.reason)
    place = f", line {entry.line}" if entry.line else ""
    if entry.reason == Because.CANCELS.code:
        return f"{saw.rstrip('.')} (rule {entry.rule}{place})"
    return f"Rule {entry.rule}{place}: {saw}"


def _newest(trace: Trace) -> Sequence[Entry]:
    """Return the decisions of the last time the event was planned."""
    since = max((entry.id for entry in trace.entries if entry.kind == "replayed"), default=0)
    return [entry for entry in trace.decisions if entry.id > since]


def moment(value: datetime) -> str:
    """Write a time for a sentence."""
    return f"{value:%H:%M} UTC on {value.day} {value:%B %Y}"


def span(length: timedelta) -> str:
    """Write a length of time as people say it: 0.4 s, 3.2 s, 45 s, 9 h 50 min, 3 d 4 h."""
    seconds = length.total_seconds()
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{count} {unit}" for count, unit in ((days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")) if count]
    return " ".join(parts[:2])
