"""Threads that call the worker's steps again and again. They decide nothing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from audit import claims
from audit.engines.base import InDoubt
from audit.store import StoreDown
from dispatch import handing
from dispatch.worker import Handover, Worker
from model.sending import Result

log = logging.getLogger("tidings.dispatch")
IDLE = 1.0
"""Seconds between looks when nothing wakes us."""

GATHER = 0.01
"""Seconds a claim waits for more free senders while most of them are busy."""

SETTLE_EVERY = timedelta(seconds=5)
STEER_EVERY = timedelta(seconds=1)
Write = Callable[[Worker, Handover, Result, datetime], Future[None]]


@dataclass(slots=True)
class Driver:
    """Runs a worker until `stop`, which drains: nothing new is claimed, what is on its way is finished."""

    worker: Worker
    clock: Callable[[], datetime]
    senders: int = 16
    _stop: threading.Event = field(default_factory=threading.Event)
    _accepted: threading.Event = field(default_factory=threading.Event)
    _planned: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _room: threading.Condition = field(default_factory=threading.Condition)
    _free: int = field(init=False)
    _pool: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        self._free = self.senders
        self._pool = ThreadPoolExecutor(self.senders, thread_name_prefix="sender")

    @property
    def is_stopping(self) -> bool:
        """Whether the end has begun: whoever holds something open should let go."""
        return self._stop.is_set()

    def start(self) -> None:
        """Start planning and sending."""
        for name, loop in (("planner", self._plan), ("dispatcher", self._send)):
            thread = threading.Thread(target=loop, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def wake(self) -> None:
        """Say that an event was accepted."""
        self._accepted.set()

    def nudge(self) -> None:
        """Look again for what is due: the clock was moved."""
        self._accepted.set()
        self._planned.set()

    def stop(self, patience: float = 8.0) -> None:
        """Stop claiming, finish what is on its way (at most `patience` seconds), and return."""
        self._stop.set()
        self._accepted.set()
        self._planned.set()
        for thread in self._threads:
            thread.join(patience)
        with self._room:  # also for those whose gateway answers later
            self._room.wait_for(lambda: self._free == self.senders, patience)
        self._pool.shutdown(wait=True, cancel_futures=False)

    def _plan(self) -> None:
        while not self._stop.is_set():
            self._accepted.wait(IDLE)
            self._accepted.clear()
            while not self._stop.is_set() and self._guarded(self._plan_some):
                self._planned.set()

    def _plan_some(self) -> bool:
        return self.worker.plan_due(self.clock()) > 0

    def _send(self) -> None:
        settled_at = steered_at = self.clock()
        while not self._stop.is_set():
            self._planned.wait(self._pause())
            self._planned.clear()
            while not self._stop.is_set() and self._guarded(self._claim_some):
                pass
            if abs(self.clock() - steered_at) >= STEER_EVERY:
                steered_at = self.clock()
                self._guarded(self._steer)
            if abs(self.clock() - settled_at) >= SETTLE_EVERY:
                settled_at = self.clock()
                self._guarded(lambda: bool(self.worker.settle(self.clock())))

    def _steer(self) -> bool:
        while not self._stop.is_set() and self.worker.steer_due(self.clock()):
            pass
        return True

    def _pause(self) -> float:
        """Return how long nothing can be due, at most one idle period."""
        try:
            due = self.worker.next_due(self.clock())
        except StoreDown:
            return IDLE
        return IDLE if due is None else max(0.005, min(IDLE, (due - self.clock()).total_seconds()))

    def _claim_some(self) -> bool:
        free = self._take_free()
        if not free:
            return True
        handovers: list[Handover] = []
        try:
            handovers = self.worker.claim_due(self.clock(), free)
        finally:
            self._give_back(free - len(handovers))
        for handover in handovers:
            if self._is_late(handover) or not handing.began(handover, partial(self._answered, handover)):
                self._pool.submit(self._hand_over, handover)
        return bool(handovers)

    def _take_free(self) -> int:
        """Take all free senders. While most are busy, wait a moment for more: one claim, one commit, several texts."""
        with self._room:
            if self._free < self._enough:
                self._room.wait(GATHER)
            free, self._free = self._free, 0
        return free

    def _give_back(self, senders: int) -> None:
        with self._room:
            self._free += senders
            if self._free >= self._enough:
                self._room.notify_all()

    @property
    def _enough(self) -> int:
        return max(1, self.senders // 8)

    def _hand_over(self, handover: Handover) -> None:
        if not self._is_late(handover):
            self._answered(handover, handing.asked(handover))
            return
        try:
            self.worker.store.write(lambda tx: claims.unused(tx, handover.claimed, self.clock()))
        except StoreDown:  # it is unknown then when its lease ends
            log.warning("late claim not given back", extra={"id": handover.submission.message_id})
        finally:
            self._give_back(1)

    def _is_late(self, handover: Handover) -> bool:
        """Tell whether this machine stood still for so long that others may soon take the message over."""
        return self.clock() >= handover.begin_by

    def _answered(self, handover: Handover, result: Result) -> None:
        """Queue what a gateway said. Its place is free for the next text once that is on the disk."""
        self._write(handing.written, handover, result)

    def _write(self, how: Write, handover: Handover, result: Result) -> None:
        try:
            future = how(self.worker, handover, result, self.clock())
        except Exception as error:  # noqa: BLE001 - a place that is not given back is lost
            future = Future[None]()
            future.set_exception(error)
        future.add_done_callback(partial(self._settled, handover, result))

    def _settled(self, handover: Handover, result: Result, future: Future[None]) -> None:
        error = future.exception()
        if isinstance(error, StoreDown) and not isinstance(error, InDoubt) and not self._stop.is_set():
            # What is known must not become unknown because the disk is full. The place stays taken: where results
            # cannot be written, nothing more should leave.
            again = threading.Timer(IDLE, self._write, (handing.stored, handover, result))
            again.daemon = True
            again.start()
            return
        if error:
            log.error("result not stored", exc_info=error, extra={"id": handover.submission.message_id})
        self._give_back(1)

    def _guarded(self, step: Callable[[], bool]) -> bool:
        """Run a step; a store that is down, or a defect, costs a pause and never the loop."""
        try:
            return step()
        except StoreDown:
            log.warning("store down, waiting")
        except Exception:
            log.exception("step failed")
        self._stop.wait(IDLE)
        return False
