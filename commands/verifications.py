"""Codes that people enter: `tidings verifications list | prefixes | allow | block | release`."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import click

from commands.shared import JSON, LIMIT, number_of, settings_of, store_of, table
from commands.users import BY

PREFIX = click.argument("prefix")
LENGTH = click.option("--for", "length", default="24h", show_default=True, help="How long, such as 2h or 7d.")
WHY = click.option("--reason", default="", help="Why; kept in the journal.")
SHAPE = re.compile(r"\+[1-9][0-9]{2,12}")


@click.group()
def verifications() -> None:
    """Codes that people enter: how they fare, and which neighbouring numbers get none."""


@verifications.command("list")
@click.option("--number", default="", help="Of one phone only.")
@click.option("--state", default="", help="In one state only, such as refused.")
@LIMIT
@JSON
@click.pass_context
def verifications_list(context: click.Context, number: str, state: str, limit: int, as_json: bool) -> None:  # noqa: FBT001 - click's way
    """List verifications, newest first, with the reason where no code was sent."""
    from audit import verifications as record  # noqa: PLC0415

    known = [stage.code for stage in record.STAGES.values()]
    if state and state not in known:
        raise click.BadParameter(f"{state!r} is none of {', '.join(known)}.", param_hint="--state")
    home = (settings_of(context).verifications.home or ("",))[0]
    wanted = number_of(number, home) if number else ""
    with store_of(context).read() as tx:
        found = record.listing(tx, _now(), number=wanted, state=state, limit=limit)
    rows = [
        {
            "id": one.id, "at": one.created_at.isoformat(timespec="seconds"), "number": one.number,
            "state": one.stage.code, "tries": one.tries, "purpose": one.purpose or "-",
            "refused": one.refusal.code if one.refusal else "-", "evidence": one.evidence,
        }
        for one in found
    ]  # fmt: skip
    table(rows, ("id", "at", "number", "state", "tries", "purpose", "refused", "evidence"), as_json=as_json)


@verifications.command("prefixes")
@LIMIT
@JSON
@click.pass_context
def verifications_prefixes(context: click.Context, limit: int, as_json: bool) -> None:  # noqa: FBT001 - click's way
    """Show how codes to neighbouring numbers fared in a day, and the evidence where they get no more."""
    from dispatch.verifying import neighbours  # noqa: PLC0415

    found = neighbours(store_of(context), settings_of(context).code_policy, _now(), limit)
    rows = [
        {
            "prefix": f"{one.prefix}****", "country": one.country, "asked": one.asked, "sent": one.sent,
            "entered": one.entered, "share": f"{one.share:.0%}", "refused": one.refused,
            "state": "open" if one.is_open else "closed", "why": one.why or _ruled(one),
        }
        for one in found
    ]  # fmt: skip
    if rows and not as_json:
        click.echo("prefix  country  asked  sent  entered  share  refused  state  why")
    table(rows, ("prefix", "country", "asked", "sent", "entered", "share", "refused", "state", "why"), as_json=as_json)


@verifications.command("allow")
@PREFIX
@LENGTH
@WHY
@BY
@click.pass_context
def verifications_allow(context: click.Context, prefix: str, length: str, reason: str, by: str) -> None:
    """Let neighbouring numbers have codes for a while, whatever share of them is entered."""
    _rule(context, "allow", prefix, (length, reason, by))


@verifications.command("block")
@PREFIX
@LENGTH
@WHY
@BY
@click.pass_context
def verifications_block(context: click.Context, prefix: str, length: str, reason: str, by: str) -> None:
    """Keep codes from neighbouring numbers for a while."""
    _rule(context, "block", prefix, (length, reason, by))


@verifications.command("release")
@PREFIX
@BY
@click.pass_context
def verifications_release(context: click.Context, prefix: str, by: str) -> None:
    """Take back `allow` or `block`: the limits decide again."""
    from audit import verification_limits as limits  # noqa: PLC0415

    wanted = _prefix(prefix)
    if not store_of(context).write(lambda tx: limits.release(tx, wanted, by, _now())):
        raise click.ClickException(f"Nobody said anything about {wanted}.")
    click.echo(f"{wanted}: the limits decide again.")


def _rule(context: click.Context, ruling: str, prefix: str, said: tuple[str, str, str]) -> None:
    from audit import verification_limits as limits  # noqa: PLC0415
    from audit import verifications as record  # noqa: PLC0415
    from settings import duration  # noqa: PLC0415

    wanted, now, (length, reason, by) = _prefix(prefix), _now(), said
    lasts = duration(length)
    if not lasts:
        raise click.BadParameter(f"{length!r} is not a length of time such as 24h.", param_hint="--for")
    until = now + lasts
    store_of(context).write(lambda tx: limits.rule(tx, wanted, record.RULINGS[ruling], until, reason, by, now))
    click.echo(f"{wanted}: {ruling} until {until:%Y-%m-%d %H:%M} UTC.")


def _prefix(text: str) -> str:
    """Read a prefix as `prefixes` prints it."""
    plain = re.sub(r"[\s*•()./-]", "", text)
    if not SHAPE.fullmatch(plain):
        raise click.BadParameter(f"{text!r} is no prefix; write it as `tidings verifications prefixes` shows it.")
    return plain


def _ruled(one: Any) -> str:
    if one.counts.ruling is None or one.until is None:
        return ""
    return f"{one.counts.ruling.code} until {one.until:%Y-%m-%d %H:%M} UTC"


def _now() -> datetime:
    return datetime.now(UTC)
