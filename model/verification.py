"""Proving that a phone is somebody's: a code is asked for, sent, entered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum


class Stage(Enum):
    """The life of a verification; only `pending` ones can still be approved."""

    PENDING = ("pending", "A code was sent, or is about to be.")
    APPROVED = ("approved", "The right code was entered.")
    EXPIRED = ("expired", "Nobody entered the right code in time.")
    FAILED = ("failed", "Too many wrong codes.")
    REFUSED = ("refused", "No code was sent; the record says why.")

    def __init__(self, code: str, text: str) -> None:
        self.code, self.text = code, text


class Refusal(Enum):
    """Why no code was sent. Whoever asked is not told: they see `pending`."""

    NUMBER = ("number", "This is no number that codes are sent to.")
    COUNTRY = ("country", "No codes are sent to this country.")
    PER_ORIGIN = ("per_origin", "Too many codes were asked for from one address.")
    PER_NUMBER = ("per_number", "Too many codes were asked for by one number.")
    PER_PREFIX = ("per_prefix", "Too many codes were asked for by neighbouring numbers.")
    PER_COUNTRY = ("per_country", "Too many codes went to this country today.")
    NOT_ENTERED = ("not_entered", "Of the codes sent to neighbouring numbers almost none was entered.")
    MONEY = ("money", "The money for codes is spent for today.")
    NO_TEXT = ("no_text", "The rules have no text for it, or would not send it.")

    def __init__(self, code: str, text: str) -> None:
        self.code, self.text = code, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """At most `most` in `within`."""

    most: int
    within: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What an operator allows. Codes abroad need a country in `countries`: what nobody thought of is refused.

    `price` is what one code costs by country, "" for any other, in millionths; `spend` the most for 24 hours. A prefix
    is a number without its last four digits: of the codes sent to one, at least `entered` (0 to 1) must be entered once
    `sample` of them are older than `patience`.
    """

    countries: frozenset[str] = frozenset()
    length: int = 6
    lifetime: timedelta = timedelta(minutes=10)
    cooldown: timedelta = timedelta(seconds=30)
    tries: int = 5
    per_number: Rate = Rate(most=5, within=timedelta(hours=1))
    per_origin: Rate = Rate(most=20, within=timedelta(hours=1))
    per_prefix: Rate = Rate(most=30, within=timedelta(hours=1))
    per_country: Rate = Rate(most=2_000, within=timedelta(hours=24))
    abroad: Rate = Rate(most=100, within=timedelta(hours=24))
    home: frozenset[str] = frozenset()
    entered: float = 0.2
    sample: int = 10
    patience: timedelta = timedelta(minutes=3)
    price: Mapping[str, int] = field(default_factory=dict)
    spend: int = 0

    def price_of(self, country: str) -> int:
        """What one code to a country is taken to cost."""
        return self.price.get(country, self.price.get("", 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request for a code. `origin` is the address the visitor came from, `actor` the key that asks for them."""

    number: str
    purpose: str = ""
    locale: str = ""
    region: str = ""
    origin: str = ""
    domain: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What whoever asked is told; the same for every number."""

    id: str
    expires_at: datetime
    resend_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What was sent before, as the limits see it. `judged` of the prefix's codes could have been entered by now."""

    number: int
    origin: int
    prefix: int
    country: int
    judged: int
    entered: int
    spent: int
