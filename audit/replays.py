"""Planning many events again: which they are, and how far that got. Each is one row, so a stop loses nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from audit import events, journal
from audit.rows import at, dump, ms
from audit.store import Row, Store, Tx
from model.event import Event
from model.ids import Ids

STATES = ("planned", "failed", "unreadable")
MOST = 5_000
"""Events in one go: more than anybody can mean without having looked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which events: in one state, of one source, kind or record, received between two times (milliseconds)."""

    state: str = "planned"
    source: str = ""
    type: str = ""
    key: str = ""
    event: str = ""
    since: int = 0
    until: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """One order to plan events again. `upto` is the newest event it is about: what comes later is not meant."""

    id: int = 0
    choice: Choice
    upto: str
    after: str = ""
    total: int
    done: int = 0
    failed: int = 0
    state: str = "running"
    actor: str
    at: datetime
    ended_at: datetime | None = None


def chosen(tx: Tx, choice: Choice, upto: str = "", after: str = "", limit: int = MOST + 1) -> list[str]:
    """Return the events that are meant, oldest first, behind `after`, at most `limit`."""
    where, values = ["state = :state"], {**asdict(choice), "upto": upto, "after": after, "limit": limit}
    where += [f"{name} = :{name}" for name in ("source", "type", "key") if values[name]]
    where += ["id = :event"] if choice.event else []
    if choice.since:
        where += ["received_at >= :since", "id >= :first"]
        values["first"] = _id_at(at(choice.since))
    if choice.until:
        where += ["received_at <= :until"]
    where += ["id <= :upto"] if upto else []
    where += ["id > :after"] if after else []
    sql = f"select id from events where {' and '.join(where)} order by id limit :limit"  # noqa: S608 - our own words
    return [row["id"] for row in tx.execute(sql, values)]


def _id_at(moment: datetime) -> str:
    """Return an id lower than any made from a time on; ids are a little older than what they name, never newer."""
    return Ids(lambda: moment - timedelta(minutes=5))("e")


def state_of(tx: Tx, event_id: str) -> str:
    """Return the state of an event."""
    row = tx.execute("select state from events where id = ?", (event_id,)).fetchone()
    return str(row["state"]) if row else ""


def in_full(store: Store, ids: list[str], *, with_raw: bool) -> Iterator[tuple[str, Event]]:
    """Yield the events of some ids; what cannot be read is left out."""
    for event_id in ids:
        with store.read() as tx:
            event = events.get(tx, event_id, with_raw=with_raw)
        if event is not None:
            yield event_id, event


def begin(tx: Tx, wish: Replay) -> int:
    """Keep an order and return its number; `step` of inbound.replaying does the rest."""
    row = tx.execute(
        "insert into replays (filter, upto, total, state, actor, at) values (?, ?, ?, 'running', ?, ?) returning id",
        (dump(asdict(wish.choice)), wish.upto, wish.total, wish.actor, ms(wish.at)),
    ).fetchone()
    journal.note(
        tx, ms(wish.at), "operator", source=wish.choice.source, type=wish.choice.type, actor=wish.actor,
        reason="replay", detail=f"{row['id']}: {wish.total} events",
    )  # fmt: skip
    return int(row["id"])


def running(tx: Tx) -> Replay | None:
    """Return the oldest order that is not done."""
    row = tx.execute("select * from replays where state = 'running' order by id limit 1").fetchone()
    return _replay(row) if row else None


def get(tx: Tx, replay_id: int) -> Replay | None:
    """Return one order."""
    row = tx.execute("select * from replays where id = ?", (replay_id,)).fetchone()
    return _replay(row) if row else None


def newest(tx: Tx, limit: int = 5) -> list[Replay]:
    """Return the newest orders."""
    return [_replay(row) for row in tx.execute("select * from replays order by id desc limit ?", (limit,))]


def move(tx: Tx, replay: Replay, after: str, done: int, failed: int) -> None:
    """Write how far an order got."""
    tx.execute(
        "update replays set after = ?, done = done + ?, failed = failed + ? where id = ?",
        (after, done, failed, replay.id),
    )


def finish(tx: Tx, replay_id: int, state: str, actor: str, now: datetime) -> bool:
    """End an order: done, or stopped by somebody."""
    ended = tx.execute(
        "update replays set state = ?, ended_at = ? where id = ? and state = 'running'", (state, ms(now), replay_id)
    ).rowcount
    if ended:
        journal.note(tx, ms(now), "operator", actor=actor, reason=f"replay {state}", detail=str(replay_id))
    return ended > 0


def _replay(row: Row) -> Replay:
    choice: dict[str, Any] = json.loads(row["filter"])
    return Replay(
        id=row["id"], choice=Choice(**choice), upto=row["upto"], after=row["after"], total=row["total"],
        done=row["done"], failed=row["failed"], state=row["state"], actor=row["actor"], at=at(row["at"]),
        ended_at=at(row["ended_at"]) if row["ended_at"] else None,
    )  # fmt: skip
