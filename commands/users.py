"""People who sign in to the console: `tidings users add | list | role | disable | enable | password | ...`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click

from commands.shared import JSON, settings_of, store_of, table
from model.access import ROLES

ROLE = click.Choice(list(ROLES))
BY = click.option("--by", default="command line", show_default=True, help="Who does it; kept in the journal.")
STDIN = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
GENERATE = click.option("--generate", is_flag=True, help="Make one up, to be changed at the first sign-in.")


@click.group()
def users() -> None:
    """People who sign in to the console, and what they may do."""


@users.command("add")
@click.argument("name")
@click.option("--role", type=ROLE, required=True, help="; ".join(f"{one.code}: {one.text}" for one in ROLES.values()))
@STDIN
@GENERATE
@click.option("--no-password", is_flag=True, help="For somebody who comes through the identity provider.")
@BY
@click.pass_context
def users_add(context: click.Context, /, name: str, role: str, no_password: bool, by: str, **how: bool) -> None:  # noqa: FBT001 - a flag
    """Add a person. The first one has to be an admin; from then on everybody signs in to the console."""
    from audit import people  # noqa: PLC0415
    from audit.store import Store  # noqa: PLC0415

    password, new = ("", False) if no_password else _password(name, **how)
    newcomer = people.Newcomer(name=name, role=ROLES[role], password=_digest(password), new=new, actor=by)
    # Also before the first start, so that the console never was open.
    store = Store(settings_of(context).place)
    _write(context, lambda tx, now: people.add(tx, newcomer, now), store)
    click.echo(f"{name} can sign in as {role}.")
    _tell(password, new=new)


@users.command("list")
@JSON
@click.pass_context
def users_list(context: click.Context, as_json: bool) -> None:  # noqa: FBT001 - a flag
    """List everybody."""
    from audit import people  # noqa: PLC0415

    with store_of(context).read() as tx:
        found = people.everyone(tx)
    rows = [
        {
            "name": one.name, "role": one.role.code, "state": one.state,
            "second_factor": "provider" if one.subject else "yes" if one.totp else "no",
            "signed_in": f"{one.signed_in_at:%Y-%m-%d %H:%M}" if one.signed_in_at else "never",
        }
        for one in found
    ]  # fmt: skip
    table(rows, ("name", "role", "state", "second_factor", "signed_in"), as_json=as_json)
    if not rows and not as_json:
        click.echo("Nobody yet: the console is open to whoever sits at this machine.")


@users.command("role")
@click.argument("name")
@click.argument("role", type=ROLE)
@BY
@click.pass_context
def users_role(context: click.Context, name: str, role: str, by: str) -> None:
    """Give a person another role; they sign in anew."""
    from audit import people  # noqa: PLC0415

    _write(context, lambda tx, now: people.set_role(tx, name, ROLES[role], by, now))
    click.echo(f"{name} is {role} now.")


def _change(name: str) -> Callable[[Callable[[Any, str, str, datetime], str]], click.Command]:
    """Make a command of a change to one person that says in its sentence what came of it."""

    def made(work: Callable[[Any, str, str, datetime], str]) -> click.Command:
        @users.command(name, help=work.__doc__)
        @click.argument("name")
        @BY
        @click.pass_context
        def command(context: click.Context, name: str, by: str) -> None:
            click.echo(_write(context, lambda tx, now: work(tx, name, by, now)))

        return command

    return made


@_change("disable")
def users_disable(tx: Any, name: str, by: str, now: datetime) -> str:
    """Keep a person out and end their sessions."""
    from audit import people  # noqa: PLC0415

    people.disable(tx, name, by, now)
    return f"{name} cannot sign in any more."


@_change("enable")
def users_enable(tx: Any, name: str, by: str, now: datetime) -> str:
    """Let a person in again."""
    from audit import people  # noqa: PLC0415

    people.enable(tx, name, by, now)
    return f"{name} can sign in again."


@_change("reset-totp")
def users_reset_totp(tx: Any, name: str, by: str, now: datetime) -> str:
    """Take a person's second factor away, for a phone that is lost."""
    from audit import factors, people  # noqa: PLC0415

    had = factors.reset(tx, people.named(tx, name), by, now)
    return f"{name} signs in without a second factor." if had else f"{name} had no second factor."


@_change("remove")
def users_remove(tx: Any, name: str, by: str, now: datetime) -> str:
    """Remove a person; what they did stays in the journal."""
    from audit import people  # noqa: PLC0415

    people.remove(tx, name, by, now)
    return f"{name} is removed."


@users.command("password")
@click.argument("name")
@STDIN
@GENERATE
@BY
@click.pass_context
def users_password(context: click.Context, /, name: str, by: str, **how: bool) -> None:
    """Give a person another password; every session of theirs ends."""
    from audit import people  # noqa: PLC0415

    with store_of(context).read() as tx:
        _named(tx, name)
    password, new = _password(name, **how)
    digest = _digest(password)
    _write(context, lambda tx, now: people.set_password(tx, name, digest, by, now, new=new))
    click.echo(f"The password of {name} is changed.")
    _tell(password, new=new)


def _write(context: click.Context, change: Callable[[Any, datetime], Any], store: Any = None) -> Any:
    """Make a change; one that must not be ends the command with its sentence."""
    from audit.people import Unfit  # noqa: PLC0415

    now = datetime.now(UTC)
    try:
        return (store or store_of(context)).write(lambda tx: change(tx, now))
    except Unfit as error:
        raise click.ClickException(str(error)) from None


def _named(tx: Any, name: str) -> Any:
    from audit import people  # noqa: PLC0415

    try:
        return people.named(tx, name)
    except people.Unfit as error:
        raise click.ClickException(str(error)) from None


def _password(name: str, *, password_stdin: bool, generate: bool) -> tuple[str, bool]:
    """Return a password, and whether it is one that has to be changed."""
    from audit import passwords  # noqa: PLC0415

    if password_stdin and generate:
        raise click.UsageError("Use either --password-stdin or --generate.")
    if generate:
        return passwords.made_up(), True
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    if fault := passwords.fault(password, name):
        raise click.ClickException(fault)
    return password, False


def _digest(password: str) -> str:
    from audit import passwords  # noqa: PLC0415

    return passwords.hashed(password) if password else ""


def _tell(password: str, *, new: bool) -> None:
    if new:
        click.echo(f"Password: {password}\nIt is good for three days and has to be changed at the first sign-in.")
