"""A campaign under way: its texts are planned a little ahead of their leaving, in small transactions.

So it can be paused, changed in rate or cancelled at any moment without touching a million rows, and a crash loses
nothing: how far it got is saved with the plans. Whoever must not be texted yet (another zone, closed hours, the
allowance of a country) is set aside as a row of a table, not as a text in the queue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from audit import campaign_later, campaigns, caps, events, lists, plans
from audit.facts import StoredFacts
from audit.rows import at, ms
from audit.store import Row, Tx
from dispatch.campaigns.caps import Allowance, Full
from dispatch.campaigns.ground import Ground, micros_of
from dispatch.campaigns.script import Member, Script, earliest, moment_of, script_of
from model.event import Event
from model.links import new_code
from model.message import Message, Plan
from model.reasons import Waits
from rules.book import Campaign

AHEAD, CHUNK = 2_000, 40
"""Texts planned ahead of their leaving; people planned in one transaction, which a code may have to wait for."""
LOOK_AHEAD, MUCH_LATER = timedelta(minutes=2), timedelta(minutes=5)
"""How far ahead texts are planned; who has to wait longer than the second is set aside."""


@dataclass(slots=True, kw_only=True)
class Chunk:
    """What comes of some people in one transaction. `slot` is when the last text leaves, `allowance` what is left."""

    script: Script
    allowance: Allowance
    slot: datetime
    row: int
    later: list[tuple[int, int, str]] = field(default_factory=list)
    taken_up: list[tuple[int, int]] = field(default_factory=list)
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    texts: int = 0
    looked_at: int = 0
    full: Full | None = None

    @property
    def skipped(self) -> int:
        """How many people get nothing."""
        return sum(amount for (_, measure, _), amount in self.counts.items() if measure == "skipped")


def step(ground: Ground, now: datetime) -> int:
    """Plan a little ahead for every campaign that runs; return how many people were looked at."""
    with ground.store.read() as tx:
        under_way = campaigns.running(tx)
    return sum(run(ground, row["id"], now) for row in under_way)


def run(ground: Ground, campaign_id: str, now: datetime) -> int:
    """Plan a little ahead for one campaign; return how many people were looked at."""
    with ground.store.read() as tx:
        row = ground.row(tx, campaign_id)
        trouble = trouble_of(campaigns.states(tx, campaign_id), row, ground.campaign(row))
    if trouble:
        ground.store.write(partial(_stop, campaign_id=campaign_id, why=trouble, now=now))
        return 0
    done = 0
    while done < AHEAD:
        count = ground.store.write(partial(_plan_chunk, ground, campaign_id=campaign_id, now=now))
        if not count:
            break
        done += count
    return done


def trouble_of(states: dict[str, int], row: Row, campaign: Campaign) -> str:
    """Say why a campaign should not go on: too many of the texts of this run failed."""
    failed, ended = ends_of(states)
    failed, ended = failed - row["failed_before"], ended - row["ended_before"]
    limit = campaign.stop_on
    return f"{failed} of {ended} texts failed" if ended >= limit.after and failed > limit.failed * ended else ""


def ends_of(states: dict[str, int]) -> tuple[int, int]:
    """Return how many texts failed, and how many ended at all."""
    failed = sum(states.get(name, 0) for name in ("undelivered", "rejected", "failed"))
    return failed, failed + states.get("delivered", 0)


def _stop(tx: Tx, campaign_id: str, why: str, now: datetime) -> None:
    row = campaigns.lock(tx, campaign_id)
    if row is not None and row["state"] == "running":
        campaigns.move(tx, campaign_id, "stopped", "campaign", now, why)


def _plan_chunk(ground: Ground, tx: Tx, campaign_id: str, now: datetime) -> int:
    row = ground.locked(tx, campaign_id, None)
    rule = ground.rule(row["rule"])
    if row["state"] != "running" or not _is_time(tx, row, ground.campaign(row), now):
        return 0
    if rule.hash != row["rule_hash"]:
        campaigns.move(tx, campaign_id, "stopped", "campaign", now, "the rule was changed")
        return 0
    waiting = campaigns.waiting(tx, campaign_id)
    members = _next_members(tx, row, now, min(CHUNK, AHEAD - waiting)) if waiting < AHEAD else []
    if not members:
        if not waiting and not campaign_later.is_anybody(tx, campaign_id):
            campaigns.move(tx, campaign_id, "done", "campaign", now)
        return 0
    chunk = Chunk(
        script=script_of(campaign_id, rule, ground.book()), allowance=Allowance.of(tx, row, ground.campaign(row), now),
        slot=at(row["last_due"]), row=row["row"],
    )  # fmt: skip
    _plan_members(ground, tx, chunk, members, ground.rate(row), now)
    _save(tx, row, chunk, now)
    return chunk.looked_at


def _is_time(tx: Tx, row: Row, campaign: Campaign, now: datetime) -> bool:
    """See that a campaign has begun, has not ended and is not parked; one whose time is over ends here."""
    begins = earliest(campaign)
    if begins is not None and now < begins:
        return False
    if campaign.stop is not None and now >= campaign.stop:
        campaigns.move(tx, row["id"], "done", "campaign", now, "its time is over")
        return False
    if row["parked_until"] > ms(now):
        return False
    if row["parked"]:
        campaigns.park(tx, row["id"], "", 0)
    return True


def _next_members(tx: Tx, row: Row, now: datetime, limit: int) -> list[tuple[int | None, Member]]:
    """Return whose turn it is: first those set aside whose time has come, then the next of the list."""
    found: list[tuple[int | None, Member]] = [*campaign_later.due(tx, row["id"], row["list_id"], now, limit)]
    return found or [(None, member) for member in lists.after(tx, row["list_id"], row["row"], limit)]


def _plan_members(
    ground: Ground, tx: Tx, chunk: Chunk, members: Iterable[tuple[int | None, Member]], rate: float, now: datetime
) -> None:
    facts = StoredFacts(tx, now)
    pause = timedelta(seconds=1 / rate) if rate else timedelta()
    for aside, member in members:
        slot = max(now, chunk.slot + pause) if rate else now
        if slot > now + LOOK_AHEAD or not _plan_one(ground, tx, chunk, member, slot, facts):
            break
        chunk.looked_at += 1
        if aside is None:
            chunk.row = member[0]
        else:
            chunk.taken_up.append((aside, member[0]))


def _plan_one(ground: Ground, tx: Tx, chunk: Chunk, member: Member, slot: datetime, facts: StoredFacts) -> bool:
    """Plan one person's text; False where nothing more of the campaign may be planned now."""
    begins = chunk.script.starts_at(member, slot)
    if begins > slot:
        chunk.later.append((ms(begins), member[0], Waits.LOCAL_START.code))
        return True
    event_id, event = ground.new_id("e"), chunk.script.event_of(member, slot)
    made = chunk.script.plan(event, member[1], facts, moment_of(event_id, slot, ground.new_id, new_code))
    message = next(iter(made.messages), None)
    if message is None:
        _skip(tx, chunk, event, made, slot)
        return True
    if message.due_at > slot + MUCH_LATER:
        chunk.later.append((ms(message.due_at), member[0], Waits.CLOSED_HOURS.code))
        return True
    price = ground.price(message)
    full = chunk.allowance.take(
        message, price.currency if price else "", micros_of(price, message.segments) if price else 0
    )
    if full is not None and full.code == Waits.CAP_COUNTRY.code:
        chunk.later.append((full.until, member[0], full.code))
        return True
    if full is not None:
        chunk.full = full
        return False
    _write(tx, event, made, slot)
    _count(chunk, message)
    chunk.slot = slot
    return True


