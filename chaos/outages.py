"""Providers that fail in every way: one after the other, while the road behind them stays sound; and all too slow."""

from __future__ import annotations

import time

from chaos.books import Balance
from chaos.moods import MOODS, SLOW, moody
from chaos.ring import Ring
from chaos.senders import Slow
from tests.fakes.service import free_port

READERS = 24


def every_kind(ring: Ring) -> Balance:
    """The first provider resets, hangs, fails, babbles, breaks off and throttles in turn; the second takes over."""
    first, kinds = ring.providers[0], [*MOODS]
    ring.dice.shuffle(kinds)
    ring.service.start()
    ring.crowd.start()
    each = max(1.0, ring.seconds / len(kinds))
    for kind in kinds:
        how, odds = MOODS[kind]
        first.manner = moody(ring.dice, how, odds)
        ring.faults += 1
        time.sleep(each)
        first.manner = None
        time.sleep(0.2)
    return ring.close()


def refused(ring: Ring) -> Balance:
    """Nobody listens where the first provider was: nothing was taken, everything leaves by the second."""
    first = ring.providers[0]
    ring.addresses = {0: f"http://127.0.0.1:{free_port()}"}
    ring.service.start()
    ring.crowd.start()
    for _ in ring.lasts():
        ring.wait()
        ring.faults += 1
    found = ring.close()
    if first.taken:
        found.broken.append("a provider nobody called took texts")
    return found


def exhausted(ring: Ring) -> Balance:
    """All providers are slower than there are senders, and callers are slow to read: webhooks are accepted on time."""
    ring.settings = {"limits": {"sender_threads": 4}}
    for provider in ring.providers:
        provider.delay = SLOW
    ring.service.start()
    ring.crowd.start(threads=1)
    ends = time.monotonic() + ring.seconds
    readers = [Slow(ring.service.port, 900_000 + 100 * n, 100, lambda: time.monotonic() < ends) for n in range(READERS)]
    for reader in readers:
        reader.thread.start()
    slowest = 0.0
    for _ in ring.lasts():
        began = time.monotonic()
        ring.crowd.post_one()
        slowest = max(slowest, time.monotonic() - began)
        ring.faults += 1
        time.sleep(0.1)
    for reader in readers:
        reader.thread.join(60)
    for provider in ring.providers:
        provider.delay = 0.0
    ring.crowd.owe({number for reader in readers for number in reader.accepted})
    ring.notes.append(
        f"the slowest of {ring.faults} webhooks beside {READERS} slow readers took {slowest * 1000:.0f} ms"
    )
    return ring.close()
