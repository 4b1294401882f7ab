"""People as the systems know them: `tidings contacts import | list`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from commands.shared import JSON, settings_of, store_of, table


@click.group()
def contacts() -> None:
    """The contacts that give a phone to events of systems that know none."""


@contacts.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@click.option("--source", required=True, help="Under which name sources look for them: contacts = {from = NAME}.")
@click.option("--region", default="", help="The country in which a number without + is read, such as DE.")
@click.pass_context
def contacts_import(context: click.Context, file: Path, source: str, region: str) -> None:
    """Read a CSV or XLSX with the columns phone, id or email, and perhaps name and locale; bad rows are left out."""
    from audit.store import Store  # noqa: PLC0415
    from dispatch import contact_lists  # noqa: PLC0415
    from wire.table import BadTable, opened  # noqa: PLC0415

    store = Store(settings_of(context).place)
    with file.open("rb") as bytes_:
        try:
            found = contact_lists.read(opened(bytes_), source, region)
        except BadTable as error:
            raise click.ClickException(str(error)) from None
    contact_lists.keep(store, found.contacts, datetime.now(UTC))
    store.close()
    for line, why in found.wrong:
        click.secho(f"row {line}: {why}", fg="red", err=True)
    click.echo(f"{len(found.contacts)} contacts of {source} kept, {len(found.wrong)} rows left out.")
    sys.exit(1 if found.wrong else 0)


@contacts.command("list")
@JSON
@click.pass_context
def contacts_list(context: click.Context, as_json: bool) -> None:  # noqa: FBT001 - a flag
    """Say how many contacts of each source are kept, and how many of them have a phone."""
    from audit import contacts as kept  # noqa: PLC0415

    with store_of(context).read() as tx:
        table(kept.counts(tx), ("source", "amount", "phones"), as_json=as_json)
