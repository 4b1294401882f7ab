"""Campaigns: a list is read, people approve, and the texts are planned a little ahead of their leaving.

A campaign never puts its whole list into the queue. So it can be paused, changed in rate or cancelled at any moment
without touching a million rows, and a crash loses nothing: how far it got is saved with the plans.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import BinaryIO

from audit import campaigns, events, lists, messages, steering
from audit.facts import StoredFacts
from audit.rows import at, ms
from audit.store import Row, Store, Tx
from dispatch.audience import BadRow, Person, people
from dispatch.draft import Moment
from dispatch.plan import plan_for
from model.event import Event
from model.message import Decision, Plan, State
from model.reasons import Because
from model.steering import Pause
from rules.book import Book, Campaign, Rule

SOURCE, TYPE = "list", "custom.campaign.member"
TOGETHER, AHEAD, CHUNK = 1_000, 2_000, 100
"""Rows read together; texts planned ahead of their leaving; people planned in one transaction."""
LOOK_AFTER, MOST_FAILED = 50, 0.3
"""A campaign stops by itself once so many of its texts have ended and this share of them failed."""


Member = tuple[int, str, dict[str, str]]
"""A row of a list: its number in the spreadsheet, the phone, the cells by column."""


class CannotRun(ValueError):  # noqa: N818 - names what is wrong
    """What was asked for does not go, in a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a campaign would do: people on the list, rows left out, opted out, and when the last text would leave."""

    people: int
    doubles: int
    wrong: int
    opted_out: int
    ends_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaigns:
    """Everything the steps need."""

    store: Store
    book: Callable[[], Book]
    new_id: Callable[[str], str]

    def read_list(
        self, file: BinaryIO, name: str, rule: str, actor: str, now: datetime, *,
        again: bool = False, progress: Callable[[int], object] = abs,
    ) -> str:  # fmt: skip
        """Read a CSV file into a list; return its id. The same bytes twice need `again`. Raises CannotRun, BadList."""
        wanted, digest = self._rule(rule), _digest(file)
        with self.store.read() as tx:
            known = lists.same_file(tx, digest)
        if known is not None and not again:
            raise CannotRun(f"This is the file that {known['id']} was made from on {at(known['created_at']):%d %B %Y}.")
        list_id = self.new_id("l")
        self.store.write(lambda tx: lists.start(tx, list_id, name, digest, actor, now))
        kept = repeated = wrong = 0
        columns: dict[str, None] = {}
        found = people(file, wanted.to, wanted.region)
        while batch := list(islice(found, TOGETHER)):
            persons, bad = _sorted(batch)
            columns |= dict.fromkeys(name for person in persons[:1] for name in person.data)
            doubles = self.store.write(partial(_keep, list_id=list_id, persons=persons, bad=bad))
            kept, repeated, wrong = kept + len(persons) - doubles, repeated + doubles, wrong + len(bad)
            progress(kept + repeated + wrong)
        self.store.write(
            partial(lists.finish, list_id=list_id, rows=kept, doubles=repeated, wrong=wrong, columns=list(columns))
        )
        return list_id

    def prepare(self, rule: str, list_id: str, actor: str, now: datetime) -> str:
        """Make a campaign of a rule and a list; return its id."""
        wanted = self._rule(rule)

        def write(tx: Tx) -> str:
            found = lists.get(tx, list_id)
            if found is None or not found["complete"]:
                raise CannotRun(f"There is no complete list {list_id}.")
            count = campaigns.of_rule(tx, rule)
            campaign_id = f"{rule}.{count + 1}" if count else rule
            campaigns.add(tx, {"id": campaign_id, "rule": rule, "rule_hash": wanted.hash, "list_id": list_id,
                               "actor": actor, "created_at": ms(now)})  # fmt: skip
            return campaign_id

        return self.store.write(write)

    def preview(self, campaign_id: str, now: datetime) -> Preview:
        """Say whom a campaign would reach and how long it would take."""
        with self.store.read() as tx:
            row = self._row(tx, campaign_id)
            found, rule = lists.get(tx, row["list_id"]), self._rule(row["rule"])
            stopped = lists.opted_out(tx, row["list_id"], rule.consent)
        assert found is not None and rule.campaign is not None  # noqa: S101, PT018 - a campaign is made of both
        start, rate = max(now, rule.campaign.start), rule.campaign.rate
        ends = start + timedelta(seconds=found["rows"] / rate) if rate else None
        return Preview(
            people=found["rows"], doubles=found["doubles"], wrong=found["wrong"], opted_out=stopped, ends_at=ends
        )

    def approve(self, campaign_id: str, actor: str, now: datetime) -> int:
        """Approve a campaign; return how many people still have to. With the last one it may start."""

        def write(tx: Tx) -> int:
            row = self._row(tx, campaign_id)
            needed = self._campaign(row).approve - campaigns.approve(tx, campaign_id, actor, now)
            if needed <= 0 and row["state"] == "draft":
                campaigns.move(tx, campaign_id, "approved", actor, now)
            return max(0, needed)

        return self.store.write(write)

    def start(self, campaign_id: str, actor: str, now: datetime) -> None:
        """Let an approved campaign run, or one that was paused or has stopped go on. Raises CannotRun."""

        def write(tx: Tx) -> None:
            row = self._row_in(tx, campaign_id, "approved", "paused", "stopped")
            if self._rule(row["rule"]).hash != row["rule_hash"]:
                raise CannotRun(f"The rule {row['rule']} was changed since {campaign_id} was made; make it anew.")
            steering.resume(tx, "rule", row["rule"], actor, now)
            campaigns.respace(tx, campaign_id, now, self._campaign(row).rate)
            campaigns.move(tx, campaign_id, "running", actor, now)

        self.store.write(write)

    def pause(self, campaign_id: str, actor: str, now: datetime) -> None:
        """Let nothing of a campaign leave until it is started again. Raises CannotRun."""

        def write(tx: Tx) -> None:
            row = self._row_in(tx, campaign_id, "running")
            wish = Pause(scope="rule", name=row["rule"], reason=f"campaign {campaign_id}", actor=actor, since=now)
            steering.pause(tx, wish)
            campaigns.move(tx, campaign_id, "paused", actor, now)

        self.store.write(write)

    def cancel(self, campaign_id: str, actor: str, now: datetime) -> int:
        """End a campaign for good; return how many waiting texts ended with it. Raises CannotRun."""

        def write(tx: Tx) -> None:
            row = self._row_in(tx, campaign_id, *campaigns.OPEN)
            steering.resume(tx, "rule", row["rule"], actor, now)
            campaigns.move(tx, campaign_id, "cancelled", actor, now)

        self.store.write(write)
        done = 0
        while found := self._some_queued(campaign_id):
            self.store.write(partial(_end, ids=found, actor=actor, now=now))
            done += len(found)
        return done

    def step(self, now: datetime) -> int:
        """Plan a little ahead for every campaign that runs; return how many people were planned."""
        with self.store.read() as tx:
            under_way = campaigns.running(tx)
        return sum(self._plan_some(row["id"], now) for row in under_way)

    def _plan_some(self, campaign_id: str, now: datetime) -> int:
        done = 0
        while done < AHEAD:
            count = self.store.write(partial(self._plan_chunk, campaign_id=campaign_id, now=now))
            if not count:
                break
            done += count
        return done

    def _plan_chunk(self, tx: Tx, campaign_id: str, now: datetime) -> int:
        row = self._row(tx, campaign_id)
        rule, campaign = self._rule(row["rule"]), self._campaign(row)
        if row["state"] != "running" or now < campaign.start:
            return 0
        if campaign.stop is not None and now >= campaign.stop:
            campaigns.move(tx, campaign_id, "done", "campaign", now, "its time is over")
            return 0
        changed = "" if rule.hash == row["rule_hash"] else "the rule was changed"
        if trouble := changed or _trouble(campaigns.states(tx, campaign_id)):
            campaigns.move(tx, campaign_id, "stopped", "campaign", now, trouble)
            return 0
        waiting = campaigns.waiting(tx, campaign_id)
        found = lists.after(tx, row["list_id"], row["row"], min(CHUNK, AHEAD - waiting)) if waiting < AHEAD else []
        if not found and not waiting:
            campaigns.move(tx, campaign_id, "done", "campaign", now)
        self._plan_rows(tx, row, rule, found, now)
        return len(found)

    def _plan_rows(self, tx: Tx, row: Row, rule: Rule, found: Sequence[Member], now: datetime) -> None:
        campaign, due, texts, skipped = self._campaign(row), at(row["last_due"]), 0, 0
        narrowed = replace(rule, when=(*rule.when, *campaign.audience.when))
        for number, phone, data in found:
            due = max(now, due + timedelta(seconds=1 / campaign.rate)) if campaign.rate else now
            made = self._plan_one(tx, row["id"], narrowed, (number, phone, data), due)
            texts += len(made.messages)
            skipped += not made.messages
        if found:
            campaigns.planned(tx, row["id"], found[-1][0], due, texts, skipped)

    def _plan_one(self, tx: Tx, campaign_id: str, rule: Rule, member: Member, due: datetime) -> Plan:
        number, phone, data = member
        event_id = self.new_id("e")
        event = Event(
            source=SOURCE, type=TYPE, native_type=campaign_id, id=f"{campaign_id}/{number}",
            key=f"{campaign_id}/{number}", occurred_at=due, data={**data, "number": phone},
        )  # fmt: skip
        events.insert_event(tx, event_id, event, None, due, "received")
        moment = Moment(event_id=event_id, now=due, new_id=lambda: self.new_id("m"))
        made = plan_for(rule, self.book(), event, StoredFacts(tx, due), moment)
        made = replace(made, decisions=tuple(_of_campaign(one, campaign_id, rule) for one in made.decisions))
        events.save_plan(tx, event, made, due)
        return made

    def _some_queued(self, campaign_id: str) -> list[str]:
        with self.store.read() as tx:
            return campaigns.queued(tx, campaign_id, CHUNK)

    def _row_in(self, tx: Tx, campaign_id: str, *states: str) -> Row:
        row = self._row(tx, campaign_id)
        if row["state"] not in states:
            raise CannotRun(f"{campaign_id} is {row['state']}; that goes only while it is {' or '.join(states)}.")
        return row

    def _row(self, tx: Tx, campaign_id: str) -> Row:
        row = campaigns.get(tx, campaign_id)
        if row is None:
            raise CannotRun(f"There is no campaign {campaign_id}.")
        return row

    def _rule(self, rule: str) -> Rule:
        found = self.book().get(rule)
        if found is None or found.campaign is None:
            raise CannotRun(f"The rules have no campaign {rule!r}.")
        return found

    def _campaign(self, row: Row) -> Campaign:
        found = self._rule(row["rule"]).campaign
        assert found is not None  # noqa: S101 - _rule sees to it
        return found


def _digest(file: BinaryIO) -> str:
    found = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    file.seek(0)
    return found


def _sorted(batch: Sequence[Person | BadRow]) -> tuple[list[Person], list[BadRow]]:
    return [one for one in batch if isinstance(one, Person)], [one for one in batch if isinstance(one, BadRow)]


def _keep(tx: Tx, list_id: str, persons: Sequence[Person], bad: Sequence[BadRow]) -> int:
    rows = [(person.row, person.number, dict(person.data)) for person in persons]
    return lists.add(tx, list_id, rows, [(one.row, one.column, one.cell, one.why) for one in bad])


def _of_campaign(decision: Decision, campaign_id: str, rule: Rule) -> Decision:
    """Mark a text as the campaign's; it must not leave after the campaign's end."""
    message, campaign = decision.message, rule.campaign
    if message is None or campaign is None:
        return decision
    expires = min(message.expires_at, campaign.stop) if campaign.stop else message.expires_at
    return replace(decision, message=replace(message, campaign=campaign_id, expires_at=expires))


def _end(tx: Tx, ids: Sequence[str], actor: str, now: datetime) -> None:
    for message_id in ids:
        messages.end(tx, message_id, State.CANCELLED, Because.CANCELLED, now, actor)


def _trouble(states: dict[str, int]) -> str:
    """Say why a campaign should not go on: too many of its texts failed."""
    failed = sum(states.get(name, 0) for name in ("undelivered", "rejected", "failed"))
    ended = failed + states.get("delivered", 0)
    if ended >= LOOK_AFTER and failed > MOST_FAILED * ended:
        return f"{failed} of {ended} texts failed"
    return ""
