"""The `tidings` command: `tidings --help` is the reference. Exit codes: 0 ok, 1 found problems, 2 wrong use."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from commands import (
    adding,
    campaigns,
    certify,
    checking,
    contacts,
    keeping,
    keys,
    limits,
    lists,
    people,
    record,
    reporting,
    routing,
    rules,
    service_level,
    setup,
    sources,
    upkeep,
    users,
    verifications,
    webhooks,
)
from commands.shared import settings_of


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", type=click.Path(path_type=Path), help="The settings file; tidings.toml when it is there.")
@click.version_option(package_name="tidings", prog_name="tidings")
@click.pass_context
def main(context: click.Context, config: Path | None) -> None:
    """Business events in, text messages out, every one accounted for."""
    context.obj = config


@main.command()
@click.option("--play", is_flag=True, help="Post the sample payloads at it, as their real senders would.")
@click.option("--role", type=click.Choice(["all", "web", "worker", "poller"]), default="all", show_default=True,
              help="What this process does; several processes share a PostgreSQL database.")  # fmt: skip
@click.option("--host", help="Listen on this address instead of where the settings say; 0.0.0.0 is every one.")
@click.option("--port", type=click.IntRange(1, 65535), help="Listen here instead of where the settings say.")
@click.pass_context
def serve(context: click.Context, play: bool, role: str, host: str | None, port: int | None) -> None:  # noqa: FBT001 - click's way
    """Run the service until Ctrl-C."""
    from running.serving import serve as run  # noqa: PLC0415 - the HTTP server is loaded only here

    run(settings_of(context), context.obj, play=play, role=role, port=port, host=host)


@main.command()
@click.argument("address", default="http://127.0.0.1:8080")
def play(address: str) -> None:
    """Post the sample payloads at a running `serve --play`, as their real senders would."""
    from running.serving import play as run  # noqa: PLC0415

    sys.exit(run(address))


@main.command()
@click.option(
    "--keep", type=click.Path(path_type=Path), help="Keep the database in this file, to look at it afterwards."
)
def demo(keep: Path | None) -> None:
    """Play every sample payload, let all time pass, and check that everything is accounted for."""
    from demo import run_demo  # noqa: PLC0415

    sys.exit(run_demo(keep))


for group in (rules.rules, record.events, record.messages, record.audit, people.consent):
    main.add_command(group)
for group in (setup.sources_group, setup.gateways_group, setup.db, webhooks.webhooks):
    main.add_command(group)
for group in (users.users, keys.keys):
    main.add_command(group)
main.add_command(people.send)
main.add_command(campaigns.campaigns)
main.add_command(lists.lists)
main.add_command(limits.limits)
main.add_command(contacts.contacts)
main.add_command(verifications.verifications)
main.add_command(reporting.report)
main.add_command(service_level.service_level)
main.add_command(upkeep.doctor)
for command in (upkeep.db_backup, upkeep.db_restore):
    setup.db.add_command(command)
for command in keeping.COMMANDS:
    record.audit.add_command(command)
for command in (adding.add, checking.check, sources.poll, sources.subscribe):
    setup.sources_group.add_command(command)
for command in certify.COMMANDS:
    setup.gateways_group.add_command(command)
for command in (routing.pause, routing.resume, routing.pauses):
    main.add_command(command)


if __name__ == "__main__":
    main()
