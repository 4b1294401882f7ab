"""`tidings sources add`: a source set up by questions, written into tidings.toml, and its first event waited for."""

from __future__ import annotations

import json
import os
import re
import secrets as dice
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from commands import first_event
from commands.shared import fail
from model.reasons import ConfigError

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
MENTIONED = re.compile(r'"env:([^"]+)"')


@dataclass(slots=True)
class Wanted:
    """The answers: what is written into tidings.toml, and the variables that hold the secrets."""

    name: str
    kind: Any
    settings: dict[str, Any] = field(default_factory=dict)
    variables: list[str] = field(default_factory=list)
    made: dict[str, str] = field(default_factory=dict)

    def block(self) -> str:
        """Write it as a part of tidings.toml."""
        lines = [f"[sources.{self.name}]", f"connector = {json.dumps(self.kind.name)}"]
        return "\n".join([*lines, *(f"{key} = {toml(value)}" for key, value in self.settings.items())]) + "\n"


@click.command("add")
@click.argument("name")
@click.option("--connector", required=True, help="Which system it is: tidings sources list --available names them.")
@click.option("--secret", default="", help="The variable that holds its secret, as env:NAME. Else it is asked for.")
@click.option("--generate-secret", is_flag=True, help="Make up a secret, where you tell it to the sender.")
@click.option("--set", "given", multiple=True, metavar="KEY=VALUE", help="One of the connector's settings; may repeat.")
@click.option("--yes", is_flag=True, help="Ask nothing: what was not given keeps its default.")
@click.option("--wait", type=int, default=0, metavar="SECONDS", help="Wait for the first event and show it.")
@click.pass_context
def add(context: click.Context, /, name: str, connector: str, wait: int, **said: Any) -> None:
    """Set a source up: its settings one by one, the address and the steps for the other side, then tidings.toml."""
    path = context.obj or Path("tidings.toml")
    text = path.read_text("utf-8") if path.exists() else ""
    wanted = Wanted(name=name, kind=_kind(name, connector, text))
    ask = not said["yes"]
    _secret(wanted, str(said["secret"]), generate=bool(said["generate_secret"]), ask=ask)
    _options(wanted, _given(wanted.kind, said["given"]), ask=ask)
    changed = (text.rstrip("\n") + "\n\n" if text.strip() else "") + wanted.block()
    try:
        checked = _checked(changed, path, wanted)
    except ConfigError as error:
        fail(error)
    _write(path, changed)
    for line in _told(wanted, path, str(checked.address)):
        click.echo(line)
    if wait:
        sys.exit(first_event.wait(checked.place, name, wait))


def _kind(name: str, connector: str, text: str) -> Any:
    import connectors  # noqa: PLC0415

    if not NAME.fullmatch(name):
        raise click.ClickException("A source's name is letters, digits, - and _: it is a part of its address.")
    try:
        known = tomllib.loads(text).get("sources", {})
    except tomllib.TOMLDecodeError as error:
        raise click.ClickException(f"The settings as they are cannot be read: {error}.") from None
    if name in known:
        raise click.ClickException(f"There is a source {name} already.")
    try:
        return connectors.load(connector)
    except KeyError:
        raise click.ClickException(
            f"There is no connector {connector}. Known: {', '.join(connectors.names())}."
        ) from None


def _secret(wanted: Wanted, variable: str, *, generate: bool, ask: bool) -> None:
    if not wanted.kind.needs_secret and not variable and not generate:
        return
    default = variable_for(wanted.name, "secret")
    variable = variable.removeprefix("env:") or default
    if ask and variable == default:
        click.echo("What the sender signs with, or shows, is kept in the environment and not in the file.")
        variable = click.prompt("Name of the variable that holds the secret", default=default)
    if not VARIABLE.fullmatch(variable):
        raise click.ClickException(f"{variable} is no name of a variable; a secret itself does not belong here.")
    if ask and not generate and variable not in os.environ:
        generate = click.confirm("Make up a secret now? Say no if the other system gives you one", default=False)
    wanted.settings["secret"] = f"env:{variable}"
    if generate:
        wanted.made[variable] = dice.token_urlsafe(32)
    wanted.variables.append(variable)


def _options(wanted: Wanted, given: Mapping[str, Any], *, ask: bool) -> None:
    for name, option in wanted.kind.options.items():
        value = given[name] if name in given else _asked(wanted, name, option) if ask else None
        if option.required and option.secret and value is None:
            value = f"env:{variable_for(wanted.name, name)}"
        if value in (None, "") or value == option.default:
            if option.required:
                raise click.ClickException(f"{name} is needed: {option.text} Give it with --set {name}=...")
            continue
        wanted.settings[name] = value
        if option.secret and isinstance(value, str) and value.startswith("env:"):
            wanted.variables.append(value[4:])
    polls = hasattr(wanted.kind, "poll")
    every = given["poll_every"] if "poll_every" in given else _every(wanted.kind) if ask and polls else ""
    if every or (polls and not wanted.kind.needs_secret):
        wanted.settings["poll_every"] = every or wanted.kind.poll_every


