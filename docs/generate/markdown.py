"""What the parts share: tables, anchors, and a few words about settings and events."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from model.event import EVENT_TYPES

ROOT = Path(__file__).resolve().parents[2]


def first_sentence(path: str) -> str:
    """Return what a module is for."""
    said = ast.get_docstring(ast.parse((ROOT / path).read_text("utf-8"))) or ""
    return " ".join(said.split("\n\n")[0].split())


def code(names: Iterable[str]) -> str:
    """Set names as code."""
    return ", ".join(f"`{name}`" for name in names)


def option_row(name: str, option: Any) -> tuple[str, ...]:
    """Return the row of an option: its name, what it means, its default."""
    default = "required" if option.required else shown(option.default)
    return f"`{name}`", option.text + (" Secret." if option.secret else ""), default


def first_line(kind: type) -> str:
    """Return the first line of what a class says of itself."""
    return inspect.cleandoc(kind.__doc__ or "").splitlines()[0]


def families(names: Iterable[str]) -> str:
    """Write `order.created, order.paid` as `order (created, paid)`; a vendor's own events keep to their own page."""
    names = list(names)
    if set(names) == set(EVENT_TYPES):
        return "any, and `custom.*`"
    by_family: dict[str, list[str]] = {}
    for name in names:
        family, _, rest = name.partition(".")
        by_family.setdefault(family, []).append(rest)
    return ", ".join(f"{family} ({', '.join(rest)})" for family, rest in by_family.items())


def shown(value: Any) -> str:
    """Write a default as people read it."""
    if isinstance(value, BaseModel | Mapping) or value in (None, "", (), {}):
        return ""
    if isinstance(value, tuple):
        return ", ".join(f"`{one}`" for one in value)
    return f"`{value}`"


def anchor(title: str) -> str:
    """Return the anchor GitHub gives to a heading."""
    kept = "".join(char for char in title.lower() if char.isalnum() or char in " -_")
    return kept.replace(" ", "-")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace(" | ", " \\| ").replace("<", "&lt;")
