"""The first event of a new source: waited for and shown, or the request that was refused."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

LOOK_EVERY = 0.25
"""Seconds."""


def wait(place: Path | str, name: str, seconds: int) -> int:
    """Wait for the first event, or the first refused request, and show it. Returns the exit code."""
    from audit import events, last_refused  # noqa: PLC0415
    from audit.store import Store  # noqa: PLC0415

    began, store = datetime.now(UTC), Store(place)
    click.echo(f"\nWaiting up to {seconds} s for the first event ...")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        newest = events.listing(store, source=name, limit=1)
        if newest and newest[0]["state"] not in {"received", "needs_lookup"}:
            return _show(store, str(newest[0]["id"]))
        with store.read() as tx:
            refused = last_refused.of(tx, name)
        if refused is not None and refused.at >= began:
            for line in refused.findings:
                click.secho(line, fg="red", err=True)
            return 1
        time.sleep(LOOK_EVERY)
    click.echo(f"Nothing came. tidings sources check {name} looks again.")
    return 1


def _show(store: Any, event_id: str) -> int:
    import explain  # noqa: PLC0415
    from audit import trace  # noqa: PLC0415

    found = trace.of_event(store, event_id)
    if found is not None:
        for line in explain.trace_lines(found):
            click.echo(line)
    return 0
