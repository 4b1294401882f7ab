"""Keeping the service healthy: `tidings doctor`, `tidings db backup | restore`."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from commands.shared import print_json, settings_of, working
from model.reasons import ConfigError

GIGABYTE = 1_000_000_000
SEALED_WITHIN = timedelta(hours=1)
CLOCKS_APART = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at: ok, warn or bad, what was seen, and what to do."""

    what: str
    level: str
    saw: str
    advice: str = ""


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_context
def db_backup(context: click.Context, file: Path) -> None:
    """Copy the database to a new file while the service runs, and check the copy."""
    from audit.backup import BadCopy, backup  # noqa: PLC0415

    database = _file_of(settings_of(context), "pg_dump --format=custom --file FILE")
    if not database.exists():
        raise click.ClickException(f"There is no database {database} yet; start the service first.")
    try:
        with working("Copying") as show:
            size = backup(database, file, lambda left, total: show(f"{total - left:,} of {total:,} pages"))
    except FileExistsError:
        raise click.ClickException(f"{file} is there already; a backup never overwrites one.") from None
    except (BadCopy, OSError, sqlite3.Error) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{file}: {size:,} bytes, sound.")


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def db_restore(context: click.Context, file: Path, yes: bool) -> None:  # noqa: FBT001 - click's way
    """Put a backup in the place of the database. The service must be stopped; what was there is kept beside it."""
    from audit.backup import BadCopy, check, in_use, restore  # noqa: PLC0415

    database = _file_of(settings_of(context), "pg_restore --clean --if-exists --dbname DATABASE FILE")
    try:
        events = check(file)
        if in_use(database):
            raise click.ClickException(f"{database} is in use: stop the service first.")
        if not yes:
            click.confirm(f"Put {file} ({events:,} events) in the place of {database}?", abort=True)
        kept = restore(file, database)
    except (BadCopy, OSError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{database} is the backup now{f'; what was there is {kept}' if kept else ''}.")


def _file_of(settings: Any, instead: str) -> Path:
    """Return the file of the embedded database; for a server say what does the same there."""
    if settings.has_server:
        raise click.ClickException(
            f"The database is on a PostgreSQL server, whose own program does this while the service runs: {instead}"
        )
    path: Path = settings.database_path
    return path


@click.command()
@click.option("--json", "as_json", is_flag=True, help="All findings as JSON.")
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:  # noqa: FBT001
    """Look at everything that has to be in order; say what to do where it is not. Exit code 1 if something is bad."""
    found = list(examine(settings_of(context), datetime.now(UTC)))
    if as_json:
        print_json([{name: getattr(one, name) for name in Finding.__slots__} for one in found])
    else:
        for one in found:
            colour = {"ok": "green", "warn": "yellow", "bad": "red"}[one.level]
            click.echo(f"{click.style(f'{one.level:<5}', fg=colour)} {one.what:<12} {one.saw}")
            if one.advice:
                click.echo(f"{'':<19}{one.advice}")
    sys.exit(1 if any(one.level == "bad" for one in found) else 0)


def examine(settings: Any, now: datetime) -> Iterator[Finding]:
    """Look at settings, rules, sources, gateways, the disk and the record, one after the other."""
    yield _mode(settings)
    yield from _configured(settings)
    yield _rules(settings)
    if settings.has_server:
        yield from _server(settings, now)
        return
    database: Path = settings.database_path
    yield _disk(database)
    if not database.exists():
        yield Finding(what="database", level="warn", saw=f"{database} does not exist yet", advice="Start the service.")
        return
    sound = list(_database(database))
    yield from sound
    if all(one.level != "bad" for one in sound):
        yield from _record(settings, now)


def _mode(settings: Any) -> Finding:
    if settings.mode != "live":
        return Finding(what="mode", level="ok", saw=f"{settings.mode}: nothing leaves, or only to people you named")
    if not settings.public_url.startswith("https://"):
        return Finding(
            what="mode", level="warn", saw="live, and public_url is no https address",
            advice="Providers report to that address; without it no text is ever known to be delivered.",
        )  # fmt: skip
    return Finding(what="mode", level="ok", saw="live")


def _configured(settings: Any) -> Iterator[Finding]:
    from running.configured import gateways_of, sources_of  # noqa: PLC0415

    makers: dict[str, Callable[[Any], dict[str, Any]]] = {"sources": sources_of, "gateways": gateways_of}
    for what, make in makers.items():
        try:
            found = make(settings)
        except ConfigError as error:
            for problem in error.problems:
                yield Finding(what=what, level="bad", saw=problem.text, advice=problem.hint)
            continue
        real = sorted(name for name in found if name != "console")
        bare = what == "gateways" and settings.mode == "live" and not real
        yield Finding(what=what, level="bad" if bare else "ok", saw=", ".join(real) or "none",
                      advice="In live mode there must be one that carries texts." if bare else "")  # fmt: skip


def _rules(settings: Any) -> Finding:
    from rules.load import load  # noqa: PLC0415

    try:
        book = load(settings.rules_path)
    except ConfigError as error:
        return Finding(
            what="rules", level="bad", saw=str(error.problems[0]), advice="tidings rules check says everything."
        )
    return Finding(what="rules", level="ok", saw=f"{len(book.rules)} rules in {settings.rules_path}")


def _disk(database: Path) -> Finding:
    free = shutil.disk_usage(database.absolute().parent).free
    if free < GIGABYTE:
        return Finding(
            what="disk", level="bad", saw=f"{free / GIGABYTE:.1f} GB free",
            advice="When it is full, webhooks are answered 503 until there is room.",
        )  # fmt: skip
    return Finding(what="disk", level="ok", saw=f"{free / GIGABYTE:.0f} GB free")


def _database(database: Path) -> Iterator[Finding]:
    size = database.stat().st_size
    wal = Path(f"{database}-wal")
    log = wal.stat().st_size if wal.exists() else 0
    yield Finding(what="database", level="ok", saw=f"{size / 1e6:,.0f} MB")
    if log > GIGABYTE:
        yield Finding(what="database", level="warn", saw=f"its write-ahead log has {log / GIGABYTE:.1f} GB",
                      advice="A reader has been open for long; restart the service when you can.")  # fmt: skip
    if database.stat().st_mode & 0o007:
        yield Finding(what="database", level="warn", saw="everybody on this machine can read it",
                      advice=f"It names people: chmod o-rwx {database}")  # fmt: skip
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        found = connection.execute("pragma quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        found = str(error)
    finally:
        connection.close()
    if found != "ok":
        yield Finding(what="database", level="bad", saw=f"damaged: {found}", advice="Restore the last backup.")


def _server(settings: Any, now: datetime) -> Iterator[Finding]:
    from audit.store import Store, StoreDown  # noqa: PLC0415

    try:
        store = Store(settings.place)
    except StoreDown as error:
        yield Finding(what="database", level="bad", saw=str(error), advice="Without it webhooks are answered 503.")
        return
    ahead = abs(store.time() - now)
    store.close()
    yield Finding(what="database", level="ok", saw="a PostgreSQL server, which answers")
    if ahead > CLOCKS_APART:
        yield Finding(what="clock", level="warn", saw=f"{ahead.total_seconds():.1f} s apart from the server's",
                      advice="The service goes by the server's; let this machine keep time (NTP), too.")  # fmt: skip
    yield from _record(settings, now)


def _record(settings: Any, now: datetime) -> Iterator[Finding]:
    from audit import people, seals  # noqa: PLC0415
    from audit.conservation import report  # noqa: PLC0415
    from audit.store import Store  # noqa: PLC0415
    from web.access import loops_back  # noqa: PLC0415

    store = Store(settings.place)
    try:
        with store.read() as tx:
            anybody = people.anybody(tx)
        found = report(store)
        newest = seals.newest_at(store)
    finally:
        store.close()
    for fault in found.faults:
        yield Finding(what="record", level="bad", saw=fault, advice="Please report this: it must never happen.")
    yield Finding(what="record", level="ok", saw=f"{found.events:,} events, {found.waiting:,} wait to be planned")
    if newest is not None and now - newest > SEALED_WITHIN:
        yield Finding(what="seals", level="warn", saw=f"the newest is of {newest:%Y-%m-%d %H:%M} UTC",
                      advice="The service seals every minute while it runs.")  # fmt: skip
    if not anybody and not loops_back(settings.host):
        yield Finding(what="people", level="warn", saw=f"it listens on {settings.host}, and nobody can sign in",
                      advice="tidings users add NAME --role admin adds the first person.")  # fmt: skip
