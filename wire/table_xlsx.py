"""XLSX workbooks: which sheet is read, and what keeps a small file from filling the memory or the disk.

Facts: ECMA-376 (part 1: SpreadsheetML, part 2: packages), appnote.txt of ZIP, read 2026-11; figures and the libraries
beside it: docs/decisions/0018-reading-spreadsheets.md. Rows that are hidden are left out and counted: who filters a
list and uploads it means those on the screen. Hidden columns are read.
"""

from __future__ import annotations

import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from posixpath import dirname, join, normpath
from typing import BinaryIO
from xml.parsers.expat import ExpatError

from wire import xlsx_strings
from wire.table import SAVE, BadTable, Line, Table, heading
from wire.xlsx_sheet import Sheet, Styles
from wire.xlsx_strings import Strings
from wire.xlsx_xml import Tags

MOST_DIRECTORY = 200_000
"""Bytes of the list of a package's entries; a thousand entries take about 80,000."""
LARGEST, LARGEST_PART = 3_000_000_000, 20_000_000
"""Bytes unpacked of all entries together, and of one that is neither a sheet nor its texts."""
RATIO, SMALL = 300, 50_000_000
"""No sheet of people is squeezed so well; below so many bytes it does no harm."""
CHUNK = 65_536
SHEET, STRINGS = "/worksheet", "/sharedStrings"
BREAKS = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, NotImplementedError, RuntimeError,
    LookupError, OSError, ValueError, OverflowError, ExpatError,
)  # fmt: skip
"""Whatever zipfile and expat raise at bytes that somebody changed."""
DATE_IDS = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
"""Number formats every spreadsheet knows by their number, and which show a time."""
NOT_DATE = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.|general', re.IGNORECASE)
FOREIGN = {
    "content.xml": f"This is an OpenDocument table (.ods): {SAVE}.",
    "xl/workbook.bin": f"This is a binary workbook (.xlsb): {SAVE}.",
    "word/document.xml": "This is a text document, no table.",
    "Index/Document.iwa": f"This is a table of Apple Numbers: {SAVE}.",
}
BROKEN = f"The workbook is broken: open it in a spreadsheet and {SAVE}."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    """A sheet: its name, where it is in the package, and whether people see it."""

    name: str
    path: str
    is_visible: bool


def opened(file: BinaryIO, sheet: str) -> Table:
    """Open a workbook at a sheet, the first visible one where none is named. Raises BadTable."""
    try:
        package = _package(file)
        return _table(package, sheet)
    except BadTable:
        raise
    except BREAKS as error:
        raise BadTable(BROKEN) from error


def _table(package: zipfile.ZipFile, wanted: str) -> Table:
    main = next(iter(_relations(package, "", "/officeDocument").values()), "xl/workbook.xml")
    book = Tags(_part(package, main))
    sheets, chosen = _sheets(package, main, book), None
    for one in sheets:
        if (one.name == wanted) if wanted else one.is_visible:
            chosen = one
            break
    if chosen is None:
        names = ", ".join(repr(one.name[:40]) for one in sheets[:20])
        raise BadTable(f"There is no sheet {wanted[:40]!r}; there are {names or 'none'}.")
    styles = _styles(package, main, is_1904=any(one.get("date1904") in {"1", "true"} for one in book.all("workbookPr")))
    strings = _strings(package, main)
    found = Sheet(_chunks(package, chosen.path), strings, styles)
    table = Table(kind="xlsx", columns=[], lines=iter(()), sheet=chosen.name, sheets=[one.name for one in sheets])
    table.lines = _lines(found, table)
    table.columns = heading(table.lines)
    return table


def _lines(found: Sheet, table: Table) -> Iterator[Line]:
    try:
        for line in found:
            table.hidden = found.hidden
            yield line
        table.hidden = found.hidden
    except BadTable:
        raise
    except BREAKS as error:
        raise BadTable(BROKEN) from error


