"""Shapes of what may stand in a provider file; each yields a sentence for everything that is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from model.message import State

HOLE = re.compile(r"\{\{\s*([\w.]+)\s*(\|\s*int\s*)?\}\}")
"""A placeholder."""

Shape = Callable[[str, Any], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Key:
    """One key a section may hold: its shape, the sentence for the docs, and whether it must be there."""

    shape: Shape
    text: str
    required: bool = False


def nearest(name: str, known: set[str]) -> str:
    """Guess which known name was meant."""
    close = get_close_matches(name, known, n=1)
    return f", did you mean {close[0]}?" if close else ""


def words(where: str, value: Any) -> Iterator[str]:
    """Any text."""
    if not isinstance(value, str):
        yield f"{where}: must be a text"


def tree(where: str, value: Any) -> Iterator[str]:
    """Anything JSON can say, with placeholders."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in children:
        yield from tree(f"{where}.{name}", child)
    if not isinstance(value, str | int | dict | list | None):
        yield f"{where}: must be a text, a whole number, a truth value, a list or a mapping"
    if isinstance(value, str) and "{{" in HOLE.sub("", value):
        yield f"{where}: a placeholder looks like {{{{ name }}}}"


def like(pattern: str, says: str) -> Shape:
    """A text of a form."""

    def shape(where: str, value: Any) -> Iterator[str]:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            yield f"{where}: must be {says}"

    return shape


def choice(*words: str) -> Shape:
    """One of some words."""

    def shape(where: str, value: Any) -> Iterator[str]:
        if value not in words:
            yield f"{where}: {value!r} is none of {', '.join(words)}{nearest(str(value), set(words))}"

    return shape


def many(item: Shape) -> Shape:
    """A list, or one item where a list would be a bore."""

    def shape(where: str, value: Any) -> Iterator[str]:
        for index, one in enumerate(value) if isinstance(value, list) else [("", value)]:
            yield from item(f"{where}[{index}]" if index != "" else where, one)

    return shape


def table(item: Shape) -> Shape:
    """A mapping of names that are free, each to an item."""

    def shape(where: str, value: Any) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{where}: must be a mapping"
            return
        for name, one in value.items():
            yield from item(f"{where}.{name}", one)

    return shape


def section(**keys: Key) -> Shape:
    """A mapping of the names that are known; `in_` is the name `in`."""

    known = {name.rstrip("_"): key for name, key in keys.items()}

    def shape(where: str, value: Any) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{where}: must be a mapping"
            return
        dot = f"{where}." if where else ""
        for name in value.keys() - known.keys():
            yield f"{dot}{name}: unknown key{nearest(str(name), set(known))}"
        for name, key in known.items():
            if name in value:
                yield from key.shape(f"{dot}{name}", value[name])
            elif key.required:
                yield f"{dot}{name}: is missing"

    return shape


number = like(r"\d{1,9}", "a whole number")
status = like(r"[1-5]\d\d", "an HTTP status")
state = choice(*(state.code for state in State if state.rank >= State.ACCEPTED.rank))
