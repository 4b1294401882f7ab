"""Texting one person, and what people wish: `tidings send | consent`."""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from commands.shared import number_of, store_of


@click.command()
@click.option("--to", required=True, help="The phone number, with +, or as written in --region.")
@click.option("--text", required=True, help="What it says.")
@click.option("--region", default="", help="The country in which a number without + is read, such as DE.")
@click.option("--by", default="command line", show_default=True, help="Who sends; kept in the journal.")
@click.pass_context
def send(context: click.Context, to: str, text: str, region: str, by: str) -> None:
    """Queue one text for the running service to hand over."""
    from dispatch.manual import Wish  # noqa: PLC0415
    from dispatch.manual import send as queue  # noqa: PLC0415
    from model.ids import Ids  # noqa: PLC0415

    now = datetime.now(UTC)
    wish = Wish(to=to, text=text, actor=by, region=region)
    decision = queue(store_of(context), wish, Ids(lambda: now, node=1023), now)
    if decision.message is None:
        raise click.ClickException(f"Not sent, {decision.code}: {decision.detail}")
    message = decision.message
    click.echo(f"Queued as {message.id}: {message.segments} segment(s), {message.encoding.upper()}.")


@click.group()
def consent() -> None:
    """Who opted out, and who opted in to what."""


@consent.command("show")
@click.argument("number")
@click.option("--region", default="", help="The country in which a number without + is read.")
@click.option("--history", is_flag=True, help="Also every change, newest first, with its proof.")
@click.pass_context
def consent_show(context: click.Context, number: str, region: str, history: bool) -> None:  # noqa: FBT001 - a flag
    """Show what a number's owner wishes."""
    from audit import consent as ledger  # noqa: PLC0415
    from audit.rows import at  # noqa: PLC0415

    with store_of(context).read() as tx:
        found = number_of(number, region)
        rows, changes = ledger.of(tx, found), ledger.history(tx, found) if history else []
    for row in rows:
        click.echo(f"{row['category'] or 'everything':<14} {row['status']:<4} {row['source']}")
    if not rows:
        click.echo("Nothing is known: transactional texts may be sent, others need an opt-in.")
    for row in changes:
        proof = ", ".join(filter(None, (row["channel"], row["source"], row["actor"])))
        said = f": {row['wording']}" if row["wording"] else ""
        what = f"{row['category'] or 'everything'} {row['status']}"
        click.echo(f"{at(row['at']):%Y-%m-%d %H:%M} UTC  {what:<18} {proof}{said}")


@consent.command("set")
@click.argument("number")
@click.argument("status", type=click.Choice(["in", "out"]))
@click.option("--category", default="", help="Empty means everything.")
@click.option("--region", default="", help="The country in which a number without + is read.")
@click.option("--by", default="command line", show_default=True, help="Who says so; kept as the source.")
@click.option("--wording", default="", help="What the person read or said; kept as proof.")
@click.pass_context
def consent_set(context: click.Context, /, number: str, status: str, **said: str) -> None:
    """Write down that a person opted in or out."""
    from audit import consent as ledger  # noqa: PLC0415

    now = datetime.now(UTC)
    wish = ledger.Consent(
        number=number_of(number, said["region"]), category=said["category"], status=status, source=said["by"],
        wording=said["wording"], channel="command line", actor=said["by"], at=now,
    )  # fmt: skip
    store_of(context).write(lambda tx: ledger.record(tx, wish, now))
    click.echo("Written down.")


@consent.command("export")
@click.pass_context
def consent_export(context: click.Context) -> None:
    """Print the ledger as CSV."""
    from audit import consent as ledger  # noqa: PLC0415
    from dispatch import wish_lists  # noqa: PLC0415

    with store_of(context).read() as tx:
        csv.writer(sys.stdout).writerows(wish_lists.exported(ledger.everybody(tx)))


@consent.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@click.option("--region", default="", help="The country in which a number without + is read.")
@click.option("--by", required=True, help="Where the list comes from; kept as the source.")
@click.option("--wording", default="", help="What these people read or said, where the list has no such column.")
@click.pass_context
def consent_import(context: click.Context, file: Path, region: str, by: str, wording: str) -> None:
    """Read a CSV with the columns number, category, status (in or out), and perhaps source, wording and at (when they
    said so); bad rows are told and left out.
    """
    from audit import consent as ledger  # noqa: PLC0415
    from dispatch import wish_lists  # noqa: PLC0415

    store, now = store_of(context), datetime.now(UTC)
    blank = ledger.Consent(number="", status="", source=by, wording=wording, channel="import", actor=by, at=now)
    with file.open(encoding="utf-8-sig", newline="") as lines:
        found = wish_lists.read(lines, blank, region, now)
    wish_lists.keep(store, found.wishes, now)
    for line, why in found.wrong:
        click.secho(f"row {line}: {why}", fg="red", err=True)
    click.echo(f"{len(found.wishes)} written down, {len(found.wrong)} rows left out.")
    sys.exit(1 if found.wrong else 0)
