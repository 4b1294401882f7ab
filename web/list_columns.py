"""The columns of a file as a page offers them: what they seem to be, and what somebody chose instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from werkzeug.datastructures import MultiDict

from dispatch.audience import BadList, ColumnMap
from dispatch.columns import Column, Preview
from model.access import Permission
from rules.book import Rule
from web import access, numbers

LONGEST, LONGEST_NAME = 200, 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """One column as the page offers it. `usable` is how many of its cells can be texted, in words."""

    place: int
    name: str
    means: str
    cells: tuple[str, ...]
    usable: str
    why: str
    called: str
    is_phone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """How a file is to be read. `phone` is a place among the columns that have a name, -1 for none; `called` gives
    them other names by their place."""

    sheet: str = ""
    phone: int = -1
    region: str = ""
    called: Mapping[int, str]
    name: str = ""
    stop: bool = False
    again: bool = False
    who: str = ""

    def mapping(self, rule: Rule, columns: list[str]) -> ColumnMap:
        """Say how a rule reads a table of these columns. Raises BadList."""
        names = [name for name in columns if name]
        if not 0 <= self.phone < len(names):
            raise BadList("Choose the column that holds the phone.")
        phone = names[self.phone]
        usual = next((name for name in rule.to if name in names), "")
        renames = {names[place]: name for place, name in self.called.items() if place < len(names)}
        return ColumnMap(
            to=rule.to, phone="" if phone == usual else phone, region=self.region,
            rename={old: new for old, new in renames.items() if old not in {new, phone}},
        )  # fmt: skip


def chosen(form: MultiDict[str, str]) -> Chosen:
    """Read what a form says."""
    called = {
        place: value.strip()[:LONGEST_NAME]
        for name, value in form.items()
        if name.startswith("called-") and (place := _place(name.removeprefix("called-"))) >= 0
    }
    return Chosen(
        sheet=form.get("sheet", "")[:LONGEST], phone=_place(form.get("phone", "")),
        region=form.get("region", "").strip().upper()[:2],
        called={place: name for place, name in called.items() if name},
        name=form.get("name", "").strip()[:LONGEST], stop=form.get("wrong") == "stop",
        again=form.get("again") == "yes", who=form.get("who", "").strip()[:LONGEST],
    )  # fmt: skip


def proposed(seen: Preview, rule: Rule, name: str) -> Chosen:
    """Propose how a rule reads a file."""
    region = rule.region if len(rule.region) == 2 else ""
    found, names = seen.mapping(rule.to, region), [one.name for one in seen.columns]
    phone = found.phone or next((one for one in rule.to if one in names), "")
    return Chosen(
        sheet=seen.sheet, region=region, name=name, phone=names.index(phone) if phone in names else -1,
        called={names.index(old): new for old, new in found.rename.items()},
    )  # fmt: skip


def offered(seen: Preview, wanted: Chosen) -> list[Offered]:
    """Write every column with what is wanted of it."""
    return [_offered(place, one, wanted) for place, one in enumerate(seen.columns)]


def _offered(place: int, one: Column, wanted: Chosen) -> Offered:
    tells = "phone" in one.means or one.usable
    return Offered(
        place=place, name=one.name[:LONGEST_NAME], means=one.means.replace("_", " "),
        cells=tuple(masked(cell) for cell in one.samples), why=masked(one.why) if tells else "",
        usable=f"{one.usable:,} of {one.filled:,}" if tells else "", called=wanted.called.get(place, ""),
        is_phone=place == wanted.phone,
    )  # fmt: skip


def masked(text: str) -> str:
    """Write a cell as this visitor may see it: what looks like a phone number is masked where numbers are."""
    found = access.known()
    may_see = found is not None and found.person is not None and found.may(Permission.NUMBERS)
    return text if may_see else str(numbers.hidden(text))


def _place(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 5 else -1
