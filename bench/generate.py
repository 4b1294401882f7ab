"""`python -m bench.generate --messages 10000000 PATH`: a database as a busy business leaves it after ninety days,
or after as many as `--days` says.

The tables are made by the real migrations, figures and seals by the service's own code. Only the rows are written in
bulk, without their indexes and without a journal on disk: nothing else makes ten million of them in minutes.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import click
from rich.console import Console

from audit import figures, kept, source_hours, sums, tallies
from audit.proofs import of_body, of_text
from audit.rows import at, digest, ms
from audit.sealing import Sealing
from audit.store import Store
from bench import flows
from model.ids import EPOCH

DAYS = 90
STRETCH = 200_000
"""Events made at once."""

TEXTS_PER_EVENT = 0.86
DATABASE_CACHE = -1_000_000
"""In KiB, as SQLite has it."""


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--messages", default=1_000_000, show_default=True, help="How many texts, about.")
@click.option("--days", default=DAYS, show_default=True, help="Over how many days they are spread.")
@click.option("--seals/--no-seals", default=True, show_default=True, help="Seal the journal, too.")
def main(path: Path, messages: int, days: int, seals: bool) -> None:  # noqa: FBT001 - a flag of the command
    """Make a database at PATH with so many texts, up to this moment."""
    console = Console(stderr=True)
    generate(path, messages, datetime.now(UTC), days=days, seals=seals, say=console.print)
    console.print(f"{path}: {path.stat().st_size / 1e9:.1f} GB")


def generate(
    path: Path, messages: int, now: datetime, *, days: int = DAYS, seals: bool = True,
    say: Callable[[str], object] = str,
) -> None:  # fmt: skip
    """Make the database. Nothing may be at `path`."""
    if path.exists():
        raise click.ClickException(f"{path} is there already.")
    if now - timedelta(days=days) < EPOCH:
        raise click.ClickException(f"{days} days are too many: ids grow with time from {EPOCH:%Y-%m-%d} on.")
    began = time.monotonic()

    def tell(what: str) -> None:
        say(f"{time.monotonic() - began:7.0f} s  {what}")

    Store(path).close()  # which makes the tables
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        _open(connection)
        put_back = _without_indexes(connection)
        _play(connection, round(messages / TEXTS_PER_EVENT), (now - timedelta(days=days), now), tell)
        for statement in put_back:
            connection.execute(statement)
            tell(" ".join(statement.split()[:5]))
        for statement in flows.AFTERWARDS:
            connection.execute(statement)
        tell("dedupe keys, conversations, consent")
        connection.execute("pragma journal_mode = wal")
    _count(path, now, days, tell)
    if seals:
        with closing(Store(path)) as store:
            tell(f"{Sealing(store=store).step(now)} seals")


def _open(connection: sqlite3.Connection) -> None:
    connection.row_factory = sqlite3.Row
    for pragma in ("journal_mode = off", "synchronous = off", f"cache_size = {DATABASE_CACHE}", "threads = 2"):
        connection.execute(f"pragma {pragma}")
    connection.create_function("body_proof", 1, lambda data: of_body(data.encode()), deterministic=True)
    connection.create_function("text_proof", 4, of_text, deterministic=True)
    connection.create_function("dedupe_key", 3, digest, deterministic=True)
    connection.create_function("reply_intent", 1, lambda n: flows.REPLIES[n], deterministic=True)


def _without_indexes(connection: sqlite3.Connection) -> list[str]:
    """Take away indexes and triggers; return the statements that bring them back."""
    found = connection.execute(
        "select type, name, sql from sqlite_master where type in ('index', 'trigger') and sql is not null "
        "order by type, rowid"
    ).fetchall()
    for row in found:
        connection.execute(f"drop {row['type']} {row['name']}")
    return [row["sql"] for row in found]


def _play(
    connection: sqlite3.Connection, count: int, span: tuple[datetime, datetime], tell: Callable[[str], None]
) -> None:
    """Let `count` events happen, evenly over a span of time."""
    begin, end = map(ms, span)
    for statement in flows.SMALL:
        connection.execute(statement)
    _fill(connection, "kind", _slots(flows.KINDS))
    _fill(connection, "chance", _slots(flows.CHANCES))
    _fill(connection, "fate", _slots(flows.FATES))
    _fill(connection, "name", ((name,) for name in flows.NAMES))
    phones = flows.lay_phones(connection)
    connection.execute("create table claimed (hash blob, ref text, until integer)")
    values = {"begin": begin, "span": end - begin, "now": end, "count": count, "phones": phones}
    for first in range(1, count + 1, STRETCH):
        last = min(first + STRETCH - 1, count)
        connection.execute("begin")
        connection.execute(flows.FLOW, {**values, "first": first, "last": last})
        journal = connection.execute("select coalesce(max(id), 0) from journal").fetchone()[0]
        for statement in flows.SPREAD:
            connection.execute(statement, {**values, "journal": journal})
        connection.execute("drop table flow")
        connection.execute("commit")
        tell(f"{last:,} of {count:,} events")


def _slots(table: Iterable[Sequence[object]]) -> Iterator[Sequence[object]]:
    """Give each row as many slots as its first column says."""
    for share, *row in table:
        assert isinstance(share, int)
        yield from [row] * share


def _fill(connection: sqlite3.Connection, table: str, rows: Iterable[Sequence[object]]) -> None:
    numbered = [(slot, *row) for slot, row in enumerate(rows)]
    marks = ", ".join("?" * len(numbered[0]))
    connection.executemany(f"insert into {table} values ({marks})", numbered)  # noqa: S608 - our own words


def _count(path: Path, now: datetime, days: int, tell: Callable[[str], None]) -> None:
    """Count the days as the service does, and note that all of it is counted."""
    with closing(Store(path)) as store:
        with store.read() as tx:
            newest = str(tx.execute("select max(id) as id from journal").fetchone()["id"])
        first = ms(now) // figures.DAY_MS * figures.DAY_MS - days * figures.DAY_MS
        for day in range(first, ms(now), figures.DAY_MS):
            figures.recount(store, at(day))
        sums.write_months(store, now)
        for name in (figures.UPTO, sums.UPTO, source_hours.UPTO, tallies.UPTO, tallies.FAILURES_UPTO):
            store.write(partial(kept.remember, name=name, value=newest, now=now))
        tell("days counted")


if __name__ == "__main__":
    main(prog_name="python -m bench.generate")
