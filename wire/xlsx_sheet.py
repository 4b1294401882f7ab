"""The cells of one sheet of a workbook, row by row, as texts.

Facts: ECMA-376 part 1, 18.3 (cells) and 18.18.11 (their types), read 2026-11. A number is kept as a double: whole
ones are exact up to 15 digits, so a phone that became a number can be told digit by digit. One of 11 digits and more of
which only the first six are not zero was shown short and stored so: it is written as the spreadsheet shows it
(4.9151E+12), and its last digits are lost. Of a formula the value is read that the spreadsheet stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from wire.table import MOST_COLUMNS, NO_FAULTS, BadTable, Line
from wire.xlsx_strings import LONGEST, Strings
from wire.xlsx_xml import ODD, Parser

LAST_ROW = 1_048_576
PLACE = re.compile(r"([A-Z]{1,3})[0-9]{1,7}")
UNKNOWN = "holds a formula whose value nobody has calculated yet; open the file, save it and read it again"
ROUNDED = re.compile(r"([1-9])([0-9]{5})0{5,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Styles:
    """Which styles show a number as a time, and from when days are counted."""

    dates: frozenset[int]
    zero: date


class Sheet:
    """Yields the rows that are not hidden and hold something. Raises BadTable, and ExpatError where it is no XML."""

    def __init__(self, chunks: Iterator[bytes], strings: Strings, styles: Styles) -> None:
        self.hidden = 0
        self._chunks, self._strings, self._styles = chunks, strings, styles
        self._found: list[Line] = []
        self._row, self._is_hidden = 0, False
        self._cells: list[str] = []
        self._faults: dict[int, str] = {}
        self._index, self._kind, self._style = 0, "n", ""
        self._pieces: list[str] = []
        self._size = 0
        self._collects = self._has_value = self._has_formula = self._is_aloud = False

    def __iter__(self) -> Iterator[Line]:
        return Parser(self._start, self._end, self._data).hand_out(self._chunks, self._found)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            self._begin_cell(attributes)
        elif name == "v" or (name == "t" and not self._is_aloud):
            self._collects = self._has_value = True
        elif name == "row":
            self._begin_row(attributes)
        elif name == "f":
            self._has_formula = True
        elif name == "rPh":
            self._is_aloud = True

    def _end(self, name: str) -> None:
        if name in {"v", "t"}:
            self._collects = False
        elif name == "c":
            self._end_cell()
        elif name == "row":
            self._end_row()
        elif name == "rPh":
            self._is_aloud = False

    def _data(self, text: str) -> None:
        if self._collects and self._size < LONGEST:
            self._pieces.append(text)
            self._size += len(text)

    def _begin_row(self, attributes: dict[str, str]) -> None:
        said = attributes.get("r", "")
        number = int(said) if said.isdecimal() and len(said) < 9 else self._row + 1
        if number <= self._row or number > LAST_ROW:
            raise BadTable(ODD)
        self._row, self._index = number, -1
        self._is_hidden = attributes.get("hidden") in {"1", "true"}
        self._cells, self._faults = [], {}

    def _end_row(self) -> None:
        if not any(self._cells) and not self._faults:
            return
        if self._is_hidden:
            self.hidden += 1
            return
        self._found.append(Line(row=self._row, cells=self._cells, faults=self._faults or NO_FAULTS))

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        place = PLACE.fullmatch(attributes.get("r", ""))
        self._index = _column(place[1]) if place else self._index + 1
        self._kind, self._style = attributes.get("t", "n"), attributes.get("s", "")
        self._pieces, self._size = [], 0
        self._collects = self._has_value = self._has_formula = False

    def _end_cell(self) -> None:
        raw, fault = "".join(self._pieces), ""
        if self._has_formula and not self._has_value:
            text, fault = "", UNKNOWN
        elif not raw:
            return
        else:
            text, fault = self._text(raw)
        index = min(self._index, MOST_COLUMNS)  # what is further right counts as one cell too many
        if index >= len(self._cells):
            self._cells.extend([""] * (index + 1 - len(self._cells)))
        self._cells[index] = text
        if fault:
            self._faults[index] = fault

    def _text(self, raw: str) -> tuple[str, str]:
        """Return a cell as text, and what is wrong with it."""
        if self._kind == "s":
            try:
                return self._strings[int(raw)], ""
            except (IndexError, ValueError):
                return "", "points to a text that is not in the workbook"
        if self._kind == "n":
            is_date = self._style.isdecimal() and int(self._style) in self._styles.dates
            return (_moment(raw, self._styles.zero) if is_date else _number(raw)), ""
        if self._kind == "b":
            return "TRUE" if raw == "1" else "FALSE", ""
        return raw, f"holds the error {raw[:20]}" if self._kind == "e" else ""


def _column(letters: str) -> int:
    found = 0
    for letter in letters:
        found = found * 26 + ord(letter) - 64
    return found - 1


def _number(raw: str) -> str:
    """Write a number as it was typed: whole ones without point and exponent."""
    if not raw.isdecimal():
        try:
            value = float(raw)
        except ValueError:
            return raw
        raw = str(int(value)) if abs(value) < 1e15 and value.is_integer() else repr(value)
    if rounded := ROUNDED.fullmatch(raw):
        tail = rounded[2].rstrip("0")
        return f"{rounded[1]}{'.' if tail else ''}{tail}E+{len(raw) - 1}"
    return raw


def _moment(raw: str, zero: date) -> str:
    """Write a number of days as a date, with the hour where it has one."""
    try:
        days = float(raw)
        moment = datetime(zero.year, zero.month, zero.day) + timedelta(seconds=round(days * 86_400))  # noqa: DTZ001 - a spreadsheet's times have no zone
    except (ValueError, OverflowError):
        return raw
    if 0 <= days < 1:
        return f"{moment:%H:%M}"
    return f"{moment:%Y-%m-%d}" if days == int(days) else f"{moment:%Y-%m-%d %H:%M}"
