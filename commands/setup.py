"""What is connected, and the database: `tidings sources | gateways | db`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import click

from commands.shared import JSON, settings_of, store_of, table
from model.steering import Condition, Pause, Pin, Steering

CONSOLE = "console"


@click.group("sources")
def sources_group() -> None:
    """The systems that tell us things."""


@sources_group.command("list")
@click.option("--available", is_flag=True, help="Every connector there is, not only what is configured.")
@click.pass_context
def sources_list(context: click.Context, available: bool) -> None:  # noqa: FBT001
    """List sources."""
    import connectors  # noqa: PLC0415

    if available:
        for name in connectors.names():
            kind, lacks = connectors.load(name), connectors.unavailable(name)
            tells = f"not available, run {lacks.install}" if lacks else ", ".join(sorted(kind.event_types))
            click.echo(f"{name:<16} {kind.category:<12} {kind.title}: {tells}")
        return
    for name, source in settings_of(context).sources.items():
        click.echo(f"{name:<16} {source.connector}")


@click.group("gateways")
def gateways_group() -> None:
    """The providers that carry texts."""


@gateways_group.command("list")
@click.option("--available", is_flag=True, help="Every kind there is, not only what is configured.")
@JSON
@click.pass_context
def gateways_list(context: click.Context, available: bool, as_json: bool) -> None:  # noqa: FBT001
    """List gateways: how the running service finds them, what is pinned or paused, what was left on accounts."""
    import gateways  # noqa: PLC0415

    if available:
        for kind in gateways.names():
            click.echo(f"{kind:<16} {gateways.load(kind).title}")
        return
    rows = _gateway_rows(context)
    if as_json:
        table(rows, tuple(rows[0]), as_json=True)
        return
    for row in rows:
        said = [row["state"], *(f"{name} {row[name]}" for name in ("since", "until") if row[name])]
        notes = [row[name] for name in ("error", "pin", "pause", "balance") if row[name]]
        click.echo("; ".join([f"{row['gateway']:<16} {row['kind']:<16} {' '.join(said)}", *notes]).rstrip())


def _gateway_rows(context: click.Context) -> list[dict[str, str]]:
    """Read each gateway's settings beside its condition; before the first start there is none."""
    from audit import balances, steering  # noqa: PLC0415

    settings, now = settings_of(context), datetime.now(UTC)
    conditions: dict[str, Condition] = {}
    found, left = Steering(), dict[str, balances.Balance]()
    if settings.has_database:
        with store_of(context).read() as tx:
            conditions, found, left = steering.conditions(tx), steering.current(tx, now), dict(balances.known(tx))
    rows = []
    for name, gateway in {CONSOLE: None, **settings.gateways}.items():
        seen = conditions.get(name)
        rows.append({
            "gateway": name,
            "kind": gateway.kind if gateway else CONSOLE,
            "state": seen.state if seen else "not used yet",
            "since": _time(seen.since) if seen else "",
            "until": _time(seen.until) if seen and seen.until else "",
            "error": seen.error if seen else "",
            "pin": next((_pin(pin) for pin in found.pins if pin.gateway == name), ""),
            "pause": next((_pause(p) for p in found.pauses if p.scope == "gateway" and p.name == name), ""),
            "balance": f"{left[name].amount} left at {_time(left[name].at)}" if name in left else "",
        })  # fmt: skip
    return rows


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _pin(pin: Pin) -> str:
    return f"pinned{' away' if pin.away else ''} until {_time(pin.until)} by {pin.actor}: {pin.reason}"


def _pause(pause: Pause) -> str:
    but = f" except {', '.join(sorted(pause.spared))}" if pause.spared else ""
    return f"paused{but} since {_time(pause.since)} by {pause.actor}: {pause.reason}"


@click.group()
def db() -> None:
    """The database."""


@db.command("migrate")
@click.option("--from", "source", help="Move everything from this file: sqlite:///tidings.db")
@click.option("--to", "target", help="... into this empty database of a server: postgresql://user@host/tidings")
@click.pass_context
def db_migrate(context: click.Context, source: str | None, target: str | None) -> None:
    """Create the database, or bring it up to date. With --from and --to, move from SQLite to PostgreSQL.

    A move is all or nothing: each table is counted and compared before anything counts as moved, then the seals and
    the sums are checked in the new place. The password may come from PGPASSWORD or ~/.pgpass.
    """
    from audit.store import Store, StoreDown  # noqa: PLC0415
    from commands.moving import move  # noqa: PLC0415

    if source or target:
        move(context, source or "", target or "")
        return
    settings = settings_of(context)
    try:
        Store(settings.place).close()
    except StoreDown as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{settings.database.rpartition('@')[2]} is up to date.")


@db.command("check")
@click.pass_context
def db_check(context: click.Context) -> None:
    """Check that nothing is lost: every event decided, every message explained."""
    from audit.conservation import report  # noqa: PLC0415

    found = report(store_of(context))
    click.echo(
        f"{found.events} events, {found.decided} decided, {found.waiting} waiting, {found.unreadable} unreadable."
    )
    for fault in found.faults:
        click.secho(fault, fg="red")
    sys.exit(1 if found.faults else 0)
