"""From a node of the file to a value, one small reader per kind of field; whatever is wrong becomes a Problem."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from model.event import EVENT_TYPES, is_event_type
from model.reasons import ConfigError, Problem
from rules.book import Pattern, When
from rules.condition import ConditionError, compile_condition
from rules.reader import Node, problem
from rules.render import TemplateFault, Text, compile_text
from rules.spec import Field

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
DURATION = re.compile(r"-?(?:[0-9]{1,9}[smhdw])+")
CLOCK = re.compile(r"(?:[01]?[0-9]|2[0-3]):[0-5][0-9]")
FIELD_PATH = re.compile(r"[A-Za-z_][\w-]*(?:\.[\w-]+)*")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")
MOST_PROBLEMS = 100
TEN_YEARS = timedelta(days=3660)


@dataclass(slots=True)
class Problems:
    """Collects what is wrong, so that a person sees everything at once, but never thousands of lines."""

    found: list[Problem] = field(default_factory=list)

    def add(self, node: Node, text: str, hint: str = "", level: str = "error") -> None:
        """Note a problem at `node`."""
        self.note(problem(node, text, hint, level))

    def note(self, *problems: Problem) -> None:
        """Note problems; with too many of them the file is given up."""
        self.found.extend(problems)
        if len(self.found) >= MOST_PROBLEMS:
            last = self.found[-1]
            more = replace(last, text=f"Reading stops here, after {MOST_PROBLEMS} problems.", hint="", level="error")
            raise ConfigError([*self.found[:MOST_PROBLEMS], more])


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return "Did you mean X?" for the nearest known word, "" when none is near."""
    near = difflib.get_close_matches(word[:60], list(known), n=1, cutoff=0.6)
    return f"Did you mean {near[0]}?" if near else ""


def read_map(node: Node, fields: Sequence[Field], problems: Problems, where: str) -> dict[str, Node]:
    """Return the entries of a map; unknown and missing fields are problems."""
    if node.entries is None:
        problems.add(node, f"{where} must be a map, not {node.kind}.")
        return {}
    known = {field.name for field in fields}
    for name in node.entries:
        if name not in known:
            line, column = node.key_lines[name]
            hint = did_you_mean(name, known) or f"Known here: {', '.join(sorted(known))}."
            said = f"{where} has no field {name[:60]!r}."
            problems.note(Problem(path=node.path, line=line, column=column, text=said, hint=hint))
    for field_ in fields:
        given = node.entries.get(field_.name)
        if field_.required and (given is None or (given.is_null and field_.kind != "list")):
            problems.add(given or node, f"{where} needs the field {field_.name!r}.", field_.text)
    return {name: child for name, child in node.entries.items() if name in known}


def text(node: Node, problems: Problems, what: str = "This") -> str:
    """Read a text."""
    if node.text is None or node.is_null:
        problems.add(node, f"{what} must be a text, not {node.kind}.")
        return ""
    return node.text


def name(node: Node, problems: Problems) -> str:
    """Read a name: letters, digits, - and _."""
    value = text(node, problems)
    if value and not NAME.fullmatch(value):
        problems.add(node, f"{value[:40]!r} is not a name.", "Use letters, digits, - and _.")
        return ""
    return value


def texts(node: Node, problems: Problems) -> tuple[str, ...]:
    """Read a text or a list of texts."""
    children = node.items if node.items is not None else [node]
    return tuple(text(child, problems) for child in children)


def paths(node: Node, problems: Problems) -> tuple[str, ...]:
    """Read a field or a list of fields."""
    children = node.items if node.items is not None else [node]
    if not children:
        problems.add(node, "The list is empty.", "Name at least one field, such as customer.phone.")
    return tuple(path(child, problems) for child in children)


def path(node: Node, problems: Problems) -> str:
    """Read a field."""
    value = text(node, problems)
    if value and not FIELD_PATH.fullmatch(value):
        problems.add(node, f"{value[:60]!r} is not a field.", "Write it as customer.phone.")
    return value


def duration(node: Node, problems: Problems) -> timedelta:
    """Read a duration such as 24h or -1h30m."""
    value = text(node, problems)
    if not DURATION.fullmatch(value):
        problems.add(node, f"{value[:30]!r} is not a duration.", "Write 90s, 15m, 24h, 3d, 2w or -1h30m.")
        return timedelta()
    seconds = sum(int(count) * UNITS[unit] for count, unit in re.findall(r"([0-9]+)([smhdw])", value))
    if seconds > TEN_YEARS.total_seconds():
        problems.add(node, f"{value[:30]} is longer than ten years.")
        return timedelta()
    return timedelta(seconds=-seconds if value.startswith("-") else seconds)


