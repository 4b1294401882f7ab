"""The composition root: settings -> store, rules, gateways, worker, doors, pages. It imports all; nobody imports it but
the command line and tests.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import multiprocessing
import os
import random
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any, TextIO

import connectors
import gateways
import roles
import settings as settings_file
from advice import advise
from audit import (
    caps,
    figures,
    idempotency,
    kept,
    links,
    messages,
    sessions,
    sign_ins,
    source_hours,
    steering,
    steps,
    tallies,
    versions,
)
from audit.clicks import Clicks
from audit.refusals import Refusals
from audit.retention import purge
from audit.sealing import Sealing
from audit.store import Store, StoreDown, Tx
from connectors.base import Connector
from dispatch.accounts import Accounts
from dispatch.campaigning import Campaigns
from dispatch.driver import Driver
from dispatch.joining import Join
from dispatch.publish import in_one_step, load_version, rehearsed
from dispatch.rates import Limits, Rates
from dispatch.rehearse import Outcome
from dispatch.replying import Automatic, Replying
from dispatch.route import CONSOLE, Mode
from dispatch.shared_rates import SharedRates
from dispatch.tellers import Tellers
from dispatch.telling import Teller
from dispatch.verifying import Verifier
from dispatch.webhook import Webhook
from dispatch.worker import Worker
from gateways.base import Gateway
from inbound.consuming import Consuming
from inbound.examples import event_in
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
from model.reasons import ConfigError, Problem
from rules.book import Book
from rules.files import paths_of
from settings import Settings
from web import health
from web.api.office import Explanation, Office, beside
from web.app import build as build_pages
from web.desk import Desk, Editing, Running, Setting
from web.metrics import our_version
from wire import tracing
from wire.logs import Lines

log = logging.getLogger("tidings")
HERE = Path(__file__).resolve().parent
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time; the only place that asks the machine."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Tidings:
    """The running service. `wsgi` is what the HTTP server calls."""

    settings: Settings
    store: Store
    worker: Worker
    driver: Driver
    tellers: Tellers
    inbox: Inbox
    replying: Replying
    sources: Mapping[str, Source]
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
    clock: Clock
    wsgi: FrontDoor
    rules_path: Path
    notices: list[str] = field(default_factory=list)
    traces: tracing.Send | None = None
    role: str = "all"
    clicks: Clicks = field(default_factory=Clicks)
    _scheduler: Any = None
    _reloading: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Recover what a crash left, then start planning, sending and housekeeping."""
        if roles.works(self.role):
            self._start_work()
        if roles.polls(self.role):
            self.consuming.start(self.sources)
        self._scheduler = _schedule(self)
        self.driver.wake()

    def _start_work(self) -> None:
        now = self.clock()
        if self.store.is_alone:  # elsewhere others may be handing over just now: what nobody finishes, its lease ends
            recovered = self.store.write(lambda tx: messages.recover(tx, now, everything=True))
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

    def reload_rules(self, actor: str = "file") -> bool:
        """Load the rules file again and run its tests; one that is broken changes nothing and is shown."""
        with self._reloading:
            before = self._newest_version()
            try:
                book, files = in_one_step(self.rules_path)
                if book.hash != self.worker.book.hash:
                    hold_tests(book)
            except ConfigError as error:
                self.notices[:] = [f"The rules file was not loaded: {error.problems[0]}"]
                log.warning("rules refused", extra={"problems": len(error.problems)})
                return False
            self.notices.clear()
            if book.hash != self.worker.book.hash:
                if self._newest_version() != before:  # published while we read: what we hold may be the one before
                    return True
                self.worker.book = book
                self._remember_rules(book, files, actor)
            return True

    def _newest_version(self) -> int:
        with self.store.read() as tx:
            found = versions.newest(tx, 1)
        return found[0].number if found else 0

    def _remember_rules(self, book: Book, files: Mapping[str, str], actor: str) -> None:
        self.store.write(lambda tx: versions.put_in_force(tx, book.hash, files, actor, "", self.clock()))
        log.info("rules in force", extra={"hash": book.hash, "count": len(book.rules)})


