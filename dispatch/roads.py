"""Which gateways may carry a message, and in which order: the rows of `[routes]`, weights and prices. Pure.

The table is read from top to bottom and the first row that fits decides alone. A draw by weight depends on the
message's id only, and a price on the day it was made, so that a retry and a preview find the same order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from hashlib import blake2b

import phonenumbers

from dispatch.prices import Prices
from model.message import Lane, Message

COUNTRIES = frozenset(phonenumbers.SUPPORTED_REGIONS)
OTHER_NAMES = {"UK": "GB", "EN": "GB", "EL": "GR"}
"""What people write for a country, beside its ISO code."""

NOWHERE = "001"
HEAD = 5
"""Characters of an E.164 number that name its country: the plus, and an area code where countries share a code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """One row of the table: for which messages, and how their gateways are ordered.

    An empty condition asks for nothing. `weights` is empty where `use` is an order.
    """

    country: frozenset[str] = frozenset()
    prefix: tuple[str, ...] = ()
    lane: frozenset[str] = frozenset()
    sender: frozenset[str] = frozenset()
    category: frozenset[str] = frozenset()
    use: tuple[str, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    cheapest: tuple[str, ...] = ()

    @property
    def gateways(self) -> tuple[str, ...]:
        """Every gateway the row names."""
        return self.use or tuple(self.weights) or self.cheapest

    def fits(self, message: Message, number: str) -> bool:
        """Tell whether every condition holds for a message that goes to `number`."""
        return (
            (not self.lane or message.lane.code in self.lane)
            and (not self.sender or message.sender in self.sender)
            and (not self.category or message.category in self.category)
            and (not self.prefix or number.startswith(self.prefix))
            and (not self.country or country_of(number) in self.country)
        )

    def covers(self, other: Sign) -> bool:
        """Tell whether all that fits another row fits this one, so that the other is never reached below it."""
        sets = (
            (self.country, other.country), (self.lane, other.lane),
            (self.sender, other.sender), (self.category, other.category),
        )  # fmt: skip
        begins = not self.prefix or (bool(other.prefix) and all(one.startswith(self.prefix) for one in other.prefix))
        return begins and all(not mine or (bool(theirs) and theirs <= mine) for mine, theirs in sets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """The order for one message, and the row of the table it comes from; row 0 is none."""

    gateways: tuple[str, ...]
    row: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Roads:
    """The whole table. `order` stands for what no row fits."""

    order: tuple[str, ...] = ()
    signs: tuple[Sign, ...] = ()
    prices: Prices = field(default_factory=Prices)

    def way(self, message: Message, number: str) -> Way:
        """Return the gateways for a message that goes to `number`, the best first."""
        for row, sign in enumerate(self.signs, 1):
            if sign.fits(message, number):
                return Way(gateways=self._ordered(sign, message, number), row=row)
        return Way(gateways=self.order)

    def _ordered(self, sign: Sign, message: Message, number: str) -> tuple[str, ...]:
        if sign.weights:
            return drawn(sign.weights, message.id)
        if sign.cheapest:
            return by_price(sign.cheapest, self.prices, number, message.created_at.date())
        return sign.use


def drawn(weights: Mapping[str, float], seed: str) -> tuple[str, ...]:
    """Draw an order by weight: each is first as often as its weight says. The same seed gives the same order.

    Weighted sampling without replacement after Efraimidis and Spirakis, with a hash in place of the dice.
    """

    def late(name: str) -> float:
        number = int.from_bytes(blake2b(f"{seed}:{name}".encode(), digest_size=7).digest())
        return -math.log((number + 1) / (2**56 + 1)) / weights[name]

    return tuple(sorted(weights, key=lambda name: (late(name), name)))


def by_price(gateways: Sequence[str], prices: Prices, number: str, day: date) -> tuple[str, ...]:
    """Order by the price of a segment; equal prices keep the written order, and what has no price comes last."""
    country = country_of(number)

    def cost(name: str) -> tuple[bool, float]:
        price = prices.of(name, number, country, day)
        return price is None, float(price.amount) if price else 0.0

    return tuple(sorted(gateways, key=cost))


def country_of(number: str) -> str:
    """Return the ISO country of an E.164 number, "" where none is known. Ranges not in use yet count as well."""
    return _country(number[:HEAD])


@lru_cache(maxsize=4096)
def _country(head: str) -> str:
    digits = head.removeprefix("+")
    codes = (int(digits[:n]) for n in (1, 2, 3) if digits[:n].isdecimal() and len(digits) >= n)
    regions: Sequence[str] = next(
        (found for code in codes if (found := phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(code))), ("",)
    )
    if not head.startswith("+") or regions[0] in {"", NOWHERE}:
        return ""
    if digits[0] in "17":  # countries that share a code and are told apart by the area
        example = phonenumbers.PhoneNumber(country_code=int(digits[0]), national_number=int(digits[1:] + "2345678"))
        return phonenumbers.region_code_for_number(example) or regions[0]
    return regions[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong in the table: a sentence, and the word that is wrong with the words that would be right."""

    row: int
    text: str
    word: str = ""
    known: tuple[str, ...] = ()


def faults(roads: Roads, gateways: Sequence[str]) -> Iterator[Fault]:
    """Find what is wrong in a table, row by row."""
    for row, sign in enumerate(roads.signs, 1):
        yield from (Fault(row=row, text=text) for text in _shape(sign))
        yield from _words(row, sign, gateways)
        yield from (Fault(row=row, text=text) for text in _prices(sign, roads.prices))
        above = next((n for n, one in enumerate(roads.signs[: row - 1], 1) if one.covers(sign)), 0)
        if above:
            yield Fault(row=row, text=f"is never reached: all it is for is taken by routes.when[{above}] above it")


def _shape(sign: Sign) -> Iterator[str]:
    given = sum(map(bool, (sign.use, sign.weights, sign.cheapest)))
    if given != 1:
        yield "needs either use or cheapest" + (", not both" if given else "")
    for name, weight in sign.weights.items():
        if not 0 < weight < math.inf:
            yield f"gives {name} the weight {weight:g}; a weight is above 0, and who gets nothing is left out"
    for name in sorted({name for name in sign.gateways if sign.gateways.count(name) > 1}):
        yield f"names {name} twice"
    for prefix in sign.prefix:
        if not (prefix.startswith("+") and prefix[1:].isdecimal() and prefix.isascii()):
            yield f"has the prefix {prefix!r}, which does not read like +4917"


def _words(row: int, sign: Sign, gateways: Sequence[str]) -> Iterator[Fault]:
    lanes = tuple(lane.code for lane in Lane)
    for name in sign.gateways:
        if name not in gateways:
            yield Fault(row=row, text=f"names the gateway {name!r}, which is not there", word=name, known=(*gateways,))
    for lane in sorted(sign.lane - set(lanes)):
        yield Fault(row=row, text=f"names the lane {lane!r}; lanes are {', '.join(lanes)}")
    for country in sorted(sign.country - COUNTRIES):
        known = OTHER_NAMES.get(country.upper(), country.upper())
        hint = f"; write {known}" if known in COUNTRIES else ""
        yield Fault(row=row, text=f"names the country {country!r}, which is no ISO code such as DE or US{hint}")


def _prices(sign: Sign, prices: Prices) -> Iterator[str]:
    if sign.cheapest and not prices:
        yield 'asks for the cheapest, and there is no price table; write prices = "prices.csv" under [routes]'
        return
    for name in sign.cheapest:
        if name not in prices.gateways:
            yield f"asks for the cheapest, and {name} has no row in the price table"
    currencies = sorted({currency for name in sign.cheapest for currency in prices.currencies(name)})
    if len(currencies) > 1:
        yield f"compares prices in {' and '.join(currencies)}; give all of them in one currency"
