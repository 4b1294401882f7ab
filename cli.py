"""The `tidings` command: `tidings --help` is the reference. Exit codes: 0 ok, 1 found problems, 2 wrong use."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from model.reasons import ConfigError

EXAMPLE_SECRET = "env:NAME"  # noqa: S105 - the form, not a secret


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", type=click.Path(path_type=Path), help="The settings file; tidings.toml when it is there.")
@click.version_option(package_name="tidings", prog_name="tidings")
@click.pass_context
def main(context: click.Context, config: Path | None) -> None:
    """Business events in, text messages out, every one accounted for."""
    context.obj = config


def _settings(context: click.Context) -> Any:
    import settings  # noqa: PLC0415 - commands that need no settings start faster

    try:
        return settings.load(context.obj, os.environ)
    except ConfigError as error:
        _fail(error)


def _fail(error: ConfigError) -> None:
    for problem in error.problems:
        click.secho(str(problem), fg="red", err=True)
    sys.exit(1)


@main.command()
@click.option("--play", is_flag=True, help="Post the sample payloads at it, as their real senders would.")
@click.pass_context
def serve(context: click.Context, play: bool) -> None:  # noqa: FBT001 - click's way
    """Run the service until Ctrl-C."""
    from serving import serve as run  # noqa: PLC0415 - the HTTP server is loaded only here

    sys.exit(run(_settings(context), context.obj, play=play))


@main.command()
@click.argument("address", default="http://127.0.0.1:8080")
def play(address: str) -> None:
    """Post the sample payloads at a running `serve --play`, as their real senders would."""
    from serving import play as run  # noqa: PLC0415

    sys.exit(run(address))


@main.command()
@click.option(
    "--keep", type=click.Path(path_type=Path), help="Keep the database in this file, to look at it afterwards."
)
def demo(keep: Path | None) -> None:
    """Play every sample payload, let all time pass, and check that everything is accounted for."""
    from demo import run_demo  # noqa: PLC0415

    sys.exit(run_demo(keep))


@main.group()
def rules() -> None:
    """Check, test and explain rules.yaml."""


RULES = click.argument("file", type=click.Path(path_type=Path), required=False)


def _book(context: click.Context, file: Path | None) -> Any:
    from rules.load import load  # noqa: PLC0415

    path = file or Path(_settings(context).rules)
    try:
        return load(path, name=str(path))
    except ConfigError as error:
        _fail(error)


@rules.command("check")
@RULES
@click.pass_context
def rules_check(context: click.Context, file: Path | None) -> None:
    """Show every problem in the file, with line and column."""
    book = _book(context, file)
    click.echo(f"{len(book.rules)} rules, no problems.")


@rules.command("test")
@RULES
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_context
def rules_test(context: click.Context, file: Path | None, as_json: bool) -> None:  # noqa: FBT001
    """Run the tests inside the file."""
    from dispatch.rehearse import rehearse  # noqa: PLC0415
    from inbound.samples import event_in  # noqa: PLC0415

    outcomes = rehearse(_book(context, file), event_in)
    wrong = [outcome for outcome in outcomes if outcome.wrong]
    if as_json:
        _print_json([{"rule": o.rule, "test": o.test, "line": o.line, "wrong": list(o.wrong)} for o in outcomes])
    else:
        for outcome in outcomes:
            mark = click.style("ok  ", fg="green") if not outcome.wrong else click.style("FAIL", fg="red")
            click.echo(f"{mark} {outcome.rule}: {outcome.test}")
            for text in outcome.wrong:
                click.echo(f"     {outcome.file}:{outcome.line}: {text}")
        click.echo(f"{len(outcomes) - len(wrong)} of {len(outcomes)} tests hold.")
    sys.exit(1 if wrong else 0)


@rules.command("show")
@click.argument("rule_id")
@click.pass_context
def rules_show(context: click.Context, rule_id: str) -> None:
    """Show one rule as it is understood."""
    book = _book(context, None)
    rule = book.get(rule_id)
    if rule is None:
        from rules.fields import did_you_mean  # noqa: PLC0415

        hint = did_you_mean(rule_id, [other.id for other in book.rules])
        raise click.ClickException(f"There is no rule {rule_id!r}. {hint}")
    from rules.describe import describe  # noqa: PLC0415

    for name, value in describe(rule):
        click.echo(f"{name:<14} {value}")


@rules.command("explain")
@click.argument("event")
@click.option("--file", type=click.Path(path_type=Path), help="Explain with this rules file instead.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_context
def rules_explain(context: click.Context, event: str, file: Path | None, as_json: bool) -> None:  # noqa: FBT001
    """Say what the rules make of EVENT (an event id, or a file of sample_payloads/), and why. Sends nothing."""
    from explain import explain, lines  # noqa: PLC0415

    book = _book(context, file)
    try:
        plans = explain(book, event, lambda: _store(context))
    except LookupError as error:
        raise click.ClickException(str(error.args[0])) from None
    if as_json:
        _print_json([plan.as_dict() for plan in plans])
    else:
        for line in (line for plan in plans for line in lines(plan)):
            click.echo(line)


@rules.command("schema")
def rules_schema() -> None:
    """Print the JSON Schema that gives editors completion and errors while typing."""
    from rules.schema import schema  # noqa: PLC0415

    _print_json(schema())


def _store(context: click.Context) -> Any:
    from audit.store import Store  # noqa: PLC0415

    path = _settings(context).database_path
    if not path.exists():
        raise click.ClickException(f"There is no database {path} yet; start the service first.")
    return Store(path)


LIMIT = click.option("--limit", default=20, show_default=True, help="How many rows.")
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")


@main.group()
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

    rows = store_events.listing(_store(context), state=state or "", source=source or "", limit=limit)
    _table(rows, ("id", "received_at", "source", "type", "key", "state"), as_json=as_json)


@events.command("show")
@click.argument("event_id")
@JSON
@click.pass_context
def events_show(context: click.Context, event_id: str, as_json: bool) -> None:  # noqa: FBT001
    """Show everything that happened to one event."""
    from audit import trace  # noqa: PLC0415

    found = trace.of_event(_store(context), event_id)
    if found is None:
        raise click.ClickException(f"There is no event {event_id}.")
    from explain import trace_dict, trace_lines  # noqa: PLC0415

    if as_json:
        _print_json(trace_dict(found))
    else:
        for line in trace_lines(found):
            click.echo(line)


@events.command("replay")
@click.argument("event_id")
@click.option("--by", default="command line", show_default=True, help="Who asks for it; kept in the journal.")
@click.pass_context
def events_replay(context: click.Context, event_id: str, by: str) -> None:
    """Plan an event again with the rules as they are now. What was texted already is recognised."""
    from audit import events as store_events  # noqa: PLC0415

    store = _store(context)
    done = store.write(lambda tx: store_events.replay(tx, event_id, by, datetime.now(UTC)))
    if not done:
        raise click.ClickException(f"{event_id} cannot be replayed: unknown, unreadable, or not planned yet.")
    click.echo("The event will be planned again.")


@main.group()
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

    rows = store_messages.listing(_store(context), state=state or "", number=number, rule=rule, limit=limit)
    _table(rows, ("id", "created_at", "rule", "number", "state", "segments", "text"), as_json=as_json)


@messages.command("show")
@click.argument("message_id")
@click.pass_context
def messages_show(context: click.Context, message_id: str) -> None:
    """Show one message and everything that happened to its event."""
    from audit import messages as store_messages  # noqa: PLC0415

    store = _store(context)
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

    store, now = _store(context), datetime.now(UTC)
    done = store.write(
        lambda tx: store_messages.end(tx, message_id, State.CANCELLED, Because.CANCELLED, now, "command line")
    )
    if not done:
        raise click.ClickException(f"{message_id} cannot be cancelled: unknown, or it has left.")
    click.echo("Cancelled.")


@main.group()
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
    page = search.decisions(_store(context), wanted, limit=limit)
    _table(page.rows, ("at", "event_id", "source", "type", "rule", "reason", "place", "state"), as_json=as_json)


@main.group("sources")
def sources_group() -> None:
    """The systems that tell us things."""


@sources_group.command("list")
@click.option("--available", is_flag=True, help="Every connector there is, not only what is configured.")
@click.pass_context
def sources_list(context: click.Context, available: bool) -> None:  # noqa: FBT001
    """List sources."""
    import connectors  # noqa: PLC0415

    if available:
        for name in connectors.names():
            kind = connectors.load(name)
            click.echo(f"{name:<16} {kind.category:<12} {kind.title}: {', '.join(sorted(kind.event_types))}")
        return
    for name, source in _settings(context).sources.items():
        click.echo(f"{name:<16} {source.connector}")


@main.group("gateways")
def gateways_group() -> None:
    """The providers that carry texts."""


@gateways_group.command("list")
@click.option("--available", is_flag=True, help="Every kind there is, not only what is configured.")
@click.pass_context
def gateways_list(context: click.Context, available: bool) -> None:  # noqa: FBT001
    """List gateways."""
    import gateways  # noqa: PLC0415

    if available:
        for kind in gateways.names():
            click.echo(f"{kind:<16} {gateways.load(kind).title}")
        return
    for name, gateway in {"console": None, **_settings(context).gateways}.items():
        click.echo(f"{name:<16} {gateway.kind if gateway else 'console'}")


@main.group()
def db() -> None:
    """The database."""


@db.command("migrate")
@click.pass_context
def db_migrate(context: click.Context) -> None:
    """Create the database, or bring it up to date."""
    from audit.store import Store  # noqa: PLC0415

    path = _settings(context).database_path
    Store(path).close()
    click.echo(f"{path} is up to date.")


@db.command("check")
@click.pass_context
def db_check(context: click.Context) -> None:
    """Check that nothing is lost: every event decided, every message explained."""
    from audit.conservation import report  # noqa: PLC0415

    found = report(_store(context))
    click.echo(f"{found.events} events, {found.decided} decided, {found.unreadable} unreadable.")
    for fault in found.faults:
        click.secho(fault, fg="red")
    sys.exit(1 if found.faults else 0)


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def _table(rows: Iterable[Any], columns: tuple[str, ...], *, as_json: bool) -> None:
    for row in rows:
        values = {name: _shown(name, _pick(row, name)) for name in columns}
        if as_json:
            click.echo(json.dumps(values, ensure_ascii=False))
        else:
            click.echo("  ".join(str(value) for value in values.values()))


def _pick(row: Any, name: str) -> Any:
    if isinstance(row, Mapping) or hasattr(row, "keys"):
        return row[name]
    return getattr(row, name, "")


def _shown(name: str, value: Any) -> Any:
    from dispatch.recipient import mask  # noqa: PLC0415

    if name in {"at", "received_at", "created_at"} and isinstance(value, int):
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=value)).isoformat(timespec="seconds")
    return mask(value) if name == "number" else value


if __name__ == "__main__":
    main()
