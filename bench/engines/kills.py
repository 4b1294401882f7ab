"""kill -9 in mid-load: of a node that sends, and of the engine's server."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from itertools import pairwise

from bench.engines.ground import SETTLES, Balance, Ground, Node, balance, ground
from bench.engines.node import Load, confirmed
from bench.engines.running import DELAY, begin

RATE, SECONDS = 150, 10
KILLED_AFTER, AWAY = 4.0, 0.5
"""Seconds of load before the kill, and until what was killed is started again."""

STARTS = 2.0
"""Seconds until the first message, for the nodes to come up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """What a kill did. `silence` is how long the provider then got nothing, `last` when it had all from before."""

    balance: Balance
    silence: float
    last: float

    def shown(self) -> dict[str, float]:
        """Return it flat."""
        return {**asdict(self.balance), "silence": self.silence, "last": self.last}


def killed(engine: str, victim: str, scale: float = 1.0, rate: int = RATE, patience: float = SETTLES) -> Kill:
    """Publish at a rate, kill a `worker` or the `server`, start it again, and count."""
    count = int(RATE * SECONDS * scale)
    with ground(engine, DELAY, patience) as place:
        load = Load(count=count, rate=rate, start=time.time() + STARTS)
        publisher = begin(place, load)
        time.sleep(max(0.0, load.start + KILLED_AFTER * scale - time.time()))
        at = time.time()
        publisher = _kill(place, victim, publisher, load)
        publisher.published()
        taken = place.settled(count)
        return Kill(balance=balance(place, taken), silence=_silence(taken, at), last=_last(place, taken, at))


def _kill(place: Ground, victim: str, publisher: Node, load: Load) -> Node:
    """Kill and start again; return the node that publishes."""
    if place.is_embedded:  # worker, engine and publisher are one
        publisher.kill()
        time.sleep(AWAY)
        [again] = place.senders(*load.words)
        return again.go()
    if victim == "server":
        place.kill_server()
        time.sleep(AWAY)
        place.begin()
    else:
        place.nodes[0].kill()
        time.sleep(AWAY)
        place.sender().go()
    return publisher


def _silence(taken: list[tuple[str, float]], at: float) -> float:
    """Return the longest time without a message from just before the kill on."""
    times = sorted(moment for _, moment in taken if moment > at - 0.2)
    return max((after - before for before, after in pairwise(times)), default=0.0)


def _last(place: Ground, taken: list[tuple[str, float]], at: float) -> float:
    """Return how long after the kill the provider had the last message that was confirmed before it."""
    before = {name for name, (_, ended) in confirmed(place.folder).items() if ended < at}
    return max((moment - at for name, moment in taken if name in before), default=0.0)
