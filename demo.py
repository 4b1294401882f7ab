"""`make run` and `make demo`: the sample payloads, played at the service as their real senders would.

Each sample is signed and posted over HTTP to /hooks/<source>. The demo's clock starts when the samples were written and
can jump, so that a reminder due in three days is seen in three seconds; everything else is the service itself.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

import app
from audit.conservation import report as conservation_report
from audit.conservation import unfinished
from inbound import samples
from inbound.samples import Sample
from settings import Settings, SourceSettings
from wire.http import Call, Client, NotSent, Unclear

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
"""The morning on which the samples were written."""

PATIENCE = 20.0
RECEIPTS_TAKE = 0.4
"""Seconds in which the console gateway posts what it reports about a text."""
MOMENT = timedelta(minutes=1)
FOREVER = datetime.max.replace(tzinfo=UTC)


class DemoClock:
    """A clock that starts in the samples' morning, runs like any other, and can be moved on."""

    def __init__(self, start: datetime = START) -> None:
        self._start, self._began = start, time.monotonic()
        self._jumped = timedelta()

    def __call__(self) -> datetime:
        """Return the demo's time."""
        return self._start + timedelta(seconds=time.monotonic() - self._began) + self._jumped

    def jump_to(self, when: datetime) -> None:
        """Move on to `when`; never back."""
        self._jumped += max(when - self(), timedelta())


def playable() -> list[Sample]:
    """Return the samples that are posted, in the order in which they arrived."""
    return sorted(samples.posted(), key=lambda sample: (sample.now, str(sample)))


def with_sample_sources(settings: Settings) -> Settings:
    """Add a source for every sender among the samples, and stay in sink mode: samples never reach a real gateway."""
    found = {
        sample.incoming.source: SourceSettings.model_validate(
            {"connector": sample.connector, "secret": sample.secret, **sample.settings}
        )
        for sample in playable()
    }
    return settings.model_copy(update={"mode": "sink", "sources": {**found, **settings.sources}})


def play(address: str, clock: Callable[[], datetime], prepare: Callable[[Sample], Sample]) -> Counter[int]:
    """Post every sample, signed as of now; return how often each status came back."""
    http, statuses = Client(), Counter[int]()
    for sample in playable():
        request = samples.moved(prepare(sample), clock(), address)
        call = Call(
            method=request.method, url=f"{address}/hooks/{request.source}", params=dict(request.query),
            headers=request.headers, body=request.body,
        )  # fmt: skip
        statuses[http.send(call).status] += 1
    return statuses


def run_demo(keep: Path | None = None) -> int:
    """Play everything, let all time pass, and check that every event was decided and every message ended."""
    began = time.monotonic()
    clock = DemoClock()
    with tempfile.TemporaryDirectory(prefix="tidings-demo-") as folder:
        database = keep or Path(folder) / "demo.db"
        settings = with_sample_sources(Settings(port=0, database=f"sqlite:///{database}"))
        server = _Server(settings, clock)
        try:
            click.echo(f"Tidings demo, {clock():%A %d %B %Y %H:%M} UTC. Mode: sink, nothing leaves this machine.\n")
            statuses = play(server.address, clock, lambda sample: _in_time(sample, server.service, clock))
            settled = _let_time_pass(server.service, clock)
            return _summary(server.service, statuses, settled, time.monotonic() - began)
        finally:
            server.stop()


def _in_time(sample: Sample, service: app.Tidings, clock: DemoClock) -> Sample:
    """Move the demo's clock to the moment at which the sample arrived; what is due before then leaves before."""
    if sample.now - clock() > MOMENT:
        _let_time_pass(service, clock, sample.now)
    clock.jump_to(sample.now)
    return sample


class _Server:
    """The service behind a small threaded HTTP server on a free port of this machine."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime]) -> None:
        from werkzeug.serving import WSGIRequestHandler, make_server  # noqa: PLC0415 - the demo only

        class Quiet(WSGIRequestHandler):
            def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                """Say nothing."""

        gate: dict[str, Any] = {}
        self._http = make_server(
            settings.host,
            settings.port,
            lambda env, start: gate["wsgi"](env, start),  # noqa: PLW0108 - the door is built after the port is known
            threaded=True,
            request_handler=Quiet,
        )
        self.address = f"http://{settings.host}:{self._http.server_port}"
        self.service = app.build(settings.model_copy(update={"public_url": self.address}), clock, seed=1)
        gate["wsgi"] = self.service.wsgi
        self.service.start()
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stop listening, drain, close."""
        self._http.shutdown()
        self._http.server_close()
        self.service.stop()


