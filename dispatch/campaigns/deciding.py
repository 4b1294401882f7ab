"""What people decide about a campaign: prepared by one, approved by others, started, paused, changed, cancelled.

Every function takes the version its caller saw, where there is one: who decides on what another has changed meanwhile
is told so, and nothing happens.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from audit import campaign_later, campaigns, caps, lists, messages, steering
from audit.rows import ms
from audit.store import Row, Tx
from dispatch.campaigns.caps import budget_of
from dispatch.campaigns.ground import CannotRun, Ground
from dispatch.campaigns.running import CHUNK, ends_of
from model.message import State
from model.reasons import Because
from model.steering import Pause
from rules.book import Money, Rule
from rules.check_texts import without_way_out
from rules.load_campaign import money_of, rate_of

FORGET = 10_000
"""People set aside that are forgotten in one transaction once a campaign is over."""


def prepare(ground: Ground, rule: str, list_id: str, actor: str, now: datetime) -> str:
    """Make a campaign of a rule and a list; return its id. Raises CannotRun."""
    wanted = ground.rule(rule)
    _refuse_unfit(ground, wanted)

    def write(tx: Tx) -> str:
        found = lists.get(tx, list_id) or lists.named(tx, list_id)
        if found is None or not found["complete"]:
            raise CannotRun(f"There is no complete list {list_id}.")
        count = campaigns.of_rule(tx, rule)
        campaign_id = f"{rule}.{count + 1}" if count else rule
        campaigns.add(tx, {"id": campaign_id, "rule": rule, "rule_hash": wanted.hash, "list_id": found["id"],
                           "actor": actor, "created_at": ms(now)})  # fmt: skip
        return campaign_id

    return ground.store.write(write)


def _refuse_unfit(ground: Ground, rule: Rule) -> None:
    """Refuse what would go wrong for every person: no way out of marketing, money that nobody can count."""
    for said in without_way_out(rule)[:1]:
        raise CannotRun(
            f"The text {said.place} of {rule.id} needs consent and does not say how to opt out. "
            "Add such as: STOP to opt out, or {{ opt_out }}."
        )
    campaign = rule.campaign
    for money in (campaign.caps.money, campaign.stop_on.spent) if campaign else ():
        if money is not None and money.currency not in _currencies(ground):
            raise CannotRun(
                f"{rule.id} may cost {money}, and no price is in {money.currency}. "
                "Name a table of prices in [routes] of tidings.toml."
            )


def _currencies(ground: Ground) -> set[str]:
    prices = ground.roads.prices
    return {currency for gateway in prices.gateways for currency in prices.currencies(gateway)}


def approve(ground: Ground, campaign_id: str, actor: str, now: datetime, expected: int | None = None) -> int:
    """Approve a campaign; return how many people still have to. With the last one it may start.

    Raises CannotRun for its maker, and where it is not waiting for approval any more.
    """

    def write(tx: Tx) -> int:
        row = ground.locked(tx, campaign_id, expected, "draft", "approved")
        _refuse_changed(ground, row)
        if _same(actor, row["actor"]):
            raise CannotRun(f"{row['actor']} made {campaign_id}; somebody else has to approve it.")
        needed = ground.campaign(row).approve - campaigns.approve(tx, campaign_id, actor.strip(), now)
        if needed <= 0 and row["state"] == "draft":
            campaigns.move(tx, campaign_id, "approved", actor, now)
        return max(0, needed)

    return ground.store.write(write)


def start(ground: Ground, campaign_id: str, actor: str, now: datetime, expected: int | None = None) -> None:
    """Let an approved campaign run, or one that was paused or has stopped go on. Raises CannotRun."""

    def write(tx: Tx) -> None:
        row = ground.locked(tx, campaign_id, expected, "approved", "paused", "stopped")
        _refuse_changed(ground, row)
        steering.resume(tx, "rule", row["rule"], actor, now)
        campaigns.respace(tx, campaign_id, now, ground.rate(row))
        campaigns.begin_run(tx, campaign_id, *ends_of(campaigns.states(tx, campaign_id)))
        campaigns.move(tx, campaign_id, "running", actor, now)

    ground.store.write(write)


def pause(ground: Ground, campaign_id: str, actor: str, now: datetime, expected: int | None = None) -> None:
    """Let nothing of a campaign leave until it is started again. Raises CannotRun."""

    def write(tx: Tx) -> None:
        row = ground.locked(tx, campaign_id, expected, "running")
        wish = Pause(scope="rule", name=row["rule"], reason=f"campaign {campaign_id}", actor=actor, since=now)
        steering.pause(tx, wish)
        campaigns.move(tx, campaign_id, "paused", actor, now)

    ground.store.write(write)


def cancel(ground: Ground, campaign_id: str, actor: str, now: datetime, expected: int | None = None) -> int:
    """End a campaign for good; return how many waiting texts ended with it. Raises CannotRun."""

    def write(tx: Tx) -> None:
        row = ground.locked(tx, campaign_id, expected, *campaigns.OPEN)
        steering.resume(tx, "rule", row["rule"], actor, now)
        campaigns.move(tx, campaign_id, "cancelled", actor, now)

    ground.store.write(write)
    done = 0
    while found := _some_queued(ground, campaign_id):
        ground.store.write(partial(_end, ids=found, actor=actor, now=now))
        done += len(found)
    while ground.store.write(lambda tx: campaign_later.forget(tx, campaign_id, FORGET)):
        pass
    return done


def change(
    ground: Ground, campaign_id: str, actor: str, now: datetime, *,
    rate: str = "", budget: str = "", expected: int | None = None,
) -> None:  # fmt: skip
    """Set how fast a campaign goes (20/s, 600/m) or what it may cost in all (250 EUR), also while it runs.

    What waits is spaced out anew. Raises CannotRun.
    """
    pace, money = rate_of(rate) if rate else None, money_of(budget) if budget else None
    if rate and pace is None:
        raise CannotRun(f"{rate!r} is not a rate. Write 20/s, 600/m or 5000/h.")
    if budget and money is None:
        raise CannotRun(f"{budget!r} is not an amount of money. Write 250 EUR.")

    def write(tx: Tx) -> None:
        row = ground.locked(tx, campaign_id, expected, *campaigns.OPEN)
        _refuse_currency(ground, row, money)
        per_second = pace if pace is not None else row["rate"]
        campaigns.set_pace(tx, campaign_id, per_second, money.micros if money else row["budget"])
        if pace is not None:
            campaigns.respace(tx, campaign_id, now, pace, everything=True)
        campaigns.changed(tx, campaign_id, "changed", actor, now, " ".join(filter(None, (rate, budget))))

    ground.store.write(write)


def release(ground: Ground, campaign_id: str, actor: str, now: datetime, expected: int | None = None) -> int:
    """Lift a campaign's caps until the end of the day (UTC); return how many people had to wait for the next."""

    def write(tx: Tx) -> int:
        ground.locked(tx, campaign_id, expected, "running", "paused", "stopped")
        freed = campaigns.uncap(tx, campaign_id, caps.day_of(now))
        campaigns.changed(tx, campaign_id, "released", actor, now, "its caps are lifted for today")
        return freed

    return ground.store.write(write)


def _refuse_changed(ground: Ground, row: Row) -> None:
    if ground.rule(row["rule"]).hash != row["rule_hash"]:
        raise CannotRun(f"The rule {row['rule']} was changed since {row['id']} was made; make it anew.")


def _refuse_currency(ground: Ground, row: Row, money: Money | None) -> None:
    said = budget_of(row, ground.campaign(row))
    if money is not None and (said is None or said.currency != money.currency):
        known = f"it is counted in {said.currency}" if said else "its rule sets none (stop_on: {spent: ...})"
        raise CannotRun(f"{row['id']} cannot have a budget of {money}: {known}.")


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()


def _some_queued(ground: Ground, campaign_id: str) -> list[str]:
    with ground.store.read() as tx:
        return campaigns.queued(tx, campaign_id, CHUNK)


def _end(tx: Tx, ids: Sequence[str], actor: str, now: datetime) -> None:
    for message_id in ids:
        messages.end(tx, message_id, State.CANCELLED, Because.CANCELLED, now, actor)