def _count(chunk: Chunk, message: Message) -> None:
    chunk.texts += 1
    chunk.counts[message.step, "planned", ""] += 1


def _skip(tx: Tx, chunk: Chunk, event: Event, made: Plan, slot: datetime) -> None:
    _write(tx, event, made, slot)
    for decision in made.decisions:
        chunk.counts[decision.step, "skipped", decision.code] += 1


def _write(tx: Tx, event: Event, made: Plan, slot: datetime) -> None:
    events.insert_event(tx, made.event_id, event, None, slot, "received")
    plans.save_plan(tx, event, made, slot)


def _save(tx: Tx, row: Row, chunk: Chunk, now: datetime) -> None:
    """Write how far a chunk got, with its plans in one transaction."""
    campaign_id = row["id"]
    campaigns.planned(tx, campaign_id, chunk.row, chunk.slot, chunk.texts, chunk.skipped)
    campaign_later.taken_up(tx, campaign_id, chunk.taken_up)
    campaign_later.add(tx, campaign_id, chunk.later)
    campaigns.count(tx, campaign_id, chunk.counts)
    campaigns.count_day(tx, campaign_id, caps.day_of(now), chunk.allowance.fresh)
    if words := chunk.allowance.nearly():
        campaigns.warned(tx, campaign_id, caps.day_of(now), words, now)
    if chunk.full is not None and chunk.full.stops:
        campaigns.move(tx, campaign_id, "stopped", "campaign", now, chunk.full.words)
    elif chunk.full is not None:
        campaigns.park(tx, campaign_id, chunk.full.code, chunk.full.until)
