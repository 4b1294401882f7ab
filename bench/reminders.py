"""A million reminders that wait for their time: memory, the look for what is due, and how soon a restart sends."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from audit import claims
from audit.rows import ms
from audit.store import Store
from bench import flows
from bench.figures import Figure, percentile
from bench.starting import pss
from tests.fakes.service import Service, until

WAITING = 1_000_000
LOOKS = 1_000
DUE = 20
"""Reminders that are due when the service comes back."""
RULES = """\
version: 1
defaults: {region: DE, locale: en, tz: Europe/Berlin, quiet_hours: ignore}
rules:
  - id: appointment-reminder
    event: appointment.booked
    to: [phone]
    text: "Reminder: your appointment"
"""
"""What is due leaves at any hour, so that this can be measured at night as well."""

REMINDERS = f"""
insert into messages (id, event_id, source, event_type, rule, rule_hash, step, key, number, number_field, country,
    warning, text, locale, encoding, segments, sender, lane, gateways, category, campaign, supersede, throttle_key,
    redact, on_unknown, recheck, state, created_at, due_at, expires_at, next_at)
with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < :count)
select 'm' || {flows.id_tail("numbers.n", ":now")}, 'e' || {flows.id_tail("numbers.n", ":now")}, 'salon',
    'appointment.booked', 'appointment-reminder', 'f33cc4553bf0', '', 'A' || n, phone.number, 'phone', phone.country,
    '', 'Reminder: your appointment ' || n, 'en', 'gsm7', 1, '', 1, '', '', '', '', phone.number || '|', '', 'drop', '',
    'queued', :now, due, due + 86400000, due
from (select n, case when n <= {DUE} then :now else :now + 86400000 + n * 2654435761 % 2592000000 end as due
    from numbers) as numbers
join phone on phone.slot = n % :phones
"""  # noqa: S608 - our own words


def measure(scale: float) -> list[Figure]:
    """Make the reminders, look for what is due among them, and start the service over them."""
    count = max(1_000, int(WAITING * min(scale, 1.0)))
    with tempfile.TemporaryDirectory(prefix="tidings-bench-") as folder:
        service = Service(Path(folder), rules=RULES)
        now = datetime.now(UTC)
        fill(service.database, count, now)
        looks = _looks(service.database, now)
        seconds, megabytes = _restart(service)
    name = f"{count:,} pending reminders"
    return [
        Figure(what=f"{name}: look for what is due, p50", value=percentile(looks, 0.5), unit="ms"),
        Figure(what=f"{name}: look for what is due, p99", value=percentile(looks, 0.99), unit="ms", budget=1),
        Figure(what=f"{name}: restart to first send", value=seconds, unit="s", budget=3),
        Figure(what=f"{name}: memory, all processes", value=megabytes, unit="MB", budget=150, note="PSS"),
    ]


def fill(path: Path, count: int, now: datetime) -> None:
    """Let `count` reminders wait, all but a few of them for days."""
    Store(path).close()  # which makes the tables
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("pragma synchronous = off")
        connection.execute("begin")
        phones = flows.lay_phones(connection)
        connection.execute(REMINDERS, {"count": count, "now": ms(now), "phones": phones})
        connection.execute("commit")


def _looks(path: Path, now: datetime) -> list[float]:
    """Return how many milliseconds each look took, before anything is due and with some due."""
    with closing(Store(path)) as store:
        took = []
        for number in range(LOOKS):
            moment = now - timedelta(hours=1) if number % 2 else now
            with store.read() as tx:
                began = time.perf_counter()
                claims.next_due(tx, moment)
                took.append((time.perf_counter() - began) * 1000)
    return took


def _restart(service: Service) -> tuple[float, float]:
    """Return the seconds from the start to the first text that was sent, and the megabytes after all due ones were."""
    try:
        began = time.monotonic()
        service.start(wait=False)
        until(lambda: _sent(service.database) > 0, lambda: f"nothing was sent:\n{service.log}")
        seconds = time.monotonic() - began
        until(lambda: _sent(service.database) >= DUE, lambda: f"not all were sent:\n{service.log}")
        time.sleep(1.5)  # idle is what is measured
        return seconds, sum(pss(pid) for pid in service.pids()) / 1e6
    finally:
        service.kill()


def _sent(path: Path) -> int:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        found: int = connection.execute("select count(*) from journal where kind = 'outcome'").fetchone()[0]
        return found
