"""One poll run: cursor -> connector -> accept -> move the cursor, the last two in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import cast

from audit import cursors, intake
from audit.store import Store
from connectors.base import AskFailed, Page, Poller
from inbound.sources import Source
from model.event import Incoming
from wire.http import Client, Forbidden, NotSent, Unclear

log = logging.getLogger("tidings.inbound")
MAX_PAGES = 200


@dataclass(slots=True)
class Polling:
    """Polls sources. Events found in the record a webhook already told are recognised by their id."""

    store: Store
    new_id: Callable[[str], str]
    on_accepted: Callable[[], None]
    _rest_until: dict[str, datetime] = field(default_factory=dict)

    def poll(self, source: Source, now: datetime) -> int:
        """Ask one source until it has no more; return how many new events were stored.

        A source that asked to be left alone for a while is not asked before that.
        """
        if now < self._rest_until.get(source.name, now):
            return 0
        poller, fresh = cast("Poller", source.connector), 0
        http = Client(hosts=tuple(source.connector.hosts), read=30.0)
        for _ in range(MAX_PAGES):
            with self.store.read() as tx:
                cursor = cursors.get(tx, source.name)
            try:
                page = poller.poll(cursor, http, now)
            except (AskFailed, NotSent, Unclear, Forbidden) as error:
                self._failed(source, error, now)
                break
            except Exception as error:
                log.exception("connector failed", extra={"source": source.name})
                self._failed(source, AskFailed(f"{type(error).__name__} in the connector"), now)
                break
            fresh += self._keep(source, page, now)
            if not page.more:
                break
        if fresh:
            self.on_accepted()
        return fresh

    def _failed(self, source: Source, trouble: Exception, now: datetime) -> None:
        if isinstance(trouble, AskFailed) and trouble.retry_after:
            self._rest_until[source.name] = now + trouble.retry_after
        self.store.write(lambda tx: cursors.trouble(tx, source.name, str(trouble), now))
        log.warning("poll failed", extra={"source": source.name, "detail": str(trouble)})

    def _keep(self, source: Source, page: Page, now: datetime) -> int:
        found = [replace(event, source=source.name) for event in page.events]
        incoming = Incoming(source=source.name, method="POLL", received_at=now)

        def write(tx: object) -> int:
            fresh = intake.accept(tx, incoming, found, self.new_id)  # type: ignore[arg-type]
            for one in page.unreadable:
                intake.accept_unreadable(tx, replace(incoming, body=one.body), one.error, self.new_id)  # type: ignore[arg-type]
            cursors.move(tx, source.name, page.cursor, now)  # type: ignore[arg-type]
            return len(fresh)

        return self.store.write(write)
