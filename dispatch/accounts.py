"""The day's account: what gateways took is counted as money, and a cap that is nearly used up is told of.

A gateway's own word on the price counts; where it says none, the price table does. A text whose outcome is unknown
counts once it is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

from audit import caps
from audit.store import Row, Store, Tx
from dispatch.prices import Prices
from dispatch.roads import country_of

MOST = 5_000
"""Rows of the journal looked at in one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Everything the step needs."""

    store: Store
    prices: Prices

    def step(self, now: datetime) -> int:
        """Bring the account up to date and tell of caps that are nearly used up; return how many texts were priced."""
        with self.store.read() as tx:
            counted, wanted = caps.has_money(tx), caps.current(tx, now)
        done = self.store.write(lambda tx: self._account(tx, now)) if counted else 0
        if any(cap.used * 100 >= cap.most * caps.WARN for cap in wanted):
            self.store.write(lambda tx: [caps.tell(tx, cap, now) for cap in caps.current(tx, now)])
        return done

    def _account(self, tx: Tx, now: datetime) -> int:
        upto, rows = caps.unaccounted(tx, MOST)
        found = [one for row in rows if (one := self._entry(row)) is not None]
        caps.account(tx, upto, found, now)
        return len(found)

    def _entry(self, row: Row) -> tuple[int, str, str, int] | None:
        """Return (day, currency, country, millionths) of a text that a gateway took; None where it cost nothing."""
        when = caps.time_of(row)
        if row["cost"]:
            try:
                micros, currency = round(Decimal(row["cost"]) * 1_000_000), row["currency"]
            except InvalidOperation:
                return None
        else:
            price = self.prices.of(row["gateway"], row["number"], country_of(row["number"]), when.date())
            if price is None:
                return None
            micros, currency = round(price.amount * row["segments"] * 1_000_000), price.currency
        return (caps.day_of(when), currency, row["country"], micros) if micros and currency else None
