"""The service without threads: its real parts on one disk, built as app.py builds them; all of it dies in a crash."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from audit import attempts, steering
from audit.retention import Retention
from audit.sealing import Sealing
from connectors.generic import Generic
from dispatch.campaigning import Campaigns
from dispatch.rates import Rates
from dispatch.replying import Automatic, Replying
from dispatch.verifying import Verifier
from dispatch.worker import Handover, Worker
from gateways.base import Gateway
from inbound.hooks import Door
from inbound.receipts import ReceiptDoor
from inbound.replaying import Replaying
from inbound.sources import Source
from model.ids import Ids
from model.message import Lane
from model.verification import Policy
from simulation.books import book_of
from simulation.disk import Disk, Faults, File

if TYPE_CHECKING:
    from simulation.world import World

SECRET = "whsec_c2ltdWxhdGVkIHNob3BzIHNpZ24gd2l0aCB0aGlzLg=="  # noqa: S105 - nothing real is signed with it
PEPPER = "a-pepper-for-histories-only"
TOKEN = "t"  # noqa: S105 - the doors are not reachable from anywhere
POLICY = Policy(home=frozenset({"DE", "GB", "US"}), length=10)
"""Ten digits, so that no id or time in the record looks like a code by accident."""

KEPT = Retention(
    requests=timedelta(days=2), texts=timedelta(days=3), people=timedelta(days=5), journal=timedelta(days=8)
)
CONFIRM = Automatic(stop={"en": "You get no more texts."}, help={"en": "Candles, help at candles.example."})
WITHIN = {lane: timedelta(hours=1) if lane is Lane.OTP else timedelta(hours=36) for lane in Lane}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the service is made of. Tests of the simulator itself put a faulty part in the place of a good one."""

    disk: Callable[[File, Faults], Disk] = Disk
    worker: type[Worker] = Worker
    door: type[Door] = Door
    receipt_door: type[ReceiptDoor] = ReceiptDoor
    replying: type[Replying] = Replying
    verifier: type[Verifier] = Verifier
    campaigns: type[Campaigns] = Campaigns
    sealing: type[Sealing] = Sealing


GOOD = Parts()


class House:
    """One process of the service, from its start to its end. `pool` holds what was claimed and not handed over yet."""

    def __init__(self, world: World, carriers: Mapping[str, Gateway]) -> None:
        parts, clock = world.parts, world.clock
        self.store = parts.disk(world.file, world.faults)
        ids = Ids(clock, node=world.dice.randrange(1024))
        self.ids, self.pool = ids, list[Handover]()
        self.worker = parts.worker(
            store=self.store,
            book=book_of(world.rules_file.read_text("utf-8")),
            gateways=carriers,
            new_id=ids,
            mode=world.mode,
            routes=world.routes,
            receipt_url=lambda gateway, message_id: f"/receipts/{gateway}/{TOKEN}?m={message_id}",
            dice=world.dice.random,
            receipt_within=WITHIN,
            ask=world.shop.ask,
            limits=Rates.of({"main": 2.0}),
        )
        self.sources = {"shop": Source(name="shop", connector=_shop(), secrets=[SECRET])}
        self.door = parts.door(
            sources=self.sources, store=self.store, new_id=ids, clock=clock, on_accepted=lambda: None
        )
        self.receipt_door = parts.receipt_door(
            gateways=carriers, store=self.store, clock=clock, token_of=lambda _: TOKEN, one_stop=True
        )
        self.replying = parts.replying(store=self.store, book=lambda: self.worker.book, new_id=ids, automatic=CONFIRM)
        self.verifier = parts.verifier(
            store=self.store, book=lambda: self.worker.book, policy=POLICY, pepper=PEPPER, new_id=ids,
            on_queued=lambda: None,
        )  # fmt: skip
        self.worker.reveal = self.verifier.reveal
        self.campaigns = parts.campaigns(store=self.store, book=lambda: self.worker.book, new_id=ids)
        self.replaying = Replaying(store=self.store, sources=self.sources, new_id=ids, on_accepted=lambda: None)
        self.sealing = parts.sealing(store=self.store)

    def start(self, now: datetime) -> None:
        """Recover what a crash left, as app.Tidings.start does."""
        self.store.write(lambda tx: attempts.recover(tx, now, everything=True))
        self.store.write(steering.forget_conditions)

    def end(self) -> None:
        """Let go of the file; nothing is finished or said."""
        self.pool.clear()
        self.store.close()


_SHOP: list[Generic] = []


def _shop() -> Generic:
    """Return the one connector of the one source; it keeps nothing, so every process may share it."""
    if not _SHOP:
        _SHOP.append(Generic({"verify": "standard_webhooks", "test": "test"}))
    return _SHOP[0]
