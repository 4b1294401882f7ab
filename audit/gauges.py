"""Figures for machines, each from an index of few rows."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from audit import steering, versions
from audit.engines.sqlite import Sqlite
from audit.rows import LANES, ms
from audit.store import Store, Tx

OPEN_EVENTS = ("received", "needs_lookup", "unreadable", "failed")
OPEN_MESSAGES = ("queued", "submitting", "unknown", "accepted", "sending", "sent")
LIMIT = 100_000
"""Counting stops here: a gauge of open work does not need to be exact beyond it."""

LAST_DAY = timedelta(hours=24)
WEBHOOKS = f"""
select name, told_at, disabled_at,
    (select count(*) from (select 1 from tellings where webhook = name and state = 'waiting' limit {LIMIT}) as found)
        as waiting,
    (select min(created_at) from tellings where webhook = name and state = 'waiting') as oldest
from webhooks order by name
"""  # noqa: S608 - our own number
CODES = "select state, count(*) as n from verifications where created_at > ? group by state order by state"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """(label, figure) pairs per metric."""

    events: list[tuple[str, float]]
    messages: list[tuple[str, float]]
    oldest_waiting: list[tuple[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """How a webhook of ours stands: what waits for it and for how long (seconds), and when it last took something."""

    name: str
    waiting: int
    oldest: float
    told_at: float
    disabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The version of the rules in force: its number, its hash, and when it came in force (seconds since 1970)."""

    number: int
    hash: str
    since: float


def alive(tx: Tx) -> None:
    """Touch the database."""
    tx.execute("select 1 from settings limit 1").fetchone()


def read(tx: Tx, now: datetime) -> Figures:
    """Return the figures as of now."""
    return Figures(
        events=[(state, _bounded(tx, "events", state)) for state in OPEN_EVENTS],
        messages=[(state, _bounded(tx, "messages", state)) for state in OPEN_MESSAGES],
        oldest_waiting=[(lane.code, _age(tx, rank, now)) for rank, lane in LANES.items()],
    )


def webhooks(tx: Tx, now: datetime) -> list[Webhook]:
    """Return how every webhook stands."""
    return [
        Webhook(
            name=row["name"], waiting=row["waiting"], told_at=row["told_at"] / 1000, disabled=bool(row["disabled_at"]),
            oldest=max(0.0, (ms(now) - row["oldest"]) / 1000) if row["oldest"] is not None else 0.0,
        )
        for row in tx.execute(WEBHOOKS)
    ]  # fmt: skip


def codes(tx: Tx, now: datetime) -> list[tuple[str, float]]:
    """Return the verifications of the last 24 hours by state."""
    return [(row["state"], float(row["n"])) for row in tx.execute(CODES, (ms(now - LAST_DAY),))]


def resting(tx: Tx) -> dict[str, bool]:
    """Return which gateways rest, as far as the running service has used them."""
    return {name: found.state == "resting" for name, found in steering.conditions(tx).items()}


def rules(tx: Tx) -> Rules | None:
    """Return the version of the rules in force; None before the first."""
    found = versions.newest(tx, 1)
    return Rules(number=found[0].number, hash=found[0].hash, since=found[0].at.timestamp()) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How big the store is, in bytes by part, and how much room is left; nobody here knows a server's disk."""

    parts: dict[str, int]
    free: int | None = None


def sizes(store: Store) -> Sizes:
    """Return how big the store is. Raises StoreDown."""
    if isinstance(store.engine, Sqlite):
        path = store.engine.path
        parts = {"database": _size(path), "wal": _size(Path(f"{path}-wal"))}
        return Sizes(parts=parts, free=shutil.disk_usage(path.resolve().parent).free)
    with store.read() as tx:
        row = tx.execute("select pg_database_size(current_database()) as n").fetchone()
    return Sizes(parts={"database": row["n"]})


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _bounded(tx: Tx, table: str, state: str) -> float:
    sql = f"select count(*) as n from (select 1 from {table} where state = ? limit {LIMIT}) as found"  # noqa: S608 - our words
    return float(tx.execute(sql, (state,)).fetchone()["n"])


def _age(tx: Tx, lane: int, now: datetime) -> float:
    row = tx.execute(
        "select min(next_at) as t from messages where state = 'queued' and held = '' and lane = ? and next_at <= ?",
        (lane, ms(now)),
    ).fetchone()
    return 0.0 if row["t"] is None else max(0.0, (ms(now) - row["t"]) / 1000)
