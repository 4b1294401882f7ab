"""Texting one person, and what people wish: `tidings send | consent`."""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from commands.shared import store_of

COLUMNS = ("number", "category", "status", "source", "at")


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
@click.pass_context
def consent_show(context: click.Context, number: str, region: str) -> None:
    """Show what a number's owner wishes."""
    from audit import consent as ledger  # noqa: PLC0415

    with store_of(context).read() as tx:
        rows = ledger.of(tx, _number(number, region))
    for row in rows:
        click.echo(f"{row['category'] or 'everything':<14} {row['status']:<4} {row['source']}")
    if not rows:
        click.echo("Nothing is known: transactional texts may be sent, others need an opt-in.")


@consent.command("set")
@click.argument("number")
@click.argument("status", type=click.Choice(["in", "out"]))
@click.option("--category", default="", help="Empty means everything.")
@click.option("--region", default="", help="The country in which a number without + is read.")
@click.option("--by", default="command line", show_default=True, help="Who says so; kept as the source.")
@click.pass_context
def consent_set(context: click.Context, number: str, status: str, category: str, region: str, by: str) -> None:
    """Write down that a person opted in or out."""
    from audit import receipts  # noqa: PLC0415

    found, now = _number(number, region), datetime.now(UTC)
    store_of(context).write(lambda tx: receipts.set_consent(tx, found, category, status, by, now))
    click.echo("Written down.")


@consent.command("export")
@click.pass_context
def consent_export(context: click.Context) -> None:
    """Print the ledger as CSV."""
    from audit import consent as ledger  # noqa: PLC0415

    writer = csv.writer(sys.stdout)
    writer.writerow(COLUMNS)
    with store_of(context).read() as tx:
        for row in ledger.everybody(tx):
            writer.writerow([row[name] for name in COLUMNS])


@consent.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@click.option("--region", default="", help="The country in which a number without + is read.")
@click.option("--by", required=True, help="Where the list comes from; kept as the source.")
@click.pass_context
def consent_import(context: click.Context, file: Path, region: str, by: str) -> None:
    """Read a CSV with the columns number, category, status (in or out); bad rows are told and left out."""
    from audit import receipts  # noqa: PLC0415

    store, now, taken, wrong = store_of(context), datetime.now(UTC), 0, 0
    with file.open(encoding="utf-8-sig", newline="") as lines:
        for line, row in enumerate(csv.DictReader(lines), start=2):
            try:
                found, status = _number(row.get("number") or "", region), (row.get("status") or "").strip().lower()
                if status not in {"in", "out"}:
                    raise click.ClickException(f"status must be in or out, not {status!r}")
            except click.ClickException as error:
                wrong += 1
                click.secho(f"row {line}: {error.message}", fg="red", err=True)
                continue
            category = (row.get("category") or "").strip()
            store.write(lambda tx, n=found, c=category, s=status: receipts.set_consent(tx, n, c, s, by, now))
            taken += 1
    click.echo(f"{taken} written down, {wrong} rows left out.")
    sys.exit(1 if wrong else 0)


def _number(text: str, region: str) -> str:
    from dispatch.recipient import Candidate, NoRecipient, resolve  # noqa: PLC0415

    found = resolve([Candidate(field="number", value=text)], region)
    if isinstance(found, NoRecipient):
        raise click.ClickException(found.why)
    return found.number
