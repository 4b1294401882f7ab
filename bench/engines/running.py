"""Throughput, latency and what a message costs, on an engine that nobody disturbs."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bench.engines.ground import Ground, Node, ground
from bench.engines.node import Load, confirmed
from bench.figures import percentile

MESSAGES, SLOW_MESSAGES = 4_000, 1_500
DELAY = 0.1
"""Seconds of the slow provider."""

RATE, SECONDS = 100, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Messages a second, and microseconds of the processor for each: of the server, and of our processes."""

    published: float
    sent: float
    server_us: float
    nodes_us: float


def speed(engine: str, scale: float, delay: float = 0.0) -> Speed:
    """Publish as fast as it is confirmed, then send all of it."""
    count = int((SLOW_MESSAGES if delay else MESSAGES) * scale)
    with ground(engine, delay) as place:
        publisher = place.node(*Load(count=count).words)
        before = place.spent()
        publisher.go().published()
        stamps = confirmed(place.folder).values()
        published = count / (max(end for _, end in stamps) - min(begin for begin, _ in stamps))
        senders = place.senders()
        starting = sum(one.spent() for one in senders)
        for one in senders:
            one.go()
        times = sorted(at for _, at in place.settled(count))
        after = place.spent()
        return Speed(
            published=published, sent=count / (times[-1] - times[0]),
            server_us=(after[0] - before[0]) / count * 1e6,
            nodes_us=(after[1] - before[1] - starting) / count * 1e6,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds from when a message was to be published until the provider had it, and until it was confirmed."""

    p50: float
    p99: float
    confirmed_p50: float
    server_mb: float
    nodes_mb: float


def latency(engine: str, scale: float) -> Latency:
    """Publish at a steady rate, whatever the engine does, and send at once."""
    count = int(RATE * SECONDS * scale)
    with ground(engine) as place:
        begin(place, Load(count=count, rate=RATE)).published()
        taken = dict(reversed(place.settled(count)))
        time.sleep(1)  # idle is what is measured
        server, nodes = place.memory()
        stamps = confirmed(place.folder)
        waits = [1000 * (taken[name] - began) for name, (began, _) in stamps.items() if name in taken]
        confirms = [1000 * (ended - began) for began, ended in stamps.values()]
        return Latency(
            p50=percentile(waits, 0.5), p99=percentile(waits, 0.99), confirmed_p50=percentile(confirms, 0.5),
            server_mb=server, nodes_mb=nodes,
        )  # fmt: skip


def begin(place: Ground, load: Load) -> Node:
    """Publish while the nodes send; return the node that publishes."""
    if place.is_embedded:
        [node] = place.senders(*load.words)
        return node.go()
    for sender in place.senders():
        sender.go()
    return place.node(*load.words).go()
