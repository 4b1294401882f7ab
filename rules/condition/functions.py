"""The functions of a condition: num, lower, len, startswith, endswith, contains, matches, date, now, days_until."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import re2

from rules.condition.seen import ConditionFault, Run, kind_of, show
from rules.condition.values import PLAIN, contains, exact, moment

MOST_SUBJECT = 2_000
LARGEST_PATTERN = 1_000
Function = Callable[..., Any]


def _text(function: str, value: Any, run: Run) -> str:
    """Return a value as text; a postcode may well have arrived as a number."""
    if isinstance(value, int | Decimal | float) and not isinstance(value, bool):
        return show(value)
    if not isinstance(value, str):
        raise ConditionFault(f"{function} needs a text, and got {show(value)}")
    run.spend(len(value) >> 4)
    return value


def _num(_run: Run, value: Any) -> Any:
    if kind_of(value) == "number":
        return exact(value)
    plain = value[:80].strip().removeprefix("+") if isinstance(value, str) and len(value) < 80 else ""
    if not PLAIN.fullmatch(plain):
        raise ConditionFault(f"num({show(value)}): this is not a number")
    return Decimal(plain)


def _len(_run: Run, value: Any) -> int:
    if kind_of(value) not in {"text", "list", "record"}:
        raise ConditionFault(f"len needs a text or a list, and got {show(value)}")
    return len(value)


def _lower(run: Run, value: Any) -> str:
    return _text("lower", value, run).lower()


def _startswith(run: Run, value: Any, start: Any) -> bool:
    return _text("startswith", value, run).startswith(_text("startswith", start, run))


def _endswith(run: Run, value: Any, end: Any) -> bool:
    return _text("endswith", value, run).endswith(_text("endswith", end, run))


def _holds(run: Run, value: Any, part: Any) -> bool:
    if kind_of(value) == "list":
        return contains(part, value, run)
    return _text("contains", part, run) in _text("contains", value, run)


def searching(pattern: str) -> Function:
    """Return `matches` for one pattern. A ValueError says in a sentence why the pattern cannot be used."""
    try:
        compiled = re2.compile(pattern, options=_re2_options())
    except (re2.error, UnicodeError) as fault:
        detail = fault.args[0].decode(errors="replace") if isinstance(fault.args[0], bytes) else "odd characters"
        raise ValueError(f"The pattern is not valid: {detail}.") from None
    if compiled.programsize > LARGEST_PATTERN:
        raise ValueError("The pattern is too large; repeat fewer things fewer times.")

    def matches(run: Run, value: Any, _pattern: Any) -> bool:
        text = _text("matches", value, run)
        if len(text) > MOST_SUBJECT:
            raise ConditionFault(f"matches looks at texts of at most {MOST_SUBJECT} characters, not {len(text)}")
        subject = text.encode(errors="replace")
        # The worst re2 does: every instruction for every byte, at 2 to 3 ns each.
        run.spend(20 + (len(subject) * compiled.programsize >> 6))
        return compiled.search(subject.decode()) is not None

    return matches


def _re2_options() -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    return options


def now(run: Run) -> datetime:
    """Return the clock of this evaluation."""
    return run.now


def _days_until(run: Run, value: Any) -> int:
    """Count midnights of the wall clock, so that tomorrow is 1 at any time of today."""
    return (moment(run, value).date() - run.now.date()).days


FUNCTIONS: dict[str, tuple[Function, int]] = {
    "num": (_num, 1),
    "lower": (_lower, 1),
    "len": (_len, 1),
    "startswith": (_startswith, 2),
    "endswith": (_endswith, 2),
    "contains": (_holds, 2),
    "matches": (_holds, 2),
    "date": (moment, 1),
    "now": (now, 0),
    "days_until": (_days_until, 1),
}
ASKS = {"startswith", "endswith", "contains", "matches"}
KNOWN = f"This function is not known; there are {', '.join(sorted(FUNCTIONS))}."
