"""The composition root: settings -> store, rules, gateways, worker, doors, pages. It imports all; nobody imports it but
the command line, the process that serves (running/process.py) and tests.
Long because it names every part of the service once, in the order in which they are put together.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import random
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from advice import advise
from audit import attempts, caps, kept, steering
from audit.clicks import Clicks
from audit.refusals import Refusals
from audit.sealing import Sealing
from audit.store import Store
from dispatch.accounts import Accounts
from dispatch.campaigning import Campaigns
from dispatch.driver import Driver
from dispatch.rates import Limits, Rates
from dispatch.replying import Replying
from dispatch.route import Mode
from dispatch.shared_rates import SharedRates
from dispatch.tellers import Tellers
from dispatch.telling import Teller
from dispatch.verifying import Verifier
from dispatch.worker import Worker
from inbound.consuming import Consuming
from inbound.hooks import Door
from inbound.links import LinkDoor
from inbound.lookups import Asking, Lookups
from inbound.polling import Polling
from inbound.receipts import Inbox, ReceiptDoor
from inbound.replaying import Replaying
from inbound.sources import Source
from inbound.subscribing import Subscribing
from inbound.writing import Writing
from inbound.wsgi import FrontDoor
from model.ids import Ids
from model.reasons import ConfigError
from rules.book import Book
from running import configured, housekeeping, roles
from running.configured import Configured
from running.rules_in_force import RulesInForce
from settings import Settings
from web import health
from web.api.office import Explanation, Office, beside
from web.app import build as build_pages
from web.desk import Desk, Editing, Running
from wire import tracing

log = logging.getLogger("tidings")
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time; the only place that asks the machine."""
    return datetime.now(UTC)


