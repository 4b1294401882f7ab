"""One text to everybody on a list: `tidings campaigns read | prepare | preview | approve | start | pause | cancel`."""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from commands.shared import JSON, fail, rules_path, store_of, table, working
from model.reasons import ConfigError

BY = click.option("--by", required=True, help="Who does it; kept in the journal.")
RULE = click.argument("rule")
CAMPAIGN = click.argument("campaign")


@click.group()
def campaigns() -> None:
    """One text to everybody on a list, approved, at a rate, and stopped at any moment."""


@campaigns.command("read")
@RULE
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--again", is_flag=True, help="Also when the same file was read before.")
@click.option("--faults", type=click.Path(path_type=Path), help="Write the rows that cannot be texted to this file.")
@BY
@click.pass_context
def campaigns_read(context: click.Context, rule: str, file: Path, again: bool, faults: Path | None, by: str) -> None:  # noqa: FBT001 - click's way
    """Read a CSV file into a list, for the campaign of a rule."""
    from audit import lists  # noqa: PLC0415

    store, office = _office(context)
    with working("Reading") as show, file.open("rb") as opened:
        list_id = _said(
            lambda: office.read_list(
                opened, file.name, rule, by, _now(), again=again, progress=lambda n: show(f"{n:,} rows")
            )
        )
    with store.read() as tx:
        found, wrong = dict(lists.get(tx, list_id) or {}), lists.faults(tx, list_id)
    for row in wrong[:10]:
        click.secho(f"row {row['row']}: {row['column_name']} {row['cell']!r}: {row['why']}", fg="red", err=True)
    if len(wrong) > 10:
        click.secho(f"... and {len(wrong) - 10:,} more", fg="red", err=True)
    if faults is not None:
        _write_faults(faults, wrong)
    left_out = f"{found['doubles']:,} repeat a number, {found['wrong']:,} cannot be texted"
    click.echo(f"{list_id}: {found['rows']:,} people, {left_out}.")
    sys.exit(1 if wrong else 0)


@campaigns.command("prepare")
@RULE
@click.argument("list_id")
@BY
@click.pass_context
def campaigns_prepare(context: click.Context, rule: str, list_id: str, by: str) -> None:
    """Make a campaign of a rule and a list."""
    _, office = _office(context)
    campaign = _said(lambda: office.prepare(rule, list_id, by, _now()))
    click.echo(f"{campaign} is ready to be previewed and approved.")


@campaigns.command("preview")
@CAMPAIGN
@click.pass_context
def campaigns_preview(context: click.Context, campaign: str) -> None:
    """Say whom a campaign would reach, and how long it would take."""
    _, office = _office(context)
    seen = _said(lambda: office.preview(campaign, _now()))
    click.echo(f"{seen.people:,} people; {seen.opted_out:,} of them opted out and get nothing.")
    click.echo(f"Left out: {seen.doubles:,} repeated numbers, {seen.wrong:,} rows without a usable number.")
    if seen.ends_at is not None:
        click.echo(f"The last text leaves at about {seen.ends_at:%Y-%m-%d %H:%M} UTC, if nothing holds it up.")


@campaigns.command("approve")
@CAMPAIGN
@BY
@click.pass_context
def campaigns_approve(context: click.Context, campaign: str, by: str) -> None:
    """Approve a campaign; as many people have to as its rule says."""
    _, office = _office(context)
    left = _said(lambda: office.approve(campaign, by, _now()))
    click.echo(f"Approved by {by}. {f'{left} more have to approve.' if left else 'It can be started.'}")


@campaigns.command("start")
@CAMPAIGN
@BY
@click.pass_context
def campaigns_start(context: click.Context, campaign: str, by: str) -> None:
    """Let a campaign run, or go on after a pause."""
    _, office = _office(context)
    _said(lambda: office.start(campaign, by, _now()))
    click.echo(f"{campaign} runs.")


@campaigns.command("pause")
@CAMPAIGN
@BY
@click.pass_context
def campaigns_pause(context: click.Context, campaign: str, by: str) -> None:
    """Let nothing more of a campaign leave until it is started again."""
    _, office = _office(context)
    _said(lambda: office.pause(campaign, by, _now()))
    click.echo(f"{campaign} is paused.")


@campaigns.command("cancel")
@CAMPAIGN
@BY
@click.pass_context
def campaigns_cancel(context: click.Context, campaign: str, by: str) -> None:
    """End a campaign for good; what waits does not leave."""
    _, office = _office(context)
    ended = _said(lambda: office.cancel(campaign, by, _now()))
    click.echo(f"{campaign} is cancelled; {ended:,} texts that waited do not leave.")


@campaigns.command("list")
@JSON
@click.pass_context
def campaigns_list(context: click.Context, as_json: bool) -> None:  # noqa: FBT001
    """List campaigns, newest first."""
    from audit import campaigns as book  # noqa: PLC0415

    with store_of(context).read() as tx:
        rows = book.listing(tx)
    table(rows, ("id", "state", "reason", "planned", "skipped", "created_at"), as_json=as_json)


def _office(context: click.Context) -> tuple[Any, Any]:
    from dispatch.campaigning import Campaigns  # noqa: PLC0415
    from model.ids import Ids  # noqa: PLC0415
    from rules.load import load  # noqa: PLC0415

    try:
        book = load(rules_path(context))
    except ConfigError as error:
        fail(error)
    store = store_of(context)
    return store, Campaigns(store=store, book=lambda: book, new_id=Ids(_now, node=1023))


def _said(work: Any) -> Any:
    """Do it; what does not go is said in its own words."""
    from dispatch.audience import BadList  # noqa: PLC0415
    from dispatch.campaigning import CannotRun  # noqa: PLC0415

    try:
        return work()
    except (BadList, CannotRun) as error:
        raise click.ClickException(str(error)) from None


def _write_faults(path: Path, rows: Any) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "column", "cell", "why"])
        writer.writerows([row["row"], row["column_name"], f"'{row['cell']}", row["why"]] for row in rows)


def _now() -> datetime:
    return datetime.now(UTC)