def build(settings: Settings, clock: Clock = utc_now, *, seed: int | None = None, role: str = "all") -> Tidings:
    """Build the service without starting it. Raises ConfigError when a file is wrong."""
    dice = random.Random(seed)  # noqa: S311 - jitter, not secrets
    store = Store(settings.place)
    if not store.is_alone:
        clock = roles.SharedClock(clock, store)
    rules_path = settings.rules_path
    try:
        book, files, notices = _first_book(rules_path, store)
        sources = build_sources(settings)
        carriers = build_gateways(settings)
        roads = settings.roads()
        webhooks = build_webhooks(settings)
        traces = build_traces(settings)
    except ConfigError:
        store.close()
        raise
    key = store.write(lambda tx: kept.setting(tx, "receipt_key", secrets.token_hex(32), clock()))
    store.write(lambda tx: caps.put(tx, settings.limits.caps, settings.limits.per_person, clock()))
    ids = Ids(clock, node=_node(store) if seed is None else seed)
    worker = Worker(
        store=store,
        book=book,
        gateways=carriers,
        new_id=ids,
        mode=Mode(name=settings.mode, allowed=frozenset(settings.allow), redirect_to=settings.redirect_to),
        routes=settings.routes.order,
        roads=roads,
        receipt_within=settings.receipt_within,
        receipt_url=lambda gateway, message_id: (
            f"{settings.address}/receipts/{gateway}/{token_of(key, gateway)}?m={message_id}"
        ),
        dice=dice.random,
        ask=Asking(sources),
        joins=joins_of(settings),
        limits=_limits(settings, store),
    )
    driver = Driver(worker, clock, settings.limits.sender_threads)
    wake, nudge = _woken(store, driver.wake), _woken(store, driver.nudge)
    teller = Teller(webhooks=webhooks, store=store, new_id=ids, dice=dice.random)
    door = Door(sources=sources, store=store, new_id=ids, clock=clock, on_accepted=wake)
    clicks = Clicks()
    receipt_door = ReceiptDoor(
        gateways=carriers, store=store, clock=clock, token_of=lambda gateway: token_of(key, gateway),
        one_stop=settings.replies.one_stop_stops_everything,
    )  # fmt: skip
    replying = Replying(
        store=store, book=lambda: worker.book, new_id=ids, automatic=automatic_of(settings),
        write=Writing(sources), on_queued=nudge,
    )  # fmt: skip
    subscribing = Subscribing(sources=sources, store=store, address=settings.address)
    campaigns = Campaigns(store=store, book=lambda: worker.book, new_id=ids, roads=roads)
    desk = Desk(
        store=store,
        book=lambda: worker.book,
        mode=lambda: worker.mode,
        clock=clock,
        rules_lines=lambda name: _lines(rules_path, name),
        notices=lambda: [*notices, *teller.notices(), *subscribing.notices()],
        new_id=ids,
        on_queued=nudge,
        editing=Editing(
            path=rules_path,
            advise=lambda book: advise(book, settings.sources),
            follow=lambda actor: service.reload_rules(actor),  # noqa: PLW0108 - the service is made further down
        ),
        running=_running(settings, door, worker, driver),
        entrance=settings.entrance,
        campaigns=campaigns,
        codes=settings.code_policy if settings.verifications.pepper else None,
    )
    pages = build_pages(desk)
    health.register(pages, desk)
    verifier = _verifier(settings, store, worker, ids, wake)
    if verifier is not None:
        worker.reveal = verifier.reveal
    office = Office(
        desk=desk, sources=sources, gateways=carriers, webhooks=webhooks, explain=_explain(store), new_id=ids,
        address=settings.address, cursor_key=token_of(key, "/api"), per_minute=settings.limits.api_per_minute,
        max_body=settings.limits.max_body, on_accepted=nudge, verifier=verifier,
        campaigns=campaigns,
    )  # fmt: skip
    wsgi = FrontDoor(
        door=door,
        receipt_door=receipt_door,
        pages=beside(pages.wsgi_app, office),
        clock=clock,
        public_url=settings.address,
        link_door=LinkDoor(store=store, clock=clock, clicks=clicks),
    )
    service = Tidings(
        settings=settings, store=store, worker=worker, driver=driver, tellers=Tellers(teller, clock), sources=sources,
        replying=replying, inbox=Inbox(store=store, clock=clock, one_stop=receipt_door.one_stop),
        lookups=Lookups(sources=sources, store=store, on_done=wake),
        polling=Polling(store=store, new_id=ids, on_accepted=wake),
        replaying=Replaying(store=store, sources=sources, new_id=ids, on_accepted=wake), refusals=door.refusals,
        subscribing=subscribing,
        consuming=Consuming(door=door, store=store, clock=clock),
        campaigns=office.campaigns,
        accounts=Accounts(store=store, prices=roads.prices),
        verifier=verifier,
        sealing=Sealing(store=store, key=settings.audit.seal_key, export_to=settings.audit.export_to),
        clock=clock, wsgi=wsgi, rules_path=rules_path, notices=notices, traces=traces,
        role=role,
        clicks=clicks,
    )  # fmt: skip
    if not notices:
        service._remember_rules(book, files, "start")
    return service


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


