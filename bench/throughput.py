"""Texts per second from the webhook to a provider that answers after 100 ms, over HTTP."""

from __future__ import annotations

from bench.figures import Figure
from bench.load import post, write_events
from bench.places import cpu_seconds, installation, live_through, provider, stored
from tests.fakes.service import until

PROVIDER_SECONDS = 0.1
SENDERS = 128


def measure(scale: float) -> list[Figure]:
    """Fill the queue, then see how fast the provider gets it."""
    seconds = 6 * scale
    with (
        provider(PROVIDER_SECONDS) as there,
        installation(**live_through(there.url, sender_threads=SENDERS)) as service,
    ):
        began = cpu_seconds(service)
        load = post(service.address, write_events(service.folder / "events", 0, int(4_000 * seconds)), 32, seconds)
        count = stored(service)  # wrk hangs up on the last few
        until(lambda: there.counts()["taken"] >= count, lambda: f"{there.counts()} of {count} arrived", 60)
        moments = sorted(at for _, at in there.taken())
        spent = (cpu_seconds(service) - began) / count
        doubled = there.counts()["doubled"]
    middle = moments[len(moments) // 10 : len(moments) * 9 // 10]
    note = f"{SENDERS} senders, events posted meanwhile at {load.per_second:,.0f}/s" + (
        f", {doubled} doubled" if doubled else ""
    )
    rate = (len(middle) - 1) / (middle[-1] - middle[0])
    return [
        Figure(what="texts to a provider that takes 100 ms", value=rate, unit="/s", budget=800, more_is_better=True,
               note=note),
        Figure(what="CPU of the service for each of them", value=spent * 1e6, unit="us"),
    ]  # fmt: skip
