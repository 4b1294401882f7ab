"""People read into lists: `tidings campaigns read | columns`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from commands.lists import counts
from commands.shared import JSON, fail, print_json, rules_path, store_of, working
from commands.sources import source_of
from model.reasons import ConfigError

T = TypeVar("T")
BY = click.option("--by", required=True, help="Who does it; kept in the journal.")
SHEET = click.option("--sheet", default="", help="The sheet of a workbook; the first visible one when left out.")
REGION = click.option("--region", default="", help="The country in which a number without + is read, such as DE.")
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("read")
@click.argument("rule")
@click.argument("file", type=FILE, required=False)
@click.option("--source", default="", help="Ask this source instead of reading a file.")
@click.option("--query", default="", help="What it is asked, in its own words: SOQL, OData, SQL, an Odoo domain.")
@click.option("--name", default="", help="What the list is called; the file's or the source's name when left out.")
@SHEET
@click.option("--phone", default="", help="The column that holds the phone, where the rule calls it otherwise.")
@REGION
@click.option("--rename", multiple=True, metavar="OLD=NEW", help="What a column is called in texts; may be repeated.")
@click.option("--stop-after", default=0, help="Stop at so many rows that cannot be texted; 0 leaves them all out.")
@click.option("--again", is_flag=True, help="Also when the same file was read before.")
@click.option("--faults", type=click.Path(path_type=Path), help="Write the rows that cannot be texted to this file.")
@BY
@click.pass_context
def read(context: click.Context, /, rule: str, faults: Path | None, **given: Any) -> None:
    """Read people into a list, for the campaign of a rule: from a CSV or XLSX file, or from a connected system.

    Without a file and a source it reads what the rule names under `audience`.
    """
    store = store_of(context)
    wanted = _campaign_rule(context, rule)
    given = _where(context, wanted, given)
    try:
        list_id = _said(lambda: _read(context, store, wanted, given))
    except _Stopped as stopped:
        _write(store, stopped.list_id, faults)
        raise click.ClickException(str(stopped)) from None
    _write(store, list_id, faults)
    sys.exit(1 if _tell(store, list_id) else 0)


class _Stopped(Exception):  # noqa: N818 - an ending, not a fault of ours
    """The list was given up; its wrong rows are to be written first."""

    def __init__(self, list_id: str, sentence: str) -> None:
        super().__init__(sentence)
        self.list_id = list_id


def _where(context: click.Context, rule: Any, given: dict[str, Any]) -> dict[str, Any]:
    """Say where the people are: as asked, else as the rule says."""
    if given["file"] and given["source"]:
        raise click.UsageError("Give a file or a source, not both.")
    if bool(given["source"]) != bool(given["query"]):
        raise click.UsageError("--source and --query belong together.")
    if given["file"] or given["source"]:
        return given
    audience = rule.campaign.audience
    if audience.source:
        return {**given, "source": audience.source, "query": audience.query}
    if not audience.file:
        raise click.ClickException(f"The rule takes the list {audience.list!r}; it needs not be read again.")
    path = rules_path(context).parent / audience.file
    if not path.is_file():
        raise click.ClickException(f"There is no file {audience.file} beside the rules; name one.")
    return {**given, "file": path}


def _read(context: click.Context, store: Any, rule: Any, given: dict[str, Any]) -> str:
    from dispatch.audience import ColumnMap  # noqa: PLC0415 - phonenumbers takes 100 ms
    from dispatch.importing import Importing, Order, Stopped  # noqa: PLC0415
    from model.ids import Ids  # noqa: PLC0415

    columns = ColumnMap(
        to=rule.to, phone=given["phone"], region=given["region"] or rule.region, rename=_renames(given["rename"])
    )
    order = Order(
        name=given["name"] or (given["file"].name if given["file"] else given["source"]), actor=given["by"], now=_now(),
        columns=columns, stop_after=given["stop_after"], again=given["again"], query=given["query"],
    )  # fmt: skip
    with ExitStack() as stack:
        show = stack.enter_context(working("Reading"))
        importing = Importing(store=store, new_id=Ids(_now, node=1023), progress=lambda n: show(f"{n:,} rows"))
        try:
            if given["source"]:
                return importing.read_rows(_asked(context, given["source"], given["query"]), order)
            file = stack.enter_context(given["file"].open("rb"))
            return importing.read_file(file, order, sheet=given["sheet"])
        except Stopped as stopped:
            raise _Stopped(stopped.list_id, str(stopped)) from None


def _asked(context: click.Context, name: str, query: str) -> Any:
    from dispatch import people_asked  # noqa: PLC0415
    from wire.http import Client  # noqa: PLC0415

    source = source_of(context, name)
    return people_asked.table(source, query, Client(hosts=tuple(source.connector.hosts), read=60.0))


@click.command("columns")
@click.argument("file", type=FILE)
@SHEET
@REGION
@JSON
def columns(file: Path, sheet: str, region: str, as_json: bool) -> None:  # noqa: FBT001 - a flag
    """Say what the columns of a file seem to be, with three cells of each, before anything is read."""
    from dispatch.columns import preview  # noqa: PLC0415
    from wire.table import opened  # noqa: PLC0415

    with file.open("rb") as bytes_:
        seen = _said(lambda: preview(opened(bytes_, sheet), region))
    if as_json:
        found = [{name: getattr(one, name) for name in one.__slots__} for one in seen.columns]
        print_json({"kind": seen.kind, "sheet": seen.sheet, "sheets": list(seen.sheets), "columns": found})
        return
    if seen.sheet:
        click.echo(f"Sheet {seen.sheet!r} of {', '.join(map(repr, seen.sheets))}.")
    for one in seen.columns:
        usable = f"; {one.usable:,} of {one.filled:,} can be texted" if "phone" in one.means else ""
        why = f" (first: {one.why})" if usable and one.why else ""
        click.echo(f"{one.name}: {one.means or 'kept as it is'}{usable}{why}")
        click.echo(f"    {' | '.join(one.samples)}")
    for row, why in seen.faults:
        click.secho(f"row {row}: {why}", fg="red", err=True)
    hidden = f", {seen.hidden:,} hidden ones left out" if seen.hidden else ""
    click.echo(f"{seen.looked_at:,} rows looked at{hidden}.")


def _campaign_rule(context: click.Context, rule: str) -> Any:
    from rules.load import load  # noqa: PLC0415

    try:
        found = load(rules_path(context)).get(rule)
    except ConfigError as error:
        fail(error)
    if found is None or found.campaign is None:
        raise click.ClickException(f"The rules have no campaign {rule!r}.")
    return found


def _renames(pairs: tuple[str, ...]) -> dict[str, str]:
    if wrong := next((pair for pair in pairs if not all(pair.partition("="))), ""):
        raise click.UsageError(f"--rename {wrong}: write OLD=NEW, such as Vorname=first_name.")
    return dict((old, new) for old, _, new in (pair.rpartition("=") for pair in pairs))  # noqa: C402 - three at a time


def _tell(store: Any, list_id: str) -> bool:
    """Print what became of a file, the first wrong rows first; tell whether there are any."""
    from audit import lists as book  # noqa: PLC0415

    with store.read() as tx:
        found, wrong = dict(book.get(tx, list_id) or {}), book.faults(tx, list_id, limit=10)
    for row in wrong:
        click.secho(f"row {row['row']}: {row['column_name']} {row['cell']!r}: {row['why']}", fg="red", err=True)
    if found["wrong"] > len(wrong):
        click.secho(f"... and {found['wrong'] - len(wrong):,} more: tidings lists faults {list_id}", fg="red", err=True)
    click.echo(f"{list_id}: {counts(found)}")
    return bool(found["wrong"])


def _write(store: Any, list_id: str, path: Path | None) -> None:
    from dispatch import bad_rows  # noqa: PLC0415

    if path is not None:
        with path.open("w", encoding="utf-8", newline="") as file:
            file.writelines(bad_rows.as_csv(store, list_id))


def _said(work: Callable[[], T]) -> T:
    """Do it; a table that cannot be read is said in its own words."""
    from dispatch.audience import BadList  # noqa: PLC0415

    try:
        return work()
    except BadList as error:
        raise click.ClickException(str(error)) from None


def _now() -> datetime:
    return datetime.now(UTC)
