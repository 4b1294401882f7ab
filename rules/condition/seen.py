"""What one evaluation sees and may cost, and how the trace tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

MOST_SHOWN = 300
SMALL = 1 << 64
MOST_BITS = 200
# What one evaluation may cost, in steps of about 0.2 µs; it is what keeps every condition below 5 ms.
BUDGET = 15_000
KINDS: dict[type, str] = {
    bool: "yes or no",
    int: "number",
    float: "number",
    Decimal: "number",
    str: "text",
    dict: "record",
    list: "list",
    tuple: "list",
    datetime: "date",
    date: "date",
}


def kind_of(value: Any) -> str:
    """Name what a value is, in the words of the trace."""
    kind = KINDS.get(type(value))
    if kind is None:
        kind = next((name for base, name in KINDS.items() if isinstance(value, base)), "")
    return kind or ("record" if isinstance(value, Mapping) else "thing")


class ConditionFault(Exception):  # noqa: N818 - the event is at fault, not this module
    """A condition that could not be decided for this event; never a silent no."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Run:
    """One evaluation: its clock, what it saw, and how much work it may still do."""

    __slots__ = ("budget", "missing", "notes", "now")

    def __init__(self, now: datetime) -> None:
        self.now, self.missing, self.budget = now, "", BUDGET
        self.notes: list[tuple[Leaf, Any, Any, bool]] = []

    def spend(self, steps: int) -> None:
        """Pay for work that grows with the event."""
        self.budget -= steps
        if self.budget < 0:
            raise ConditionFault("the event is too large for this condition; compare a smaller field")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A question asked of the event, as the trace will tell it; `flipped` ones tell the right side ('vip' in tags)."""

    left: str
    needs: str
    right: str = ""
    flipped: bool = False

    def complain(self, left: Any, right: Any, *, held: bool) -> str:
        """Say why the answer did not do; `held` answers are in the way under a `not`."""
        if left is None:
            return f"missing: {right}" if right else f"{self.left} is none"
        against = f" ({self.right} is {show(right)})" if self.right else ""
        return f"{self.left} is {show(left)}, needs {'not ' if held else ''}{self.needs}{against}"


def sentence(notes: list[tuple[Leaf, Any, Any, bool]], passed: bool) -> str:  # noqa: FBT001 - private, and hot
    """Tell what decided, for the trace."""
    if passed:
        said = "; ".join([f"{leaf.left} is {show(left)}" for leaf, left, _, _ in notes])
    else:
        said = "; ".join([leaf.complain(left, right, held=held) for leaf, left, right, held in notes])
    return said if len(said) <= MOST_SHOWN else said[: MOST_SHOWN - 1] + "…"


def show(value: Any) -> str:
    """Write a value for the trace, briefly. Texts and small numbers come first, for speed."""
    if type(value) is str and len(value) <= 40:
        return f"'{value}'"
    if type(value) is int and -SMALL < value < SMALL:
        return str(value)
    if value is None:
        return "none"
    kind = kind_of(value)
    if kind == "text":
        return f"'{value[:39]}…'"
    if kind == "yes or no":
        return "true" if value else "false"
    if kind == "number":
        huge = isinstance(value, int) and value.bit_length() > MOST_BITS
        return "a huge number" if huge else str(value)[:40]
    if kind == "list":
        few = [show(part) if kind_of(part) != "list" else "[…]" for part in value[:3]]
        return f"[{', '.join(few)}{', …' if len(value) > 3 else ''}]"
    return value.isoformat() if kind == "date" else f"a {kind}"
