"""CSV as spreadsheets, databases and people write it: any usual encoding and delimiter, rows of which some are broken.

Facts: RFC 4180; the csv module of Python 3.11, which goes on with the next line after an error, and by itself takes the
rest of a file for one cell where a quotation mark is not closed; Excel's line `sep=;`, which it does not show as a row.
"""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from wire.table import BadTable, Line, Table, heading

SAMPLE = 64_000
LONGEST_LINE = 1_000_000
DELIMITERS = ",;\t|"
QUOTED = re.compile(r'"[^"]*"')
SEP = re.compile(r"sep=(.)[\r\n]*", re.IGNORECASE)
OTHER_CODE = "is written in another encoding than the rows before it; save the file as CSV UTF-8"
TOO_LONG = "is longer than a million characters"
TOO_LONG_CELL = "holds a cell longer than 131,072 characters"
LONE_RETURN = "holds the end of a line within a cell that has no quotation marks"
UNCLOSED = "opens a quotation mark that is never closed"
NO_TEXT = "holds characters that no text has"
Text = tuple[str, str]
"""A line as it stands in the file, and what is wrong with it."""


def opened(file: BinaryIO) -> Table:
    """Open a CSV file. Raises BadTable."""
    head = file.read(SAMPLE)
    lines = _Lines(_texts(file, head))
    first = lines.peek()
    if found := SEP.fullmatch(first):
        lines.drop()
    rows = _records(lines, found[1] if found else _delimiter(first))
    return Table(kind="csv", columns=heading(rows), lines=rows)


def _texts(file: BinaryIO, head: bytes) -> Iterator[Text]:
    """Yield the lines of a file, in whichever encoding it is."""
    mark = next((name for sign, name in MARKS.items() if head.startswith(sign)), "")
    encoding = mark or _utf16(head)
    if not encoding and head.count(0) > len(head) // 100:
        raise BadTable("This is no text file.")
    file.seek(3 if mark == "utf-8" else 0)
    if encoding.startswith("utf-16") or (b"\r" in head and b"\n" not in head):
        return _wide(file, encoding or _majority(head) or "utf-8")
    return _narrow(file, mark or _majority(head))


MARKS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def _utf16(head: bytes) -> str:
    """Tell UTF-16 without a mark, of which every other byte is mostly zero."""
    for name, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        if len(head) > 3 and zeros.count(0) > len(zeros) * 0.4:
            text = head[: len(head) & ~1].decode(name, "replace")
            return "" if re.search(r"[\x00-\x08\x0e-\x1f]", text) else name
    return ""


def _majority(head: bytes) -> str:
    """Return the encoding of most lines that are not plain ASCII, "" while there are none."""
    odd = [line for line in head[: head.rfind(b"\n") + 1 or len(head)].split(b"\n") if not line.isascii()]
    fit = sum(_fits(line) for line in odd)
    return "" if not odd else "utf-8" if 2 * fit >= len(odd) else "cp1252"


def _fits(line: bytes, encoding: str = "utf-8") -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _narrow(file: BinaryIO, encoding: str) -> Iterator[Text]:
    """Read lines of UTF-8 or of old Windows' code page; where neither is known yet, the first odd line decides."""
    while raw := file.readline(LONGEST_LINE):
        if len(raw) == LONGEST_LINE and raw[-1:] != b"\n":
            while (more := file.readline(LONGEST_LINE)) and more[-1:] != b"\n":
                pass
            yield raw[:80].decode("ascii", "replace"), TOO_LONG
        elif raw.isascii():
            yield raw.decode("ascii"), NO_TEXT if b"\x00" in raw else ""
        else:
            encoding = encoding or ("utf-8" if _fits(raw) else "cp1252")
            # Two bytes that are one letter in UTF-8 make no sense as two letters of Windows: Ã¼ for ü.
            fits = _fits(raw, encoding) and (encoding == "utf-8" or not _fits(raw))
            yield raw.decode(encoding, "replace"), "" if fits else OTHER_CODE


def _wide(file: BinaryIO, encoding: str) -> Iterator[Text]:
    """Read lines of UTF-16, or such as old Macs end, which no b"\\n" ends."""
    text = io.TextIOWrapper(file, encoding=encoding, errors="replace", newline="")
    try:
        while line := text.readline(LONGEST_LINE):
            if len(line) == LONGEST_LINE and line[-1:] not in "\r\n":
                while (more := text.readline(LONGEST_LINE)) and more[-1:] not in "\r\n":
                    pass
                yield line[:80], TOO_LONG
            else:
                yield line.removeprefix("\ufeff"), _odd(line)
    finally:
        text.detach()  # the file is the caller's to close


def _odd(line: str) -> str:
    return OTHER_CODE if "\ufffd" in line else NO_TEXT if "\x00" in line else ""


@dataclass(slots=True)
class _Lines:
    """The lines that the csv module asks for, and those of the record it is at."""

    texts: Iterator[Text]
    again: deque[Text] = field(default_factory=deque)
    taken: list[Text] = field(default_factory=list)
    is_open: bool = False
    """It wanted another line for the record, and there was none."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        found = self.again.popleft() if self.again else next(self.texts, None)
        if found is None:
            self.is_open = bool(self.taken)
            raise StopIteration
        self.taken.append(found)
        return found[0]

    def peek(self) -> str:
        """Return the next line without taking it."""
        found = next(self.texts, None)
        self.again.extend([found] if found else [])
        return found[0] if found else ""

    def drop(self) -> None:
        """Leave the next line out."""
        self.again.popleft()

    def begin(self) -> None:
        """Begin another record."""
        self.taken, self.is_open = [], False

    def back(self) -> None:
        """Read all lines of this record but the first again, each by itself."""
        self.again.extendleft(reversed(self.taken[1:]))


def _records(lines: _Lines, delimiter: str) -> Iterator[Line]:
    """Yield the rows that hold something, counted as a spreadsheet does: a cell of two lines is one row."""
    reader, row = csv.reader(lines, delimiter=delimiter), 0
    while True:
        row += 1
        lines.begin()
        try:
            cells, trouble = next(reader, None), ""
        except csv.Error as error:
            cells = [lines.taken[0][0][:80]]
            trouble = TOO_LONG_CELL if "larger" in str(error) else LONE_RETURN
            lines.is_open = len(lines.taken) > 1
        if cells is None:
            return
        if lines.is_open:  # what follows the open quotation mark is rows of their own
            cells, trouble = [lines.taken[0][0][:80]], UNCLOSED
            lines.back()
        else:
            trouble = next((one for _, one in lines.taken if one), trouble)
        if trouble:
            yield Line(row=row, cells=cells or [lines.taken[0][0][:80]], faults={0: trouble})
        elif cells:
            yield Line(row=row, cells=cells)


def _delimiter(first: str) -> str:
    plain = QUOTED.sub("", first)
    return max(DELIMITERS, key=plain.count)
