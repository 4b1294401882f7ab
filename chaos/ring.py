"""One episode: a service, its providers and senders in a folder of their own, a fault, and the closing of the books."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos.books import Allowed, Balance, Record, balance
from chaos.ground import Ground
from chaos.senders import CHAOS_RULES, CHAOS_SOURCES, Crowd
from tests.fakes.counting import SETTINGS, Counting, counting
from tests.fakes.service import Service, free_port, until

ANSWER_DELAY = 0.01
"""So that at any moment some texts are on their way."""

PATIENCE = 90.0
"""Seconds an episode may take to come to rest once its fault is over."""


MakeGround = Callable[[Path], Ground]


class NotHere(Exception):  # noqa: N818 - names the state
    """This machine lacks what the fault is made with; the sentence says what."""


class Interrupted(Exception):  # noqa: N818 - names the state
    """The fault made the service do what it must not: it died, or never came to rest."""


@dataclass(slots=True, kw_only=True)
class Ring:
    """What an episode is given. `seconds` is how long its fault should last.

    `providers` are the counting ones, in the order of the route; the last is never touched and takes what others
    refuse. `addresses` lead the service elsewhere than to the provider of that place.
    """

    folder: Path
    dice: random.Random
    seconds: float
    ground: Ground
    providers: Sequence[Counting]
    settings: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    addresses: Mapping[int, str] = field(default_factory=dict)
    faults: int = 0
    notes: list[str] = field(default_factory=list)
    _services: list[Service] = field(default_factory=list)
    _crowd: Crowd | None = None

    @property
    def record(self) -> Record:
        """The database, read from outside."""
        return Record(self.ground)

    @property
    def crowd(self) -> Crowd:
        """The senders."""
        if self._crowd is None:
            self._crowd = Crowd(self.service)
        return self._crowd

    @property
    def service(self) -> Service:
        """The first process, the one senders call."""
        return self._services[0] if self._services else self.add()

    def lead(self, service: Service) -> None:
        """Make this process the one senders call."""
        self._services.remove(service)
        self._services.insert(0, service)

    def add(self, *words: str, environment: Mapping[str, str] | None = None) -> Service:
        """Add a process over the same database, with these words behind `tidings serve`; it is not started."""
        addresses = {n: one.url for n, one in enumerate(self.providers)} | dict(self.addresses)
        gateways = {f"p{n}": {**SETTINGS, "base_url": url} for n, url in addresses.items()}
        folder = self.folder / f"process{len(self._services)}"
        folder.mkdir()
        settings = {"mode": "live", "database": self.ground.address, "routes": {"order": [*gateways]}, **self.settings}
        made = Service(
            folder, settings=settings, sources=CHAOS_SOURCES, gateways=gateways, rules=CHAOS_RULES, words=words,
            environment={**self.environment, **(environment or {})}, port=free_port(),
        )  # fmt: skip
        self._services.append(made)
        return made

    def wait(self, least: float = 0.0) -> None:
        """Let a random moment pass, on the average a tenth of the episode."""
        time.sleep(least + self.dice.uniform(0.0, max(0.3, self.seconds / 5)))

    def lasts(self) -> Iterator[float]:
        """Go on until the time of the fault is over."""
        ends = time.monotonic() + self.seconds
        while (left := ends - time.monotonic()) > 0:
            yield left

    def rest(self, patience: float = PATIENCE) -> None:
        """End all senders and wait until the service has nothing to do."""
        self.crowd.stop()
        self.crowd.again()
        self.ground.hurry()
        record = self.record
        try:
            until(lambda: record.is_settled, lambda: f"still waiting: {record.states}", patience)
        except TimeoutError as error:
            raise Interrupted(str(error)) from None

    def close(self, allowed: Allowed | None = None) -> Balance:
        """Come to rest, stop as an operator does, and close the books."""
        self.rest()
        for service in self._services:
            service.term()
        found = balance(self.record, self.providers, self.crowd.promised, allowed)
        found.broken += [f"a process said: {line}" for service in self._services for line in complaints(service)]
        return found

    def end(self) -> None:
        """Leave nothing behind, whatever happened."""
        if self._crowd is not None:
            self._crowd.stop()
        for service in self._services:
            service.kill()


def complaints(service: Service) -> list[str]:
    """Return what a process said that only a defect of ours makes it say."""
    return [word for word in ("Segmentation fault", "planning failed", "result not stored", "step failed",
                               "message cannot be handed over", "not settled") if word in service.log]  # fmt: skip


@contextmanager
def ring(folder: Path, dice: random.Random, seconds: float, ground: MakeGround) -> Iterator[Ring]:
    """Give a ring with two providers for the length of a `with` block."""
    with ExitStack() as stack:
        providers = [stack.enter_context(counting(ANSWER_DELAY)) for _ in range(2)]
        where = ground(folder)
        stack.callback(where.close)
        made = Ring(folder=folder, dice=dice, seconds=seconds, ground=where, providers=providers)
        try:
            yield made
        finally:
            made.end()
