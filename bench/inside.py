"""Two looks inside a step: how long each of its parts took alone, and a profile of every thread."""

from __future__ import annotations

import cProfile
import importlib
import io
import pstats
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from app import Tidings

MOST = 25
"""Functions shown of each profile."""

PARTS = (
    ("connectors.generic", "Generic.parse", "parse"),
    ("wire.signatures", "Hmac.check", "verify"),
    ("audit.intake", "keep_body", "body"),
    ("audit.dedupe", "claim", "dedupe"),
    ("audit.intake", "insert_event", "event row"),
    ("audit.events", "get", "read event"),
    ("dispatch.worker", "plan", "plan"),
    ("dispatch.gates", "resolve", "phone number"),
    ("dispatch.gates", "written", "text"),
    ("audit.plans", "apply_cancel", "cancel"),
    ("audit.plans", "insert_message", "message row"),
    ("audit.plans", "_decide", "decision"),
    ("audit.plans", "_index", "full text"),
    ("audit.journal", "note", "journal"),
    ("audit.claims", "claim_next", "claim"),
    ("audit.attempts", "begin_attempt", "attempt"),
    ("gateways.twilio", "Twilio.submit", "provider call"),
    ("gateways.smpp", "Smpp.submit", "provider call"),
    ("gateways.smpp.link", "Link._take", "read PDU"),
    ("audit.attempts", "record_result", "result"),
    ("audit.receipts", "match_waiting", "early receipts"),
    ("audit.receipts", "record", "receipt row"),
)
"""Functions that are timed alone: module, name, what they are called in the table."""


@dataclass(slots=True)
class Parts:
    """How long each part took on its own thread, without the parts inside it, in seconds."""

    spent: Counter[str] = field(default_factory=Counter)
    _inner: threading.local = field(default_factory=threading.local)

    def timed(self, name: str, run: Callable[..., Any]) -> Callable[..., Any]:
        """Return `run`, timed."""

        def timing(*args: Any, **kwargs: Any) -> Any:
            outer, self._inner.spent = getattr(self._inner, "spent", 0.0), 0.0
            began = time.thread_time()
            try:
                return run(*args, **kwargs)
            finally:
                took = time.thread_time() - began
                self.spent[name] += took - self._inner.spent
                self._inner.spent = outer + took

        return timing

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Time all parts for the length of a `with` block."""
        before = []
        for module, path, name in PARTS:
            *owners, attribute = path.split(".")
            owner = importlib.import_module(module)
            for one in owners:
                owner = getattr(owner, one)
            before.append((owner, attribute, getattr(owner, attribute)))
            setattr(owner, attribute, self.timed(name, getattr(owner, attribute)))
        try:
            yield
        finally:
            for owner, attribute, was in before:
                setattr(owner, attribute, was)


def profiled(service: Tidings, name: str, step: Callable[[], object]) -> None:
    """Run a step with a profile of every thread, and print the functions that take longest."""
    profiles: list[cProfile.Profile] = []

    def begin(*_: object) -> None:
        profiles.append(cProfile.Profile(time.thread_time))
        profiles[-1].enable()

    service.store.write(lambda _tx: begin())  # the writer's thread is there already, others are made by the step
    threading.setprofile(begin)
    begin()
    try:
        step()
    finally:
        profiles[1].disable()
        threading.setprofile(None)
        service.store.write(lambda _tx: profiles[0].disable())
    said = io.StringIO()
    told = pstats.Stats(profiles[0], stream=said)
    for one in profiles[1:]:
        told.add(one)
    told.strip_dirs().sort_stats("tottime").print_stats(MOST)
    lines = said.getvalue().splitlines()
    print(f"\n== {name}", *lines[lines.index("") + 1 :], sep="\n")
