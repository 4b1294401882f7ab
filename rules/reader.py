"""YAML with line numbers: every value knows where it stands, and nothing is guessed.

The usual loader turns `21:00` into 1290, `NO` into false and `+15550100` into a number. Here a scalar stays text until
the field it stands in says otherwise. Duplicate keys, custom tags, merge keys and amplifying aliases are problems.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import yaml

from model.reasons import ConfigError, Problem
from rules.node import Node, problem

__all__ = ["Node", "problem", "read"]

MAX_BYTES = 8_000_000
MAX_NODES = 200_000
MAX_ANCHORS = 5_000
MAX_DEPTH = 40
TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "seq", "map"))
MAX_PROBLEMS = 100


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


class _Key(NamedTuple):
    """A key that waits for its value; None as its text means that it is a list or map."""

    text: str | None
    quoted: bool
    spot: tuple[int, int]


@dataclass(slots=True)
class _Open:
    """A list or map that is not closed yet; `before` counts what stood before it."""

    node: Node
    anchor: str | None
    before: int
    key: _Key | None = None
    lines: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def wants_key(self) -> bool:
        return self.node.entries is not None and self.key is None


class _Builder:
    """Turns the parser's events into nodes, one after the other, and stops at the first that is too many or too deep.

    An alias stands for the very node it names, but counts with all that is in it: nine lines of aliases can mean a
    billion values to whoever walks them.
    """

    def __init__(self, path: str) -> None:
        self.path, self.count = path, 0
        self.problems: list[Problem] = []
        self._text = ""
        self._anchors: dict[str, tuple[Node | None, int]] = {}
        self._open: list[_Open] = []
        self._root: Node | None = None

    def build(self, raw: bytes) -> Node:
        try:
            self._text = raw.decode("utf-8-sig")
            for event in yaml.parse(self._text, Loader=yaml.CSafeLoader):
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
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close()
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._collection(event)
        elif isinstance(event, yaml.DocumentStartEvent) and self._root is not None:
            raise ConfigError([self._at(*_place(event), "The file holds a second document; --- may stand once.")])

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        spot, anchor = _place(event), event.anchor
        self._check_tag(event.tag, spot)
        quoted = bool(event.style) or event.tag is not None
        if anchor is None and self._open and self._open[-1].wants_key:
            self._open[-1].key = _Key(event.value, quoted, spot)  # half of all values are keys: no node for these
            return
        node = Node(self.path, *spot, text=event.value, quoted=quoted)
        self._add(node, 1, spot)
        self._remember(anchor, node, 1)

    def _collection(self, event: yaml.CollectionStartEvent) -> None:
        spot = _place(event)
        self._check_tag(event.tag, spot)
        opened = _Open(Node(self.path, *spot), event.anchor, self.count)
        if isinstance(event, yaml.MappingStartEvent):
            opened.node.entries, opened.node.key_lines = {}, opened.lines
        else:
            opened.node.items = []
        self._add(opened.node, 1, spot)
        self._remember(event.anchor, opened.node, 1)
        self._open.append(opened)

    def _check_tag(self, tag: str | None, spot: tuple[int, int]) -> None:
        if tag is not None and tag not in TAGS:
            self._note(self._at(*spot, f"Tags such as {tag[:60]} are not allowed."))

    def _close(self) -> None:
        done = self._open.pop()
        self._remember(done.anchor, done.node, self.count - done.before)

    def _remember(self, anchor: str | None, node: Node, size: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = (node, size)
            if len(self._anchors) > MAX_ANCHORS:
                raise ConfigError(
                    [self._at(node.line, node.column, f"The file has more than {MAX_ANCHORS:,} anchors.")]
                )

    def _alias(self, event: yaml.AliasEvent) -> None:
        spot = _place(event)
        node, size = self._anchors.get(event.anchor or "", (None, 0))
        if node is None or any(opened.node is node for opened in self._open):
            raise ConfigError([self._at(*spot, f"The alias *{event.anchor} names nothing that stands before it.")])
        self._add(node, size, spot)

    def _add(self, node: Node, size: int, spot: tuple[int, int]) -> None:
        """Put a node where the parser is: the next item of a list, or the next key or value of a map."""
        self.count += size
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
            holder.key = _Key(node.text, node.quoted, spot)
        else:
            self._entry(holder, holder.key, node)

    def _entry(self, holder: _Open, key: _Key, value: Node) -> None:
        holder.key = None
        entries = holder.node.entries
        if key.text is None or entries is None:
            self._note(self._at(*key.spot, "A key must be a plain text."))
        elif key.text == "<<" and not key.quoted:
            self._note(self._at(*key.spot, "Merging maps with << is not possible; write the fields out."))
        elif key.text in entries:
            text = f"The key {key.text[:60]!r} stands twice; the first is in line {holder.lines[key.text][0]}."
            self._note(self._at(*key.spot, text))
        else:
            holder.lines[key.text] = key.spot
            entries[key.text] = value

    def _note(self, found: Problem) -> None:
        self.problems.append(found)
        if len(self.problems) >= MAX_PROBLEMS:
            raise ConfigError(self.problems)

    def _marked(self, error: yaml.MarkedYAMLError) -> Problem:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        text = (error.problem or "this is not YAML").rstrip(".")
        return self._at(line, column, f"YAML: {text}.", self._advice(line, text))

    def _advice(self, line: int, text: str) -> str:
        source = "".join(self._text.split("\n")[line - 1 : line])
        if "\t" in source[: len(source) - len(source.lstrip())]:
            return "Indent with spaces, not tabs."
        if "expected ',' or" in text:
            return "Between [ ] or { }, put texts that hold [ ] { } , or : in quotes."
        return "Put the text in quotes." if "mapping values are not allowed" in text else ""

    def _at(self, line: int, column: int, text: str, hint: str = "") -> Problem:
        return Problem(path=self.path, line=line, column=column, text=text, hint=hint)


def _place(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)
