"""The systems we tell: `tidings webhooks`. Addresses are shown without path and query, which may hold a secret."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import click

from commands.shared import JSON, LIMIT, fail, print_json, settings_of, store_of, table
from model.reasons import ConfigError

NAME = click.argument("name")
BY = click.option("--by", default="command line", show_default=True, help="Who asks for it; kept in the journal.")


@click.group()
def webhooks() -> None:
    """The systems that are told what became of texts."""


@webhooks.command("list")
@JSON
@click.pass_context
def webhooks_list(context: click.Context, as_json: bool) -> None:  # noqa: FBT001
    """List webhooks with how they do."""
    configured = _configured(context)
    if not configured:
        click.echo("No webhook is configured: see [webhooks.NAME] in tidings.toml.", err=True)
        return
    known = _known(context)
    rows = [_row(webhook, known.get(name)) for name, webhook in configured.items()]
    columns = ("name", "state", "address", "waiting", "given_up", "told_at", "why")
    table(rows, (*columns, "events") if as_json else columns, as_json=as_json)


def _row(webhook: Any, row: Any) -> dict[str, Any]:
    parts = urlsplit(webhook.url)
    state = "new" if row is None else "disabled" if row["disabled_at"] else "failing" if row["failures"] else "on"
    return {
        "name": webhook.name,
        "state": state,
        "address": f"{parts.scheme}://{parts.netloc}",
        "events": sorted(webhook.events),
        "waiting": row["waiting"] if row else 0,
        "given_up": row["given_up"] if row else 0,
        "told_at": _time(row["told_at"]) if row else "",
        "why": row["disabled_because"] if row else "",
    }


@webhooks.command("show")
@NAME
@click.option("--state", type=click.Choice(["waiting", "told", "given_up"]), help="Only these.")
@LIMIT
@JSON
@click.pass_context
def webhooks_show(context: click.Context, name: str, state: str, limit: int, as_json: bool) -> None:  # noqa: FBT001
    """List what a webhook was told and is to be told, newest first."""
    from audit import webhooks as book  # noqa: PLC0415

    _one(context, name)
    with store_of(context).read() as tx:
        rows = book.tellings(tx, name, state or "", limit)
    table(rows, ("id", "created_at", "type", "ref", "state", "tries", "status", "error"), as_json=as_json)


@webhooks.command("telling")
@click.argument("telling_id")
@JSON
@click.pass_context
def webhooks_telling(context: click.Context, telling_id: str, as_json: bool) -> None:  # noqa: FBT001
    """Show one telling: its body, and each try that failed with the beginning of the answer."""
    from audit import webhooks as book  # noqa: PLC0415

    with store_of(context).read() as tx:
        found = book.telling(tx, telling_id)
    if found is None:
        raise click.ClickException(f"There is no telling {telling_id}.")
    telling, failures = found
    tries = [{**dict(failure), "at": _time(failure["at"])} for failure in failures]
    if as_json:
        print_json({**dict(telling), "failures": tries})
        return
    click.echo(f"{telling['id']}  {telling['webhook']}  {telling['type']}  {telling['state']}\n{telling['body']}")
    for one in tries:
        click.echo(f"{one['at']}  {one['status'] or one['error']}  {one['took']} ms  {one['answer'][:200]}".rstrip())


@webhooks.command("test")
@NAME
@click.pass_context
def webhooks_test(context: click.Context, name: str) -> None:
    """Post a signed event of type webhook.test now; exit code 1 unless the answer is a 2xx."""
    from dispatch.webhook import client_of, post, trial  # noqa: PLC0415
    from model.ids import Ids  # noqa: PLC0415

    webhook, now = _one(context, name), datetime.now(UTC)
    answer = post(client_of(webhook), webhook, trial(webhook, Ids(lambda: now, node=1023)("w"), now), now)
    if isinstance(answer, str):
        raise click.ClickException(f"No answer: {answer}.")
    click.echo(f"Answer {answer.status} {answer.text[:200]}".rstrip())
    sys.exit(0 if 200 <= answer.status < 300 else 1)


@webhooks.command("replay")
@NAME
@click.option("--since", required=True, help="A time such as 2026-11-23T08:00Z, or how long ago: 90m, 6h, 2d.")
@click.option("--all", "everything", is_flag=True, help="Also what was told, with the ids it had then.")
@BY
@click.pass_context
def webhooks_replay(context: click.Context, name: str, since: str, everything: bool, by: str) -> None:  # noqa: FBT001
    """Tell again what was given up."""
    from audit import webhooks as book  # noqa: PLC0415

    _one(context, name)
    now = datetime.now(UTC)
    start = _since(since, now)
    count = store_of(context).write(lambda tx: book.replay(tx, name, start, by, now, everything=everything))
    click.echo(f"{count} will be told again.")


@webhooks.command("enable")
@NAME
@BY
@click.pass_context
def webhooks_enable(context: click.Context, name: str, by: str) -> None:
    """Tell a webhook again, beginning with what waits."""
    from audit import webhooks as book  # noqa: PLC0415

    _one(context, name)
    if not store_of(context).write(lambda tx: book.enable(tx, name, by, datetime.now(UTC))):
        raise click.ClickException(f"The service does not know {name} yet; start it once.")
    click.echo(f"{name} is told again.")


@webhooks.command("disable")
@NAME
@BY
@click.pass_context
def webhooks_disable(context: click.Context, name: str, by: str) -> None:
    """Stop telling a webhook; what happens meanwhile waits for 30 days."""
    from audit import webhooks as book  # noqa: PLC0415

    _one(context, name)
    if not store_of(context).write(lambda tx: book.disable(tx, name, f"By {by}.", by, datetime.now(UTC))):
        raise click.ClickException(f"{name} is disabled already, or the service does not know it yet.")
    click.echo(f"{name} is disabled.")


@webhooks.command("new-secret")
def webhooks_new_secret() -> None:
    """Make a secret for a new webhook; nothing is stored."""
    from dispatch.webhook import new_secret  # noqa: PLC0415

    click.echo(new_secret(os.urandom))


def _configured(context: click.Context) -> dict[str, Any]:
    from running.configured import webhooks_of  # noqa: PLC0415

    try:
        return webhooks_of(settings_of(context))
    except ConfigError as error:
        fail(error)


def _one(context: click.Context, name: str) -> Any:
    configured = _configured(context)
    if name not in configured:
        known = ", ".join(configured) or "none"
        raise click.ClickException(f"There is no webhook {name} in the settings. Known: {known}.")
    return configured[name]


def _known(context: click.Context) -> dict[str, Any]:
    from audit import webhooks as book  # noqa: PLC0415

    if not settings_of(context).has_database:
        return {}
    with store_of(context).read() as tx:
        return {row["name"]: row for row in book.listing(tx)}


def _since(text: str, now: datetime) -> datetime:
    from settings import duration  # noqa: PLC0415

    ago = duration(text)
    if ago is not None:
        return now - ago
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither a time nor a duration such as 6h.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _time(stamp: int) -> str:
    return datetime.fromtimestamp(stamp / 1000, tz=UTC).isoformat(timespec="seconds") if stamp else ""
