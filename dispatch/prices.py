"""What a segment costs by which gateway: the price table, a CSV file the operator keeps. Pure: text in, values out."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation

from model.reasons import Problem

COLUMNS = ("gateway", "to", "price", "currency", "since")
EVERYWHERE = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a gateway takes for one segment to a country (DE), a prefix (+4917) or everywhere (*), from a day on."""

    gateway: str
    to: str
    amount: Decimal
    currency: str
    since: date


@dataclass(frozen=True, slots=True)
class Prices:
    """All prices, newest first for each gateway and destination."""

    table: Mapping[tuple[str, str], tuple[Price, ...]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.table)

    @property
    def gateways(self) -> frozenset[str]:
        """The gateways that have a price at all."""
        return frozenset(name for name, _ in self.table)

    def currencies(self, gateway: str) -> frozenset[str]:
        """Return the currencies a gateway's prices are in."""
        return frozenset(
            price.currency for (name, _), found in self.table.items() if name == gateway for price in found
        )

    def of(self, gateway: str, number: str, country: str, day: date) -> Price | None:
        """Return the price on a day: the longest prefix, else the country's, else the one for everywhere."""
        prefixes = (number[:length] for length in range(len(number), 1, -1))
        for to in (*prefixes, country, EVERYWHERE):
            for price in self.table.get((gateway, to), ()):
                if price.since <= day:
                    return price
        return None


def read(text: str, path: str) -> tuple[Prices, list[Problem]]:
    """Read the table; every row that cannot be read is a problem with its line."""
    rows = csv.DictReader(text.splitlines())
    heads = tuple(name.strip().lower() for name in rows.fieldnames or ())
    if missing := [name for name in COLUMNS if name not in heads]:
        said = f"The first line must name the columns {', '.join(COLUMNS)}; {', '.join(missing)} is missing."
        return Prices(), [Problem(path=path, line=1, column=1, text=said)]
    found: dict[tuple[str, str], list[Price]] = {}
    problems = []
    for row in rows:
        cells = {name.strip().lower(): (value or "").strip() for name, value in row.items() if isinstance(name, str)}
        wrong = list(_wrong(cells))
        same = found.setdefault((cells["gateway"], cells["to"].upper()), [])
        if not wrong and any(price.since == _day(cells["since"]) for price in same):
            wrong = [f"{cells['gateway']} to {cells['to']} has another price since the same day above"]
        if wrong:
            problems.append(Problem(path=path, line=rows.line_num, column=1, text=f"{wrong[0]}."))
        else:
            same.append(_price(cells))
    table = {key: tuple(sorted(prices, key=lambda one: one.since, reverse=True)) for key, prices in found.items()}
    return Prices({key: prices for key, prices in table.items() if prices}), problems


def _wrong(cells: Mapping[str, str]) -> Iterator[str]:
    to = cells["to"]
    if not cells["gateway"]:
        yield "The row names no gateway"
    if not (to == EVERYWHERE or (len(to) == 2 and to.isalpha()) or (to[:1] == "+" and to[1:].isdecimal())):
        yield f"to is a country such as DE, a prefix such as +4917 or *, not {to!r}"
    try:
        amount = Decimal(cells["price"])
    except InvalidOperation:
        amount = Decimal(-1)
    if not (amount.is_finite() and amount >= 0):
        yield f"price is a number with a point such as 0.0735, not {cells['price']!r}"
    if not (len(cells["currency"]) == 3 and cells["currency"].isalpha()):
        yield f"currency is three letters such as EUR, not {cells['currency']!r}"
    if _day(cells["since"]) is None:
        yield f"since is a day such as 2026-11-01, or empty, not {cells['since']!r}"


def _price(cells: Mapping[str, str]) -> Price:
    return Price(
        gateway=cells["gateway"],
        to=cells["to"].upper(),
        amount=Decimal(cells["price"]),
        currency=cells["currency"].upper(),
        since=_day(cells["since"]) or date.min,
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else date.min
    except ValueError:
        return None
