"""CSV files as they come: every encoding, broken rows told one by one, and rows counted as a spreadsheet counts."""

from __future__ import annotations

import io
import os
import random
import time
import tracemalloc
from typing import cast

import pytest

from tests.scale import fuzz_seconds
from wire.table import BadTable, Table, opened


def table_of(raw: bytes) -> Table:
    return opened(io.BytesIO(raw))


def rows_of(raw: bytes) -> list[tuple[int, list[str]]]:
    return [(line.row, list(line.cells)) for line in table_of(raw).lines]


def faults_of(raw: bytes) -> list[tuple[int, str]]:
    return [(line.row, why) for line in table_of(raw).lines for why in line.faults.values()]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_list_reads_alike_however_it_is_written(encoding: str, ending: str, delimiter: str) -> None:
    lines = [["phone", "first name"], ["0171 3920001", "Zoë"], ["0171 3920002", "Åsa"], ["0171 3920003", "Bo"]]

    raw = ending.join(delimiter.join(line) for line in lines).encode(encoding)

    assert table_of(raw).columns == lines[0]
    assert [cells for _, cells in rows_of(raw)] == lines[1:]


def test_a_cell_of_two_lines_is_one_row_and_an_empty_row_counts() -> None:
    raw = b'phone,note\n1,"two\nlines, and ""more"""\n\n3,x\n'

    assert rows_of(raw) == [(2, ["1", 'two\nlines, and "more"']), (4, ["3", "x"])]


def test_the_line_that_names_the_delimiter_for_excel_is_no_row() -> None:
    assert rows_of(b"sep=;\nphone;name\n1;Ada, the first\n") == [(2, ["1", "Ada, the first"])]


def test_a_row_in_another_encoding_is_told_and_the_others_are_read() -> None:
    good, odd = "1,Zoë\n".encode(), "2,Zoë\n".encode("cp1252")

    assert faults_of(b"phone,name\n" + good * 3 + odd + good) == [(5, OTHER)]
    assert faults_of(b"phone,name\n" + odd * 3 + good + odd) == [(5, OTHER)]
    assert faults_of(b"phone,name\n" + b"0,plain\n" * 8_000 + odd + good) == [(8_003, OTHER)]


OTHER = "is written in another encoding than the rows before it; save the file as CSV UTF-8"


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (b"1,a\x00b", "holds characters that no text has"),
        (b"1," + b"x" * 140_000, "holds a cell longer than 131,072 characters"),
        (b"1," + b"x" * 2_500_000, "is longer than a million characters"),
        (b'1,"never closed', "opens a quotation mark that is never closed"),
        (b"1,a\rb", "holds the end of a line within a cell that has no quotation marks"),
    ],
    ids=["nul", "long cell", "long line", "open quote", "lone return"],
)  # fmt: skip
def test_a_broken_row_costs_itself_alone(row: bytes, why: str) -> None:
    plain = b"0,plain\n" * 8_000
    raw = b"phone,name\n" + plain + row + b"\n3,next\n4,last\n"

    assert faults_of(raw) == [(8_002, why)]
    assert rows_of(raw)[-2:] == [(8_003, ["3", "next"]), (8_004, ["4", "last"])]


def test_a_cell_of_a_hundred_megabytes_needs_no_memory() -> None:
    class Endless(io.RawIOBase):
        left = 100_000_000

        def readable(self) -> bool:
            return True

        def seekable(self) -> bool:
            return True

        def seek(self, offset: int, whence: int = 0, /) -> int:
            self.left = 100_000_000
            return 0

        def readinto(self, buffer: bytearray, /) -> int:  # type: ignore[override]
            count = min(len(buffer), self.left)
            head = b"phone\n" if self.left == 100_000_000 else b""
            buffer[:count] = head + b"1" * (count - len(head))
            self.left -= count
            return count

    tracemalloc.start()
    lines = list(opened(io.BufferedReader(cast("io.RawIOBase", Endless()))).lines)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert [line.faults[0] for line in lines] == ["is longer than a million characters"]
    assert peak < 8_000_000


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", "The first row must name the columns"),
        (b"\n\n,,\n", "The first row must name the columns"),
        (b"phone,Phone,phone\n", "The column 'phone' stands twice."),
        (b"phone,=A1&B1\n", "The name of a column is a formula: '=A1&B1'."),
        (b",".join(b"c%d" % n for n in range(101)), "There are 101 columns or more, at most 100"),
        (b"%PDF-1.7 ...", "This is a PDF"),
        (b"<html><table>", "a web page or XML"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>", "a web page or XML"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600, "Excel 97 to 2003 (.xls)"),
        (b"\x89PNG\r\n\x1a\n" + b"\x00\x01" * 50, "This is no text file."),
    ],
)
def test_what_is_no_list_is_told_kindly(raw: bytes, sentence: str) -> None:
    with pytest.raises(BadTable) as refusal:
        table_of(raw)

    assert sentence in str(refusal.value)


def test_whatever_the_bytes_are_they_are_rows_or_a_sentence() -> None:
    seed = int(os.environ.get("FUZZ_SEED", str(time.time_ns())))
    dice, ends, count = random.Random(seed), time.monotonic() + fuzz_seconds() / 4, 0
    pieces = [
        b"phone,name\n",
        b'"',
        b",",
        b";",
        b"\n",
        b"\r",
        b"\x00",
        b"\xff\xfe",
        "ü".encode(),
        b"\xfc",
        b"1",
        b"x" * 99,
    ]
    while time.monotonic() < ends:
        raw = b"".join(dice.choices(pieces, k=dice.randint(0, 40)))
        try:
            found = rows_of(raw)
        except BadTable:
            pass
        except Exception as error:
            raise AssertionError(f"seed {seed}: {raw!r}") from error
        else:
            rows = [row for row, _ in found]
            assert rows == sorted(set(rows)), f"seed {seed}: {raw!r}"
        count += 1
    assert count > 20
