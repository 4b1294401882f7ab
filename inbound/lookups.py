"""Asking the source: for the phone or the record behind a thin event, and once more before a text leaves.

An event whose source does not answer for an hour is planned as it is: its decision then says `no_recipient` and the
journal says what was tried. Nothing waits for ever.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import cast

from audit import events, lookups
from audit.store import Store
from connectors.base import AskFailed, Lookup, Refresh
from inbound.sources import Source
from model.event import Event
from model.reasons import Gone, Unreachable
from wire.http import Client, Forbidden, NotSent, Unclear

log = logging.getLogger("tidings.inbound")
RETRIES = tuple(timedelta(seconds=s) for s in (2, 10, 30, 120, 600, 1800))


@dataclass(slots=True)
class Lookups:
    """Runs the look-ups that are due."""

    sources: Mapping[str, Source]
    store: Store
    on_done: Callable[[], None]

    def look_up_due(self, now: datetime, limit: int = 20) -> int:
        """Ask for up to `limit` events; return how many were asked for."""
        with self.store.read() as tx:
            due = lookups.needing_lookup(tx, now, limit)
        for event_id, tries in due:
            self._look_up(event_id, tries, now)
        if due:
            self.on_done()
        return len(due)

    def _look_up(self, event_id: str, tries: int, now: datetime) -> None:
        with self.store.read() as tx:
            event = events.get(tx, event_id)
        if event is None:
            return
        found = self._ask(event)
        if isinstance(found, Event):
            self.store.write(lambda tx: lookups.looked_up(tx, event_id, found, now))
        else:
            again_at = None
            if not found.permanent and tries < len(RETRIES):
                again_at = now + max(RETRIES[tries], found.retry_after or RETRIES[tries])
            self.store.write(lambda tx: lookups.lookup_failed(tx, event_id, str(found), again_at, now))
        log.info("lookup", extra={"event": event_id, "found": isinstance(found, Event), "tries": tries + 1})

    def _ask(self, event: Event) -> Event | AskFailed:
        """Return the completed event, or what went wrong."""
        source = self.sources.get(event.source)
        if source is None or not hasattr(source.connector, "lookup"):
            return AskFailed("The source cannot be asked.", permanent=True)
        try:
            http = Client(hosts=tuple(source.connector.hosts), read=10.0)
            return replace(cast("Lookup", source.connector).lookup(event, http), source=event.source)
        except AskFailed as failure:
            return failure
        except (NotSent, Unclear, Forbidden) as failure:
            return AskFailed(str(failure), permanent=isinstance(failure, Forbidden))
        except Exception as error:
            log.exception("lookup failed", extra={"event": event.id, "source": event.source})
            return AskFailed(f"{type(error).__name__} in the connector", permanent=True)


@dataclass(frozen=True, slots=True)
class Asking:
    """Fetches an event's record again (dispatch.recheck asks through this)."""

    sources: Mapping[str, Source]

    def __call__(self, event: Event) -> Event:
        """Return the event with its data as they are now. Raises Unreachable or Gone."""
        source = self.sources.get(event.source)
        if source is None or not hasattr(source.connector, "refresh"):
            raise Unreachable(f"{event.source} cannot be asked")
        http = Client(hosts=tuple(source.connector.hosts), read=10.0)
        try:
            return replace(cast("Refresh", source.connector).refresh(event, http), source=event.source)
        except AskFailed as failure:
            raise (Gone if failure.gone else Unreachable)(str(failure)) from None
        except (NotSent, Unclear, Forbidden) as failure:
            raise Unreachable(str(failure)) from None
        except Exception as error:
            log.exception("refresh failed", extra={"event": event.id, "source": event.source})
            raise Unreachable(f"{type(error).__name__} in the connector") from None
