"""Writing, testing, comparing and publishing rules: `tidings rules`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from commands.shared import fail, print_json, rules_path, settings_of, store_of
from model.reasons import ConfigError


@click.group()
def rules() -> None:
    """Check, test and explain rules.yaml."""


RULES = click.argument("file", type=click.Path(path_type=Path), required=False)


def _book(context: click.Context, file: Path | None) -> Any:
    from rules.load import load  # noqa: PLC0415

    path = file or rules_path(context)
    try:
        return load(path, name=str(path))
    except ConfigError as error:
        fail(error)


@rules.command("check")
@RULES
@click.pass_context
def rules_check(context: click.Context, file: Path | None) -> None:
    """Show every problem and doubt in the file, with line and column."""
    from advice import advise  # noqa: PLC0415

    book = _book(context, file)
    found = advise(book, settings_of(context).sources)
    for problem in found:
        click.secho(str(problem), fg="red" if problem.level == "error" else "yellow")
    errors = sum(problem.level == "error" for problem in found)
    click.echo(f"{len(book.rules)} rules: {errors} errors, {len(found) - errors} warnings.")
    sys.exit(1 if errors else 0)


@rules.command("test")
@RULES
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_context
def rules_test(context: click.Context, file: Path | None, as_json: bool) -> None:  # noqa: FBT001
    """Run the tests inside the file."""
    from dispatch.rehearse import rehearse  # noqa: PLC0415
    from inbound.examples import event_in  # noqa: PLC0415

    outcomes = rehearse(_book(context, file), event_in)
    wrong = [outcome for outcome in outcomes if outcome.wrong]
    if as_json:
        print_json([{"rule": o.rule, "test": o.test, "line": o.line, "wrong": list(o.wrong)} for o in outcomes])
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
        plans = explain(book, event, lambda: store_of(context))
    except LookupError as error:
        raise click.ClickException(str(error.args[0])) from None
    if as_json:
        print_json([plan.as_dict() for plan in plans])
    else:
        for line in (line for plan in plans for line in lines(plan)):
            click.echo(line)


@rules.command("schema")
def rules_schema() -> None:
    """Print the JSON Schema that gives editors completion and errors while typing."""
    from rules.schema import schema  # noqa: PLC0415

    print_json(schema())


FILE = click.argument("file", type=click.Path(path_type=Path))
WHO = click.option("--by", required=True, help="Who publishes; kept in the history.")


@rules.command("diff")
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--since", default="30d", show_default=True, help="How far back the recorded events go: 30d, 12h.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--fail-over", type=int, help="Exit with 1 when more texts than this would differ.")
@click.option("--examples", default=3, show_default=True, help="Examples per rule and kind.")
@click.pass_context
def rules_diff(
    context: click.Context,
    old: Path,
    new: Path,
    since: str,
    as_json: bool,  # noqa: FBT001
    fail_over: int | None,
    examples: int,
) -> None:
    """Plan recorded events with both files and show which texts would differ. Sends nothing."""
    from commands.compare import run  # noqa: PLC0415

    found = run(store_of(context), _book(context, old), _book(context, new), since, examples, quiet=as_json)
    if as_json:
        print_json(found.as_dict())
    else:
        for line in found.lines():
            click.echo(line)
    if fail_over is not None and found.comparison.total > fail_over:
        click.secho(f"{found.comparison.total} texts differ, more than {fail_over}.", fg="red", err=True)
        sys.exit(1)


@rules.command("publish")
@FILE
@WHO
@click.option("--note", default="", help="Why; kept in the history.")
@click.option("--pending", type=click.Choice(["keep", "re-render", "cancel"]), help="What becomes of texts that wait.")
@click.pass_context
def rules_publish(context: click.Context, file: Path, by: str, note: str, pending: str | None) -> None:
    """Check FILE, run its tests, and put it in force with everything beside it."""
    from rules.files import files_of  # noqa: PLC0415

    _book(context, file)
    _publish(context, files_of(file), by, note, pending)


@rules.command("history")
@click.option("--limit", default=20, show_default=True, help="How many versions.")
@click.pass_context
def rules_history(context: click.Context, limit: int) -> None:
    """List the versions that were in force, newest first."""
    from audit import versions  # noqa: PLC0415

    with store_of(context).read() as tx:
        found = versions.newest(tx, limit)
    for version in found:
        note = f"  {version.note}" if version.note else ""
        click.echo(f"{version.number:>4}  {version.at:%Y-%m-%d %H:%M} UTC  {version.hash}  {version.actor}{note}")


@rules.command("rollback")
@click.argument("number", type=int)
@WHO
@click.option("--pending", type=click.Choice(["keep", "re-render", "cancel"]), help="What becomes of texts that wait.")
@click.pass_context
def rules_rollback(context: click.Context, number: int, by: str, pending: str | None) -> None:
    """Put version NUMBER in force again."""
    from audit import versions  # noqa: PLC0415

    with store_of(context).read() as tx:
        version = versions.get(tx, number)
    if version is None:
        raise click.ClickException(f"There is no version {number}; see: tidings rules history")
    _publish(context, dict(version.files), by, f"back to version {number}", pending)


def _publish(context: click.Context, files: dict[str, str], by: str, note: str, pending: str | None) -> None:
    from dispatch import publish as publishing  # noqa: PLC0415
    from inbound.examples import event_in  # noqa: PLC0415

    store, target = store_of(context), rules_path(context)
    try:
        new = publishing.load_version(files)
        old = _in_force(store) or new
    except ConfigError as error:
        fail(error)
    wrong = publishing.rehearsed(new, event_in)
    for outcome in wrong:
        click.secho(
            f"{outcome.file}:{outcome.line}: {outcome.rule}: {outcome.test}: {outcome.wrong[0]}", fg="red", err=True
        )
    if wrong:
        click.echo("Nothing was published: the tests above do not hold.", err=True)
        sys.exit(1)
    waiting = publishing.waiting_texts(store, old, new)
    choice = pending or _ask(len(waiting))
    done = publishing.publish(
        store, old, files, target, actor=by, note=note, pending=_choice(choice), now=datetime.now(UTC)
    )
    click.echo(
        f"Version {done.number} is in force. Waiting texts of changed rules: {done.waiting}, "
        f"{done.rewritten} rewritten, {done.cancelled} cancelled."
    )


def _in_force(store: Any) -> Any:
    from audit import versions  # noqa: PLC0415
    from dispatch.publish import load_version  # noqa: PLC0415

    with store.read() as tx:
        last = versions.newest(tx, 1)
    return load_version(last[0].files) if last else None


def _ask(waiting: int) -> str:
    if not waiting:
        return "keep"
    if not sys.stdin.isatty():
        raise click.UsageError(f"{waiting} texts of changed rules wait: say --pending keep, re-render or cancel.")
    question = f"{waiting} texts wait whose rule changes. Keep them as they are, re-render, or cancel?"
    return str(click.prompt(question, type=click.Choice(["keep", "re-render", "cancel"]), default="keep"))


def _choice(word: str) -> Any:
    return word
