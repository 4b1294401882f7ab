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
MAX_NODES = 250_000
MAX_DEPTH = 40
TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "seq", "map"))
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


@dataclass(slots=True)
class _Open:
    """A list or map that is not closed yet; `key` waits for its value, `before` counts what stood before."""

    node: Node
    anchor: str | None
    before: int
    key: Node | None = None


class _Builder:
    """Turns the parser's events into nodes, one after the other, and stops at the first that is too many or too deep.

    An alias stands for the very node it names, but counts with all that is in it: nine lines of aliases can mean a
    billion values to whoever walks them.
    """

    def __init__(self, path: str) -> None:
        self.path, self.count = path, 0
        self.problems: list[Problem] = []
        self._lines: list[str] = []
        self._anchors: dict[str, tuple[Node | None, int]] = {}
        self._open: list[_Open] = []
        self._root: Node | None = None

    def build(self, raw: bytes) -> Node:
        try:
            text = raw.decode("utf-8-sig")
            self._lines = text.split("\n")
            for event in yaml.parse(text, Loader=yaml.CSafeLoader):
                self._take(event)
        except UnicodeDecodeError as error:
            raise ConfigError([self._at(1, 1, f"The file is not UTF-8 (byte {error.start}).")]) from None
        except yaml.MarkedYAMLError as error:
            raise ConfigError([*self.problems, self._marked(error)]) from None
        except (yaml.YAMLError, ValueError) as error:
            raise ConfigError([self._at(1, 1, f"This is not YAML: {str(error).splitlines()[0]}.")]) from None
        if self.problems:
            raise ConfigError(self.problems)
        return self._root if self._root is not None else Node(self.path, 1, 1, entries={})

    def _take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.CollectionEndEvent):
            self._close()
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.NodeEvent):
            self._node(event)
        elif isinstance(event, yaml.DocumentStartEvent) and self._root is not None:
            raise ConfigError([self._at(*_place(event), "The file holds a second document; --- may stand once.")])

    def _node(self, event: yaml.NodeEvent) -> None:
        line, column = _place(event)
        tag = getattr(event, "tag", None)
        if tag is not None and tag not in TAGS:
            self.problems.append(self._at(line, column, f"Tags such as {tag} are not allowed."))
        node = Node(self.path, line, column)
        self._add(node, 1)
        if isinstance(event, yaml.ScalarEvent):
            node.text, node.quoted = event.value, bool(event.style) or tag is not None
        elif isinstance(event, yaml.MappingStartEvent):
            node.entries = {}
        else:
            node.items = []
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, 1)
        if node.text is None:
            self._open.append(_Open(node, event.anchor, self.count))

    def _close(self) -> None:
        done = self._open.pop()
        if done.anchor is not None:
            self._anchors[done.anchor] = (done.node, self.count - done.before + 1)

    def _alias(self, event: yaml.AliasEvent) -> None:
        spot = _place(event)
        node, size = self._anchors.get(event.anchor or "", (None, 0))
        if node is None or any(opened.node is node for opened in self._open):
            raise ConfigError([self._at(*spot, f"The alias *{event.anchor} names nothing that stands before it.")])
        self._add(node, size, spot)

    def _add(self, node: Node, size: int, spot: tuple[int, int] | None = None) -> None:
        """Put a node where the parser is: the next item of a list, or the next key or value of a map."""
        self.count += size
        spot = spot or (node.line, node.column)
        if len(self._open) > MAX_DEPTH or self.count > MAX_NODES:
            text = "The file is nested too deeply or holds too many values."
            raise ConfigError([*self.problems, self._at(*spot, text)])
        if not self._open:
            self._root = node
            return
        holder = self._open[-1]
        if holder.node.items is not None:
            holder.node.items.append(node)
        elif holder.key is None:
            holder.key = node
            self.count -= size  # a key is part of its entry
        else:
            self._entry(holder, holder.key, node)

    def _entry(self, holder: _Open, key: Node, value: Node) -> None:
        holder.key = None
        entries, lines = holder.node.entries, holder.node.key_lines
        spot = (key.line, key.column)
        if key.text is None or entries is None:
            self.problems.append(self._at(*spot, "A key must be a text."))
        elif key.text == "<<" and not key.quoted:
            self.problems.append(self._at(*spot, "Merging maps with << is not possible; write the fields out."))
        elif key.text in entries:
            text = f"The key {key.text[:60]!r} stands twice; the first is in line {lines[key.text][0]}."
            self.problems.append(self._at(*spot, text))
        else:
            lines[key.text] = spot
            entries[key.text] = value

    def _marked(self, error: yaml.MarkedYAMLError) -> Problem:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        text = (error.problem or "this is not YAML").rstrip(".")
        source = self._lines[line - 1] if line <= len(self._lines) else ""
        hint = "Indent with spaces, not tabs." if "\t" in source[: len(source) - len(source.lstrip())] else ""
        return self._at(line, column, f"YAML: {text}.", hint)

    def _at(self, line: int, column: int, text: str, hint: str = "") -> Problem:
        return Problem(path=self.path, line=line, column=column, text=text, hint=hint)


def _place(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


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
