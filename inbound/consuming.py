"""Consumers: sources that wait at a message bus, each in a thread of its own, called again when it fails.

A message is acknowledged after the commit. What a crash leaves unacknowledged comes again and is recognised by its id.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from audit import cursors
from audit.store import Store, StoreDown
from connectors.base import AskFailed, Consumer
from inbound.hooks import Door
from inbound.sources import Source
from model.event import Incoming
from model.reasons import Refused

log = logging.getLogger("tidings.inbound")
PAUSES = (1.0, 2.0, 5.0, 15.0, 60.0)
"""Seconds until a consumer that failed is called again; the last for every further time."""


@dataclass(slots=True)
class Consuming:
    """Runs the consumers among the sources."""

    door: Door
    store: Store
    clock: Callable[[], datetime]
    pauses: Sequence[float] = PAUSES
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, sources: Mapping[str, Source]) -> None:
        """Give each consumer its thread."""
        for source in sources.values():
            if hasattr(source.connector, "consume"):
                thread = threading.Thread(target=self.run, args=(source,), name=f"consume {source.name}", daemon=True)
                self._threads.append(thread)
                thread.start()

    def stop(self, seconds: float = 5.0) -> None:
        """Take nothing more and wait for what is being stored; a second call does nothing."""
        self._stop.set()
        end = time.monotonic() + seconds
        while self._threads:
            self._threads.pop().join(max(0.0, end - time.monotonic()))

    def run(self, source: Source) -> None:
        """Consume until the stop."""
        taker = _Taker(self, source)
        while not self._stop.is_set():
            try:
                cast("Consumer", source.connector).consume(taker.accept, self._stop)
            except (AskFailed, Refused) as failure:
                taker.failed(str(failure))
            except Exception as error:
                log.exception("consumer failed", extra={"source": source.name})
                taker.failed(f"{type(error).__name__} in the connector")
            self._stop.wait(self.pauses[min(taker.failures, len(self.pauses)) - 1] if taker.failures else 0)


@dataclass(slots=True)
class _Taker:
    """Stores the messages of one source, and knows how often it failed since the last one."""

    consuming: Consuming
    source: Source
    failures: int = 0

    def accept(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Store one message; what cannot be read is stored as unreadable. Raises Refused while the store is down."""
        now = self.consuming.clock()
        incoming = Incoming(source=self.source.name, method="CONSUME", headers=headers, body=body, received_at=now)
        self.consuming.door.take(self.source, incoming)
        if self.failures:
            self.failures = 0
            self.consuming.store.write(lambda tx: cursors.move(tx, self.source.name, {}, now))

    def failed(self, why: str) -> None:
        """Note the failure where people look for it."""
        self.failures += 1
        now = self.consuming.clock()
        log.warning("consumer failed", extra={"source": self.source.name, "detail": why})
        with suppress(StoreDown):  # then that is the trouble, and it is known
            self.consuming.store.write(lambda tx: cursors.trouble(tx, self.source.name, why, now))
