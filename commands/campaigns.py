"""One text to everybody on a list: `tidings campaigns read | prepare | preview | test | approve | start ...`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click

from commands import campaign_words, list_reading
from commands.shared import JSON, fail, print_json, rules_path, settings_of, store_of, table, working
from model.reasons import ConfigError

BY = click.option("--by", required=True, help="Who does it; kept in the journal.")
RULE = click.argument("rule")
CAMPAIGN = click.argument("campaign")
SAMPLE = 2_000
"""People that a preview plans where nobody asks for all of them."""


@click.group()
def campaigns() -> None:
    """One text to everybody on a list, approved, at a rate, and stopped at any moment."""


campaigns.add_command(list_reading.read)
campaigns.add_command(list_reading.columns)


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
@click.option("--all", "everybody", is_flag=True, help="Plan every person of the list, not a sample.")
@click.option("--json", "as_json", is_flag=True, help="As one JSON document.")
@click.pass_context
def campaigns_preview(context: click.Context, campaign: str, everybody: bool, as_json: bool) -> None:  # noqa: FBT001
    """Say whom a campaign would reach, in what words, at what cost, and how long it would take."""
    _, office = _office(context)
    with working("Planning") as show:
        seen = _said(
            lambda: office.preview(
                campaign, _now(), sample=0 if everybody else SAMPLE, progress=lambda n: show(f"{n:,} people")
            )
        )
    if as_json:
        print_json(asdict(seen))
        return
    for line in campaign_words.preview(seen):
        click.echo(line)


@campaigns.command("test")
@CAMPAIGN
@click.option("--to", required=True, help="The phone of a colleague.")
@click.option(
    "--row", default=0, help="As the person in this row of the list would get it; 0 is the first who gets one."
)
@click.option("--variant", default="", help="This variant of the text.")
@BY
@click.pass_context
def campaigns_test(context: click.Context, campaign: str, to: str, row: int, variant: str, by: str) -> None:
    """Send one text of a campaign to a colleague. It is on the record as a test and in no report."""
    _, office = _office(context)
    made = _said(lambda: office.try_out(campaign, to, by, _now(), row=row, variant=variant))
    if made.message is None:
        raise click.ClickException(f"No text: {made.code} {made.detail}".strip())
    size = made.message
    click.echo(f"{size.id} waits to leave: {size.segments} segments, {size.encoding}.")
    click.echo(size.text)


def _act(name: str) -> Callable[[Callable[[Any, str, str], str]], click.Command]:
    """Make a command of what does one thing to one campaign for one person and says what came of it."""

    def made(work: Callable[[Any, str, str], str]) -> click.Command:
        @campaigns.command(name, help=work.__doc__)
        @CAMPAIGN
        @BY
        @click.pass_context
        def command(context: click.Context, campaign: str, by: str) -> None:
            _, office = _office(context)
            click.echo(_said(lambda: work(office, campaign, by)))

        return command

    return made


@_act("approve")
def campaigns_approve(office: Any, campaign: str, by: str) -> str:
    """Approve a campaign; as many people have to as its rule says."""
    left = office.approve(campaign, by, _now())
    return f"Approved by {by}. {f'{left} more have to approve.' if left else 'It can be started.'}"


@_act("start")
def campaigns_start(office: Any, campaign: str, by: str) -> str:
    """Let a campaign run, or go on after a pause."""
    office.start(campaign, by, _now())
    return f"{campaign} runs."


@_act("pause")
def campaigns_pause(office: Any, campaign: str, by: str) -> str:
    """Let nothing more of a campaign leave until it is started again."""
    office.pause(campaign, by, _now())
    return f"{campaign} is paused."


@_act("cancel")
def campaigns_cancel(office: Any, campaign: str, by: str) -> str:
    """End a campaign for good; what waits does not leave."""
    ended = office.cancel(campaign, by, _now())
    return f"{campaign} is cancelled; {ended:,} texts that waited do not leave."


@_act("release")
def campaigns_release(office: Any, campaign: str, by: str) -> str:
    """Lift a campaign's caps for today; its budget and the caps of the settings hold."""
    freed = office.release(campaign, by, _now())
    return f"The caps of {campaign} are lifted until midnight UTC; {freed:,} people waited for tomorrow."


