"""`tidings db migrate --from sqlite:///... --to postgresql://...`: the move to a server, with what proves it."""

from __future__ import annotations

from pathlib import Path

import click

from commands.shared import settings_of, working


def move(context: click.Context, source: str, target: str) -> None:
    """Move a database file to a server, then check seals and sums there. Problems end the command with 1."""
    from audit.moving import CannotMove  # noqa: PLC0415
    from audit.moving import move as run  # noqa: PLC0415
    from audit.store import Store, StoreDown  # noqa: PLC0415

    if not source.startswith("sqlite:///") or not target.startswith(("postgresql://", "postgres://")):
        raise click.UsageError("A move goes from sqlite:///FILE (--from) to postgresql://... (--to).")
    try:
        with working("Moving") as show:
            moved = run(
                Path(source.removeprefix("sqlite:///")), target,
                lambda table, done, total: show(f"{table}: {done:,} of {total:,} rows"),
            )  # fmt: skip
        for each in moved:
            if each.rows:
                mended = f" ({each.mended} texts held the character 0, which became \ufffd)" if each.mended else ""
                click.echo(f"{each.table:<24}{each.rows:>12,} rows, compared{mended}")
        store = Store(target)
    except ImportError:
        raise click.ClickException("This needs a library: pip install 'tidings[postgres]'") from None
    except (CannotMove, StoreDown) as error:
        raise click.ClickException(str(error)) from None
    try:
        _check(context, store)
    finally:
        store.close()
    click.echo(f'\nMoved. Now write database = "postgresql://..." in {context.obj or "tidings.toml"} and start.')


def _check(context: click.Context, store: object) -> None:
    from audit import conservation, seals  # noqa: PLC0415
    from audit.store import Store  # noqa: PLC0415

    assert isinstance(store, Store)  # noqa: S101 - for the type checker: the import above is late
    found = seals.verify(store, settings_of(context).audit.seal_key)
    faults = [*found.faults, *conservation.report(store).faults]
    if faults:
        raise click.ClickException("\n".join(["The record does not hold in the new place:", *faults[:20]]))
    click.echo(f"{found.seals:,} seals over {found.rows:,} rows hold, and the sums are right.")
