"""XML of strangers, piece by piece: names without their prefix, no entities, nothing that grows with the file.

Facts: Python's expat, read 2026-11. A document type is where entities come from (billion laughs, files of the server);
no workbook has one. What expat holds back is a tag that does not end, so how much that is is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar
from xml.parsers import expat

from wire.table import BadTable

Found = TypeVar("Found")
MOST_HELD, DEEPEST = 2_000_000, 64
MOST_TAGS = 300_000
ODD = "The workbook holds XML that no spreadsheet writes; it is not read."


class Parser:
    """Hands on starts, ends and texts. Raises BadTable or ExpatError."""

    def __init__(
        self, start: Callable[[str, dict[str, str]], None], end: Callable[[str], None], data: Callable[[str], None]
    ) -> None:
        self._start, self._end, self._depth, self._fed = start, end, 0, 0
        self._expat = expat.ParserCreate()
        self._expat.buffer_text = True
        self._expat.StartDoctypeDeclHandler = _refuse
        self._expat.EntityDeclHandler = _refuse
        self._expat.StartElementHandler = self._starts
        self._expat.EndElementHandler = self._ends
        self._expat.CharacterDataHandler = data

    def hand_out(self, chunks: Iterator[bytes], found: list[Found]) -> Iterator[Found]:
        """Read all chunks and yield, after each, what was found in it."""
        for chunk in chunks:
            self.feed(chunk)
            yield from found
            found.clear()
        self.close()
        yield from found

    def feed(self, chunk: bytes) -> None:
        """Read on."""
        self._expat.Parse(chunk, False)  # noqa: FBT003 - expat's way
        self._fed += len(chunk)
        if self._fed - self._expat.CurrentByteIndex > MOST_HELD:
            raise BadTable(ODD)

    def close(self) -> None:
        """See that the document is complete."""
        self._expat.Parse(b"", True)  # noqa: FBT003 - as above

    def _starts(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise BadTable(ODD)
        self._start(name.rpartition(":")[2] if ":" in name else name, attributes)

    def _ends(self, name: str) -> None:
        self._depth -= 1
        self._end(name.rpartition(":")[2] if ":" in name else name)


class Tags:
    """The tags of a small part, with their attributes and the tag they stand in."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._found: list[tuple[str, str, dict[str, str]]] = []
        self._path = [""]
        parser = Parser(self._starts, self._ends, _ignore)
        for chunk in chunks:
            parser.feed(chunk)
        parser.close()

    def all(self, name: str) -> list[dict[str, str]]:
        """Return the attributes of every tag of a name."""
        return [attributes for _, one, attributes in self._found if one == name]

    def inside(self, parent: str, name: str) -> list[dict[str, str]]:
        """Return those that stand in another."""
        return [attributes for above, one, attributes in self._found if (above, one) == (parent, name)]

    def _starts(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._found) > MOST_TAGS:
            raise BadTable(ODD)
        self._found.append((self._path[-1], name, attributes))
        self._path.append(name)

    def _ends(self, name: str) -> None:
        self._path.pop()


def _ignore(_: str) -> None:
    """Leave a text out."""


def _refuse(*_: object) -> None:
    raise BadTable(ODD)
