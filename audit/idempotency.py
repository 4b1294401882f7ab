"""Requests that must not be done twice: the name their sender gave each, what it asked, and what it was answered.

A name is taken in the transaction that does the work, or before work that needs several. It is kept for a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from audit.rows import ms
from audit.store import Tx

KEEP = timedelta(hours=24)
RUNS_AT_MOST = timedelta(minutes=5)
"""A request without an answer after this long died with its process; the next one may do the work."""

TAKE = """
insert into idempotency (key_id, name, fingerprint, at) values (:key_id, :name, :fingerprint, :now)
on conflict (key_id, name) do update set fingerprint = excluded.fingerprint, status = 0, body = '', location = '',
    at = excluded.at
where idempotency.at <= :old or (idempotency.status = 0 and idempotency.at <= :dead)
"""
FIND = "select fingerprint, status, body, location from idempotency where key_id = ? and name = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """A request that may be sent again: by which API key, its name, and the digest of what it asks."""

    key_id: int
    name: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a request was answered."""

    status: int
    body: str
    location: str = ""


class Standing(Enum):
    """How a request stands that was not answered before."""

    FRESH = "nobody asked yet"
    RUNNING = "another request with this name is at work"
    OTHER = "the name was used for another request"


def begin(tx: Tx, once: Once, now: datetime) -> Standing | Answered:
    """Take the name of a request, or say what stands in its way: the answer it got, or why there is none."""
    taken = tx.execute(
        TAKE,
        {
            "key_id": once.key_id, "name": once.name, "fingerprint": once.fingerprint, "now": ms(now),
            "old": ms(now - KEEP), "dead": ms(now - RUNS_AT_MOST),
        },
    ).rowcount  # fmt: skip
    if taken:
        return Standing.FRESH
    row = tx.execute(FIND, (once.key_id, once.name)).fetchone()
    if bytes(row["fingerprint"]) != once.fingerprint:
        return Standing.OTHER
    if not row["status"]:
        return Standing.RUNNING
    return Answered(status=row["status"], body=row["body"], location=row["location"])


def finish(tx: Tx, once: Once, answer: Answered) -> None:
    """Keep the answer beside what it tells of."""
    tx.execute(
        "update idempotency set status = ?, body = ?, location = ? where key_id = ? and name = ?",
        (answer.status, answer.body, answer.location, once.key_id, once.name),
    )


def drop(tx: Tx, once: Once) -> None:
    """Give a name back whose work was not done."""
    tx.execute("delete from idempotency where key_id = ? and name = ? and status = 0", (once.key_id, once.name))


def prune(tx: Tx, now: datetime) -> int:
    """Drop what is older than a day; return how many."""
    return tx.execute(
        "delete from idempotency where (key_id, name) in "
        "(select key_id, name from idempotency where at <= ? limit 5000)",
        (ms(now - KEEP),),
    ).rowcount
