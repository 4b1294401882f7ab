"""What one person on a list is told: the one planning that preview, test send and sending share. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from dispatch import hours
from dispatch.draft import Moment
from dispatch.facts import Facts
from dispatch.plan import plan_for
from dispatch.recipient import zones_of
from model.event import Event
from model.links import placeholder
from model.message import Decision, Plan
from rules.book import Book, Campaign, Rule, WallTime
from wire.reading import dig

SOURCE, TYPE = "list", "custom.campaign.member"
FIRST_ZONE = timedelta(hours=14)
"""How far the earliest zone of the earth is ahead of UTC: no clock shows a time sooner."""

Member = tuple[int, str, dict[str, str]]
"""A row of a list: its number in the spreadsheet, the phone, the cells by column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """The rule of a campaign, narrowed to its audience: one for each variant, under "" where there is one text."""

    campaign_id: str
    campaign: Campaign
    rules: Mapping[str, Rule]
    book: Book

    def variant_of(self, number: str) -> str:
        """Return which text a person gets: by campaign and number alone, so that a crash or a retry changes nothing."""
        shares = self.campaign.variants
        if not shares:
            return ""
        digest = blake2b(f"{self.campaign_id}\x1f{number}".encode(), digest_size=8).digest()
        place = int.from_bytes(digest) % sum(shares.values())
        for name, share in shares.items():
            if place < share:
                return name
            place -= share
        raise AssertionError("a place is below the sum of the shares")

    def starts_at(self, member: Member, now: datetime) -> datetime:
        """Return when a person's text may leave at the earliest."""
        start = self.campaign.start
        if isinstance(start, WallTime):
            return max(now, *(hours.at_local(start.day, start.clock, zone) for zone in self._zones(member)))
        return max(now, start) if start else now

    def _zones(self, member: Member) -> tuple[str, ...]:
        """Return every zone the person may be in: that of the row, else those of the number, else the rule's."""
        _, number, data = member
        rule = next(iter(self.rules.values()))
        named = dig(data, rule.zone)
        if isinstance(named, str) and hours.zone_or_none(named):
            return (named,)
        return zones_of(number) or ((rule.zone if hours.zone_or_none(rule.zone) else rule.default_zone),)

    def event_of(self, member: Member, due: datetime) -> Event:
        """Return the event that stands for a person's turn."""
        number, phone, data = member
        name = f"{self.campaign_id}/{number}"
        return Event(
            source=SOURCE, type=TYPE, native_type=self.campaign_id, id=name, key=name, occurred_at=due,
            data={**data, "number": phone},
        )  # fmt: skip

    def plan(self, event: Event, number: str, facts: Facts, moment: Moment) -> Plan:
        """Plan a person's text, or name the reason why there is none."""
        rule = self.rules[self.variant_of(number)]
        made = plan_for(rule, self.book, event, facts, moment)
        return replace(made, decisions=tuple(self._marked(one) for one in made.decisions))

    def _marked(self, decision: Decision) -> Decision:
        """Mark a text as the campaign's; it must not leave after the campaign's end."""
        message, stop = decision.message, self.campaign.stop
        if message is None:
            return decision
        expires = min(message.expires_at, stop) if stop else message.expires_at
        return replace(decision, message=replace(message, campaign=self.campaign_id, expires_at=expires))


def script_of(campaign_id: str, rule: Rule, book: Book) -> Script:
    """Make the script of a campaign."""
    campaign = rule.campaign
    assert campaign is not None  # noqa: S101 - whoever calls has looked
    narrowed = replace(rule, when=(*rule.when, *campaign.audience.when))
    step = rule.steps[0]
    rules = {
        name: replace(
            narrowed,
            steps=(replace(step, id=name, line=rule.place_of(f"text.{name}")[0], texts={"": step.texts[name]}),),
        )
        for name in campaign.variants
    } or {"": narrowed}
    return Script(campaign_id=campaign_id, campaign=campaign, rules=rules, book=book)


def earliest(campaign: Campaign) -> datetime | None:
    """Return the first moment at which anybody's text may leave; None for at once."""
    start = campaign.start
    if isinstance(start, WallTime):
        return datetime.combine(start.day, start.clock, tzinfo=UTC) - FIRST_ZONE
    return start


def moment_of(
    event_id: str, now: datetime, new_id: Callable[[str], str], new_code: Callable[[str], str] = placeholder
) -> Moment:
    """Return when a person's text is planned; with codes for its short links where it is to leave."""
    return Moment(event_id=event_id, now=now, new_id=lambda: new_id("m"), new_code=new_code)
