"""Texts per second from the webhook to an SMSC that answers at once, with a receipt for each."""

from __future__ import annotations

from bench.figures import Figure
from bench.load import post, write_events
from bench.places import cpu_seconds, installation, live_over_smpp, smsc, stored
from tests.fakes.service import until

SENDERS = 64
BUDGET = 2_000


def measure(scale: float) -> list[Figure]:
    """Post events while texts leave and receipts come back, then see how fast the SMSC got them."""
    seconds = 6 * scale
    with smsc() as there, installation(**live_over_smpp(there.port, sender_threads=SENDERS)) as service:
        began = cpu_seconds(service)
        load = post(service.address, write_events(service.folder / "events", 0, int(4_000 * seconds)), 32, seconds)
        count = stored(service)  # wrk hangs up on the last few
        until(lambda: there.counts()["delivered"] >= count, lambda: f"{there.counts()['delivered']} of {count}", 120)
        spent = (cpu_seconds(service) - began) / count
        said = there.counts()
    moments = sorted(said["taken"])
    middle = moments[len(moments) // 10 : len(moments) * 9 // 10]
    rate = (len(middle) - 1) / (middle[-1] - middle[0])
    note = f"{SENDERS} senders, a receipt for each, events posted meanwhile at {load.per_second:,.0f}/s" + (
        f", {said['doubled']} doubled" if said["doubled"] else ""
    )
    return [
        Figure(what="texts to an SMSC with receipts", value=rate, unit="/s", budget=BUDGET, more_is_better=True,
               note=note),
        Figure(what="CPU of the service for each, with its receipt", value=spent * 1e6, unit="us"),
    ]  # fmt: skip
