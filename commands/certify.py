"""Proving gateways: `tidings gateways certify | test | balance`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commands.shared import JSON, fail, number_of, print_json, settings_of, store_of
from commands.texting import Texting
from model.reasons import ConfigError

if TYPE_CHECKING:
    from certify.certificate import Certificate
    from certify.check import Finding
    from gateways.base import Gateway

WAIT = click.option("--wait", default=60, show_default=True, help="Seconds to wait for the receipt of a text.")
COLOURS = {"passed": "green", "failed": "red", "not applicable": "white"}


@click.command("certify")
@click.argument("name")
@click.option("--live", "number", default="", help="Text this number through the real provider as well.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the certificate: .md, or .json.")
@WAIT
@click.pass_context
def gateways_certify(context: click.Context, name: str, number: str, out: Path | None, wait: int) -> None:
    """Check that a gateway does what the dispatcher relies on; ends with 1 if it does not.

    NAME is a gateway of the settings, a kind, or the path of a YAML file. A scripted provider on this machine plays
    what its samples say, and everything that goes wrong in between; nothing leaves.
    """
    kind, options, whose = _wanted(context, name)
    findings = _scripted(kind, options)
    if number:
        findings += _live(context, name, number, wait)
    certificate = _certificate(name, kind, findings, whose, number)
    _show(certificate)
    if out:
        out.write_text(certificate.json() if out.suffix == ".json" else certificate.markdown(), "utf-8")
        click.echo(f"The certificate is {out}.")
    sys.exit(0 if certificate.holds else 1)


@click.command("test")
@click.argument("name")
@click.option("--to", required=True, help="The phone number, with +.")
@click.option("--text", default="Tidings: this is a test of {name}.", show_default=True, help="What it says.")
@WAIT
@click.pass_context
def gateways_test(context: click.Context, name: str, to: str, text: str, wait: int) -> None:
    """Send one real text through exactly this gateway, and follow it until its receipt.

    The running service sends it; where none runs, this command does, and only receipts on its own connection reach it.
    """
    texting = _texting(context, name, to, wait)
    state, why = texting.send(text.replace("{name}", name))
    click.echo(f"The text is {state.words}. {why}".strip())
    sys.exit(0 if texting.is_good(state) else 1)


@click.command("balance")
@click.argument("name", required=False, default="")
@JSON
@click.pass_context
def gateways_balance(context: click.Context, name: str, as_json: bool) -> None:  # noqa: FBT001
    """Ask the providers what is left on the accounts; `gateways list` shows the last answer."""
    from audit import balances  # noqa: PLC0415

    made = _made(context)
    _known(name, made)
    said = {one: gateway.balance() for one, gateway in made.items() if name in {"", one} and (one != "console" or name)}
    if settings_of(context).has_database:
        store_of(context).write(lambda tx: balances.remember(tx, said, datetime.now(UTC)))
    if as_json:
        print_json(said)
        return
    for one, amount in said.items():
        click.echo(f"{one:<16} {amount or 'The provider does not say.'}")


def _wanted(context: click.Context, name: str) -> tuple[type[Gateway], Mapping[str, Any] | None, str]:
    """Find what is certified, the settings it is certified with, and whose those are."""
    import gateways  # noqa: PLC0415

    if name.endswith((".yaml", ".yml")):
        from gateways import declarative  # noqa: PLC0415

        try:
            return declarative.load(Path(name)), None, "those of the samples"
        except ConfigError as error:
            fail(error)
    configured = settings_of(context).gateways
    if name in configured:
        _made(context)  # names what is wrong with the settings
        return gateways.load(configured[name].kind), configured[name].options, "those of the account"
    if name not in gateways.names():
        known = ", ".join([*configured, *gateways.names()])
        raise click.BadParameter(f"there is no gateway, kind or file {name!r}. Known: {known}.", param_hint="NAME")
    return gateways.load(name), None, "those of the samples"


def _made(context: click.Context) -> Mapping[str, Gateway]:
    from running.configured import gateways_of  # noqa: PLC0415

    try:
        return gateways_of(settings_of(context))
    except ConfigError as error:
        fail(error)


def _known(name: str, made: Mapping[str, Gateway]) -> None:
    if name and name not in made:
        raise click.BadParameter(f"there is no gateway {name!r}. Known: {', '.join(made)}.", param_hint="NAME")


def _scripted(kind: type[Gateway], options: Mapping[str, Any] | None) -> list[Finding]:
    from rich.progress import track  # noqa: PLC0415 - only long work draws

    from certify import checks  # noqa: PLC0415
    from certify.check import Subject, look  # noqa: PLC0415

    try:
        subject = Subject.of(kind, datetime.now(UTC), options)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    with _quiet():
        return [look(check, subject) for check in track(checks.in_order(), "Checking", transient=True)]


@contextmanager
def _quiet() -> Iterator[None]:
    """Faults on purpose are no news for the terminal."""
    log, silent = logging.getLogger("tidings"), logging.NullHandler()
    log.addHandler(silent)
    try:
        yield
    finally:
        log.removeHandler(silent)


def _texting(context: click.Context, name: str, number: str, wait: int) -> Texting:
    _known(name, _made(context))
    texting = Texting(settings=settings_of(context), name=name, number=number_of(number, ""), wait=wait)
    if why := texting.not_allowed():
        raise click.ClickException(why)
    return texting


def _live(context: click.Context, name: str, number: str, wait: int) -> list[Finding]:
    import gateways  # noqa: PLC0415
    from certify import live  # noqa: PLC0415

    wanted = settings_of(context).gateways
    if name not in wanted:
        raise click.BadParameter(
            f"{name} is not in the settings, so there is no account to text by.", param_hint="--live"
        )
    texting = _texting(context, name, number, wait)
    make: Callable[[Mapping[str, Any]], Gateway] = lambda more: gateways.build(  # noqa: E731
        wanted[name].kind, name, {**wanted[name].options, **more}
    )
    return list(live.look(live.Live(make=make, send=texting.send)))


def _certificate(name: str, kind: type[Gateway], findings: list[Finding], whose: str, number: str) -> Certificate:
    from certify import samples  # noqa: PLC0415
    from certify.certificate import Certificate  # noqa: PLC0415
    from dispatch.recipient import mask  # noqa: PLC0415

    return Certificate(
        name=name, kind=kind.kind, title=kind.title, version=version("tidings"), at=datetime.now(UTC), settings=whose,
        provenance=" ".join(samples.of(kind)["provenance"].split()), unverified=kind.capabilities.unverified,
        findings=findings, live=mask(number) if number else "",
    )  # fmt: skip


def _show(certificate: Certificate) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table("check", "verdict", "why", title=f"{certificate.title} as {certificate.name}")
    group = ""
    for one in certificate.findings:
        if one.check.group != group:
            table.add_section()
            group = one.check.group
        colour = COLOURS[one.verdict]
        table.add_row(one.check.text, f"[{colour}]{one.verdict}[/{colour}]", escape(one.why))
    Console().print(table)
    click.echo(f"{'It holds' if certificate.holds else 'It does not hold'}: {certificate.sums}.")


COMMANDS = (gateways_certify, gateways_test, gateways_balance)
