"""Senders that come again until they are answered, and one whose records move on step by step."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from typing import Any

from tests.fakes.service import RULES, SECRET, SOURCES, Feeder, Service, tick

BETWEEN_STEPS = 0.4
"""Seconds between an answer and the next step: what a sender posts at the same moment has no order of its own."""

RECORDS = 12
ALONE = 800_000
"""The first number of ticks that are posted one by one."""

CHAOS_SOURCES: Mapping[str, Mapping[str, Any]] = {
    **SOURCES,
    "steps": {**SOURCES["ticks"], "key": "data.record", "types": {"step": "custom.step"}},
}
CHAOS_RULES = f"""{RULES}
  - id: every-step
    event: custom.step
    to: [phone]
    text: {{en: "Record {{{{ record }}}} step {{{{ step }}}}"}}
    supersede: "{{{{ event.key }}}}"
"""


def step(record: int, number: int) -> tuple[bytes, dict[str, str]]:
    """Return the signed body and headers of one step of a record."""
    data = {"record": f"r{record}", "step": number, "phone": f"+491714{record:06d}"}
    body = json.dumps({"id": f"step-{record}-{number}", "type": "step", "data": data}).encode()
    proof = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    return body, {"content-type": "application/json", "x-signature": proof}


class Walker:
    """Lets records move on, one step after the other; each step is posted until it is accepted."""

    def __init__(self, service: Service) -> None:
        self.accepted: set[str] = set()
        self._service = service
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._walk, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; what was not accepted by now is given up."""
        self._stop.set()
        self._thread.join(20)

    def _walk(self) -> None:
        number = 1
        while not self._stop.is_set():
            for record in range(RECORDS):
                if not self._post(record, number):
                    return
            number += 1
            self._stop.wait(BETWEEN_STEPS)

    def _post(self, record: int, number: int) -> bool:
        while not self._stop.is_set():
            with suppress(OSError, http.client.HTTPException):
                if self._service.post("steps", *step(record, number))[0] == 200:
                    self.accepted.add(f"step-{record}-{number}")
                    return True
            self._stop.wait(0.05)
        return False


class Crowd:
    """All senders of an episode; each rests so many seconds between two ticks."""

    def __init__(self, service: Service, rest: float = 0.01) -> None:
        self._service, self._rest = service, rest
        self._feeder: Feeder | None = None
        self._walker: Walker | None = None
        self._ticks: set[int] = set()
        self._steps: set[str] = set()
        self._refused: list[int] = []
        self.posted = self._alone = 0

    def start(self, threads: int = 2) -> None:
        """Begin, where the last ones ended."""
        self._feeder = Feeder(self._service.port, threads, self.posted, self._rest)
        self._feeder.start()
        if self._walker is None:
            self._walker = Walker(self._service)
            self._walker.start()

    @property
    def answered(self) -> int:
        """How many events were accepted up to now."""
        now = len(self._feeder.accepted) if self._feeder else 0
        return len(self._ticks) + now

    @property
    def refused(self) -> int:
        """How many answers were no 2xx up to now."""
        return len(self._refused) + (len(self._feeder.refused) if self._feeder else 0)

    def pause(self) -> None:
        """Stop the ticks; records go on trying."""
        if self._feeder is not None:
            self._feeder.stop()
            self._ticks |= self._feeder.accepted
            self._refused += self._feeder.refused
            self.posted = self._feeder.posted
            self._feeder = None

    def stop(self) -> None:
        """End."""
        self.pause()
        if self._walker is not None:
            self._walker.stop()
            self._steps |= self._walker.accepted
            self._walker = None

    def post_one(self) -> None:
        """Post one tick beside the others and wait for its answer, until it is accepted."""
        self._alone += 1
        number = ALONE + self._alone
        if self._take(number):
            self._ticks.add(number)

    def owe(self, ticks: set[int]) -> None:
        """Remember what others posted and saw accepted."""
        self._ticks |= ticks

    def again(self) -> None:
        """Send again what got no answer and a part of what did, as senders do."""
        for number in range(self.posted):
            if (number not in self._ticks or number % 7 == 0) and self._take(number):
                self._ticks.add(number)

    def _take(self, number: int, patience: float = 20.0) -> bool:
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            with suppress(OSError, http.client.HTTPException):
                if self._service.post("ticks", *tick(number))[0] == 200:
                    return True
            time.sleep(0.1)
        return False

    @property
    def promised(self) -> set[str]:
        """The ids of all that was answered with 2xx."""
        return {f"tick-{number}" for number in self._ticks} | self._steps


class Slow:
    """A sender that posts whole requests and takes its time to read the answers: a byte every so often."""

    def __init__(self, port: int, first: int, count: int, keep_on: Callable[[], bool]) -> None:
        self.accepted: set[int] = set()
        self._port, self._numbers, self._keep_on = port, range(first, first + count), keep_on
        self.thread = threading.Thread(target=self._post_all, daemon=True)

    def _post_all(self) -> None:
        for number in self._numbers:
            if not self._keep_on():
                return
            with (
                suppress(OSError, http.client.HTTPException),
                closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)) as wire,
            ):
                wire.request("POST", "/hooks/ticks", *tick(number))
                time.sleep(0.5)  # the answer waits in our buffer
                answer = wire.getresponse()
                while answer.read(1):
                    time.sleep(0.05)
                if answer.status == 200:
                    self.accepted.add(number)
