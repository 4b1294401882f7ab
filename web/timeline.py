"""From the journal to a story: each entry as a step with its words, and the waits between them written out. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from audit.journal import KINDS
from audit.sentences import span
from audit.trace import Entry, Reply, Text, Trace
from model.message import Gate
from web import journal_words, words
from web.access import shown
from web.words import DELIVERED, FAILED, MOVING, NOT_SENT

LONG = timedelta(seconds=60)
"""Shorter gaps stand beside the time; longer ones are a line of their own."""

Lines = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A gate as the page shows it; `quote` is its line of the rules file as it reads now."""

    name: str
    passed: bool
    saw: str
    place: str = ""
    quote: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that happened. `wait` is the long gap before it, in words; `day` is set where a new day begins."""

    at: datetime
    title: str
    icon: str
    tone: str
    detail: str = ""
    quoted: str = ""
    message_id: str = ""
    wait: str = ""
    after: str = ""
    day: str = ""
    checks: Sequence[Check] = field(default=())
    stopped: bool = False


_NOTHING = Entry(id=0, at=datetime.min.replace(tzinfo=UTC), kind="")
"""Stands where a step has no entry of the journal."""


def of(trace: Trace, lines: Lines) -> list[Step]:
    """Tell the story of an event."""
    texts = {text.id: text for text in trace.messages}
    steps = [_step(entry, texts.get(entry.message_id), trace, lines) for entry in trace.entries]
    return _with_gaps(steps, list(trace.entries), texts)


def of_text(text: Text, entries: Sequence[Entry], replies: Sequence[Reply], lines: Lines) -> list[Step]:
    """Tell the story of one text."""
    steps = [_plain(entry, text, replies) or _decision(entry, text, lines) for entry in entries]
    return _with_gaps(steps, entries, {text.id: text})


def together(traces: Sequence[Trace], lines: Lines, more: Sequence[Step] = ()) -> list[Step]:
    """Tell the stories of several events as one, in the order in which things happened; `more` are steps besides."""
    texts = {text.id: text for trace in traces for text in trace.messages}
    entries = [entry for trace in traces for entry in trace.entries]
    told = [(step, entry) for trace in traces for step, entry in _named(trace, texts, lines)]
    told += [(step, _NOTHING) for step in more]
    told.sort(key=lambda pair: (pair[0].at, pair[1].id))
    steps: list[Step] = []
    for step, entry in told:
        steps.append(_after(step, steps[-1].at, entry, entries, texts) if steps else step)
    return steps


def _named(trace: Trace, texts: Mapping[str, Text], lines: Lines) -> Iterator[tuple[Step, Entry]]:
    """Say with each beginning which record it is about."""
    for entry in trace.entries:
        step = _step(entry, texts.get(entry.message_id), trace, lines)
        if entry.kind == "received":
            step = replace(step, title=f"{step.title}: {trace.type} {trace.key}".rstrip(": "))
        yield step, entry


def _step(entry: Entry, text: Text | None, trace: Trace, lines: Lines) -> Step:
    if entry.kind == "decision":
        return _decision(entry, text, lines)
    if entry.kind == "received":
        return _received(entry, trace)
    step = _plain(entry, text, trace.replies)
    return step or Step(
        at=entry.at, title=KINDS.get(entry.kind, entry.kind), icon="dot", tone=NOT_SENT, detail=entry.detail
    )


def _received(entry: Entry, trace: Trace) -> Step:
    if entry.reason == "unreadable":
        title = f"Received from {trace.source}, but not readable"
        return Step(at=entry.at, title=title, icon="cross", tone=FAILED, detail=entry.detail)
    late = trace.received_at - trace.occurred_at
    happened = f", {span(late)} after it happened" if late >= timedelta(seconds=1) else ""
    native = f"{trace.native_type} is {trace.type} here{happened}." if trace.native_type else ""
    return Step(at=entry.at, title=f"Received from {trace.source}", icon="in", tone=NOT_SENT, detail=native)


def _decision(entry: Entry, text: Text | None, lines: Lines) -> Step:
    checks = [_check(gate, entry.file, lines) for gate in entry.gates]
    place = f", line {entry.line}" if entry.line else ""
    if entry.reason == "send":
        return Step(
            at=entry.at,
            title=f"Rule {entry.rule}{f', step {entry.step}' if entry.step else ''}: a text",
            icon="tick",
            tone=DELIVERED,
            detail=_made(text) if text else "",
            message_id=entry.message_id,
            checks=checks,
        )
    badge = words.skip(entry.reason)
    title = f"Rule {entry.rule}{place}: {_title_of(entry.reason)}" if entry.rule else "No rule listens to this event"
    detail = entry.detail or words.because(entry.reason)
    return Step(
        at=entry.at, title=title, icon=badge.icon, tone=badge.tone, detail=detail if entry.rule else "", checks=checks,
        stopped=True,
    )  # fmt: skip


def _title_of(reason: str) -> str:
    special = {"cancels": "ends what waits", "shadow": "would have texted, but runs in shadow"}
    return special.get(reason, "no text")


def _made(text: Text) -> str:
    size = f"{text.segments} {'segment' if text.segments == 1 else 'segments'}"
    waits = text.due_at - text.created_at
    leaves = f"leaves at {text.due_at:%Y-%m-%d %H:%M} UTC" if waits >= LONG else "leaves at once"
    return f"To {shown(text.number)}, {size}, {leaves}."


def _check(gate: Gate, file: str, lines: Lines) -> Check:
    quoted = lines(file) if gate.line and file and (not gate.passed or gate.name.startswith("when[")) else ()
    quote = quoted[gate.line - 1].strip() if 0 < gate.line <= len(quoted) else ""
    place = f"{file}:{gate.line}" if file and gate.line else ""
    return Check(name=words.gate(gate.name), passed=gate.passed, saw=gate.saw, place=place, quote=quote[:200])


def _plain(entry: Entry, text: Text | None, replies: Sequence[Reply]) -> Step | None:
    """Tell an entry that is one sentence; None for a decision or an unknown kind."""
    said = journal_words.told(entry, text)
    if said is None:
        return None
    badge, detail = said
    quoted = ""
    if entry.kind == "reply":
        quoted = next((reply.text for reply in replies if reply.at == entry.at), "")
    return Step(
        at=entry.at, title=badge.word, icon=badge.icon, tone=badge.tone, detail=detail, quoted=quoted,
        message_id=entry.message_id,
    )  # fmt: skip


def _with_gaps(steps: Sequence[Step], entries: Sequence[Entry], texts: dict[str, Text]) -> list[Step]:
    told: list[Step] = []
    for step, entry in zip(steps, entries, strict=True):
        told.append(_after(step, told[-1].at, entry, entries, texts) if told else step)
    return told


def _after(step: Step, before: datetime, entry: Entry, entries: Sequence[Entry], texts: dict[str, Text]) -> Step:
    """Say how long nothing happened, and for what it waited where that is known."""
    length = step.at - before
    if step.at.date() != before.date():
        step = replace(step, day=f"{step.at:%a} {step.at.day} {step.at:%b}")
    if length < LONG:
        return replace(step, after=words.gap(length))
    return replace(step, wait=f"waited {span(length)}{_for_what(entry, entries, texts)}")


def _for_what(entry: Entry, entries: Sequence[Entry], texts: dict[str, Text]) -> str:
    text = texts.get(entry.message_id)
    if entry.kind == "receipt":
        return " for the receipt"
    if entry.kind == "reply":
        return " for the answer"
    if entry.kind == "click":
        return " for somebody to follow its link"
    if entry.kind != "attempt" or text is None:
        return ""
    if entry.detail != "1":
        return " before the next attempt"
    if text.due_at - text.created_at < LONG:
        return ""
    decision = next((one for one in entries if one.kind == "decision" and one.message_id == text.id), None)
    notes = {gate.name: gate.saw for gate in decision.gates} if decision else {}
    quiet = notes.get("quiet_hours", "")
    if quiet.startswith("waits for "):
        return quiet.removeprefix("waits")
    return f" for {notes['schedule']}" if notes.get("schedule") else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One handing over, and the gateway's answer to it."""

    number: str
    gateway: str
    at: datetime
    answer: str
    icon: str
    tone: str
    took: str = ""


def attempts(entries: Sequence[Entry]) -> list[Attempt]:
    """Pair what was handed over with what was answered."""
    found: list[Attempt] = []
    for entry in entries:
        if entry.kind == "attempt":
            found.append(
                Attempt(
                    number=entry.detail,
                    gateway=entry.gateway,
                    at=entry.at,
                    answer="no answer yet",
                    icon="arrow",
                    tone=MOVING,
                )
            )
        elif entry.kind == "outcome" and found:
            badge, detail = journal_words.outcome(entry)
            found[-1] = replace(
                found[-1], answer=detail or badge.word, icon=badge.icon, tone=badge.tone,
                took=span(entry.at - found[-1].at),
            )  # fmt: skip
    return found
