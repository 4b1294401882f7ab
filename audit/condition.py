"""How the store and the queue are: sizes, migrations, lanes, seals, for the page an operator looks at first."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from audit import gauges, kept
from audit.engines.sqlite import Sqlite
from audit.rows import LANES, at, ms
from audit.store import Store, Tx

VERIFIED = "seals_verified"
"""The setting in which `tidings audit verify` leaves what it found."""

MOST = 10_000
"""Counting stops here."""

WAITING = """
select count(*) as n from (select 1 from messages where state = 'queued' and held = '' and lane = :lane
    and next_at <= :now limit :most) as due
"""
HELD = "select count(*) as n from (select 1 from messages where state = 'queued' and held <> '' limit :most) as held"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """What is due in a lane, and for how long the oldest of it has been, in seconds."""

    name: str
    due: int
    oldest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """The store and the queue; sizes in bytes."""

    file: int
    log: int
    free: int
    migrations: int
    newest_migration: str
    lanes: tuple[Lane, ...]
    held: int
    open: dict[str, float]
    sealed_at: datetime | None
    unsealed: int
    verified: str
    verified_at: datetime | None


def of(store: Store, now: datetime) -> Condition:
    """Look at everything once."""
    with store.read() as tx:
        found = gauges.read(tx, now)
        oldest = dict(found.oldest_waiting)
        names = [row["name"] for row in tx.execute(f"select name from {_migrations(store)} order by name")]  # noqa: S608 - our own words
        seal = tx.execute("select last, at from seals order by number desc limit 1").fetchone()
        newest = tx.execute("select max(id) as id from journal").fetchone()["id"] or 0
        verified = tx.execute("select value, at from settings where name = ?", (VERIFIED,)).fetchone()
        return Condition(
            **_sizes(store),
            migrations=len(names), newest_migration=names[-1] if names else "",
            lanes=tuple(_lane(tx, rank, lane.code, oldest, now) for rank, lane in LANES.items()),
            held=tx.execute(HELD, {"most": MOST}).fetchone()["n"], open=dict(found.messages),
            sealed_at=at(seal["at"]) if seal else None, unsealed=newest - (seal["last"] if seal else 0),
            verified=verified["value"] if verified else "", verified_at=at(verified["at"]) if verified else None,
        )  # fmt: skip


def remember_verified(tx: Tx, verdict: str, now: datetime) -> None:
    """Keep what the last look at all seals found."""
    kept.remember(tx, VERIFIED, verdict, now)


def _lane(tx: Tx, rank: int, name: str, oldest: dict[str, float], now: datetime) -> Lane:
    row = tx.execute(WAITING, {"lane": rank, "now": ms(now), "most": MOST}).fetchone()
    return Lane(name=name, due=row["n"], oldest=oldest.get(name, 0.0))


def _migrations(store: Store) -> str:
    return "_sqlite_migrations" if isinstance(store.engine, Sqlite) else "migrations"


def _sizes(store: Store) -> dict[str, int]:
    """Return what the store takes on this machine: of a server nothing."""
    if not isinstance(store.engine, Sqlite):
        return {"file": 0, "log": 0, "free": 0}
    path = store.engine.path
    return {
        "file": _size(path), "log": _size(Path(f"{path}-wal")),
        "free": shutil.disk_usage(path.resolve().parent).free,
    }  # fmt: skip


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
