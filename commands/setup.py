"""What is connected, and the database: `tidings sources | gateways | db`."""

from __future__ import annotations

import sys

import click

from commands.shared import settings_of, store_of


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
            kind = connectors.load(name)
            click.echo(f"{name:<16} {kind.category:<12} {kind.title}: {', '.join(sorted(kind.event_types))}")
        return
    for name, source in settings_of(context).sources.items():
        click.echo(f"{name:<16} {source.connector}")


@click.group("gateways")
def gateways_group() -> None:
    """The providers that carry texts."""


@gateways_group.command("list")
@click.option("--available", is_flag=True, help="Every kind there is, not only what is configured.")
@click.pass_context
def gateways_list(context: click.Context, available: bool) -> None:  # noqa: FBT001
    """List gateways."""
    import gateways  # noqa: PLC0415

    if available:
        for kind in gateways.names():
            click.echo(f"{kind:<16} {gateways.load(kind).title}")
        return
    for name, gateway in {"console": None, **settings_of(context).gateways}.items():
        click.echo(f"{name:<16} {gateway.kind if gateway else 'console'}")


@click.group()
def db() -> None:
    """The database."""


@db.command("migrate")
@click.pass_context
def db_migrate(context: click.Context) -> None:
    """Create the database, or bring it up to date."""
    from audit.store import Store  # noqa: PLC0415

    path = settings_of(context).database_path
    Store(path).close()
    click.echo(f"{path} is up to date.")


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
