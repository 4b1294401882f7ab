"""The systems that tell us things, looked into: `tidings sources poll | subscribe`."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import click

from commands.shared import fail, print_json, settings_of, store_of
from model.reasons import ConfigError


def source_of(context: click.Context, name: str) -> Any:
    """Build one configured source; a name that is not there ends the command."""
    from running.configured import sources_of  # noqa: PLC0415

    settings = settings_of(context)
    if name not in settings.sources:
        known = ", ".join(settings.sources) or "none"
        raise click.ClickException(f"There is no source {name}. Known: {known}.")
    try:
        return sources_of(settings.model_copy(update={"sources": {name: settings.sources[name]}}))[name]
    except ConfigError as error:
        fail(error)


@click.command("poll")
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Show what it would bring; store nothing, leave the cursor.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_context
def poll(context: click.Context, name: str, dry_run: bool, as_json: bool) -> None:  # noqa: FBT001 - flags
    """Ask a source now, from where its last poll ended."""
    source = source_of(context, name)
    if not hasattr(source.connector, "poll"):
        raise click.ClickException(f"{source.connector.title} cannot be polled: it tells by itself.")
    if dry_run:
        _dry(context, source, as_json=as_json)
    else:
        _poll(context, source, as_json=as_json)


def _poll(context: click.Context, source: Any, *, as_json: bool) -> None:
    from audit import cursors  # noqa: PLC0415
    from audit.store import Store  # noqa: PLC0415
    from inbound.polling import Polling  # noqa: PLC0415
    from model.ids import Ids  # noqa: PLC0415

    store, now = Store(settings_of(context).place), datetime.now(UTC)
    polling = Polling(store=store, new_id=Ids(lambda: datetime.now(UTC), node=1022), on_accepted=lambda: None)
    with store.read() as tx:
        is_first = not cursors.get(tx, source.name)
    fresh = polling.poll(source, now)
    with store.read() as tx:
        trouble = next((row["error"] for row in cursors.listing(tx) if row["source"] == source.name), "")
    store.close()
    if as_json:
        print_json({"source": source.name, "fresh": fresh, "baseline": is_first, "trouble": trouble})
    elif trouble:
        click.secho(f"{source.name}: {trouble}", fg="red", err=True)
    elif is_first:
        click.echo("This was the first poll: it set the baseline and tells nothing of what was there before.")
    else:
        click.echo(f"{fresh} new event(s). The running service plans them within a second.")
    sys.exit(1 if trouble else 0)


def _dry(context: click.Context, source: Any, *, as_json: bool) -> None:
    from inbound.trying import try_poll  # noqa: PLC0415

    now = datetime.now(UTC)
    tried = try_poll(source, cursor_of(context, source.name), now)
    planned = list(_planned(context, tried, now))
    if as_json:
        made = [each.as_dict() for each in planned]
        print_json({"source": source.name, "baseline": tried.is_first, "trouble": tried.trouble, "events": made})
    else:
        _show(tried, planned)
    sys.exit(1 if tried.trouble else 0)


def _show(tried: Any, planned: list[Any]) -> None:
    import explain  # noqa: PLC0415

    for made in planned:
        for line in explain.lines(made):
            click.echo(line)
        click.echo("")
    unreadable = sum(len(page.unreadable) for page in tried.pages)
    if tried.trouble:
        click.secho(tried.trouble, fg="red", err=True)
    elif tried.is_first:
        click.echo("This would be the first poll: it sets the baseline and tells nothing of what was there before.")
    odd = f", {unreadable} that cannot be read" if unreadable else ""
    click.echo(f"{len(planned)} event(s){odd}. Nothing was stored, the cursor is where it was.")


def _planned(context: click.Context, tried: Any, now: datetime) -> Iterator[Any]:
    """Plan what a poll brought by the rules of now; each event knows those before it."""
    import explain  # noqa: PLC0415
    from dispatch.facts import MemoryFacts  # noqa: PLC0415
    from rules.load import load  # noqa: PLC0415

    try:
        book = load(settings_of(context).rules_path)
    except ConfigError as error:
        fail(error)
    facts, counted = MemoryFacts(), itertools.count(1)
    for page in tried.pages:
        for event in page.events:
            made = explain.preview(book, f"event {next(counted)}", event, facts, now)
            facts.apply(made.plan)
            yield made


def cursor_of(context: click.Context, name: str) -> dict[str, Any]:
    """Return where the next poll of a source goes on, {} before the first."""
    from audit import cursors  # noqa: PLC0415

    if not settings_of(context).has_database:
        return {}
    store = store_of(context)
    with store.read() as tx:
        found: dict[str, Any] = cursors.get(tx, name)
    store.close()
    return found


@click.command("subscribe")
@click.argument("name")
@click.option("--remove", is_flag=True, help="Take back every subscription to our address instead.")
@click.pass_context
def subscribe(context: click.Context, name: str, remove: bool) -> None:  # noqa: FBT001 - a flag
    """Make the subscriptions a source needs at its system, and switch on those that were disabled."""
    from audit.store import Store  # noqa: PLC0415
    from connectors.base import AskFailed  # noqa: PLC0415
    from inbound import subscribing  # noqa: PLC0415

    source, settings = source_of(context, name), settings_of(context)
    if not hasattr(source.connector, "subscriptions"):
        raise click.ClickException(f"{source.connector.title} has to be set up by hand: see docs/connectors.")
    if remove:
        try:
            click.echo(f"{subscribing.remove(source, settings.address)} removed.")
        except AskFailed as failure:
            raise click.ClickException(str(failure)) from None
        return
    store = Store(settings.place)
    care = subscribing.Subscribing({name: source}, store, settings.address)
    looked = care.look_after(source, datetime.now(UTC), by_hand=True)
    store.close()
    _tell_looked(looked, name, is_kept=source.subscribe)
    sys.exit(1 if looked.trouble else 0)


def _tell_looked(looked: Any, name: str, *, is_kept: bool) -> None:
    for one in looked.kept:
        state = "made" if one.id in looked.made else one.state
        ends = f", until {one.ends_at.isoformat(timespec='minutes')}" if one.ends_at else ""
        click.echo(f"{state:<8} {one.id}  {', '.join(one.topics) or 'everything'}{ends}")
    for secret in dict.fromkeys(looked.secrets.values()):
        click.echo(
            f"The system made up the secret; put it into this source's variable, it is shown this once:\n  {secret}"
        )
    if looked.trouble:
        click.secho(looked.trouble, fg="red", err=True)
    elif not is_kept:
        click.echo(f"With subscribe = true in [sources.{name}] they are looked after every hour.")