def _let_time_pass(service: app.Tidings, clock: DemoClock, until: datetime = FOREVER) -> bool:
    """Move the clock from one due text to the next until nothing waits; False when that takes too long."""
    deadline = time.monotonic() + PATIENCE
    reported_by = time.monotonic() + RECEIPTS_TAKE
    while time.monotonic() < deadline:
        open_now = unfinished(service.store, clock())
        if open_now.busy:
            service.lookups.look_up_due(clock())
            service.worker.recheck_due(clock())
            time.sleep(0.02)
            reported_by = time.monotonic() + RECEIPTS_TAKE
        elif open_now.out and time.monotonic() < reported_by:
            time.sleep(0.02)
        elif open_now.next_due is None or open_now.next_due > until:
            if until is FOREVER and open_now.out:  # no receipt will come: the time in which one could has to pass
                clock.jump_to(clock() + max(service.worker.receipt_within.values()))
                service.worker.settle(clock())
            return True
        else:
            click.echo(f"  ... {open_now.next_due:%A %d %B %H:%M} UTC")
            clock.jump_to(open_now.next_due)
            service.driver.nudge()
    return False


def _summary(service: app.Tidings, statuses: Counter[int], settled: bool, seconds: float) -> int:  # noqa: FBT001
    """Print what became of everything; return the exit code."""
    report = conservation_report(service.store)
    click.echo(
        f"\n{sum(statuses.values())} requests: " + ", ".join(f"{n} x {code}" for code, n in sorted(statuses.items()))
    )
    click.echo(
        f"{report.events} events, {report.decided} decided, {report.unreadable} unreadable and kept for replay: "
        "those samples are damaged on purpose"
    )
    for name, rows in (("Decisions", report.decisions), ("Messages", report.messages)):
        click.echo(f"{name}: " + ", ".join(f"{count} {what}" for what, count in rows))
    faults = [*report.faults, *([] if settled else ["some messages never ended"])]
    refused = sum(count for status, count in statuses.items() if status >= 300)  # past the 2xx
    faults += [f"{refused} samples were refused at the door"] if refused else []
    faults += [f"{report.waiting} events were never decided"] if report.waiting else []
    for fault in faults:
        click.secho(f"  not as promised: {fault}", fg="red")
    click.echo(f"{'FAILED' if faults else 'Everything accounted for'} in {seconds:.1f} s.")
    return 1 if faults else 0


def wait_until_up(address: str, seconds: float = 15.0) -> bool:
    """Wait until the service answers."""
    http, deadline = Client(connect=0.5, read=2.0), time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if http.send(Call(method="GET", url=f"{address}/healthz")).status == 200:
                return True
        except (NotSent, Unclear):
            time.sleep(0.05)
    return False


def brought_up_to(now: datetime) -> Callable[[Sample], Sample]:
    """Return what moves samples so that all arrive within the day up to `now`, in their order of a day.

    By one distance for all, those of the first day would be as old as the last ones are young, and nothing is texted
    about what is days old.
    """

    def arrives(sample: Sample) -> datetime:
        day = sample.now.astimezone(UTC)
        return day.replace(year=START.year, month=START.month, day=START.day)

    later = now - max(map(arrives, playable()))
    return lambda sample: shifted(sample, later + (arrives(sample) - sample.now))


def shifted(sample: Sample, delta: timedelta) -> Sample:
    """Return the sample as if it had been written `delta` later: every moment in its body and headers moves along."""
    body = samples.shift_times(sample.incoming.body, delta)
    headers = {
        name: samples.shift_times(value.encode("utf-8", "surrogateescape"), delta).decode("utf-8", "surrogateescape")
        for name, value in sample.incoming.headers.items()
    }
    return replace(sample, now=sample.now + delta, incoming=replace(sample.incoming, body=body, headers=headers))
