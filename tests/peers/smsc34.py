"""An SMSC whose codec is not ours (PyPI smpp34), run by .peers/python. Numbers do what they do in certify/smsc.py."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import smpp34

STATUSES = {"190": 0x0B, "191": 0x400, "192": 0x58, "194": 0x08}
RECEIPT = "id:{} sub:001 dlvrd:001 submit date:2611231200 done date:2611231201 stat:{} err:000 text:Hello"
SWAPS, HANGS_UP = "123", "193"


async def main(port: int) -> None:
    """Serve until killed."""
    server, taken = smpp34.Server("127.0.0.1", port), 0
    esmes: dict[str, Any] = {}
    running: set[asyncio.Task[None]] = set()  # or they are collected before they end
    await server.start()
    while (event := await server.next()) is not None:
        if isinstance(event, smpp34.Esme):
            esmes[event.session_id] = event
        elif isinstance(event, smpp34.SubmitSmEvent):
            taken += event.destination_addr[-3:] not in {*STATUSES, HANGS_UP}
            running.add(asyncio.create_task(answer(event, esmes[event.session_id], taken)))


async def answer(submitted: Any, esme: Any, taken: int) -> None:
    """Answer as the end of the number says; a text that is taken is reported, and answered by one phone."""
    ending = submitted.destination_addr[-3:]
    if ending == HANGS_UP:
        await esme.unbind()
    elif ending in STATUSES:
        submitted.reject(STATUSES[ending])
    else:
        number = 12_344 + taken
        # The answer writes ids of this phone in hex, the receipt in decimal: Nexmo, SMPPSim and others do.
        submitted.accept(f"{number:x}" if ending == SWAPS else f"id-{taken}")
        for stat in ("ENROUTE", "DELIVRD", "DELIVRD"):
            await deliver(esme, submitted, RECEIPT.format(number if ending == SWAPS else f"id-{taken}", stat), 4)
        if ending == SWAPS:
            await deliver(esme, submitted, "STOP", 0)


async def deliver(esme: Any, submitted: Any, text: str, esm_class: int) -> None:
    """Send something from the phone that got the text."""
    await esme.deliver_sm(
        "447700900100", text.encode(), source_addr=submitted.destination_addr, source_addr_ton=1, source_addr_npi=1,
        esm_class=esm_class,
    )  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
