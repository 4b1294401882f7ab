"""Sessions of the console: 256 random bits in a cookie, their digest here, an end after a pause and an end anyway."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from audit import journal, people
from audit.people import Person
from audit.rows import at, ms
from audit.store import Row, Tx

SEEN_EVERY = timedelta(minutes=1)
"""The finest grain of "last seen": a write per page would cost more than the page."""
MOST = 20
"""Sessions one person may have; one more ends the one that was used longest ago."""

COLUMNS = "id, user_id, created_at, seen_at, address, agent"
BY_DIGEST = f"select {COLUMNS} from sessions where digest = ?"  # noqa: S608 - our own columns, here and below
OF_USER = f"select {COLUMNS} from sessions where user_id = ? order by seen_at desc, id desc"  # noqa: S608 - our own words
OLDEST = """
delete from sessions where user_id = :user and id not in
    (select id from sessions where user_id = :user order by seen_at desc, id desc limit :most)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """How long a session lasts without being used, and how long at most."""

    idle: timedelta = timedelta(minutes=30)
    most: timedelta = timedelta(hours=12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One browser in which somebody is signed in."""

    id: int
    user_id: int
    created_at: datetime
    seen_at: datetime
    address: str
    agent: str

    def is_over(self, lengths: Lengths, now: datetime) -> bool:
        """Tell whether it was left alone for too long, or has lasted long enough."""
        return now - self.seen_at >= lengths.idle or now - self.created_at >= lengths.most


def begin(tx: Tx, person: Person, address: str, agent: str, now: datetime) -> str:
    """Begin a session; return what its cookie holds."""
    token = secrets.token_urlsafe(32)
    tx.execute(
        "insert into sessions (digest, user_id, created_at, seen_at, address, agent) values (?, ?, ?, ?, ?, ?)",
        (_digest(token), person.id, ms(now), ms(now), address[:60], agent[:200]),
    )
    tx.execute(OLDEST, {"user": person.id, "most": MOST})
    return token


def of_token(tx: Tx, token: str, lengths: Lengths, now: datetime) -> tuple[Session, Person] | None:
    """Return the session of a cookie and whose it is; None for one that is over, forged or of somebody kept out."""
    row = tx.execute(BY_DIGEST, (_digest(token),)).fetchone() if token else None
    if row is None:
        return None
    session, person = _session(row), people.get(tx, row["user_id"])
    if person is None or person.disabled_at is not None or session.is_over(lengths, now):
        return None
    return session, person


def needs_touch(session: Session, now: datetime) -> bool:
    """Tell whether it is time to write down that a session is in use."""
    return now - session.seen_at >= SEEN_EVERY


def touch(tx: Tx, session: Session, now: datetime) -> None:
    """Write down that a session is in use."""
    tx.execute("update sessions set seen_at = max(seen_at, ?) where id = ?", (ms(now), session.id))


def of_person(tx: Tx, person: Person, lengths: Lengths, now: datetime) -> list[Session]:
    """Return the sessions of somebody that are not over, the one used last first."""
    found = [_session(row) for row in tx.execute(OF_USER, (person.id,))]
    return [session for session in found if not session.is_over(lengths, now)]


def end(tx: Tx, person: Person, session_id: int, reason: str, now: datetime) -> bool:
    """End one session of somebody; False when they have no such session."""
    gone = tx.execute("delete from sessions where id = ? and user_id = ?", (session_id, person.id)).rowcount
    if gone:
        journal.note(tx, ms(now), "operator", reason=reason, actor=person.name)
    return bool(gone)


def end_others(tx: Tx, person: Person, kept: int, now: datetime) -> int:
    """End every session of somebody but one; return how many."""
    gone = tx.execute("delete from sessions where user_id = ? and id <> ?", (person.id, kept)).rowcount
    if gone:
        journal.note(tx, ms(now), "operator", reason="sessions ended", actor=person.name, detail=str(gone))
    return gone


def prune(tx: Tx, lengths: Lengths, now: datetime) -> int:
    """Drop sessions that are over; return how many."""
    return tx.execute(
        "delete from sessions where created_at <= ? or seen_at <= ?", (ms(now - lengths.most), ms(now - lengths.idle))
    ).rowcount


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def _session(row: Row) -> Session:
    return Session(
        id=row["id"], user_id=row["user_id"], created_at=at(row["created_at"]), seen_at=at(row["seen_at"]),
        address=row["address"], agent=row["agent"],
    )  # fmt: skip
