"""The texts that the cells of a workbook share, in a file that vanishes by itself: a million need no memory."""

from __future__ import annotations

import mmap
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from tempfile import TemporaryFile

from wire.xlsx_xml import Parser

LONGEST = 40_000
"""Characters of a cell; a spreadsheet takes 32,767."""


@dataclass(frozen=True, slots=True)
class Strings:
    """All texts, one behind the other, and where each ends."""

    ends: array[int]
    data: mmap.mmap | bytes

    def __getitem__(self, index: int) -> str:
        if not 0 <= index < len(self.ends) - 1:
            raise IndexError(index)
        return self.data[self.ends[index] : self.ends[index + 1]].decode("utf-8", "replace")


NONE = Strings(ends=array("Q", [0]), data=b"")


def read(chunks: Iterator[bytes]) -> Strings:
    """Read the part that holds them."""
    ends, at = array("Q", [0]), 0
    with TemporaryFile() as file:
        for text in _Texts(chunks):
            at += file.write(text.encode("utf-8", "replace"))
            ends.append(at)
        file.flush()
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if at else b""
    return Strings(ends=ends, data=data)


class _Texts:
    """Yields them in order; how one is read aloud (rPh) is not part of it."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._found: list[str] = []
        self._pieces: list[str] = []
        self._size = 0
        self._collects = self._is_aloud = False

    def __iter__(self) -> Iterator[str]:
        return Parser(self._start, self._end, self._data).hand_out(self._chunks, self._found)

    def _start(self, name: str, _: dict[str, str]) -> None:
        if name == "si":
            self._pieces, self._size = [], 0
        elif name == "rPh":
            self._is_aloud = True
        elif name == "t":
            self._collects = not self._is_aloud

    def _end(self, name: str) -> None:
        if name == "si":
            self._found.append("".join(self._pieces))
        elif name == "rPh":
            self._is_aloud = False
        elif name == "t":
            self._collects = False

    def _data(self, text: str) -> None:
        if self._collects and self._size < LONGEST:
            self._pieces.append(text)
            self._size += len(text)
