"""Threads that call the teller's steps. They decide nothing; each webhook has its own: none waits for another."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from audit.store import StoreDown
from audit.webhooks import Telling
from dispatch.telling import Teller

log = logging.getLogger("tidings.dispatch")
IDLE = 0.5
"""Seconds between looks when nothing wakes us."""

AT_ONCE = 4
"""Posts at the same time to one webhook."""


@dataclass(slots=True)
class Tellers:
    """Runs a teller until `stop`. Its threads are daemons: a post that hangs must not hold up our end."""

    teller: Teller
    clock: Callable[[], datetime]
    _stop: threading.Event = field(default_factory=threading.Event)
    _wakes: list[threading.Event] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Start reading the outbox and posting; without a webhook there is nothing to do."""
        self.teller.prepare(self.clock())
        if not self.teller.webhooks:
            return
        for name in self.teller.webhooks:
            wake = threading.Event()
            self._wakes.append(wake)
            self._run(f"webhook {name}", partial(self._deliver, name), wake)
        self._run("outbox", self._tell, self._stop)

    def stop(self, patience: float = 1.0) -> None:
        """Begin nothing new and wait a moment; what is on its way is posted again after the next start."""
        self._stop.set()
        for wake in self._wakes:
            wake.set()
        for thread in self._threads:
            thread.join(patience / len(self._threads))

    def _run(self, name: str, step: Callable[[], bool], wake: threading.Event) -> None:
        thread = threading.Thread(target=self._loop, args=(step, wake), name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _loop(self, step: Callable[[], bool], wake: threading.Event) -> None:
        while not self._stop.is_set():
            if not self._guarded(step):
                wake.wait(IDLE)
            if wake is not self._stop:
                wake.clear()

    def _tell(self) -> bool:
        found = self.teller.tell_due(self.clock()) > 0
        if found:
            for wake in self._wakes:
                wake.set()
        return found

    def _deliver(self, name: str) -> bool:
        return self.teller.deliver(name, self.clock, run=self._at_once) > 0

    def _at_once(self, work: Callable[[Sequence[Telling]], None], groups: Iterable[Sequence[Telling]]) -> None:
        """Work off groups by a few threads of this round."""
        waiting: queue.SimpleQueue[Sequence[Telling]] = queue.SimpleQueue()
        for group in groups:
            waiting.put(group)

        def some() -> None:
            with suppress(queue.Empty):
                while not self._stop.is_set():
                    group = waiting.get_nowait()
                    self._guarded(partial(work, group))

        threads = [threading.Thread(target=some, daemon=True) for _ in range(min(AT_ONCE, waiting.qsize()))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _guarded(self, step: Callable[[], bool | None]) -> bool:
        """Run a step; a store that is down, or a defect, costs a pause and never the loop."""
        try:
            return bool(step())
        except StoreDown:
            if not self._stop.is_set():
                log.warning("store down, waiting")
        except Exception:
            log.exception("telling failed")
        self._stop.wait(IDLE)
        return False