@dataclass(slots=True, kw_only=True)
class Tidings:
    """The running service. `wsgi` is what the HTTP server calls."""

    settings: Settings
    store: Store
    clock: Clock
    rules: RulesInForce
    worker: Worker
    driver: Driver
    tellers: Tellers
    inbox: Inbox
    replying: Replying
    sources: dict[str, Source]
    lookups: Lookups
    polling: Polling
    replaying: Replaying
    refusals: Refusals
    subscribing: Subscribing
    consuming: Consuming
    sealing: Sealing
    verifier: Verifier | None
    campaigns: Campaigns
    accounts: Accounts
    wsgi: FrontDoor
    traces: tracing.Send | None
    clicks: Clicks
    role: str
    _scheduler: Any = field(default=None, init=False)

    def start(self) -> None:
        """Recover what a crash left, then start planning, sending and housekeeping."""
        if roles.works(self.role):
            self._start_work()
        if roles.polls(self.role):
            self.consuming.start(self.sources)
        self._scheduler = housekeeping.start(self)
        self.driver.wake()

    def _start_work(self) -> None:
        now = self.clock()
        if self.store.is_alone:  # elsewhere others may be handing over just now: what nobody finishes, its lease ends
            recovered = self.store.write(lambda tx: attempts.recover(tx, now, everything=True))
            self.store.write(steering.forget_conditions)
            if recovered:
                log.warning("unknown outcomes after a stop", extra={"count": len(recovered)})
        self.tellers.start()
        if self.settings.mode != "sink":  # a second bind to a live account would take replies away from it
            for gateway in self.worker.gateways.values():
                gateway.open(self.inbox)
        self.store.listen(self.driver.nudge)
        self.driver.start()

    def stop(self) -> None:
        """Drain and close; a second call does nothing."""
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=False)
            self._scheduler = None
        self.consuming.stop()
        self.driver.stop()
        for gateway in self.worker.gateways.values():
            gateway.close()
        for source in self.sources.values():
            source.connector.close()
        self.tellers.stop()
        self.clicks.flush(self.store)
        self.store.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What every part stands on. `key` is what secret addresses are made with."""

    settings: Settings
    store: Store
    clock: Clock
    asked: Configured
    rules: RulesInForce
    ids: Ids
    key: str

    def book(self) -> Book:
        """Return the rules in force."""
        return self.rules.book


def build(settings: Settings, clock: Clock = utc_now, *, seed: int | None = None, role: str = "all") -> Tidings:
    """Build the service without starting it. Raises ConfigError when a file is wrong."""
    ground = _ground(settings, clock, seed)
    store, asked, ids, clicks = ground.store, ground.asked, ground.ids, Clicks()
    worker = _worker(ground, random.Random(seed))  # noqa: S311 - jitter, not secrets
    driver = Driver(worker, ground.clock, settings.limits.sender_threads)
    wake, nudge = _woken(store, driver.wake), _woken(store, driver.nudge)
    teller = Teller(webhooks=asked.webhooks, store=store, new_id=ids, dice=worker.dice)
    door = Door(sources=asked.sources, store=store, new_id=ids, clock=ground.clock, on_accepted=wake)
    subscribing = Subscribing(sources=asked.sources, store=store, address=settings.address)
    campaigns = Campaigns(store=store, book=ground.book, new_id=ids, roads=asked.roads)
    verifier = _verifier(ground, wake)
    if verifier is not None:
        worker.reveal = verifier.reveal
    desk = Desk(
        store=store, book=ground.book, mode=lambda: worker.mode, clock=ground.clock, rules_lines=ground.rules.lines,
        notices=lambda: [*ground.rules.notices, *teller.notices(), *subscribing.notices()], new_id=ids,
        on_queued=nudge, editing=_editing(ground), running=_running(settings, door, worker, driver),
        entrance=settings.entrance, campaigns=campaigns,
        codes=settings.code_policy if settings.verifications.pepper else None,
    )  # fmt: skip
    receipt_door = _receipt_door(ground)
    return Tidings(
        settings=settings, store=store, clock=ground.clock, rules=ground.rules, worker=worker, driver=driver,
        tellers=Tellers(teller, ground.clock), sources=asked.sources, replying=_replying(ground, nudge),
        inbox=Inbox(store=store, clock=ground.clock, one_stop=receipt_door.one_stop),
        lookups=Lookups(sources=asked.sources, store=store, on_done=wake),
        polling=Polling(store=store, new_id=ids, on_accepted=wake),
        replaying=Replaying(store=store, sources=asked.sources, new_id=ids, on_accepted=wake),
        refusals=door.refusals, subscribing=subscribing, campaigns=campaigns, verifier=verifier, clicks=clicks,
        consuming=Consuming(door=door, store=store, clock=ground.clock),
        accounts=Accounts(store=store, prices=asked.roads.prices),
        sealing=Sealing(store=store, key=settings.audit.seal_key, export_to=settings.audit.export_to),
        wsgi=FrontDoor(
            door=door, receipt_door=receipt_door, pages=_pages(ground, desk, campaigns, verifier), clock=ground.clock,
            public_url=settings.address, link_door=LinkDoor(store=store, clock=ground.clock, clicks=clicks),
        ),
        traces=asked.traces, role=role,
    )  # fmt: skip


def _ground(settings: Settings, clock: Clock, seed: int | None) -> _Ground:
    """Open the store and read what was asked for. Raises ConfigError, with the store closed again."""
    store = Store(settings.place)
    if not store.is_alone:
        clock = roles.SharedClock(clock, store)
    try:
        asked = configured.everything(settings)
        rules = RulesInForce(path=settings.rules_path, store=store, clock=clock)
    except ConfigError:
        store.close()
        raise
    key = store.write(lambda tx: kept.setting(tx, "receipt_key", secrets.token_hex(32), clock()))
    store.write(lambda tx: caps.put(tx, settings.limits.caps, settings.limits.per_person, clock()))
    ids = Ids(clock, node=_node(store) if seed is None else seed)
    return _Ground(settings=settings, store=store, clock=clock, asked=asked, rules=rules, ids=ids, key=key)


def _worker(ground: _Ground, dice: random.Random) -> Worker:
    settings, asked = ground.settings, ground.asked
    worker = Worker(
        store=ground.store, book=ground.rules.book, gateways=asked.gateways, new_id=ground.ids,
        mode=Mode(name=settings.mode, allowed=frozenset(settings.allow), redirect_to=settings.redirect_to),
        routes=settings.routes.order, roads=asked.roads, receipt_within=settings.receipt_within,
        receipt_url=lambda gateway, message_id: (
            f"{settings.address}/receipts/{gateway}/{token_of(ground.key, gateway)}?m={message_id}"
        ),
        dice=dice.random, ask=Asking(asked.sources), joins=configured.joins_of(settings),
        limits=_limits(settings, ground.store),
    )  # fmt: skip
    ground.rules.followers.append(worker.follow)
    return worker


def _receipt_door(ground: _Ground) -> ReceiptDoor:
    return ReceiptDoor(
        gateways=ground.asked.gateways, store=ground.store, clock=ground.clock,
        token_of=lambda gateway: token_of(ground.key, gateway),
        one_stop=ground.settings.replies.one_stop_stops_everything,
    )  # fmt: skip


def _replying(ground: _Ground, nudge: Callable[[], None]) -> Replying:
    return Replying(
        store=ground.store, book=ground.book, new_id=ground.ids, automatic=configured.automatic_of(ground.settings),
        write=Writing(ground.asked.sources), on_queued=nudge,
    )  # fmt: skip


def _verifier(ground: _Ground, wake: Callable[[], None]) -> Verifier | None:
    """Make what sends and checks codes; None without a pepper to make them from."""
    settings = ground.settings
    if not settings.verifications.pepper:
        return None
    return Verifier(
        store=ground.store, book=ground.book, policy=settings.code_policy, pepper=settings.verifications.pepper,
        new_id=ground.ids, on_queued=wake,
    )  # fmt: skip


def _editing(ground: _Ground) -> Editing:
    return Editing(
        path=ground.rules.path,
        advise=lambda book: advise(book, ground.settings.sources),
        follow=ground.rules.reload,
    )


def _running(settings: Settings, door: Door, worker: Worker, driver: Driver) -> Running:
    """Gather what the pages about sources, gateways and the service itself show."""
    return Running(
        sources=door.sources, gateways=worker.gateways, refusals=door.refusals, address=settings.address,
        per_second={name: one.per_second for name, one in settings.gateways.items()},
        order_of=worker.order_of, prices=worker.roads.prices, settings=configured.shown(settings),
        missing=configured.missing(settings), is_stopping=lambda: driver.is_stopping,
    )  # fmt: skip


def _pages(ground: _Ground, desk: Desk, campaigns: Campaigns, verifier: Verifier | None) -> Any:
    """Build the console, the health pages and, beside them, the API."""
    settings, pages = ground.settings, build_pages(desk)
    health.register(pages, desk)
    office = Office(
        desk=desk, sources=ground.asked.sources, gateways=ground.asked.gateways, webhooks=ground.asked.webhooks,
        explain=_explain(ground.store), new_id=ground.ids, address=settings.address,
        cursor_key=token_of(ground.key, "/api"), per_minute=settings.limits.api_per_minute,
        max_body=settings.limits.max_body, on_accepted=desk.on_queued, verifier=verifier, campaigns=campaigns,
    )  # fmt: skip
    return beside(pages.wsgi_app, office)


def _explain(store: Store) -> Callable[[Book, str], Sequence[Explanation]]:
    """Return how an event of the store is explained; what that needs is loaded when somebody asks."""

    def explained(book: Book, event_id: str) -> Sequence[Explanation]:
        from explain import explain  # noqa: PLC0415

        return explain(book, event_id, lambda: store)

    return explained


def _node(store: Store) -> int:
    """Return the number that goes into the ids of this process."""
    given = store.node()
    return secrets.randbelow(1024) if given is None else given


def _limits(settings: Settings, store: Store) -> Limits:
    """Count what gateways may be given here, or with everybody who works on the same database."""
    per_second = {name: gateway.per_second for name, gateway in settings.gateways.items()}
    per_sender = {name: gateway.per_sender for name, gateway in settings.gateways.items()}
    return Rates.of(per_second, per_sender) if store.is_alone else SharedRates(store, per_second, per_sender)


def _woken(store: Store, wake: Callable[[], None]) -> Callable[[], None]:
    """Return what wakes this process, and the others where there may be any."""
    if store.is_alone:
        return wake

    def both() -> None:
        wake()
        store.announce()

    return both


def token_of(key: str, gateway: str) -> str:
    """Return the secret part of a gateway's receipt and reply addresses."""
    return hmac.new(key.encode(), gateway.encode(), hashlib.sha256).hexdigest()[:32]