def lifetime(node: Node, problems: Problems) -> timedelta:
    """Read a duration that is longer than nothing."""
    before = len(problems.found)
    value = duration(node, problems)
    if value <= timedelta() and len(problems.found) == before:
        problems.add(
            node, f"{(node.text or '')[:30]} is no time at all.", "Write a duration longer than zero, such as 24h."
        )
    return value


def whole_days(node: Node) -> int:
    """Return the days of an offset written in days or weeks only, which keeps the hour of the day; else 0."""
    value = node.text or ""
    if not re.fullmatch(r"-?(?:[0-9]{1,6}[dw])+", value):
        return 0
    days = sum(int(count) * (7 if unit == "w" else 1) for count, unit in re.findall(r"([0-9]+)([dw])", value))
    return -days if value.startswith("-") else days


def clock(node: Node, problems: Problems) -> str:
    """Read a time of day."""
    value = text(node, problems)
    if not CLOCK.fullmatch(value):
        problems.add(node, f"{value[:20]!r} is not a time of day.", "Write 21:00.")
        return "00:00"
    return value.zfill(5)


def number(node: Node, problems: Problems) -> int:
    """Read a whole number."""
    value = node.plain()
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1_000_000_000:
        problems.add(node, f"This must be a whole number, not {node.kind}.")
        return 0
    return value


def count(node: Node, problems: Problems) -> int:
    """Read a whole number of at least one."""
    before = len(problems.found)
    value = number(node, problems)
    if value < 1 and len(problems.found) == before:
        problems.add(node, "This must be at least 1.")
    return value


def truth(node: Node, problems: Problems) -> bool:
    """Read true or false."""
    value = node.plain()
    if not isinstance(value, bool):
        problems.add(node, f"This must be true or false, not {node.kind}.")
        return False
    return value


def choice(node: Node, problems: Problems, choices: Sequence[str]) -> str:
    """Read one of a few words."""
    value = text(node, problems)
    if value not in choices:
        problems.add(node, f"{value[:30]!r} is not possible here.", f"Choose {' or '.join(choices)}.")
        return choices[0]
    return value


def moment(node: Node, problems: Problems) -> str:
    """Read a date and time with its zone; the text itself is kept."""
    value = text(node, problems)
    try:
        aware = datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        aware = False
    if not aware:
        problems.add(node, f"{value[:40]!r} is not a moment.", "Write 2026-11-23T10:00:00+01:00.")
    return value


def template(node: Node, problems: Problems) -> Text | None:
    """Compile a text with {{ fields }}."""
    value = text(node, problems)
    try:
        return compile_text(value)
    except TemplateFault as fault:
        spot = Node(node.path, node.line + fault.line - 1, node.column, text="")
        problems.add(spot, f"The text cannot be used: {fault}")
        return None


def events(node: Node, problems: Problems) -> tuple[Pattern, ...]:
    """Read event types, each with an optional source before a colon."""
    found = []
    if node.items == []:
        problems.add(node, "The list is empty.", "Name at least one event, such as order.created.")
    for child in node.items if node.items is not None else [node]:
        source, _, event_type = text(child, problems).rpartition(":")
        if not is_event_type(event_type):
            problems.add(child, f"{event_type[:60]!r} is not an event type.", did_you_mean(event_type, EVENT_TYPES))
        found.append(Pattern(type=event_type, source=source))
    return tuple(found)


def conditions(node: Node, problems: Problems) -> tuple[When, ...]:
    """Compile the lines of `when`."""
    found = []
    for child in node.items if node.items is not None else [node]:
        source = text(child, problems, "A condition")
        try:
            found.append(When(condition=compile_condition(source), line=child.line))
        except ConditionError as error:
            spot = Node(node.path, child.line, child.column + error.column - 1 + child.quoted, text="")
            caret = f"\n    {source[:100]}\n    {' ' * (min(error.column, 100) - 1)}^"
            problems.add(spot, f"{error.message}{caret}")
    return tuple(found)


Reader = Callable[[Node, Problems], Any]


def read_all(entries: Mapping[str, Node], readers: Mapping[str, Reader], problems: Problems) -> dict[str, Any]:
    """Read each entry that is there with its reader; a value that is left empty counts as not there."""
    return {
        name: reader(entries[name], problems)
        for name, reader in readers.items()
        if name in entries and not entries[name].is_null
    }