@campaigns.command("change")
@CAMPAIGN
@click.option("--rate", default="", help="How fast it goes from now on: 20/s, 600/m, 5000/h.")
@click.option("--budget", default="", help="What it may cost in all: 250 EUR.")
@BY
@click.pass_context
def campaigns_change(context: click.Context, campaign: str, rate: str, budget: str, by: str) -> None:
    """Change the rate or the budget of a campaign, also while it runs."""
    _, office = _office(context)
    if not rate and not budget:
        raise click.UsageError("Say --rate or --budget.")
    _said(lambda: office.change(campaign, by, _now(), rate=rate, budget=budget))
    click.echo(f"{campaign} is changed.")


@campaigns.command("show")
@CAMPAIGN
@click.option("--watch", is_flag=True, help="Follow it until it ends or Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="As one JSON document.")
@click.pass_context
def campaigns_show(context: click.Context, campaign: str, watch: bool, as_json: bool) -> None:  # noqa: FBT001
    """Say how far a campaign is, and who decided what."""
    _, office = _office(context)
    found = _said(lambda: office.show(campaign, _now()))
    if as_json:
        print_json(asdict(found))
        return
    for line in campaign_words.shown(found):
        click.echo(line)
    if watch:
        _watch(office, campaign)


@campaigns.command("report")
@CAMPAIGN
@click.option("--json", "as_json", is_flag=True, help="As one JSON document.")
@click.pass_context
def campaigns_report(context: click.Context, campaign: str, as_json: bool) -> None:  # noqa: FBT001
    """Say what came of a campaign, in all and per variant."""
    _, office = _office(context)
    found = _said(lambda: office.report(campaign, _now()))
    if as_json:
        print_json(asdict(found))
        return
    for line in campaign_words.report(found):
        click.echo(line)


@campaigns.command("list")
@JSON
@click.pass_context
def campaigns_list(context: click.Context, as_json: bool) -> None:  # noqa: FBT001
    """List campaigns, newest first."""
    _, office = _office(context)
    table(office.listing(), ("id", "state", "reason", "people", "planned", "skipped", "left"), as_json=as_json)


def _watch(office: Any, campaign: str) -> None:
    """Draw how far a campaign is until it goes no further."""
    import time  # noqa: PLC0415 - only who watches waits

    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

    parts = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[more]}"))
    with Progress(*parts, console=Console(stderr=True)) as bar:
        task = bar.add_task(campaign, total=None, more="")
        while True:
            seen = office.progress(campaign, _now())
            bar.update(task, total=seen.people, completed=seen.done, more=campaign_words.brief(seen))
            if seen.state != "running":
                return
            time.sleep(1)


def _office(context: click.Context) -> tuple[Any, Any]:
    from dispatch.campaigning import Campaigns  # noqa: PLC0415
    from model.ids import Ids  # noqa: PLC0415
    from rules.load import load  # noqa: PLC0415

    try:
        book = load(rules_path(context))
    except ConfigError as error:
        fail(error)
    store, settings = store_of(context), settings_of(context)
    return store, Campaigns(store=store, book=lambda: book, new_id=Ids(_now, node=1023), roads=settings.roads())


def _said(work: Any) -> Any:
    """Do it; what does not go is said in its own words."""
    from dispatch.audience import BadList  # noqa: PLC0415
    from dispatch.campaigning import CannotRun  # noqa: PLC0415

    try:
        return work()
    except (BadList, CannotRun) as error:
        raise click.ClickException(str(error)) from None


def _now() -> datetime:
    return datetime.now(UTC)
