"""YAML with line numbers: every value knows where it stands, and nothing is guessed.

The usual loader turns `21:00` into 1290, `NO` into false and `+15550100` into a number. Here a scalar stays text until
the field it stands in says otherwise. Duplicate keys, custom tags, merge keys and amplifying aliases are problems.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from model.reasons import ConfigError, Problem

MAX_BYTES = 8_000_000
MAX_NODES = 2_000_000
MAX_DEPTH = 40
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
    key_lines: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Name the shape, for messages."""
        if self.entries is not None:
            return "a map"
        if self.items is not None:
            return "a list"
        return "nothing" if self.is_null else f"the text {self.text!r}"

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


def read(path: Path, name: str = "", content: bytes | None = None) -> Node:
    """Read a file. Raises ConfigError with its place when it is not the YAML we accept."""
    shown = name or str(path)
    try:
        raw = path.read_bytes() if content is None else content
    except OSError as error:
        raise ConfigError(
            [Problem(path=shown, line=1, column=1, text=f"The file cannot be read: {error.strerror}.")]
        ) from None
    if len(raw) > MAX_BYTES:
        raise ConfigError([Problem(path=shown, line=1, column=1, text=f"The file is larger than {MAX_BYTES:,} bytes.")])
    return _Builder(shown).build(raw)


class _Builder:
    """Turns yaml's nodes into ours, counting as it goes, so that aliases cannot blow up."""

    def __init__(self, path: str) -> None:
        self.path, self.count = path, 0
        self.problems: list[Problem] = []

    def build(self, raw: bytes) -> Node:
        try:
            loader = yaml.CSafeLoader(raw.decode("utf-8-sig"))
            root = loader.get_single_node()
        except UnicodeDecodeError as error:
            raise ConfigError([self._at(1, 1, f"The file is not UTF-8 (byte {error.start}).")]) from None
        except yaml.MarkedYAMLError as error:
            raise ConfigError([self._marked(error)]) from None
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            raise ConfigError([self._at(1, 1, f"This is not YAML: {str(error).splitlines()[0]}.")]) from None
        node = self._node(root, 0) if root is not None else Node(self.path, 1, 1, entries={})
        if self.problems:
            raise ConfigError(self.problems)
        return node

    def _node(self, node: yaml.Node, depth: int) -> Node:
        self.count += 1
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        if depth > MAX_DEPTH or self.count > MAX_NODES:
            raise ConfigError([self._at(line, column, "The file is nested too deeply or holds too many values.")])
        if not node.tag.startswith("tag:yaml.org,2002:") or node.tag.rpartition(":")[2] in {"binary", "set", "omap"}:
            self.problems.append(self._at(line, column, f"Tags such as {node.tag} are not allowed."))
        if isinstance(node, yaml.MappingNode):
            return self._map(node, line, column, depth)
        if isinstance(node, yaml.SequenceNode):
            return Node(self.path, line, column, items=[self._node(child, depth + 1) for child in node.value])
        return Node(self.path, line, column, text=node.value, quoted=isinstance(node, yaml.ScalarNode) and bool(node.style))

    def _map(self, node: yaml.MappingNode, line: int, column: int, depth: int) -> Node:
        result = Node(self.path, line, column, entries={})
        entries = result.entries
        for key, value in node.value:
            spot = (key.start_mark.line + 1, key.start_mark.column + 1)
            if not isinstance(key, yaml.ScalarNode):
                self.problems.append(self._at(*spot, "A key must be a text."))
            elif entries is not None and key.value in entries:
                first = result.key_lines[key.value][0]
                self.problems.append(
                    self._at(*spot, f"The key {key.value!r} stands twice; the first is in line {first}.")
                )
            elif entries is not None:
                result.key_lines[key.value] = spot
                entries[key.value] = self._node(value, depth + 1)
        return result

    def _marked(self, error: yaml.MarkedYAMLError) -> Problem:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        text = (error.problem or "this is not YAML").rstrip(".")
        hint = "Indent with spaces, not tabs." if "\\t" in text or "tab" in text else ""
        return self._at(line, column, f"YAML: {text}.", hint)

    def _at(self, line: int, column: int, text: str, hint: str = "") -> Problem:
        return Problem(path=self.path, line=line, column=column, text=text, hint=hint)


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


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and everything in it."""
    yield node
    for child in [*(node.items or []), *(node.entries or {}).values()]:
        yield from walk(child)
