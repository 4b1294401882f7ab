"""What is known so far about one step of one rule for one event, and the way out of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from model.event import Event
from model.links import placeholder
from model.message import Gate
from model.reasons import Because
from rules.book import Naming, Rule, Step
from rules.render import TemplateFault, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When and for which event a plan is made. `new_id` gives message ids in order, `new_code` the code of a short link
    for what it leads to; a plan that nobody saves makes none. `past` is a plan of what was planned before: what was not
    kept of the event stands there as ******.
    """

    event_id: str
    now: datetime
    new_id: Callable[[], str]
    new_code: Callable[[str], str] = placeholder
    past: bool = False


class Stop(Exception):  # noqa: N818 - the way out of the gates, caught in dispatch.plan only
    """A gate does not let the text pass."""

    def __init__(self, because: Because, detail: str = "", *, reason: str = "", line: int = 0) -> None:
        super().__init__(detail)
        self.because, self.detail, self.reason, self.line = because, detail, reason, line


@dataclass(slots=True)
class Draft:
    """What is known so far about one step of one rule for one event."""

    rule: Rule
    step: Step
    event: Event
    data: Mapping[str, Any]
    naming: Naming | None
    key: str = ""
    gates: list[Gate] = field(default_factory=list)

    def passed(self, name: str, saw: str = "", line: int = 0) -> None:
        """Note a gate that let the text pass, and what it saw."""
        self.gates.append(Gate(name=name, passed=True, saw=saw, line=line or self.rule.line_of(name)))

    def stop(self, name: str, because: Because, saw: str, *, reason: str = "", line: int = 0) -> Stop:
        """Note a gate that does not, and return what to raise."""
        where = line or self.rule.line_of(name)
        self.gates.append(Gate(name=name, passed=False, saw=saw, line=where))
        return Stop(because, saw, reason=reason, line=where)


def key_of(rule: Rule, event: Event, data: Mapping[str, Any]) -> str:
    """Return what names the record: the rule's key, else the event's own for rules that follow a record."""
    if rule.key is not None:
        return rule.key.render(data)
    follows = rule.cancel_on or any(step.schedule for step in rule.steps)
    return event.key if follows else ""


def key_or_stop(draft: Draft) -> str:
    """Return what names the record. Raises Stop where its template cannot be filled."""
    try:
        return key_of(draft.rule, draft.event, draft.data)
    except TemplateFault as fault:
        raise draft.stop("key", Because.RULE_ERROR, str(fault)) from None


def rendered(draft: Draft, text: Text, name: str) -> str:
    """Fill a template of the rule. Raises Stop, at the gate `name`."""
    try:
        return text.render(draft.data)
    except TemplateFault as fault:
        raise draft.stop(name, Because.RULE_ERROR, str(fault)) from None