def _package(file: BinaryIO) -> zipfile.ZipFile:
    """Open the package after a look at what it would unpack to."""
    size = file.seek(0, 2)
    file.seek(max(0, size - 66_000))
    end = file.read()
    at = end.rfind(b"PK\x05\x06")
    if at < 0:
        raise BadTable(BROKEN)
    if int.from_bytes(end[at + 12 : at + 16], "little") > MOST_DIRECTORY:
        raise BadTable("This workbook has more parts than a table of people can have.")
    package = zipfile.ZipFile(file)
    entries = package.infolist()
    names = {entry.filename for entry in entries}
    if trouble := next((said for name, said in FOREIGN.items() if name in names), ""):
        raise BadTable(trouble)
    if "[Content_Types].xml" not in names:
        raise BadTable("This is a ZIP archive, no workbook: unpack it and upload the table in it.")
    if any(entry.flag_bits & 1 for entry in entries):
        raise BadTable("This workbook is protected by a password: take it off and save it again.")
    if sum(entry.file_size for entry in entries) > LARGEST or any(map(_is_bomb, entries)):
        raise BadTable("This workbook would unpack to far more than a table of people needs; it is not read.")
    return package


def _is_bomb(entry: zipfile.ZipInfo) -> bool:
    return entry.file_size > SMALL and entry.file_size > RATIO * entry.compress_size


def _chunks(package: zipfile.ZipFile, path: str) -> Iterator[bytes]:
    """Unpack an entry piece by piece; zipfile gives no more than the size that was looked at."""
    with package.open(path) as part:
        while chunk := part.read(CHUNK):
            yield chunk


def _part(package: zipfile.ZipFile, path: str) -> Iterator[bytes]:
    if package.getinfo(path).file_size > LARGEST_PART:
        raise BadTable(f"The part {path[:60]} of this workbook is far too large.")
    return _chunks(package, path)


def _relations(package: zipfile.ZipFile, path: str, kind: str = "") -> dict[str, str]:
    """Return where a part's relations of a kind lead, by their ids."""
    name = f"{dirname(path)}/_rels/{path.rpartition('/')[2]}.rels".lstrip("/")
    if name not in package.NameToInfo:
        return {}
    found = {}
    for one in Tags(_part(package, name)).all("Relationship"):
        target = one.get("Target", "")
        if one.get("Type", "").endswith(kind):
            found[one.get("Id", "")] = normpath(join(dirname(path), target) if target[:1] != "/" else target[1:])
    return found


def _sheets(package: zipfile.ZipFile, main: str, book: Tags) -> list[_Named]:
    paths = _relations(package, main, SHEET)
    found = []
    for one in book.all("sheet"):
        ident = next((value for name, value in one.items() if name.rpartition(":")[2] == "id"), "")
        if paths.get(ident) in package.NameToInfo:  # a sheet that is a chart has no cells
            is_visible = one.get("state", "visible") == "visible"
            found.append(_Named(name=one.get("name", ""), path=paths[ident], is_visible=is_visible))
    return found


def _styles(package: zipfile.ZipFile, main: str, *, is_1904: bool) -> Styles:
    """Find out which styles show numbers as times, and from when days are counted."""
    formats, dates = {}, set[int]()
    path = next(iter(_relations(package, main, "/styles").values()), "")
    if path in package.NameToInfo:
        tags = Tags(_part(package, path))
        for one in tags.all("numFmt"):
            formats[one.get("numFmtId", "")] = NOT_DATE.sub("", one.get("formatCode", "").partition(";")[0]).lower()
        for index, one in enumerate(tags.inside("cellXfs", "xf")):
            ident = one.get("numFmtId", "0")
            if (ident.isdecimal() and int(ident) in DATE_IDS) or set(formats.get(ident, "")) & set("dmyhs"):
                dates.add(index)
    return Styles(dates=frozenset(dates), zero=date(1904, 1, 1) if is_1904 else date(1899, 12, 30))


def _strings(package: zipfile.ZipFile, main: str) -> Strings:
    path = next(iter(_relations(package, main, STRINGS).values()), "")
    return xlsx_strings.read(_chunks(package, path)) if path in package.NameToInfo else xlsx_strings.NONE
