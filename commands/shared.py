"""What commands share: settings, the store, and how rows are printed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import click

from model.reasons import ConfigError


def settings_of(context: click.Context) -> Any:
    """Read the settings; problems end the command with 1."""
    import settings  # noqa: PLC0415 - commands that need no settings start faster

    try:
        return settings.load(context.obj, os.environ)
    except ConfigError as error:
        fail(error)


def fail(error: ConfigError) -> NoReturn:
    """Print every problem and end with 1."""
    for problem in error.problems:
        click.secho(str(problem), fg="red", err=True)
    sys.exit(1)


def rules_path(context: click.Context) -> Path:
    """Return the rules file in force: where we run, else beside the code."""
    path: Path = settings_of(context).rules_path
    return path


def store_of(context: click.Context) -> Any:
    """Open the database that the settings name."""
    from audit.store import Store, StoreDown  # noqa: PLC0415

    settings = settings_of(context)
    if not settings.has_database:
        raise click.ClickException(f"There is no database {settings.place} yet; start the service first.")
    try:
        return Store(settings.place)
    except StoreDown as error:
        raise click.ClickException(str(error)) from None


def number_of(text: str, region: str) -> str:
    """Read a phone number as people write it; one that is none ends the command."""
    from dispatch import wish_lists  # noqa: PLC0415

    try:
        return wish_lists.number_of(text, region)
    except wish_lists.BadRow as error:
        raise click.ClickException(str(error)) from None


@contextmanager
def working(title: str) -> Iterator[Callable[[str], None]]:
    """Show on the terminal what long work is at; give what the work tells it with."""
    from rich.console import Console  # noqa: PLC0415 - only long work draws

    with Console(stderr=True).status(title) as status:
        yield lambda at: status.update(f"{title}: {at}")


def print_json(value: Any) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def table(rows: Iterable[Any], columns: tuple[str, ...], *, as_json: bool) -> None:
    """Print rows, one line each."""
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


LIMIT = click.option("--limit", default=20, show_default=True, help="How many rows.")
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
