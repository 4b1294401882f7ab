"""Lists of people for campaigns: `tidings lists list | show | faults | remove`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from commands.shared import JSON, store_of, table

BY = click.option("--by", required=True, help="Who does it; kept in the journal.")
LIST = click.argument("list_id")


@click.group()
def lists() -> None:
    """Lists of people that campaigns text: read once, used by any number of campaigns."""


@lists.command("list")
@JSON
@click.pass_context
def lists_list(context: click.Context, as_json: bool) -> None:  # noqa: FBT001
    """List the lists, newest first."""
    from audit import lists as book  # noqa: PLC0415

    with store_of(context).read() as tx:
        table(book.listing(tx), ("id", "name", "kind", "rows", "doubles", "wrong", "actor", "created_at"),
              as_json=as_json)  # fmt: skip


@lists.command("show")
@LIST
@click.pass_context
def lists_show(context: click.Context, list_id: str) -> None:
    """Say what a list holds, what it was made from, and which campaigns text it."""
    from audit import lists as book  # noqa: PLC0415
    from audit.rows import at  # noqa: PLC0415

    with store_of(context).read() as tx:
        found, campaigns = book.get(tx, list_id), book.campaigns_of(tx, list_id)
        stopped = book.opted_out(tx, list_id, "marketing") if found else 0
    if found is None:
        raise click.ClickException(f"There is no list {list_id}.")
    state = "removed" if found["removed_at"] else "complete" if found["complete"] else found["stopped"] or "being read"
    click.echo(f"{list_id}: {found['name']}, by {found['actor']} on {at(found['created_at']):%d %B %Y}; {state}")
    asked = f"asked {found['origin']}: {found['query']}" if found["kind"] == "query" else found["origin"]
    click.echo(f"{found['kind']} {asked}".rstrip())
    click.echo(counts(found) + f" {stopped:,} opted out of marketing.")
    for one in campaigns:
        click.echo(f"campaign {one['id']}: {one['state']}")


@lists.command("faults")
@LIST
@click.pass_context
def lists_faults(context: click.Context, list_id: str) -> None:
    """Print the rows that cannot be texted as CSV, to be mended and read again."""
    from dispatch import bad_rows  # noqa: PLC0415

    for line in bad_rows.as_csv(store_of(context), list_id):
        click.echo(line, nl=False)


@lists.command("remove")
@LIST
@BY
@click.pass_context
def lists_remove(context: click.Context, list_id: str, by: str) -> None:
    """Erase the people of a list; its counts stay."""
    from audit import list_removal  # noqa: PLC0415
    from audit import lists as book  # noqa: PLC0415

    store = store_of(context)
    with store.read() as tx:
        found = book.get(tx, list_id)
        waiting = [one["id"] for one in book.campaigns_of(tx, list_id) if one["state"] not in {"done", "cancelled"}]
    if found is None or found["removed_at"]:
        raise click.ClickException(f"There is no list {list_id}.")
    if waiting:
        raise click.ClickException(f"The campaign {waiting[0]} still needs it: cancel that first.")
    list_removal.remove(store, list_id, by, _now())
    click.echo(f"{list_id}: {found['rows']:,} people erased.")


def counts(found: Any) -> str:
    """Say how many people a list holds, and how many rows were left out."""
    hidden = f", {found['hidden']:,} hidden rows left out" if found["hidden"] else ""
    left_out = f"{found['doubles']:,} repeat a number, {found['wrong']:,} cannot be texted{hidden}"
    return f"{found['rows']:,} people, {left_out}."


def _now() -> datetime:
    return datetime.now(UTC)
