"""Reading a list of people row by row, as spreadsheets write them. Nothing of it is kept in memory.

A row that cannot be texted is told by the number the spreadsheet shows, with its column and its cell.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from dispatch.recipient import Candidate, NoRecipient, resolve

EATEN = re.compile(r"[0-9][.,][0-9]+[eE]\+[0-9]+")
"""A phone number that a spreadsheet took for a large number: 4.9151E+12. Its digits are lost."""
LOST = "the spreadsheet took it for a number and its last digits are lost; format the column as text"
LONGEST_CELL, MOST_COLUMNS, SAMPLE = 2_000, 100, 64_000
DELIMITERS = ",;\t|"


class BadList(ValueError):  # noqa: N818 - names what is wrong
    """The list as a whole cannot be read, in a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A row that can be texted."""

    row: int
    number: str
    data: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A row that cannot."""

    row: int
    column: str
    cell: str
    why: str


def people(file: BinaryIO, phones: Sequence[str], region: str) -> Iterator[Person | BadRow]:
    """Read a CSV file. `phones` are the columns that may hold the number, `region` reads numbers without +.

    Raises BadList where the file is none, or names its columns badly.
    """
    lines, delimiter = _text_of(file)
    reader = csv.reader(lines, delimiter=delimiter, strict=False)
    try:
        columns = _columns(next(reader, []), phones)
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield _read(reader.line_num, columns, cells, phones, region)
    except csv.Error as error:
        raise BadList(f"row {reader.line_num}: this is not CSV: {error}") from None
    finally:
        lines.detach()  # the file is the caller's to close


def _text_of(file: BinaryIO) -> tuple[io.TextIOWrapper, str]:
    """Find out how the file is written: UTF-8 with or without a mark, UTF-16, else the code page of old Windows."""
    head = file.read(SAMPLE)
    if head.startswith(b"PK\x03\x04"):
        raise BadList("This is a workbook (XLSX), not CSV: save it as CSV UTF-8.")
    if b"\x00" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadList("This is no text file.")
    encoding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    if encoding == "utf-8-sig" and not _is_utf8(head):
        encoding = "cp1252"
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, errors="replace", newline="")
    first = head.decode(encoding, "replace").splitlines()[:1] or [""]
    return text, max(DELIMITERS, key=first[0].count)


def _is_utf8(head: bytes) -> bool:
    try:
        head[: head.rfind(b"\n") + 1 or len(head)].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _columns(first: Sequence[str], phones: Sequence[str]) -> list[str]:
    names = [name.strip() for name in first]
    if not any(names):
        raise BadList("The first row must name the columns.")
    if len(names) > MOST_COLUMNS:
        raise BadList(f"There are {len(names)} columns, at most {MOST_COLUMNS} are read.")
    doubled = sorted({name for name in names if name and names.count(name) > 1})
    if doubled:
        raise BadList(f"The column {doubled[0]!r} stands twice.")
    if not any(name in names for name in phones):
        near = ", ".join(name for name in names if name)
        raise BadList(f"No column is called {' or '.join(map(repr, phones))}; there are {near}.")
    return names


def _read(
    row: int, columns: Sequence[str], cells: Sequence[str], phones: Sequence[str], region: str
) -> Person | BadRow:
    if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
        return BadRow(row=row, column="", cell=cells[len(columns)][:80], why="more cells than there are columns")
    data = {name: cell.strip()[:LONGEST_CELL] for name, cell in zip(columns, cells, strict=False) if name}
    candidates = [Candidate(field=name, value=_bare(data[name])) for name in phones if data.get(name)]
    found = resolve(candidates, data.get("country", "") if len(data.get("country", "")) == 2 else region)
    if isinstance(found, NoRecipient):
        column = next((name for name in phones if data.get(name)), phones[0])
        cell = data.get(column, "")
        why = LOST if EATEN.fullmatch(cell) else found.why
        return BadRow(row=row, column=column, cell=cell[:80], why=why or "empty")
    return Person(row=row, number=found.number, data=data)


def _bare(cell: str) -> str:
    """Take off what keeps a spreadsheet from reading a number: a leading apostrophe, or ="..."."""
    return cell.removeprefix('="').removesuffix('"') if cell.startswith('="') else cell.lstrip("'")
