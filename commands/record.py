"""What came in, what went out, and why: `tidings events | messages | audit`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from commands.shared import JSON, LIMIT, print_json, settings_of, store_of, table


@click.group()
def events() -> None:
    """What came in."""


@events.command("list")
@click.option("--state", help="received, needs_lookup, planned, unreadable or failed.")
@click.option("--source", help="The name of a source.")
@LIMIT
@JSON
@click.pass_context
def events_list(context: click.Context, state: str, source: str, limit: int, as_json: bool) -> None:  # noqa: FBT001
    """List events, newest first."""
    from audit import events as store_events  # noqa: PLC0415

    rows = store_events.listing(store_of(context), state=state or "", source=source or "", limit=limit)
    table(rows, ("id", "received_at", "source", "type", "key", "state"), as_json=as_json)


@events.command("show")
@click.argument("event_id")
@JSON
@click.pass_context
def events_show(context: click.Context, event_id: str, as_json: bool) -> None:  # noqa: FBT001
    """Show everything that happened to one event."""
    from audit import trace  # noqa: PLC0415

    found = trace.of_event(store_of(context), event_id)
    if found is None:
        raise click.ClickException(f"There is no event {event_id}.")
    from explain import trace_dict, trace_lines  # noqa: PLC0415

    if as_json:
        print_json(trace_dict(found))
    else:
        for line in trace_lines(found):
            click.echo(line)


@events.command("replay")
@click.argument("event_id")
@click.option("--by", default="command line", show_default=True, help="Who asks for it; kept in the journal.")
@click.pass_context
def events_replay(context: click.Context, event_id: str, by: str) -> None:
    """Plan an event again with the rules as they are now, or read again what could not be read.

    What was texted already is recognised.
    """
    from audit import events as store_events  # noqa: PLC0415

    store, now = store_of(context), datetime.now(UTC)
    if store.write(lambda tx: store_events.replay(tx, event_id, by, now)):
        click.echo("The event will be planned again.")
        return
    click.echo(f"Read again: {_reread(context, store, event_id, by, now)} event(s) in it will be planned.")


def _reread(context: click.Context, store: Any, event_id: str, by: str, now: datetime) -> int:
    from inbound.replays import CannotReplay, reread  # noqa: PLC0415
    from model.ids import Ids  # noqa: PLC0415
    from running.configured import sources_of  # noqa: PLC0415

    try:
        return reread(store, sources_of(settings_of(context)), event_id, Ids(lambda: now, node=1023), by, now)
    except CannotReplay as error:
        raise click.ClickException(str(error)) from None


@click.group()
def messages() -> None:
    """What goes out."""


@messages.command("list")
@click.option("--state", help="queued, accepted, delivered, unknown ...")
@click.option("--number", default="", help="The full number, +49...")
@click.option("--rule", default="", help="The name of a rule.")
@LIMIT
@JSON
@click.pass_context
def messages_list(
    context: click.Context,
    state: str,
    number: str,
    rule: str,
    limit: int,
    as_json: bool,  # noqa: FBT001
) -> None:
    """List messages, newest first."""
    from audit import messages as store_messages  # noqa: PLC0415

    rows = store_messages.listing(store_of(context), state=state or "", number=number, rule=rule, limit=limit)
    table(rows, ("id", "created_at", "rule", "number", "state", "segments", "text"), as_json=as_json)


@messages.command("show")
@click.argument("message_id")
@click.pass_context
def messages_show(context: click.Context, message_id: str) -> None:
    """Show one message and everything that happened to its event."""
    from audit import messages as store_messages  # noqa: PLC0415

    store = store_of(context)
    with store.read() as tx:
        row = store_messages.get(tx, message_id)
    if row is None:
        raise click.ClickException(f"There is no message {message_id}.")
    context.invoke(events_show, event_id=row["event_id"], as_json=False)


@messages.command("cancel")
@click.argument("message_id")
@click.pass_context
def messages_cancel(context: click.Context, message_id: str) -> None:
    """End a message that has not left yet."""
    from audit import messages as store_messages  # noqa: PLC0415
    from model.message import State  # noqa: PLC0415
    from model.reasons import Because  # noqa: PLC0415

    store, now = store_of(context), datetime.now(UTC)
    done = store.write(
        lambda tx: store_messages.end(tx, message_id, State.CANCELLED, Because.CANCELLED, now, "command line")
    )
    if not done:
        raise click.ClickException(f"{message_id} cannot be cancelled: unknown, or it has left.")
    click.echo("Cancelled.")


@click.group()
def audit() -> None:
    """The log of what was decided and why."""


@audit.command("list")
@click.option("--reason", default="", help="send, no_recipient, when[0], opted_out ...")
@click.option("--rule", default="", help="The name of a rule.")
@click.option("--source", default="", help="The name of a source.")
@click.option("--text", default="", help="Words in the event or the text.")
@LIMIT
@JSON
@click.pass_context
def audit_list(
    context: click.Context,
    reason: str,
    rule: str,
    source: str,
    text: str,
    limit: int,
    as_json: bool,  # noqa: FBT001
) -> None:
    """List decisions, newest first."""
    from audit import search  # noqa: PLC0415

    wanted = search.Filter(reasons=[reason] if reason else [], rule=rule, source=source, words=text)
    page = search.decisions(store_of(context), wanted, limit=limit)
    table(page.rows, ("at", "event_id", "source", "type", "rule", "reason", "place", "state"), as_json=as_json)
    if page.cut:
        click.echo(
            "Very many words begin like one of these: only some of them were looked for. Type more of it.", err=True
        )
