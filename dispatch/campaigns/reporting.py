"""How far a campaign is, and what came of it: for the command line, the console and the API."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from audit import campaign_later, campaign_report, campaigns, lists
from audit.rows import at
from audit.store import Row, Tx
from dispatch.campaigns.ground import Ground
from model.message import State
from model.steering import held_words

LEFT = {state.code for state in State if state.rank >= State.ACCEPTED.rank and state is not State.CANCELLED}
FAILED = {"undelivered", "expired", "rejected", "failed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a campaign is.

    Of `people` on the list, `planned` have a text and `skipped` get none; `parked` wait by reason code, `held` texts by
    the words for what holds them. `to_go` people were not looked at. `ends_at` is when the last text would leave at
    this rate, None where there is no rate or nothing to go.
    """

    id: str
    state: str
    reason: str
    version: int
    people: int
    planned: int
    skipped: int
    parked: Mapping[str, int]
    parked_until: datetime | None
    held: Mapping[str, int]
    waiting: int
    left: int
    delivered: int
    failed: int
    cancelled: int
    rate: float
    ends_at: datetime | None

    @property
    def to_go(self) -> int:
        """How many people of the list were not looked at yet."""
        return max(0, self.people - self.planned - self.skipped - sum(self.parked.values()))

    @property
    def done(self) -> int:
        """How many people are settled: their text has left or ended, or they get none."""
        return self.skipped + self.planned - self.waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Everything about one campaign but its texts' fate."""

    progress: Progress
    rule: str
    list_id: str
    made_by: str
    made_at: datetime
    approvals: tuple[tuple[str, datetime], ...]
    approvals_needed: int
    changed: str
    changed_by: str
    changed_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What came of the texts of one variant, or of all. `reported` have a final receipt: what `delivered` is worth.

    `linked` were sent with a short link, of `clicked` somebody followed one; `costs` are what providers said.
    """

    variant: str
    planned: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    sent: int = 0
    reported: int = 0
    delivered: int = 0
    failed: Mapping[str, int] = field(default_factory=dict)
    cancelled: int = 0
    waiting: int = 0
    unknown: int = 0
    replied: int = 0
    opted_out: int = 0
    linked: int = 0
    clicked: int = 0
    segments: int = 0
    costs: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def coverage(self) -> float | None:
        """The share of texts sent for which there is a final receipt."""
        return self.reported / self.sent if self.sent else None

    @property
    def delivery_rate(self) -> float | None:
        """The share of reported texts that were delivered."""
        return self.delivered / self.reported if self.reported else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignReport:
    """What came of a campaign, in all and per variant. `estimated`: what its texts cost by the price table."""

    progress: Progress
    total: Line
    variants: tuple[Line, ...]
    estimated: Mapping[str, Decimal]


def listing(ground: Ground) -> list[Progress]:
    """Return how far every campaign is, newest first."""
    with ground.store.read() as tx:
        return [_progress(ground, tx, row, None) for row in campaigns.listing(tx)]


def progress(ground: Ground, campaign_id: str, now: datetime) -> Progress:
    """Return how far a campaign is. Raises CannotRun."""
    with ground.store.read() as tx:
        return _progress(ground, tx, ground.row(tx, campaign_id), now)


def show(ground: Ground, campaign_id: str, now: datetime) -> Shown:
    """Return everything about a campaign but its texts' fate. Raises CannotRun."""
    with ground.store.read() as tx:
        row = ground.row(tx, campaign_id)
        rule = ground.book().get(row["rule"])
        said = tuple((one["actor"], at(one["at"])) for one in campaigns.approvals(tx, campaign_id))
        return Shown(
            progress=_progress(ground, tx, row, now), rule=row["rule"], list_id=row["list_id"], made_by=row["actor"],
            made_at=at(row["created_at"]), approvals=said,
            approvals_needed=rule.campaign.approve if rule and rule.campaign else 0, changed=row["changed"],
            changed_by=row["changed_by"], changed_at=at(row["changed_at"]), started_at=_moment(row["started_at"]),
            ended_at=_moment(row["ended_at"]),
        )  # fmt: skip