def _asked(wanted: Wanted, name: str, option: Any) -> Any:
    """Ask for one setting, with its sentence and default; an empty answer keeps the default."""
    must = " Required." if option.required else ""
    click.echo(f"\n{name}: {option.text}{must}")
    if option.secret:
        hint = f"env:{variable_for(wanted.name, name)}"
        answer = click.prompt(f"{name}, as env:NAME (- to leave it out)", default=hint if option.required else "-")
        if answer != "-" and not answer.startswith("env:"):
            raise click.ClickException(f"{name} is a secret: put it into a variable and write env:NAME.")
        return None if answer == "-" else answer
    shown = "" if option.default in (None, "", (), {}) else toml(option.default)
    answer = click.prompt(name, default=shown, show_default=bool(shown))
    return None if answer == shown else typed(answer, option.default)


def _every(kind: Any) -> str:
    click.echo("\npoll_every: How often it is asked for what a lost webhook would have told; - never asks.")
    answer: str = click.prompt("poll_every", default=kind.poll_every)
    return "" if answer == "-" else answer


def _given(kind: Any, given: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in given:
        name, sign, value = one.partition("=")
        if not sign:
            raise click.ClickException(f"--set {one}: write KEY=VALUE.")
        found[name] = typed(value, kind.options[name].default if name in kind.options else "")
    if unknown := sorted(set(found) - set(kind.options) - {"poll_every", "per_second", "max_body"}):
        raise click.ClickException(f"{kind.name} has no setting {unknown[0]!r}; it knows {', '.join(kind.options)}.")
    return found


def typed(value: str, default: Any) -> Any:
    """Read what was typed: text where the setting is text, else as TOML has it (true, 7, ["a", "b"])."""
    if isinstance(default, str):
        return value
    try:
        return tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return [part.strip() for part in value.split(",")] if isinstance(default, tuple) else value


def toml(value: Any) -> str:
    """Write a value; JSON's texts, numbers, lists and booleans are TOML's."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(child)}" for key, child in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml(child) for child in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def variable_for(name: str, setting: str) -> str:
    """Return the usual name of the variable that holds a secret."""
    return re.sub(r"[^A-Z0-9]", "_", f"{name}_{setting}".upper())


def _checked(text: str, path: Path, wanted: Wanted) -> Any:
    """Read the file as it would be, and build the source; return the settings. Raises ConfigError."""
    import settings  # noqa: PLC0415
    from running.configured import sources_of  # noqa: PLC0415

    trial = path.with_name(f".{path.name}.new")
    _write(trial, text)
    try:
        stand_in = dict.fromkeys(MENTIONED.findall(text), "not-set-yet")
        found = settings.load(trial, {**stand_in, **os.environ, **wanted.made})
        sources_of(found.model_copy(update={"sources": {wanted.name: found.sources[wanted.name]}}))
    except ConfigError as error:
        raise ConfigError([replace(problem, path=str(path)) for problem in error.problems]) from None
    finally:
        trial.unlink(missing_ok=True)
    return found


def _write(path: Path, text: str) -> None:
    """Replace a file in one step, and keep who may read it."""
    beside = path.with_name(f".{path.name}.part")
    beside.write_text(text, "utf-8")
    if path.exists():
        beside.chmod(path.stat().st_mode)
    beside.replace(path)


def _told(wanted: Wanted, path: Path, address: str) -> Iterator[str]:
    from connectors.base import PolledOnly  # noqa: PLC0415

    yield f"\nWritten into {path}:\n"
    yield wanted.block()
    for variable in wanted.variables:
        if variable in wanted.made:
            yield f"Set this where Tidings runs, and give it to {wanted.kind.title}; it is shown this once:"
            yield f"  export {variable}='{wanted.made[variable]}'"
        elif variable not in os.environ:
            yield f"Set the variable {variable} where Tidings runs."
    if not issubclass(wanted.kind, PolledOnly):
        yield f"\nAddress to enter at {wanted.kind.title}:\n  {address}/hooks/{wanted.name}"
        if address.startswith("http://127."):
            yield "  (public_url is not set: others cannot reach this one)"
    if hasattr(wanted.kind, "subscriptions"):
        yield f"tidings sources subscribe {wanted.name} makes the webhooks there, once its key is set."
    yield from _listed("What to do there:", [f"{n}. {step}" for n, step in enumerate(wanted.kind.setup, 1)])
    yield from _listed("Good to know:", [f"- {limit}" for limit in wanted.kind.limits])
    yield f"\nThen start Tidings again; tidings sources check {wanted.name} says how it stands."


def _listed(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"\n{title}"
        yield from (f"  {line}" for line in lines)
