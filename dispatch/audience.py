"""People out of a table, row by row. Nothing of it is kept in memory.

A row that cannot be texted is told by the number the spreadsheet shows, with its column and its cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dispatch.recipient import Candidate, NoRecipient, resolve
from rules.fields import did_you_mean
from wire.table import BadTable, Line, Table, bare

BadList = BadTable
"""The list as a whole cannot be read, in a sentence."""

EATEN = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]{1,3}")
"""A phone number that a spreadsheet took for a large number: 4.9151E+12. Its digits are lost."""
LOST = "the spreadsheet took it for a number and its last digits are lost; format the column as text"
TOO_MANY = "more cells than there are columns"
LONGEST_CELL, SHOWN = 2_000, 80
OURS = "#"
"""How the columns begin that we add to a list of bad rows; they are no data when it is uploaded again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMap:
    """How the columns of a table are meant. `to` are the fields in which a rule looks for the number.

    `phone` is the column that holds it, where it has none of these names. `region` (ISO, such as DE) reads numbers
    without +, unless the row has a `country` of two letters. `rename` gives columns the names that texts use.
    """

    to: Sequence[str] = ("phone",)
    phone: str = ""
    region: str = ""
    rename: Mapping[str, str] = field(default_factory=dict)

    def names(self, columns: Sequence[str]) -> list[str]:
        """Return what each column is called from here on, "" for those that are left out. Raises BadList."""
        renames = {**self.rename, **({self.phone: self.to[0]} if self.phone else {})}
        for name in renames:
            if name not in columns:
                near = did_you_mean(name, columns) or f"There are {', '.join(filter(None, columns))[:300]}."
                raise BadList(f"There is no column {name[:40]!r}. {near}")
        taken = set(renames.values())
        names = [
            renames.get(one, "" if one in taken or one.startswith(OURS) else one) if one else "" for one in columns
        ]
        if doubled := next((name for name in names if name and names.count(name) > 1), ""):
            raise BadList(f"Two columns would be called {doubled[:40]!r}.")
        if not any(name in names for name in self.to):
            raise BadList(_no_phone(self.to, columns))
        return names


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A row that can be texted. `data` holds the number under the name of the column it came from."""

    row: int
    number: str
    data: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A row that cannot; `cells` are those of the row as it was written."""

    row: int
    column: str
    cell: str
    why: str
    cells: Sequence[str] = ()


def people(table: Table, columns: ColumnMap) -> Iterator[Person | BadRow]:
    """Read a table. Raises BadList where its columns are not what the map says."""
    names = columns.names(table.columns)
    if number := next((name for name in table.columns if _is_number(name, columns.region)), ""):
        raise BadList(f"The first row must name the columns; it holds a phone number, {number[:4]}...")
    for line in table.lines:
        if len(names) < len(table.columns):  # records of a query may show another column later
            names = columns.names(table.columns)
        if line.faults or any(map(str.strip, line.cells)):
            yield _read(line, table.columns, names, columns)


def _read(line: Line, columns: Sequence[str], names: Sequence[str], how: ColumnMap) -> Person | BadRow:
    cells = line.cells
    for index, why in line.faults.items():
        if index >= len(names) or names[index] or why:
            return _bad(line, index, columns, why)
    if len(cells) > len(names) and any(cell.strip() for cell in cells[len(names) :]):
        extra = next(index for index in range(len(names), len(cells)) if cells[index].strip())
        return _bad(line, extra, columns, TOO_MANY)
    data = {name: bare(cell).strip()[:LONGEST_CELL] for name, cell in zip(names, cells, strict=False) if name}
    country = data.get("country", "")
    candidates = [Candidate(field=name, value=data[name]) for name in how.to if data.get(name)]
    found = resolve(candidates, country if len(country) == 2 else how.region)
    if isinstance(found, NoRecipient):
        name = next((name for name in how.to if data.get(name)), next(one for one in how.to if one in names))
        why = LOST if EATEN.fullmatch(data.get(name, "")) else found.why.removeprefix(f"{name}: ")
        return _bad(line, names.index(name), columns, why if data.get(name) else "is empty")
    data[found.field] = found.number  # so that the text goes to the number that was read here, whatever the rule says
    return Person(row=line.row, number=found.number, data=data)


def _bad(line: Line, index: int, columns: Sequence[str], why: str) -> BadRow:
    cell = line.cells[index] if index < len(line.cells) else ""
    return BadRow(
        row=line.row, column=columns[index] if index < len(columns) else "", cell=_clean(cell[:SHOWN]), why=why,
        cells=[_clean(one[:LONGEST_CELL]) for one in line.cells],
    )  # fmt: skip


def _clean(cell: str) -> str:
    """Take out what databases refuse in a text."""
    return cell.replace("\x00", "") if "\x00" in cell else cell


def _is_number(name: str, region: str) -> bool:
    digits = sum(map(str.isdigit, name))
    return digits > 6 and not isinstance(resolve([Candidate(field="", value=name)], region), NoRecipient)


def _no_phone(wanted: Sequence[str], columns: Sequence[str]) -> str:
    near = ", ".join(name for name in columns if name)[:300]
    return f"No column is called {' or '.join(map(repr, wanted))}; there are {near}. Say which holds the phone."
