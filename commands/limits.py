"""How much may leave on one day: `tidings limits show | release`."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from commands.shared import JSON, store_of, table


@click.group()
def limits() -> None:
    """The caps of the day: what is used of them, and more for today."""


@limits.command("show")
@JSON
@click.pass_context
def limits_show(context: click.Context, as_json: bool) -> None:  # noqa: FBT001 - click's way
    """Show the caps of the settings and what is used of them today (UTC), as the running service has them."""
    from audit import caps  # noqa: PLC0415

    with store_of(context).read() as tx:
        found = caps.current(tx, datetime.now(UTC))
    if not found and not as_json:
        click.echo("There are no caps; [limits] of tidings.toml sets them.")
    columns = ("name", "used", "most", "bulk") if as_json else ("name", "words")
    table(found, columns, as_json=as_json)


@limits.command("release")
@click.argument("cap")
@click.option("--more", required=True, type=click.FloatRange(min=0, min_open=True), help="Texts, or money.")
@click.option("--by", required=True, help="Who does it; kept in the journal.")
@click.pass_context
def limits_release(context: click.Context, cap: str, more: float, by: str) -> None:
    """Allow more for today under a cap: texts, texts/DE, money/EUR. What waits for it goes on."""
    from audit import caps  # noqa: PLC0415

    store, now = store_of(context), datetime.now(UTC)
    with store.read() as tx:
        known = [one.name for one in caps.current(tx, now)]
    if cap not in known:
        raise click.ClickException(f"There is no cap {cap!r}. Known: {', '.join(known) or 'none'}.")
    extra = round(more * 1_000_000) if cap.startswith("money/") else int(more)
    store.write(lambda tx: caps.release(tx, cap, extra, by, now))
    click.echo(f"{more:g} more for today under {cap}; what waits for it goes on.")
