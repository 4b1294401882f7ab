"""Two values side by side: money that travels as text, dates, lists, and what cannot be compared."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from rules.condition.seen import MOST_BITS, ConditionFault, Run, kind_of, show

Decide = Callable[[Any, Any, Run], bool]
PLAIN = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?")
OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
EQUALITY = {"==", "!="}


def decider(symbol: str) -> Decide:
    """Return how two values are compared with an operator."""
    if symbol == "in":
        return contains
    if symbol == "not in":
        return lambda value, container, run: not contains(value, container, run)
    compare, equality = OPERATORS[symbol], symbol in EQUALITY

    def decide(left: Any, right: Any, run: Run) -> bool:
        left, right = _comparable(left, right, run, equality=equality)
        return compare(left, right)

    return decide


def _comparable(left: Any, right: Any, run: Run, *, equality: bool) -> tuple[Any, Any]:
    """Bring two values to one type. Money travels as text, so a text that is all number counts as one."""
    kinds = {kind_of(left), kind_of(right)}
    if kinds == {"number"}:
        return exact(left), exact(right)
    if kinds == {"text"}:
        run.spend(min(len(left), len(right)) >> 10)
        numbers = not equality and PLAIN.fullmatch(left) and PLAIN.fullmatch(right)
        return (Decimal(left), Decimal(right)) if numbers else (left, right)
    if kinds == {"text", "number"}:
        return _numeric(left, right), _numeric(right, left)
    if kinds in ({"date"}, {"date", "text"}):
        return moment(run, left), moment(run, right)
    if equality and kinds == {"yes or no"}:
        return left, right
    if equality and kinds == {"list"}:
        return _same_list(left, right, run), True
    raise ConditionFault(f"{show(left)} cannot be compared with {show(right)}{_advice(kinds)}")


def _advice(kinds: set[str]) -> str:
    if kinds == {"yes or no", "text"}:
        return "; texts have quotes, true and false have none"
    if kinds == {"yes or no"}:
        return " by size, only with == and !="
    return "; ask with `in`" if "list" in kinds else ""


def exact(value: Any) -> Any:
    """Return a number that compares without rounding: 0.1 as written, not as the machine stores it."""
    if isinstance(value, int) and value.bit_length() > MOST_BITS:  # turning it into a Decimal would take long
        raise ConditionFault("a number of more than 60 digits cannot be compared")
    if isinstance(value, float):
        value = Decimal(str(value))
    if isinstance(value, Decimal) and not value.is_finite():
        raise ConditionFault(f"{value} is not a number to compare with")
    return value


def _numeric(value: Any, other: Any) -> Any:
    if not isinstance(value, str):
        return exact(value)
    if not PLAIN.fullmatch(value):
        raise ConditionFault(f"the text {show(value)} is compared with the number {show(other)}; use num(...)")
    return Decimal(value)


def _alike(left: Any, right: Any) -> bool:
    """Tell whether two entries are equal; in a list of mixed things, another type is no error but no match."""
    if type(left) is str and type(right) is str:
        return left == right
    kinds = {kind_of(left), kind_of(right)}
    if kinds == {"yes or no"}:
        return bool(left == right)
    if not kinds <= {"number", "text"} or any(
        isinstance(one, str) and not PLAIN.fullmatch(one) for one in (left, right)
    ):
        return False
    try:
        return bool(_numeric(left, right) == _numeric(right, left))
    except ConditionFault:  # NaN
        return False


def _same_list(left: Sequence[Any], right: Sequence[Any], run: Run) -> bool:
    run.spend(min(len(left), len(right)) * 10)
    return len(left) == len(right) and all(map(_alike, left, right))


def contains(value: Any, container: Any, run: Run) -> bool:
    """Tell whether a value is in a list, a key of a record, or a piece of a text."""
    kind = kind_of(container)
    if kind == "list":
        run.spend(len(container) * 10)
        return any(_alike(value, part) for part in container if part is not None)
    if kind == "record":
        return isinstance(value, str) and value in container
    if kind == "text" and isinstance(value, str):
        run.spend(len(container) >> 4)
        return value in container
    raise ConditionFault(f"{show(value)} cannot be looked for in {show(container)}; `in` needs a list or a text")


def moment(run: Run, value: Any) -> datetime:
    """Return a moment; without a zone it is the wall clock of `now`'s."""
    try:
        if isinstance(value, str) and len(value) <= 40:
            value = datetime.fromisoformat(value.strip())
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime.combine(value, time())
        if isinstance(value, datetime):
            return (value if value.tzinfo else value.replace(tzinfo=run.now.tzinfo)).astimezone(run.now.tzinfo)
    except (ValueError, OverflowError):
        pass
    raise ConditionFault(f"{show(value)} is not a date; dates look like 2026-11-15 or 2026-11-15T10:00:00+01:00")
