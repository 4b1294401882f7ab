"""Each part of the tree as a closure: what is asked of the event, and what the trace notes of the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rules.condition.functions import Function
from rules.condition.seen import ConditionFault, Leaf, Run, show
from rules.condition.values import OPERATORS, decider

Value = Callable[[Mapping[str, Any], Run], Any]
Test = Callable[[Mapping[str, Any], Run], bool]


@dataclass(frozen=True, slots=True)
class Operand:
    """A part of the tree that has a value. `fixed` parts are the same for every event."""

    source: str
    get: Value
    fixed: bool = False
    literal: Any = None


def fixed(source: str, value: Any) -> Operand:
    """Return a value that is the same for every event."""
    return Operand(source, lambda _data, _run: value, fixed=True, literal=value)


def field(path: str, steps: list[str | int]) -> Value:
    """Return a field of the event; one that is not there is none, and noted as missing."""
    first, *rest = steps

    def top(data: Mapping[str, Any], run: Run) -> Any:
        value = data.get(first)  # type: ignore[arg-type] # the first step is a name
        if value is None:
            run.missing = path
        return value

    def deep(data: Mapping[str, Any], run: Run) -> Any:
        value = data.get(first)  # type: ignore[arg-type] # the first step is a name
        for step in rest:
            value = value.get(step) if type(value) is dict else _part(value, step)
        if value is None:
            run.missing = path
        return value

    return deep if rest else top


def _part(value: Any, step: str | int) -> Any:
    if isinstance(value, Mapping):
        return value.get(step)
    if isinstance(value, list | tuple) and isinstance(step, int) and step < len(value):
        return value[step]
    return None


def every(tests: list[Test]) -> Test:
    """Hold when all parts hold; the first that does not ends it."""

    def test(data: Mapping[str, Any], run: Run) -> bool:
        notes = run.notes
        start = len(notes)
        for part in tests:
            before = len(notes)
            if not part(data, run):
                del notes[start:before]  # what held before does not explain why this did not
                return False
        return True

    return test


def some(tests: list[Test]) -> Test:
    """Hold when one part holds; the first that does ends it."""

    def test(data: Mapping[str, Any], run: Run) -> bool:
        notes = run.notes
        start = len(notes)
        for part in tests:
            before = len(notes)
            if part(data, run):
                del notes[start:before]
                return True
        return False

    return test


def negated(part: Test) -> Test:
    """Hold when the part does not."""
    return lambda data, run: not part(data, run)


def truth(leaf: Leaf, get: Value) -> Test:
    """Hold when the value is true, not empty and not zero."""

    def test(data: Mapping[str, Any], run: Run) -> bool:
        value = get(data, run)
        if isinstance(value, str) and len(value) < 8 and value.strip().lower() in {"false", "no", "off", "0"}:
            raise ConditionFault(f"{leaf.left} is the text {show(value)}; compare it: {leaf.left} == {show(value)}")
        run.notes.append((leaf, value, run.missing, bool(value)))
        return bool(value)

    return test


def is_none(leaf: Leaf, get: Value, *, wanted: bool) -> Test:
    """Hold when the value is (not) missing."""

    def test(data: Mapping[str, Any], run: Run) -> bool:
        value = get(data, run)
        held = (value is None) is wanted
        run.notes.append((leaf, value, "" if held else run.missing, held))
        return held

    return test


def asks(leaf: Leaf, function: Function, arguments: list[Operand]) -> Test:
    """Hold when a function that answers yes or no says yes."""
    gets = [argument.get for argument in arguments]

    def test(data: Mapping[str, Any], run: Run) -> bool:
        values = [get(data, run) for get in gets]
        held = False if None in values else bool(function(run, *values))
        run.notes.append((leaf, None if None in values else values[0], run.missing, held))
        return held

    return test


def call(function: Function, gets: list[Value]) -> Value:
    """Return what a function makes of its values; none where one of them is none."""

    def value(data: Mapping[str, Any], run: Run) -> Any:
        values = [get(data, run) for get in gets]
        return None if None in values else function(run, *values)

    return value


def pair(get: Value, symbol: str, leaf: Leaf, right: Operand) -> Test:
    """Compare two values. Most compare a field with a literal of its own type: they take the short way."""
    decide = decider(symbol)
    if not right.fixed:
        return chain(get, [(symbol, leaf, right)])
    literal, usual, quick = right.literal, *_shortcut(symbol, right.literal)

    def test(data: Mapping[str, Any], run: Run) -> bool:
        value = get(data, run)
        if value is None:
            run.notes.append((leaf, None, run.missing, False))
            return False
        held = quick(value) if type(value) is usual else decide(value, literal, run)
        run.notes.append((leaf, value, None, held))
        return held

    return test


def _shortcut(symbol: str, literal: Any) -> tuple[type, Callable[[Any], bool]]:
    """Return the usual type of a field beside a literal, and how to decide then."""
    if symbol in {"in", "not in"} and isinstance(literal, list) and all(isinstance(part, str) for part in literal):
        members, wanted = frozenset(literal), symbol == "in"
        return str, lambda value: (value in members) is wanted
    if type(literal) is int and symbol in OPERATORS:
        compare = OPERATORS[symbol]
        return int, lambda value: compare(value, literal)
    if isinstance(literal, str) and symbol in {"==", "!="}:
        compare = OPERATORS[symbol]
        return str, lambda value: compare(value, literal)
    return Run, bool  # no field is ever of this type


def chain(get: Value, pairs: list[tuple[str, Leaf, Operand]]) -> Test:
    """Compare neighbours: 0 < n < 9."""
    links = [(decider(symbol), leaf, right.get) for symbol, leaf, right in pairs]
    # In 0 < n < 9 the second question tells n, so the first need not.
    silent = pairs[0][1] if pairs[0][1].flipped and len(pairs) > 1 else None

    def test(data: Mapping[str, Any], run: Run) -> bool:
        left = get(data, run)
        start = len(run.notes)
        for decide, leaf, following in links:
            right = None if left is None else following(data, run)
            held = right is not None and decide(left, right, run)
            if not held:
                del run.notes[start:]
            if right is None:
                run.notes.append((leaf, None, run.missing, False))
            elif not held or leaf is not silent:
                run.notes.append((leaf, right, None, held) if leaf.flipped else (leaf, left, right, held))
            if not held:
                return False
            left = right
        return True

    return test
