"""Steering by hand: `tidings gateways pin | unpin | route | coverage`, `tidings pause | resume | pauses`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from commands.setup import gateways_group
from commands.shared import JSON, fail, settings_of, store_of, table
from model.message import Lane, Message, Recipient
from model.reasons import ConfigError
from model.steering import Pause, Pin, Scope

LANES = click.Choice([lane.code for lane in Lane])
BY = click.option("--by", required=True, help="Who wants it; kept in the journal.")
REASON = click.option("--reason", required=True, help="Why; kept in the journal and shown.")


@gateways_group.command("pin")
@click.argument("name")
@click.option("--for", "length", default="2h", show_default=True, help="How long, such as 30m, 2h or 1d.")
@click.option("--away", is_flag=True, help="Keep texts off it, in place of sending them there first.")
@REASON
@BY
@click.pass_context
def gateways_pin(context: click.Context, name: str, length: str, away: bool, reason: str, by: str) -> None:  # noqa: FBT001
    """Send what may use a gateway there first, or keep it away, until a time.

    A gateway that rests because it failed is not used all the same, as long as another one works.
    """
    from audit import steering  # noqa: PLC0415
    from settings import duration  # noqa: PLC0415

    _known_gateway(context, name)
    lasts, now = duration(length), datetime.now(UTC)
    if not lasts:
        raise click.BadParameter(f"{length!r} is not a length of time such as 30m, 2h or 1d.", param_hint="--for")
    wish = Pin(gateway=name, away=away, reason=reason, actor=by, since=now, until=now + lasts)
    store_of(context).write(lambda tx: steering.pin(tx, wish))
    click.echo(f"Texts {'keep away from' if away else 'go first to'} {name} until {wish.until:%Y-%m-%d %H:%M} UTC.")


@gateways_group.command("unpin")
@click.argument("name")
@BY
@click.pass_context
def gateways_unpin(context: click.Context, name: str, by: str) -> None:
    """End a pin before its time."""
    from audit import steering  # noqa: PLC0415

    _known_gateway(context, name)
    now = datetime.now(UTC)
    done = store_of(context).write(lambda tx: steering.unpin(tx, name, by, now))
    click.echo(f"{name} is no longer pinned." if done else f"{name} was not pinned.")


@gateways_group.command("route")
@click.argument("number")
@click.option("--lane", type=LANES, default="normal", show_default=True, help="The lane of the text.")
@click.option("--sender", default="", help="The sender the rule sets.")
@click.option("--category", default="", help="The category the rule sets.")
@click.option("--id", "message_id", default="m", help="The id of a message: a draw by weight follows from it.")
@click.pass_context
def gateways_route(context: click.Context, number: str, lane: str, sender: str, category: str, message_id: str) -> None:
    """Tell which gateways a text to NUMBER would use, in order, and which row of the settings says so."""
    from dispatch.roads import country_of  # noqa: PLC0415

    settings, now = settings_of(context), datetime.now(UTC)
    message = Message(
        id=message_id, event_id="", source="", rule="", rule_hash="", recipient=Recipient(number=number), text="",
        encoding="gsm7", segments=1, lane=next(one for one in Lane if one.code == lane), sender=sender,
        category=category, created_at=now, due_at=now, expires_at=now,
    )  # fmt: skip
    way = settings.roads().way(message, number)
    said = f"routes.when[{way.row}]" if way.row else "routes.order"
    click.echo(f"{', '.join(way.gateways)}  ({said}, country {country_of(number) or 'unknown'})")


@gateways_group.command("coverage")
@click.option("--days", default=30, show_default=True, help="How far to look back.")
@JSON
@click.pass_context
def gateways_coverage(context: click.Context, days: int, as_json: bool) -> None:  # noqa: FBT001
    """Show for how many of the texts a gateway took it ever sent a receipt, by country."""
    from audit.coverage import coverage  # noqa: PLC0415
    from dispatch.roads import country_of  # noqa: PLC0415

    rows = coverage(store_of(context), datetime.now(UTC) - timedelta(days=days), country_of)
    columns = ("gateway", "country", "accepted", "reported", "delivered", "share")
    if not as_json:
        click.echo("  ".join(columns))
    table(
        ({**{name: getattr(row, name) for name in columns[:-1]}, "share": round(row.share, 3)} for row in rows),
        columns, as_json=as_json,
    )  # fmt: skip


@click.command()
@click.option("--rule", default="", help="Only the texts of this rule.")
@click.option("--gateway", default="", help="Only this gateway: texts that may use another one take it.")
@click.option(
    "--except", "spared", multiple=True, type=LANES, help="A lane that goes on, such as otp. May be repeated."
)
@REASON
@BY
@click.pass_context
def pause(context: click.Context, rule: str, gateway: str, spared: tuple[str, ...], reason: str, by: str) -> None:
    """Stop handing over texts: all, those of a rule, or those by a gateway. They wait, and expire as usual."""
    from audit import steering  # noqa: PLC0415

    scope, name = _scope(context, rule, gateway)
    now = datetime.now(UTC)
    wish = Pause(scope=scope, name=name, spared=frozenset(spared), reason=reason, actor=by, since=now)
    if not store_of(context).write(lambda tx: steering.pause(tx, wish)):
        raise click.ClickException(f"{_said(scope, name)} is paused already; tidings pauses shows by whom.")
    but = f", except {' and '.join(sorted(spared))}" if spared else ""
    click.echo(f"{_said(scope, name)} is paused{but}.")


@click.command()
@click.option("--rule", default="", help="The rule that was paused.")
@click.option("--gateway", default="", help="The gateway that was paused.")
@BY
@click.pass_context
def resume(context: click.Context, rule: str, gateway: str, by: str) -> None:
    """End a pause: what waited leaves in its old order."""
    from audit import steering  # noqa: PLC0415

    scope, name = _scope(context, rule, gateway, check=False)
    now = datetime.now(UTC)
    done = store_of(context).write(lambda tx: steering.resume(tx, scope, name, by, now))
    click.echo(f"{_said(scope, name)} {'goes on' if done else 'was not paused'}.")


@click.command()
@JSON
@click.pass_context
def pauses(context: click.Context, as_json: bool) -> None:  # noqa: FBT001
    """List what is paused, by whom and why."""
    from audit import steering  # noqa: PLC0415

    with store_of(context).read() as tx:
        found = steering.current(tx, datetime.now(UTC)).pauses
    rows: list[dict[str, Any]] = [
        {"scope": one.scope, "name": one.name, "except": ",".join(sorted(one.spared)),
         "since": one.since.isoformat(timespec="seconds"), "by": one.actor, "reason": one.reason}
        for one in found
    ]  # fmt: skip
    table(rows, ("scope", "name", "except", "since", "by", "reason"), as_json=as_json)
    if not rows and not as_json:
        click.echo("Nothing is paused.")


def _scope(context: click.Context, rule: str, gateway: str, *, check: bool = True) -> tuple[Scope, str]:
    if rule and gateway:
        raise click.UsageError("Give a rule or a gateway, not both.")
    if rule:
        if check:
            _one_of("rule", rule, _rules(context))
        return "rule", rule
    if gateway:
        _known_gateway(context, gateway)
        return "gateway", gateway
    return "all", ""


def _said(scope: Scope, name: str) -> str:
    return {"all": "Sending", "rule": f"The rule {name}", "gateway": f"The gateway {name}"}[scope]


def _rules(context: click.Context) -> list[str]:
    from rules.load import load  # noqa: PLC0415

    try:
        return [rule.id for rule in load(settings_of(context).rules_path).rules]
    except ConfigError as error:
        fail(error)


def _known_gateway(context: click.Context, name: str) -> None:
    _one_of("gateway", name, ["console", *settings_of(context).gateways])


def _one_of(what: str, name: str, known: Iterable[str]) -> None:
    names = list(known)
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(sorted(names))}."
        raise click.ClickException(f"There is no {what} {name!r}. {hint}")
