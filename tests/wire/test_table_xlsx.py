"""Workbooks: read as another library reads them, in little memory; bombs and strangers are refused in a sentence."""

from __future__ import annotations

import io
import os
import random
import re
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from tests.scale import fuzz_seconds, runs
from wire.table import BadTable, Table, opened


def workbook(*rows: list[Any], change: Callable[[Any], object] = lambda sheet: None) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    change(book.active)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def table_of(raw: bytes, sheet: str = "") -> Table:
    return opened(io.BytesIO(raw), sheet)


def cells_of(raw: bytes) -> list[list[str]]:
    return [list(line.cells) for line in table_of(raw).lines]


def rewritten(raw: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """Change one part of a workbook."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.namelist():
            new.writestr(entry, change(old.read(entry)) if entry == name else old.read(entry))
    return made.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
SMALL = workbook(["phone", "name"], ["0171 3920001", "Ada"])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0171 3920001", "0171 3920001"),
        (4915139200001, "4915139200001"),
        (4915139200001.0, "4915139200001"),
        (1713920001, "1713920001"),
        (4915100000000, "4.9151E+12"),
        (441600000000, "4.416E+11"),
        (100000, "100000"),
        (0.1, "0.1"),
        (-3, "-3"),
        (True, "TRUE"),
        (date(2026, 11, 23), "2026-11-23"),
        (datetime.fromisoformat("2026-11-23T14:30"), "2026-11-23 14:30"),
        ("4.9151E+12", "4.9151E+12"),
        ("two\nlines & <more>", "two\nlines & <more>"),
        ("Zoë 電話", "Zoë 電話"),
    ],
)  # fmt: skip
def test_a_cell_is_what_the_spreadsheet_shows(value: Any, text: str) -> None:
    assert cells_of(workbook(["phone"], [value])) == [[text]]


def test_rows_have_the_numbers_the_spreadsheet_shows() -> None:
    def change(sheet: Any) -> None:
        sheet["A7"], sheet["B9"] = "0171 3920002", "only a name"

    found = [
        (line.row, list(line.cells))
        for line in table_of(workbook(["phone", "name"], ["1", "Ada"], change=change)).lines
    ]

    assert found == [(2, ["1", "Ada"]), (7, ["0171 3920002"]), (9, ["", "only a name"])]


def test_hidden_rows_are_left_out_and_counted_and_hidden_columns_are_read() -> None:
    def change(sheet: Any) -> None:
        sheet.row_dimensions[3].hidden = True
        sheet.column_dimensions["B"].hidden = True

    table = table_of(workbook(["phone", "id"], ["1", "a"], ["2", "b"], ["3", "c"], change=change))

    assert [list(line.cells) for line in table.lines] == [["1", "a"], ["3", "c"]]
    assert table.hidden == 1


def test_a_formula_gives_its_stored_value_and_without_one_the_row_is_told() -> None:
    raw = workbook(["phone", "name"], ['=CONCAT("0171 ","3920001")', "Ada"], ["0171 3920002", "Bo"])
    stored = rewritten(
        raw,
        SHEET,
        lambda xml: xml.replace(b"<v></v>", b"<v>0171 3920001</v>").replace(b"<v />", b"<v>0171 3920001</v>"),
    )
    bare = rewritten(raw, SHEET, lambda xml: xml.replace(b"<v></v>", b"").replace(b"<v />", b"").replace(b"<v/>", b""))

    assert cells_of(stored)[0] == ["0171 3920001", "Ada"]
    first, second = table_of(bare).lines
    assert "whose value nobody has calculated yet" in first.faults[0]
    assert (first.row, second.faults) == (2, {})


def test_an_error_in_a_cell_is_told() -> None:
    raw = rewritten(SMALL, SHEET, lambda xml: re.sub(rb'<c r="A2".*?</c>', b'<c r="A2" t="e"><v>#REF!</v></c>', xml))

    assert next(table_of(raw).lines).faults == {0: "holds the error #REF!"}


def test_the_first_visible_sheet_is_read_or_the_one_that_is_named() -> None:
    book = Workbook()
    book.active.title, book.active.sheet_state = "Notes", "hidden"
    for name in ("People", "Others"):
        book.create_sheet(name).append(["phone", name])
    file = io.BytesIO()
    book.active = 1
    book.save(file)

    assert table_of(file.getvalue()).columns == ["phone", "People"]
    assert table_of(file.getvalue(), "Others").columns == ["phone", "Others"]
    assert table_of(file.getvalue(), "Others").sheets == ["Notes", "People", "Others"]
    with pytest.raises(BadTable, match="no sheet 'Else'; there are 'Notes', 'People', 'Others'"):
        table_of(file.getvalue(), "Else")


def packed(**parts: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in parts.items():
            made.writestr(name.replace("__", "/").replace("_xml", ".xml"), content)
    return file.getvalue()


ENTITIES = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><worksheet>&b;</worksheet>'
DEEP = b"<worksheet><sheetData>" + b"<row>" * 100_000
WIDE = (
    b'<worksheet><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>phone</t></is></c></row><row r="2" x="'
    + b"y" * 5_000_000
)


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (packed(a_xml=b"x"), "a ZIP archive, no workbook"),
        (packed(content_xml=b"x"), "OpenDocument table (.ods)"),
        (packed(word__document_xml=b"x"), "a text document"),
        (b"PK\x03\x04 and no more", "The workbook is broken"),
        (SMALL[: len(SMALL) // 2], "The workbook is broken"),
        (rewritten(SMALL, SHEET, lambda _: ENTITIES), "XML that no spreadsheet writes"),
        (rewritten(SMALL, SHEET, lambda _: DEEP), "XML that no spreadsheet writes"),
        (rewritten(SMALL, SHEET, lambda _: WIDE), "XML that no spreadsheet writes"),
        (rewritten(SMALL, SHEET, lambda _: b" " * 60_000_000), "unpack to far more"),
        (rewritten(SMALL, "xl/styles.xml", lambda _: b" " * 21_000_000), "The part xl/styles.xml of this workbook"),
        (packed(**{f"n{n}": b"" for n in range(9_000)}), "more parts than a table"),
    ],
    ids=["zip", "ods", "docx", "junk", "half", "entities", "deep", "wide", "bomb", "styles", "parts"],
)
def test_what_is_no_table_of_people_is_refused_in_a_sentence(raw: bytes, sentence: str) -> None:
    with pytest.raises(BadTable) as refusal:
        list(table_of(raw).lines)

    assert sentence in str(refusal.value)


def test_a_workbook_with_a_password_is_told_from_an_old_one() -> None:
    old = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 1016
    locked = old + "EncryptedPackage".encode("utf-16-le")

    with pytest.raises(BadTable, match=r"\.xls"):
        table_of(old)
    with pytest.raises(BadTable, match="protected by a password"):
        table_of(locked)


def test_many_rows_need_no_more_memory_than_few() -> None:
    count = runs(3_000, 100_000)
    raw = workbook(["phone", "name"], *[[f"+49171392{n:04d}", f"Person {n}"] for n in range(count)])

    tracemalloc.start()
    rows = sum(1 for _ in table_of(raw).lines)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert rows == count
    assert peak < 3_000_000


def test_any_workbook_reads_as_the_other_library_reads_it() -> None:
    dice = random.Random(11)
    values: list[Callable[[], Any]] = [
        lambda: None, lambda: "".join(dice.choices('aé"<&>\n=,;\t 電0', k=dice.randint(1, 12))).strip() or None,
        lambda: dice.randrange(10**10), lambda: dice.random() < 0.5, lambda: date(2026, 1, 1 + dice.randrange(30)),
    ]  # fmt: skip
    for _ in range(runs(15, 300)):
        rows = [[dice.choice(values)() for _ in range(4)] for _ in range(dice.randint(1, 20))]
        raw = workbook(
            ["phone", "a", "b", "c"], *[[one if not str(one).startswith("=") else "x" for one in row] for row in rows]
        )

        wanted = [
            [written(cell) for cell in row]
            for row in load_workbook(io.BytesIO(raw)).active.iter_rows(min_row=2, values_only=True)
        ]
        found = [[*cells, *[""] * (4 - len(cells))] for cells in cells_of(raw)]

        assert found == [row for row in wanted if any(row)]


def written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    return f"{value:%Y-%m-%d}" if isinstance(value, datetime) else str(value)


def test_whatever_is_changed_in_a_workbook_it_is_rows_or_a_sentence() -> None:
    seed = int(os.environ.get("FUZZ_SEED", str(time.time_ns())))
    dice, ends, count = random.Random(seed), time.monotonic() + fuzz_seconds() / 2, 0
    whole = workbook(["phone", "name", "born"], ["0171 3920001", "Ada", date(2000, 1, 1)], [4915139200001, "=A1", True])
    with zipfile.ZipFile(io.BytesIO(whole)) as package:
        parts = [name for name in package.namelist() if name.endswith((".xml", ".rels"))]
    while time.monotonic() < ends:
        name = dice.choice(parts)
        raw = (
            rewritten(whole, name, lambda content: shaken(content, dice))
            if dice.random() < 0.8
            else shaken(whole, dice)
        )
        try:
            lines = list(table_of(raw).lines)
        except BadTable:
            pass
        except Exception as error:
            raise AssertionError(f"seed {seed}, round {count}: {name}") from error
        else:
            assert [line.row for line in lines] == sorted({line.row for line in lines})
        count += 1
    assert count > 20


def shaken(content: bytes, dice: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(changed))
        if dice.random() < 0.5:
            changed[at] = dice.randrange(256)
        else:
            changed[at : at + dice.randint(1, 30)] = dice.choice(
                [b"", b"<c/>", b'r="A1"', b"9" * 40, b"-1", b"&#0;", b"<row>"]
            )
    return bytes(changed)
