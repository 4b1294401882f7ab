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
    CANCELLED = ("cancelled", "Whoever started it ended it.")
    REFUSED = ("refused", "No code was sent; the record says why.")

    def __init__(self, code: str, text: str) -> None:
        self.code, self.text = code, text


class Refusal(Enum):
    """Why no code was sent. Whoever asked is not told: they see `pending`."""

    NUMBER = ("number", "This is no number that codes are sent to.")
    COUNTRY = ("country", "No codes are sent to this country.")
    PER_ORIGIN = ("per_origin", "Too many codes were asked for from one address.")
    PER_NUMBER = ("per_number", "Too many codes were asked for by one number.")
    WRONG_CODES = ("wrong_codes", "Too many wrong codes were entered for one number.")
    PER_PREFIX = ("per_prefix", "Too many codes to neighbouring numbers were not entered.")
    BLOCKED = ("blocked", "An operator keeps codes from neighbouring numbers.")
    PER_COUNTRY = ("per_country", "Too many codes went to this country today.")
    NOT_ENTERED = ("not_entered", "Of the codes sent to neighbouring numbers almost none was entered.")
    MONEY = ("money", "The money for codes is spent for today.")
    NO_TEXT = ("no_text", "The rules have no text for it, or would not send it.")

    def __init__(self, code: str, text: str) -> None:
        self.code, self.text = code, text


class Ruling(Enum):
    """What an operator said about neighbouring numbers, for a while."""

    ALLOW = ("allow", "Neither their number of codes nor the share that is entered keeps codes from them.")
    BLOCK = ("block", "They get no codes.")

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

    `price` is what one code costs by country, "" for any other, in millionths; `spend` the most for 24 hours,
    `spend_abroad` the most of it for countries that are not home. A prefix is a number without its last four digits:
    of the codes sent to one, at least `entered` (0 to 1) must be entered once `sample` of them are older than
    `patience`; `per_prefix` counts the codes nobody entered. A code has `length` digits, or so many `words` where that
    is not 0.
    """

    countries: frozenset[str] = frozenset()
    length: int = 6
    words: int = 0
    voip: bool = False
    lifetime: timedelta = timedelta(minutes=10)
    cooldown: timedelta = timedelta(seconds=30)
    tries: int = 5
    per_number: Rate = Rate(most=5, within=timedelta(hours=1))
    wrong: Rate = Rate(most=100, within=timedelta(hours=24))
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
    spend_abroad: int = 0

    def price_of(self, country: str) -> int:
        """What one code to a country is taken to cost."""
        return self.price.get(country, self.price.get("", 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request for a code. `origin` is the address the visitor came from, `actor` the key that asks for them.

    A `simulated` one sends nothing and counts towards nothing.
    """

    number: str
    purpose: str = ""
    locale: str = ""
    region: str = ""
    origin: str = ""
    domain: str = ""
    actor: str = ""
    simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What whoever asked is told; the same for every number."""

    id: str
    expires_at: datetime
    resend_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What came of a code that was entered; the same for every number that has another code, or none."""

    right: bool
    stage: Stage
    tries_left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a verification stands, for its operator: with the number, and why no code was sent."""

    id: str
    stage: Stage
    number: str
    country: str
    purpose: str
    tries: int
    created_at: datetime
    expires_at: datetime
    sent_at: datetime | None
    settled_at: datetime | None
    refusal: Refusal | None
    evidence: str
    simulated: bool
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What was sent before, as the limits see it.

    `prefix` counts codes to neighbours that nobody entered; `judged` of all codes to them could have been entered by
    now, `entered` were. `wrong` counts wrong codes entered for the number.
    """

    number: int = 0
    origin: int = 0
    prefix: int = 0
    country: int = 0
    judged: int = 0
    entered: int = 0
    spent: int = 0
    spent_abroad: int = 0
    wrong: int = 0
    ruling: Ruling | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """How codes to neighbouring numbers fared in a day, and whether more are sent. `why` is the evidence against it.

    `until` is when an operator's ruling ends.
    """

    prefix: str
    country: str
    asked: int
    sent: int
    entered: int
    refused: int
    counts: Counts
    why: str
    until: datetime | None

    @property
    def is_open(self) -> bool:
        """Tell whether codes are sent to them."""
        return not self.why

    @property
    def share(self) -> float:
        """Return how many of the codes that were sent were entered, 0 to 1."""
        return self.entered / self.sent if self.sent else 0.0
