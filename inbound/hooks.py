"""POST /hooks/<source>: verify, parse, store, answer. The answer leaves after the commit.

In this order: size cap while reading, handshake, verify over the raw bytes, parse, store. A body that is genuine but
cannot be read is kept for replay and answered as received, because several senders delete a hook on 4xx. Nothing a
sender does makes this answer 500.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from audit import intake
from audit.refusals import Refusals
from audit.store import Store, StoreDown, Tx, at_once
from inbound.diagnosing import Diagnosing
from inbound.sources import Meter, Source
from model.event import Answer, Event, Incoming
from model.reasons import Reason, Refused

log = logging.getLogger("tidings.inbound")


@dataclass(slots=True)
class Door:
    """Where business systems knock. `on_accepted` wakes the planner."""

    sources: Mapping[str, Source]
    store: Store
    new_id: Callable[[str], str]
    clock: Callable[[], datetime]
    on_accepted: Callable[[], None]
    meter: Meter = field(default_factory=Meter)
    refusals: Refusals = field(default_factory=Refusals)
    diagnosing: Diagnosing = field(default_factory=Diagnosing)

    def receive(self, incoming: Incoming) -> Answer:
        """Answer one request."""
        try:
            answer, fresh = self._receive(incoming)
        except Refused as refusal:
            log.info(
                "webhook refused",
                extra={"source": incoming.source, "reason": refusal.reason.code, "detail": refusal.detail},
            )
            if incoming.source in self.sources:
                self.refusals.note(incoming.source, refusal.reason.code, incoming.received_at)
                source = self.sources[incoming.source]
                self.diagnosing.note(self.store, source, incoming, refusal, incoming.received_at)
            return refused(refusal.reason)
        except Exception:  # a defect of ours: the sender is to come again
            log.exception("webhook failed", extra={"source": incoming.source})
            return refused(Reason.STORE_DOWN)
        log.info("webhook", extra={"source": incoming.source, "status": answer.status, "fresh": fresh})
        return answer

    def max_body(self, name: str) -> int:
        """Return how many bytes the source may send; 0 when there is no such source."""
        source = self.sources.get(name)
        return source.max_body if source else 0

    def _receive(self, incoming: Incoming) -> tuple[Answer, int]:
        source = self.sources.get(incoming.source)
        if source is None:
            raise Refused(Reason.UNKNOWN_SOURCE)
        now = self.clock()
        if len(incoming.body) > source.max_body:
            raise Refused(Reason.TOO_LARGE)
        shaken = _handshake(source, incoming)
        if shaken is not None:
            return shaken, 0
        if incoming.method not in {"POST", "PUT"}:
            raise Refused(Reason.BAD_METHOD)
        _verify(source, incoming, now)
        if not self.meter.allows(source, now):  # only what is genuine counts: a flood of forgeries shuts nobody out
            raise Refused(Reason.TOO_MANY)
        found, fresh = self.take(source, incoming)
        return source.connector.answer(found), fresh

    def take(self, source: Source, incoming: Incoming) -> tuple[list[Event], int]:
        """Read what is genuine and store it; return its events, and how many are new. Raises Refused(STORE_DOWN)."""
        if len(incoming.body) > source.max_body:  # of a bus, which cannot be told to send less
            found, error = list[Event](), f"A message of {len(incoming.body)} bytes, and max_body is {source.max_body}"
            incoming = replace(incoming, body=incoming.body[: source.max_body])
        else:
            found, error = _parse(source, incoming)
        fresh = self._keep(incoming, found, error)
        if fresh:
            self.on_accepted()
        return found, fresh

    def _keep(self, incoming: Incoming, found: list[Event], error: str) -> int:
        try:
            return self._store(lambda tx: self._accept(tx, incoming, found, error))
        except Refused:
            raise
        except Exception as failure:  # what was read cannot be written: a defect of ours, so the bytes are kept
            log.exception("events cannot be stored", extra={"source": incoming.source})
            text = f"{type(failure).__name__} while storing what was read"
            return self._store(lambda tx: self._accept(tx, incoming, [], text))

    def _accept(self, tx: Tx, incoming: Incoming, found: list[Event], error: str) -> int:
        if error:
            intake.accept_unreadable(tx, incoming, error, self.new_id)
            return 1
        return len(intake.accept(tx, incoming, found, self.new_id))

    def _store(self, job: Callable[[Tx], int]) -> int:
        try:
            return self.store.write(at_once(job))
        except StoreDown as error:
            log.error("store down", extra={"detail": str(error)})
            raise Refused(Reason.STORE_DOWN) from None


def refused(reason: Reason) -> Answer:
    """Return the answer that a refusal gives: its code, and no word about what we know."""
    headers = {"retry-after": "5"} if reason in {Reason.STORE_DOWN, Reason.TOO_MANY} else {}
    return Answer(status=reason.status, body=reason.code, headers=headers)


def _handshake(source: Source, incoming: Incoming) -> Answer | None:
    try:
        return source.connector.handshake(incoming, source.secrets)
    except Refused:
        raise
    except Exception:
        log.exception("handshake failed", extra={"source": source.name})
        return None


def _verify(source: Source, incoming: Incoming, now: datetime) -> None:
    try:
        source.connector.verify(incoming, source.secrets, now)
    except Refused:
        raise
    except Exception:
        # A signature that breaks the verifier proves nothing: it is refused like any other bad one.
        log.exception("verify failed", extra={"source": source.name})
        raise Refused(Reason.BAD_SIGNATURE) from None


def _parse(source: Source, incoming: Incoming) -> tuple[list[Event], str]:
    """Return the events, or why the body cannot be read."""
    try:
        return source.connector.parse(incoming), ""
    except Refused as refusal:
        return [], refusal.detail or refusal.reason.text
    except Exception as error:
        log.exception("parse failed", extra={"source": source.name})
        return [], f"{type(error).__name__} in the connector {source.connector.name}"
