"""Keys of programs that call the API: `tidings keys new | list | revoke`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, get_args

import click

from commands.shared import JSON, store_of, table
from commands.users import BY
from model.access import PERMISSIONS

KINDS = ("live", "team", "test")


@click.group()
def keys() -> None:
    """Keys of programs that call the API or read the figures."""


@keys.command("new")
@click.option("--name", required=True, help="What it is for.")
@click.option("--kind", type=click.Choice(KINDS), required=True, help="Whom it may text: see the API.")
@click.option(
    "--scope", "scopes", type=click.Choice(list(PERMISSIONS)), multiple=True, required=True,
    help="What it may do; give it more than once for more.",
)  # fmt: skip
@click.option("--expires", default="365d", show_default=True, help='How long it lasts, such as 90d; "" for ever.')
@BY
@click.pass_context
def keys_new(context: click.Context, /, name: str, scopes: tuple[str, ...], expires: str, by: str, kind: str) -> None:
    """Make a key and print it: it is shown once."""
    from audit import keys as ring  # noqa: PLC0415
    from audit.people import Unfit  # noqa: PLC0415
    from settings import duration  # noqa: PLC0415

    lasts, now = duration(expires), datetime.now(UTC)
    if expires and not lasts:
        raise click.BadParameter(f"{expires!r} is not a length of time such as 90d.", param_hint="--expires")
    wish = ring.KeyWish(
        name=name, kind=next(one for one in get_args(ring.Kind) if one == kind), actor=by,
        scopes=[PERMISSIONS[code] for code in scopes], expires_at=now + lasts if lasts else None,
    )  # fmt: skip
    try:
        _, secret = store_of(context).write(lambda tx: ring.create(tx, wish, now))
    except Unfit as error:
        raise click.ClickException(str(error)) from None
    click.echo(secret)
    click.echo("Keep it now: it is not shown again. Send it as the header Authorization: Bearer KEY.", err=True)


@keys.command("list")
@JSON
@click.pass_context
def keys_list(context: click.Context, as_json: bool) -> None:  # noqa: FBT001 - a flag
    """List every key by how it begins; the keys themselves are not kept."""
    from audit import keys as ring  # noqa: PLC0415

    now = datetime.now(UTC)
    with store_of(context).read() as tx:
        found = ring.everyone(tx)
    rows: list[dict[str, Any]] = [
        {
            "prefix": one.prefix, "name": one.name, "state": one.state(now),
            "scopes": ",".join(sorted(scope.code for scope in one.scopes)),
            "used": _day(one.used_at, "never"), "expires": _day(one.expires_at, "-"),
        }
        for one in found
    ]  # fmt: skip
    table(rows, ("prefix", "name", "state", "scopes", "used", "expires"), as_json=as_json)


@keys.command("revoke")
@click.argument("key")
@BY
@click.pass_context
def keys_revoke(context: click.Context, key: str, by: str) -> None:
    """End a key for good, by its name or how it begins."""
    from audit import keys as ring  # noqa: PLC0415

    now = datetime.now(UTC)
    gone = store_of(context).write(lambda tx: ring.revoke(tx, key, by, now))
    if gone is None:
        raise click.ClickException(f"There is no good key {key}.")
    click.echo(f"The key {gone.name} ({gone.prefix}) opens nothing any more.")


def _day(moment: datetime | None, without: str) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else without
