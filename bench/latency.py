"""From the moment a sender posts to the moment the provider has the text, at 100 events per second, open loop."""

from __future__ import annotations

import http.client
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from bench.figures import Figure, percentile
from bench.places import installation, live_through, provider
from tests.fakes.service import Service, tick, until

PER_SECOND = 100
_mine = threading.local()


def measure(scale: float) -> list[Figure]:
    """Post at fixed times, whatever the answers do, and compare clocks."""
    count = int(PER_SECOND * 10 * scale)
    with provider() as there, installation(**live_through(there.url)) as service:
        began = _post_all(service, count)
        until(lambda: there.counts()["taken"] >= count, lambda: f"{there.counts()} of {count} arrived", 30)
        waits = [(at - began[text]) * 1000 for text, at in there.taken()][PER_SECOND:]  # the first second warms up
    return [
        Figure(what="event to provider at 100/s, p50", value=percentile(waits, 0.5), unit="ms", budget=10),
        Figure(what="event to provider at 100/s, p99", value=percentile(waits, 0.99), unit="ms", budget=50),
    ]


def _post_all(service: Service, count: int) -> dict[str, float]:
    ready = [tick(number) for number in range(count)]
    began: dict[str, float] = {}

    def post(number: int) -> None:
        connection = getattr(_mine, "connection", None)
        if connection is None:
            connection = _mine.connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
        connection.request("POST", "/hooks/ticks", *ready[number])
        connection.getresponse().read()

    start = time.monotonic() + 0.2
    with ThreadPoolExecutor(16) as pool:
        for number in range(count):
            time.sleep(max(0.0, start + number / PER_SECOND - time.monotonic()))
            began[f"Tick {number}"] = time.time()
            pool.submit(post, number)
    return began
