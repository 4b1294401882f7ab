"""What every step of a campaign stands on: store, rules, table of routes, and who changed what meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from audit import campaigns
from audit.rows import at
from audit.store import Row, Store, Tx
from dispatch.prices import Price
from dispatch.roads import Roads, country_of
from model.message import Message
from rules.book import Book, Campaign, Rule


class CannotRun(ValueError):  # noqa: N818 - names what is wrong
    """What was asked for does not go, in a sentence."""


class Changed(CannotRun):
    """Somebody else changed the campaign since it was looked at; the sentence says who, what and when."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Everything the steps need. `roads` tells what a text costs."""

    store: Store
    book: Callable[[], Book]
    new_id: Callable[[str], str]
    roads: Roads = field(default_factory=Roads)

    def rule(self, name: str) -> Rule:
        """Return the rule of a campaign. Raises CannotRun."""
        found = self.book().get(name)
        if found is None or found.campaign is None:
            raise CannotRun(f"The rules have no campaign {name!r}.")
        return found

    def campaign(self, row: Row) -> Campaign:
        """Return what the rules say of a campaign. Raises CannotRun."""
        found = self.rule(row["rule"]).campaign
        assert found is not None  # noqa: S101 - `rule` sees to it
        return found

    def row(self, tx: Tx, campaign_id: str) -> Row:
        """Return a campaign. Raises CannotRun."""
        return self._there(campaigns.get(tx, campaign_id), campaign_id)

    def locked(self, tx: Tx, campaign_id: str, expected: int | None, *states: str) -> Row:
        """Return a campaign that is to be changed, in one of these states. `expected` is the version its changer saw.

        Raises Changed where it is another by now, CannotRun where it is in another state.
        """
        row = self._there(campaigns.lock(tx, campaign_id), campaign_id)
        if expected is not None and row["version"] != expected:
            when = at(row["changed_at"])
            said = f"{row['changed_by']} changed {campaign_id} ({row['changed']}) at {when:%H:%M:%S} UTC"
            raise Changed(f"{said}, after you looked at it. Look again.")
        if states and row["state"] not in states:
            raise CannotRun(f"{campaign_id} is {row['state']}; that goes only while it is {' or '.join(states)}.")
        return row

    def price(self, message: Message) -> Price | None:
        """Return what a segment of a text costs by the first gateway that would carry it; None where nobody knows."""
        number = message.recipient.number
        names = message.gateways or self.roads.way(message, number).gateways
        day = message.created_at.date()
        found = (self.roads.prices.of(name, number, country_of(number), day) for name in names)
        return next((price for price in found if price is not None), None) if self.roads.prices else None

    def rate(self, row: Row) -> float:
        """Return how many texts may leave per second, 0 for any number."""
        return float(row["rate"]) if row["rate"] >= 0 else self.campaign(row).rate

    @staticmethod
    def _there(row: Row | None, campaign_id: str) -> Row:
        if row is None:
            raise CannotRun(f"There is no campaign {campaign_id}.")
        return row


def micros_of(price: Price, segments: int) -> int:
    """Return what so many segments cost, in millionths of the currency."""
    return round(price.amount * segments * 1_000_000)


def clock_of(now: datetime) -> str:
    """Write a moment for a sentence."""
    return f"{now:%Y-%m-%d %H:%M} UTC"