def _verifier(settings: Settings, store: Store, worker: Worker, ids: Ids, wake: Callable[[], None]) -> Verifier | None:
    """Make what sends and checks codes; None without a pepper to make them from."""
    if not settings.verifications.pepper:
        return None
    return Verifier(
        store=store, book=lambda: worker.book, policy=settings.code_policy, pepper=settings.verifications.pepper,
        new_id=ids, on_queued=wake,
    )  # fmt: skip


def _explain(store: Store) -> Callable[[Book, str], Sequence[Explanation]]:
    """Return how an event of the store is explained; what that needs is loaded when somebody asks."""

    def explained(book: Book, event_id: str) -> Sequence[Explanation]:
        from explain import explain  # noqa: PLC0415

        return explain(book, event_id, lambda: store)

    return explained


def _prune(tx: Tx, lengths: sessions.Lengths, now: datetime) -> None:
    kept.prune(tx, now)
    caps.prune(tx, now)
    idempotency.prune(tx, now)
    sign_ins.prune(tx, now)
    sessions.prune(tx, lengths, now)


def _running(settings: Settings, door: Door, worker: Worker, driver: Driver) -> Running:
    """Gather what the pages about sources, gateways and the service itself show."""
    kept = [Setting(part="Kept for", name=name, value=time or "ever") for name, time in settings.retention]
    routed = [Setting(part="Routes", name="order", value=", ".join(settings.routes.order))]
    routed += [Setting(part="Routes", name="rows", value=str(len(settings.routes.when)))]
    told = [Setting(part="Webhooks", name=name, value=", ".join(one.events)) for name, one in settings.webhooks.items()]
    limits = [Setting(part="Limits", name=name, value=str(value)) for name, value in settings.limits]
    return Running(
        sources=door.sources,
        gateways=worker.gateways,
        refusals=door.refusals,
        address=settings.address,
        per_second={name: one.per_second for name, one in settings.gateways.items()},
        order_of=worker.order_of,
        prices=worker.roads.prices,
        settings=[*kept, *routed, *limits, *told],
        missing=_missing(settings),
        is_stopping=lambda: driver.is_stopping,
    )


def _missing(settings: Settings) -> list[str]:
    """Say what an operator may have forgotten."""
    said = {
        "No source is set up: nothing can come in but texts by hand.": not settings.sources,
        "No gateway is set up: texts are shown on the console only.": not settings.gateways,
        "public_url is not set: nobody outside of this machine knows how to reach us.": not settings.public_url,
        "No audit.seal_key is set: whoever can write to the database could make the seals anew.": (
            not settings.audit.seal_key
        ),
        "audit.export_to is not set: it would not show that the end of the record was cut off.": (
            not settings.audit.export_to
        ),
    }
    return [words for words, is_missing in said.items() if is_missing]


def token_of(key: str, gateway: str) -> str:
    """Return the secret part of a gateway's receipt and reply addresses."""
    return hmac.new(key.encode(), gateway.encode(), hashlib.sha256).hexdigest()[:32]


def build_sources(settings: Settings) -> dict[str, Source]:
    """Make every configured source."""
    problems: list[Problem] = []
    found = {}
    for name, wanted in settings.sources.items():
        secret = (wanted.secret,) if isinstance(wanted.secret, str) else wanted.secret
        try:
            kind = connectors.load(wanted.connector)
            connector = _configured(kind, wanted.options)
        except KeyError:
            known = ", ".join(connectors.names())
            problems.append(
                _trouble(f"sources.{name}: there is no connector {wanted.connector!r}.", f"Known: {known}.")
            )
            continue
        except ValueError as error:
            problems.append(_trouble(f"sources.{name}: {error}"))
            continue
        if connector.needs_secret and not any(secret):
            problems.append(_trouble(f"sources.{name}: secret is missing.", 'Write secret = "env:NAME".'))
        found[name] = Source(
            name=name,
            connector=connector,
            secrets=secret,
            max_body=wanted.max_body or settings.limits.max_body,
            per_second=wanted.per_second,
            poll_every=settings_file.duration(wanted.poll_every),
            subscribe=wanted.subscribe,
        )
    if problems:
        raise ConfigError(problems)
    return found


