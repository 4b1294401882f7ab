"""One value of a rules file and its place; plain scalars are data by the core schema of YAML 1.2 only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from model.reasons import Problem

NO_KEYS: Mapping[str, tuple[int, int]] = MappingProxyType({})
INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,15})")
FRACTION = re.compile(r"-?(0|[1-9][0-9]{0,15})\.[0-9]{1,15}")


@dataclass(slots=True)
class Node:
    """One value of the file: text, list or map, and its place (counted from 1)."""

    path: str
    line: int
    column: int
    text: str | None = None
    quoted: bool = False
    items: list[Node] | None = None
    entries: dict[str, Node] | None = None
    key_lines: Mapping[str, tuple[int, int]] = field(default_factory=lambda: NO_KEYS)

    @property
    def kind(self) -> str:
        """Name the shape, for messages."""
        if self.entries is not None:
            return "a map"
        if self.items is not None:
            return "a list"
        return "nothing" if self.is_null else f"the text {(self.text or '')[:60]!r}"

    @property
    def is_null(self) -> bool:
        """Tell whether the value is left out on purpose: empty, null or ~."""
        return self.text is not None and not self.quoted and self.text in {"", "null", "~"}

    def plain(self) -> Any:
        """Return the value as data, with YAML 1.2 core types for unquoted scalars (dates and +49 stay text)."""
        if self.entries is not None:
            return {name: node.plain() for name, node in self.entries.items()}
        if self.items is not None:
            return [node.plain() for node in self.items]
        return _scalar(self.text or "", quoted=self.quoted)


def problem(node: Node, text: str, hint: str = "", level: str = "error") -> Problem:
    """Return a problem at the place of `node`."""
    return Problem(path=node.path, line=node.line, column=node.column, text=text, hint=hint, level=level)


def _scalar(text: str, *, quoted: bool) -> Any:
    if quoted:
        return text
    if text in {"", "null", "~"}:
        return None
    if text in {"true", "false"}:
        return text == "true"
    if INTEGER.fullmatch(text):
        return int(text)
    return float(text) if FRACTION.fullmatch(text) else text
