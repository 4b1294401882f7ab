"""Keeping the record honest and no longer than needed: `tidings audit verify | seal | erase | person | purge`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from commands.shared import number_of, print_json, settings_of, store_of, working

REGION = click.option("--region", default="", help="The country in which a number without + is read, such as DE.")


@click.command("seal")
@click.pass_context
def audit_seal(context: click.Context) -> None:
    """Seal what was written since the last seal. The service does so by itself every minute."""
    from audit.sealing import Sealing  # noqa: PLC0415

    wanted = settings_of(context).audit
    job = Sealing(store=store_of(context), key=wanted.seal_key, export_to=wanted.export_to)
    click.echo(f"{job.step(datetime.now(UTC))} new seal(s).")


@click.command("verify")
@click.option(
    "--against",
    type=click.Path(path_type=Path, exists=True),
    help="The file the seals were exported to: shows also that the end was cut off.",
)
@click.pass_context
def audit_verify(context: click.Context, against: Path | None) -> None:
    """Prove that nothing was changed, removed, inserted or moved; say which row it was where something was."""
    from audit import condition, proofs, seals  # noqa: PLC0415

    store, key = store_of(context), settings_of(context).audit.seal_key
    try:
        kept = seals.anchors(against.read_text("utf-8")) if against else []
    except (ValueError, KeyError) as error:
        raise click.ClickException(f"{against} does not hold exported seals: {error}") from None
    with working("Verifying") as show:
        found = seals.verify(store, key, kept, lambda done, total: show(f"row {done:,} of {total:,}"))
        faults = [*found.faults, *proofs.faults(store, show)]
    for fault in faults:
        click.secho(fault, fg="red")
    tail = f", {found.unsealed:,} newer ones are not sealed yet" if found.unsealed else ""
    verdict = "something was changed" if faults else "nothing was changed"
    click.echo(f"{found.seals} seals over {found.rows:,} rows{tail}: {verdict}.")
    now = datetime.now(UTC)
    store.write(lambda tx: condition.remember_verified(tx, f"{verdict}, in {found.rows:,} rows", now))
    sys.exit(1 if faults else 0)


@click.command("erase")
@click.argument("number")
@REGION
@click.option("--by", required=True, help="Who does it; kept in the journal.")
@click.option("--reason", required=True, help="Why, such as a letter and its date; name no person, it is kept.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def audit_erase(context: click.Context, number: str, region: str, by: str, reason: str, yes: bool) -> None:  # noqa: FBT001 - click's way
    """Overwrite everything that names the owner of a number. Their wish to get no texts still holds."""
    from audit import erasure  # noqa: PLC0415

    store, found = store_of(context), number_of(number, region)
    if not yes:
        click.confirm(f"Overwrite everything about {found}? This cannot be undone", abort=True)
    with working("Erasing") as show:
        done = erasure.erase(
            store, found, by, reason, datetime.now(UTC), lambda what, count: show(f"{what}: {count:,}")
        )
    click.echo(f"Overwritten: {done.events} events, {done.messages} messages, {done.replies} replies.")


@click.command("person")
@click.argument("number")
@REGION
@click.pass_context
def audit_person(context: click.Context, number: str, region: str) -> None:
    """Print everything known about the owner of a number, as JSON: what the law calls a subject access request."""
    from audit import erasure  # noqa: PLC0415

    print_json(erasure.everything_about(store_of(context), number_of(number, region)))


@click.command("purge")
@click.pass_context
def audit_purge(context: click.Context) -> None:
    """Remove what is past its time ([retention] in the settings). The service does so by itself every day."""
    from audit.retention import purge  # noqa: PLC0415

    with working("Purging") as show:
        removed = purge(
            store_of(context), settings_of(context).kept_for, datetime.now(UTC), lambda kind, n: show(f"{kind}: {n:,}")
        )
    for kind, count in removed.items():
        click.echo(f"{kind:<10} {count:>10,}")


COMMANDS = (audit_verify, audit_seal, audit_erase, audit_person, audit_purge)