def joins_of(settings: Settings) -> dict[str, Join]:
    """Say whose contacts are looked through for which source."""
    return {
        name: Join(source=wanted.contacts.from_, by=wanted.contacts.by)
        for name, wanted in settings.sources.items()
        if wanted.contacts
    }


def _configured(kind: type[Connector], options: Mapping[str, Any]) -> Connector:
    if lacks := connectors.unavailable(kind.name):
        raise ValueError(f"{kind.title} needs a library that is not installed: {lacks.install}.")
    unknown = sorted(set(options) - set(kind.options))
    if unknown:
        raise ValueError(
            f"{kind.name} has no setting {unknown[0]!r}; it knows {', '.join(sorted(kind.options)) or 'none'}."
        )
    return kind(options)


def build_gateways(settings: Settings) -> dict[str, Gateway]:
    """Make every configured gateway; `console` is always there."""
    problems: list[Problem] = []
    found: dict[str, Gateway] = {CONSOLE: gateways.build(CONSOLE, CONSOLE, {})}
    for name, wanted in settings.gateways.items():
        try:
            kind = gateways.load(wanted.kind)
        except KeyError:
            known = ", ".join(gateways.names())
            problems.append(_trouble(f"gateways.{name}: there is no kind {wanted.kind!r}.", f"Known: {known}."))
            continue
        problems += _mistakes(name, kind, wanted.options)
        if not problems:
            try:
                found[name] = gateways.build(wanted.kind, name, wanted.options)
            except ValueError as error:
                problems.append(_trouble(f"gateways.{name}: {error}"))
    if problems:
        raise ConfigError(problems)
    return found


def _mistakes(name: str, kind: type[Gateway], given: Mapping[str, Any]) -> list[Problem]:
    """Name the settings of a gateway that are missing, and the first that it does not have."""
    missing = [(option, is_) for option, is_ in kind.options.items() if is_.required and not given.get(option)]
    found = [_trouble(f"gateways.{name}: {option} is missing.", is_.text) for option, is_ in missing]
    unknown = sorted(set(given) - set(kind.options))
    return found + [_trouble(f"gateways.{name}: {kind.kind} has no setting {one!r}.") for one in unknown[:1]]


def automatic_of(settings: Settings) -> Automatic:
    """Say what is answered to stop, start and help."""
    said = settings.replies
    return Automatic(
        stop=said.confirm_stop, start=said.confirm_start, help=said.help,
        provider_answers=frozenset(said.provider_answers),
    )  # fmt: skip


def build_webhooks(settings: Settings) -> dict[str, Webhook]:
    """Make every configured webhook."""
    found = {
        name: Webhook(
            name=name, url=wanted.url, secrets=(wanted.secret,) if isinstance(wanted.secret, str) else wanted.secret,
            events=frozenset(wanted.events), rules=frozenset(wanted.rules), sources=frozenset(wanted.sources),
            allow_private=wanted.allow_private, numbers=wanted.numbers, texts=wanted.texts,
        )
        for name, wanted in settings.webhooks.items()
    }  # fmt: skip
    problems = [_trouble(f"webhooks.{name}: {fault}") for name, made in found.items() for fault in made.faults()]
    if problems:
        raise ConfigError(problems)
    return found


def build_traces(settings: Settings) -> tracing.Send | None:
    """Return what sends traces; None where no collector is named."""
    wanted = settings.tracing
    if not wanted.endpoint:
        return None
    if not wanted.endpoint.startswith(("http://", "https://")):
        raise ConfigError([_trouble("tracing.endpoint is no address; write http://127.0.0.1:4318/v1/traces.")])
    if not tracing.is_there():
        raise ConfigError([_trouble("tracing wants the extra otel.", "Run: pip install 'tidings[otel]'")])
    return tracing.sender(wanted.endpoint, wanted.headers, wanted.share, our_version())


def _trouble(text: str, hint: str = "") -> Problem:
    return Problem(path=settings_file.DEFAULT_FILE, line=1, column=1, text=text, hint=hint)


def hold_tests(book: Book) -> None:
    """Run the tests inside the rules. Raises ConfigError when one does not hold."""
    failed = rehearsed(book, event_in)
    if failed:
        raise ConfigError([_not_held(outcome) for outcome in failed])