def report(ground: Ground, campaign_id: str, now: datetime) -> CampaignReport:
    """Return what came of a campaign. Raises CannotRun."""
    with ground.store.read() as tx:
        row = ground.row(tx, campaign_id)
        found = _progress(ground, tx, row, now)
        texts, stops = campaign_report.outcomes(tx, campaign_id), campaign_report.opted_out(tx, campaign_id)
        counts, days = campaigns.counts(tx, campaign_id), campaigns.days(tx, campaign_id)
    names = sorted({one["variant"] for one in [*texts, *counts]} - {""})
    micros: Counter[str] = Counter()
    for day in days:
        micros[day["currency"]] += day["micros"]
    return CampaignReport(
        progress=found, total=_line("", texts, counts, stops), estimated=_money(micros),
        variants=tuple(_line(name, _of(name, texts), _of(name, counts), {name: stops.get(name, 0)}) for name in names),
    )  # fmt: skip


def _of(name: str, rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row["variant"] == name]


def _line(name: str, texts: Iterable[Row], counts: Iterable[Row], stops: Mapping[str, int]) -> Line:
    sums, states, costs = Counter[str](), Counter[str](), Counter[str]()
    failed, skipped, planned = Counter[str](), Counter[str](), 0
    for row in texts:
        states[row["state"]] += row["texts"]
        costs[row["currency"]] += row["micros"]
        sums.update({part: row[part] for part in ("sent", "reported", "segments", "replied", "linked", "clicked")})
        if row["state"] in FAILED:
            failed[row["reason"] or row["state"]] += row["texts"]
    for row in counts:
        if row["measure"] == "skipped":
            skipped[row["label"]] += row["amount"]
        else:
            planned += row["amount"]
    return Line(
        variant=name, planned=planned, skipped=dict(sorted(skipped.items())), sent=sums["sent"],
        reported=sums["reported"], delivered=states["delivered"], failed=dict(sorted(failed.items())),
        cancelled=states["cancelled"], waiting=states["queued"] + states["submitting"], unknown=states["unknown"],
        replied=sums["replied"], opted_out=sum(stops.values()), linked=sums["linked"],
        clicked=sums["clicked"], segments=sums["segments"], costs=_money(costs),
    )  # fmt: skip


def _money(micros: Mapping[str, int]) -> dict[str, Decimal]:
    return {name: Decimal(amount) / 1_000_000 for name, amount in sorted(micros.items()) if name and amount}


def _progress(ground: Ground, tx: Tx, row: Row, now: datetime | None) -> Progress:
    """Count how far a campaign is; one whose rule is gone still has its past."""
    found, states = lists.get(tx, row["list_id"]), campaigns.states(tx, row["id"])
    rule = ground.book().get(row["rule"])
    rate = ground.rate(row) if rule is not None and rule.campaign is not None else max(0.0, row["rate"])
    parked = campaign_later.counts(tx, row["id"])
    people = int(found["rows"]) if found else 0
    waiting = states.get("queued", 0) + states.get("submitting", 0)
    left = max(0, people - row["planned"] - row["skipped"])
    if row["parked"]:
        parked = {**parked, row["parked"]: parked.get(row["parked"], 0) + left - sum(parked.values())}
    goes_on = row["state"] == "running" and bool(rate) and now is not None
    return Progress(
        id=row["id"], state=row["state"], reason=row["reason"], version=row["version"], people=people,
        planned=row["planned"], skipped=row["skipped"], parked=parked, parked_until=_moment(row["parked_until"]),
        held={held_words(mark): count for mark, count in campaigns.held(tx, row["id"]).items()}, waiting=waiting,
        left=sum(count for name, count in states.items() if name in LEFT), delivered=states.get("delivered", 0),
        failed=sum(states.get(name, 0) for name in FAILED), cancelled=states.get("cancelled", 0), rate=rate,
        ends_at=now + timedelta(seconds=(left + waiting) / rate) if goes_on and now and left + waiting else None,
    )  # fmt: skip


def _moment(value: int) -> datetime | None:
    return at(value) if value else None
