"""A table as people hand it over, a CSV or an XLSX file: its columns, and row by row its cells as texts.

Nothing of it is kept in memory. Rows are counted as the spreadsheet shows them, and what is wrong with one cell or one
row is told with that row: the others are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

MOST_COLUMNS = 100
RISKY = ("=", "+", "-", "@", "\t", "\r")
"""How a cell must not begin, or a spreadsheet would calculate it."""
NO_FAULTS: Mapping[int, str] = {}

SAVE = "save it as XLSX or as CSV UTF-8"
OLE, PDF = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"%PDF"
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


class BadTable(ValueError):  # noqa: N818 - names what is wrong
    """The file as a whole cannot be read, in a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row, counted from 1. `faults` says of which cell (counted from 0) the text is not what was meant, and why."""

    row: int
    cells: Sequence[str]
    faults: Mapping[int, str] = field(default_factory=lambda: NO_FAULTS)


@dataclass(slots=True, kw_only=True)
class Table:
    """A table that is being read. `hidden` counts rows left out because the spreadsheet hides them, as far as read."""

    kind: str
    columns: list[str]
    lines: Iterator[Line]
    sheet: str = ""
    sheets: Sequence[str] = ()
    hidden: int = 0


def opened(file: BinaryIO, sheet: str = "") -> Table:
    """Open a table; what it is, its bytes say and not its name. `sheet` chooses one of a workbook's. Raises BadTable.

    `file` must be able to seek, stays the caller's to close, and must stay open while `lines` is read.
    """
    from wire import table_csv, table_xlsx  # noqa: PLC0415 - both are built from the words above

    file.seek(0)
    head = file.read(4096)
    file.seek(0)
    if head.startswith(b"PK"):
        return table_xlsx.opened(file, sheet)
    if sheet:
        raise BadTable("Only a workbook (XLSX) has sheets; this is none.")
    if trouble := _foreign(file, head):
        raise BadTable(trouble)
    return table_csv.opened(file)


def _foreign(file: BinaryIO, head: bytes) -> str:
    """Say what a file is that is neither; "" where it may be CSV."""
    if head.startswith(OLE):
        file.seek((int.from_bytes(head[48:52], "little") + 1) << 9)  # where its list of contents is
        if ENCRYPTED in file.read(4096) or ENCRYPTED in head:
            return "This workbook is protected by a password: take it off and save it again."
        return f"This is a workbook of Excel 97 to 2003 (.xls): {SAVE}."
    if head.startswith(PDF):
        return f"This is a PDF, no table: export the list itself and {SAVE}."
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        return f"This is a web page or XML, whatever its name says: open it in a spreadsheet and {SAVE}."
    return ""


def heading(lines: Iterator[Line]) -> list[str]:
    """Take the names of the columns off a table: its first row that is not empty. Raises BadTable."""
    first = next((line for line in lines if any(cell.strip() for cell in line.cells)), None)
    if first is None:
        raise BadTable("The first row must name the columns. There is none.")
    if first.faults:
        at, why = next(iter(first.faults.items()))
        raise BadTable(f"Row {first.row} should name the columns, but column {at + 1} {why}.")
    names = [bare(cell).strip() for cell in first.cells]
    while not names[-1]:
        names.pop()
    if len(names) > MOST_COLUMNS:
        raise BadTable(f"There are {len(names)} columns or more, at most {MOST_COLUMNS} are read.")
    if formula := next((name for name in names if name.startswith("=")), ""):
        raise BadTable(f"The name of a column is a formula: {formula[:40]!r}.")
    if doubled := next((name for name in names if name and names.count(name) > 1), ""):
        raise BadTable(f"The column {doubled[:40]!r} stands twice.")
    return names


def bare(cell: str) -> str:
    """Take off what keeps a spreadsheet from reading a number or a formula: a leading apostrophe, or ="..."."""
    if cell.startswith('="'):
        return cell.removeprefix('="').removesuffix('"')
    return cell[1:] if cell.startswith("'") and cell[1:].lstrip()[:1] in {*RISKY, *"0123456789"} else cell


def safe(value: Any) -> Any:
    """Write a value so that a spreadsheet shows it and does not calculate it; `bare` takes that off again."""
    return f"'{value}" if isinstance(value, str) and value.lstrip().startswith(RISKY) else value