def _not_held(outcome: Outcome) -> Problem:
    text = f"The test {outcome.test!r} of {outcome.rule} does not hold: {outcome.wrong[0]}"
    return Problem(path=outcome.file, line=outcome.line, column=1, text=text)


def _first_book(path: Path, store: Store) -> tuple[Book, Mapping[str, str], list[str]]:
    """Load the rules; when the file is broken, run on the last version that was in force, and say so."""
    try:
        return *in_one_step(path), []
    except ConfigError as error:
        with store.read() as tx:
            last = versions.newest(tx, 1)
        if not last:
            raise
        notice = f"The rules file was not loaded, version {last[0].number} is in force: {error.problems[0]}"
        return load_version(last[0].files), last[0].files, [notice]


def _lines(rules_path: Path, name: str) -> list[str]:
    path = (rules_path.parent / name).resolve()
    if not path.is_relative_to(rules_path.parent.resolve()) or not path.is_file():
        return []
    return path.read_text("utf-8", "replace").splitlines()


def _schedule(service: Tidings) -> Any:
    """Start housekeeping: look-ups, polls, rule reload, pruning. Never reminders: those are rows with a due time."""
    from apscheduler.schedulers.background import BackgroundScheduler  # noqa: PLC0415 - 80 ms that the first webhook need not wait for

    threads = BackgroundScheduler(
        timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )
    scheduler = roles.Turns(threads, service.store, service.role)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    scheduler.add_job(lambda: service.lookups.look_up_due(service.clock()), "interval", seconds=1, id="lookups")
    scheduler.add_job(lambda: service.replying.answer_due(service.clock()), "interval", seconds=1, id="replies")
    scheduler.add_job(lambda: service.replying.write_due(service.clock()), "interval", seconds=1, id="write backs")
    scheduler.add_job(lambda: service.worker.recheck_due(service.clock()), "interval", seconds=1, id="rechecks")
    scheduler.add_job(_RulesWatch(service), "interval", seconds=1, id="rules")
    scheduler.add_job(lambda: service.campaigns.step(service.clock()), "interval", seconds=1, id="campaigns")
    scheduler.add_job(lambda: service.accounts.step(service.clock()), "interval", seconds=1, id="accounts")
    if service.verifier is not None:
        verifier = service.verifier
        scheduler.add_job(lambda: verifier.tidy(service.clock()), "interval", minutes=1, id="verifications")
    scheduler.add_job(lambda: figures.refresh(service.store, service.clock()), "interval", minutes=1, id="figures")
    scheduler.add_job(lambda: service.replaying.step(service.clock()), "interval", seconds=1, id="replays")
    scheduler.add_job(lambda: tallies.refresh(service.store, service.clock()), "interval", seconds=10, id="tallies")
    scheduler.add_job(
        lambda: source_hours.refresh(service.store, service.clock()), "interval", minutes=1, id="hours of sources"
    )
    scheduler.add_job(
        lambda: service.refusals.flush(service.store, service.clock()), "interval", minutes=1, id="refusals"
    )
    scheduler.add_job(lambda: service.clicks.flush(service.store), "interval", seconds=1, id="clicks")
    scheduler.add_job(lambda: service.sealing.step(service.clock()), "interval", minutes=1, id="seals")
    scheduler.add_job(
        lambda: purge(service.store, service.settings.kept_for, service.clock()), "interval", hours=24, id="retention",
        next_run_time=datetime.now(UTC) + timedelta(minutes=10),
    )  # fmt: skip
    lengths = service.settings.entrance.lengths
    scheduler.add_job(
        lambda: service.store.write(lambda tx: _prune(tx, lengths, service.clock())), "interval", minutes=10, id="prune"
    )
    scheduler.add_job(lambda: links.expire(service.store, service.clock()), "interval", minutes=10, id="links")
    scheduler.add_job(lambda: service.inbox.give_up(service.clock()), "interval", minutes=10, id="incomplete texts")
    scheduler.add_job(lambda: service.tellers.teller.prune(service.clock()), "interval", minutes=10, id="tellings")
    if service.traces is not None:
        send = service.traces
        scheduler.add_job(lambda: steps.tell(service.store, service.clock(), send), "interval", seconds=1, id="traces")
    if any(source.subscribe for source in service.sources.values()):
        scheduler.add_job(
            lambda: service.subscribing.look_after_all(service.clock()), "interval", hours=1, id="subscriptions",
            next_run_time=datetime.now(UTC) + timedelta(seconds=20),
        )  # fmt: skip
    for source in service.sources.values():
        if source.poll_every and hasattr(source.connector, "poll"):
            scheduler.add_job(
                partial(_poll, service, source),
                "interval", seconds=source.poll_every.total_seconds(), id=f"poll {source.name}",
                next_run_time=datetime.now(UTC) + timedelta(seconds=1),
            )  # fmt: skip
    scheduler.start()
    return scheduler


