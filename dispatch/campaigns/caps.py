"""What is left of a campaign's own caps: texts and money of the day, texts to a country, and its whole budget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from audit import campaigns, caps
from audit.store import Row, Tx
from model.message import Message
from model.reasons import Waits
from rules.book import Campaign, CampaignCaps, Money

WARN = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Full:
    """Which cap keeps a text back, in words, and until when (milliseconds); what `stops` waits for a person."""

    code: str
    words: str
    until: int
    stops: bool = False


@dataclass(slots=True, kw_only=True)
class Allowance:
    """What a campaign used today, and in all of its budget. `fresh` is what came to it since it was read."""

    day: int
    wanted: CampaignCaps
    budget: Money | None
    countries: Counter[str] = field(default_factory=Counter)
    money: Counter[str] = field(default_factory=Counter)
    spent: Counter[str] = field(default_factory=Counter)
    fresh: dict[tuple[str, str], tuple[int, int, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, tx: Tx, row: Row, campaign: Campaign, now: datetime) -> Allowance:
        """Read what a campaign used. On a day on which an operator lifted its caps only its budget counts."""
        day = caps.day_of(now)
        lifted = row["uncapped_day"] == day
        found = cls(day=day, wanted=CampaignCaps() if lifted else campaign.caps, budget=budget_of(row, campaign))
        for used in campaigns.days(tx, row["id"]):
            found.spent[used["currency"]] += used["micros"]
            if used["day"] == day:
                found.countries[used["country"]] += used["texts"]
                found.money[used["currency"]] += used["micros"]
        return found

    def take(self, message: Message, currency: str, micros: int) -> Full | None:
        """Use some of it for a text, or say which cap is in the way."""
        country = message.recipient.region
        full = self._full(country, currency, micros)
        if full is None:
            self.countries[country] += 1
            self.money[currency] += micros
            self.spent[currency] += micros
            texts, segments, cost = self.fresh.get((country, currency), (0, 0, 0))
            self.fresh[country, currency] = (texts + 1, segments + message.segments, cost + micros)
        return full

    def _full(self, country: str, currency: str, micros: int) -> Full | None:
        most, tomorrow = self.wanted, self.day + caps.DAY_MS
        if self.budget is not None and self._over(self.budget, self.spent, currency, micros):
            words = f"its budget of {self.budget} is used up"
            return Full(code=Waits.CAP_SPENT.code, words=words, until=0, stops=True)
        if most.day and self.countries.total() >= most.day:
            return Full(code=Waits.CAP_DAY.code, words=f"{most.day:,} texts a day", until=tomorrow)
        if most.money is not None and self._over(most.money, self.money, currency, micros):
            return Full(code=Waits.CAP_SPENT.code, words=f"{most.money} a day", until=tomorrow)
        if most.of(country) and self.countries[country] >= most.of(country):
            words = f"{most.of(country):,} texts a day to {country}"
            return Full(code=Waits.CAP_COUNTRY.code, words=words, until=tomorrow)
        return None

    @staticmethod
    def _over(most: Money, used: Mapping[str, int], currency: str, micros: int) -> bool:
        return currency == most.currency and used.get(currency, 0) + micros > most.micros

    def nearly(self) -> str:
        """Say which cap is nearly used up, "" while none is."""
        most = self.wanted
        used = [(self.countries.total(), most.day, "texts today")]
        used += [(count, most.of(country), f"texts to {country} today") for country, count in self.countries.items()]
        for money, spent, words in ((most.money, self.money, "today"), (self.budget, self.spent, "in all")):
            used += (
                [(spent[money.currency] // 1000, money.micros // 1000, f"thousandths of {money.currency} {words}")]
                if money
                else []
            )
        return next(
            (f"{count:,} of {limit:,} {what}" for count, limit, what in used if limit and count >= WARN * limit), ""
        )


def budget_of(row: Row, campaign: Campaign) -> Money | None:
    """Return what a campaign may cost in all: as set by hand, else as the rule says."""
    said = campaign.stop_on.spent
    if row["budget"] and said is not None:
        return Money(micros=row["budget"], currency=said.currency)
    return said
