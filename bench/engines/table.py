"""The step carried by the message table, with the functions the service uses: insert, claim, attempt, result."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from audit import attempts, claims, messages
from audit.claims import Claimed
from audit.engines.base import NotUnique
from audit.store import Store, StoreDown, Tx, at_once
from bench.engines.step import NUMBER, REST, TEXT, Call, place
from model.event import Event
from model.message import Lane, Message, Recipient, State
from model.sending import Outcome, Result

T = TypeVar("T")
LEASE = timedelta(seconds=5)
"""A node that died keeps its claims so long. The service has a minute; a measurement has less patience."""

LOOKS_AFTER = 1.0
"""Seconds between looks for claims of nodes that died, and the longest sleep without news."""

GATHER = 0.01
"""Seconds a claim waits for more free hands while most are busy."""

EVENT = Event(source="bench", type="custom.tick", native_type="tick", id="e", key="", occurred_at=datetime.now(UTC),
              data={})  # fmt: skip


def message(message_id: str, due: datetime, lane: Lane = Lane.NORMAL, rule: str = "bench") -> Message:
    """Return a message as a plan would make it."""
    now = datetime.now(UTC)
    return Message(
        id=message_id, event_id=f"e{message_id}", source="bench", rule=rule, rule_hash="", key=message_id,
        recipient=Recipient(number=NUMBER, region="DE"), text=TEXT, encoding="gsm7", segments=1, lane=lane,
        created_at=now, due_at=due, expires_at=due + timedelta(days=3),
    )  # fmt: skip


class Table:
    """The table on SQLite or PostgreSQL."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(place(folder))
        self._news = threading.Event()
        self.store.listen(self._news.set)

    def publish(self, message_id: str, *, is_urgent: bool = False) -> None:
        """Insert it; a second try of what was committed meets the first."""
        made = message(message_id, datetime.now(UTC), Lane.OTP if is_urgent else Lane.NORMAL)
        with contextlib.suppress(NotUnique, sqlite3.IntegrityError):
            self._written(at_once(lambda tx: messages.insert_message(tx, made, EVENT)))
        self._news.set()
        self.store.announce()

    def send(self, call: Call, together: int) -> None:
        """Claim as many as there are hands free, and wait for news when there is nothing."""
        hands, looked = Hands(together), 0.0
        if self.store.is_alone:
            self._written(lambda tx: attempts.recover(tx, datetime.now(UTC), everything=True))
        with ThreadPoolExecutor(together) as pool:
            while True:
                if time.monotonic() - looked > LOOKS_AFTER:
                    looked = time.monotonic()
                    self._written(lambda tx: attempts.recover(tx, datetime.now(UTC)))
                self._news.clear()
                free = hands.take()
                claimed = self._claim(free) if free else []
                hands.give_back(free - len(claimed))
                for one in claimed:
                    pool.submit(self._hand_over, one, call, hands)
                if free and not claimed:
                    self._news.wait(self._pause())

    def _claim(self, limit: int) -> list[Claimed]:
        now = datetime.now(UTC)
        due = self._next_due(now)
        return [] if due is None or due > now else self._written(at_once(lambda tx: _claim(tx, now, limit)))

    def _pause(self) -> float:
        now = datetime.now(UTC)
        due = self._next_due(now)
        return LOOKS_AFTER if due is None else max(0.005, min(LOOKS_AFTER, (due - now).total_seconds()))

    def _next_due(self, now: datetime) -> datetime | None:
        try:
            with self.store.read() as tx:
                return claims.next_due(tx, now)
        except StoreDown:
            return None

    def _hand_over(self, claimed: Claimed, call: Call, hands: Hands) -> None:
        result = Result(outcome=Outcome.ACCEPTED, provider_id=call(claimed.message.id))
        now = datetime.now(UTC)
        self._written(
            at_once(lambda tx: attempts.record_result(tx, claimed, "stub", result, State.ACCEPTED, None, now))
        )
        hands.give_back(1)

    def _written(self, job: Callable[[Tx], T]) -> T:
        while True:
            try:
                return self.store.write(job)
            except StoreDown:
                time.sleep(REST)


def _claim(tx: Tx, now: datetime, limit: int) -> list[Claimed]:
    found = claims.claim_next(tx, now, LEASE, limit)
    for one in found:
        attempts.begin_attempt(tx, one, "stub", one.message.recipient.number, now)
    return found


class Hands:
    """Who may hand over at once. While most are busy a claim waits a moment for more, as dispatch/driver.py does."""

    def __init__(self, count: int) -> None:
        self._free, self._enough = count, max(1, count // 8)
        self._room = threading.Condition()

    def take(self) -> int:
        """Take all that are free."""
        with self._room:
            if self._free < self._enough:
                self._room.wait(GATHER)
            free, self._free = self._free, 0
        return free

    def give_back(self, count: int) -> None:
        """Let others be taken."""
        with self._room:
            self._free += count
            if self._free >= self._enough:
                self._room.notify_all()