def _poll(service: Tidings, source: Source) -> None:
    service.polling.poll(source, service.clock())


class _RulesWatch:
    """Reloads the rules when a file beside them changed."""

    def __init__(self, service: Tidings) -> None:
        self._service, self._seen = service, _stamp(service.rules_path)

    def __call__(self) -> None:
        stamp = _stamp(self._service.rules_path)
        if stamp != self._seen:
            self._seen = stamp
            self._service.reload_rules()


def _stamp(path: Path) -> tuple[tuple[str, int, int], ...]:
    found = []
    for file in paths_of(path):
        try:
            stat = file.stat()
        except OSError:  # gone while we looked: the next look tells
            continue
        found.append((str(file), stat.st_mtime_ns, stat.st_ino))
    return tuple(found)


def create() -> FrontDoor:
    """Build and start the service from the environment: what the HTTP server loads. Problems end the process with 1."""
    configure_logging()
    path = os.environ.get("TIDINGS_CONFIG")
    settings = settings_file.load(Path(path) if path else None, os.environ)
    if os.environ.get("TIDINGS_PLAY"):
        from demo import with_sample_sources  # noqa: PLC0415 - `make run` only

        settings = with_sample_sources(settings)
    try:
        service = build(settings, role=os.environ.get("TIDINGS_ROLE", "all"))
        service.start()
    except StoreDown as error:
        _say(f"The database cannot be used: {error}", file=sys.stderr)
        sys.exit(1)
    except ConfigError as error:  # the file itself is fine; what it asks for cannot be built
        for problem in error.problems:
            _say(str(problem), file=sys.stderr)
        sys.exit(1)
    if not os.environ.get("TIDINGS_PLAY"):
        port = os.environ.get("TIDINGS_PORT") or settings.port
        _say(f"Tidings listens on http://{settings.host}:{port}, mode {settings.mode}. Ctrl-C stops it.")
    _end_with_parent()
    _listen_for_signals(service)
    # The server runs us in a process of its own that ends without atexit; this is the hook such processes have.
    Finalize(None, service.stop, exitpriority=100)
    return service.wsgi


def _say(line: str, file: TextIO | None = None) -> None:
    """Tell the person who started the service, as the command line does."""
    print(line, file=file, flush=True)


def _end_with_parent() -> None:
    """Stop when the process that supervises us is gone: left alone we would work beside our own successor."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        log.error("the supervising process is gone, stopping")
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def _listen_for_signals(service: Tidings) -> None:
    """Begin to drain with the signal itself: the server first waits for slow senders, at worst until it is killed.

    SIGHUP, which the supervising process passes on, loads the rules again.
    """
    ours, theirs = socket.socketpair()
    theirs.settimeout(0)
    signal.signal(signal.SIGHUP, lambda *_: None)  # a handler, so that it wakes us and does not end the process
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)

    def watch() -> None:
        while theirs.fileno() >= 0 and (told := ours.recv(1)):  # for ever: a closed end would be written to
            if told[0] in {signal.SIGTERM, signal.SIGINT}:
                service.driver.stop()
            elif told[0] == signal.SIGHUP:
                threading.Thread(target=service.reload_rules, args=("SIGHUP",), name="reload", daemon=True).start()

    threading.Thread(target=watch, name="signals", daemon=True).start()


def configure_logging(level: str = "", form: str = "") -> None:
    """Log one line per event, fields included: JSON, or with `form` "human" as people read it at a terminal."""
    is_human = (form or os.environ.get("TIDINGS_LOG_FORMAT", "")) == "human"
    handler = logging.StreamHandler()
    handler.setFormatter(_for_people() if is_human else Lines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level or os.environ.get("TIDINGS_LOG", "WARNING"))


def _for_people() -> logging.Formatter:
    import structlog  # noqa: PLC0415 - it draws, for which it loads rich and pygments

    plain = structlog.dev.plain_traceback  # others print variables, so numbers
    render = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
    )
