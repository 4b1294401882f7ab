"""`tidings sources check`: does a source work, and if not, why? Shows no secret."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from commands.shared import print_json, settings_of, store_of
from commands.sources import cursor_of, source_of


@click.command("check")
@click.argument("name")
@click.option(
    "--request", "file", type=click.Path(path_type=Path, exists=True),
    help="Explain this request, saved as it was sent: first line, headers, an empty line, body.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_context
def check(context: click.Context, name: str, file: Path | None, as_json: bool) -> None:  # noqa: FBT001 - a flag
    """Say whether a source works, and if not, why: its signature, or its sign-in and permissions. Shows no secret."""
    source, settings = source_of(context, name), settings_of(context)
    found: dict[str, Any] = {"source": name, "connector": source.connector.name, "problems": []}
    if file is not None:
        _explain_request(source, file, settings.address, found)
    else:
        if not _is_polled_only(source):
            found["address"] = f"{settings.address}/hooks/{name}"
            found["secrets"] = len(source.secrets)
            _look_back(context, name, found)
        if hasattr(source.connector, "poll") and (source.poll_every or _is_polled_only(source)):
            _try(context, source, found)
    if as_json:
        print_json(found)
    else:
        _tell(found)
    sys.exit(1 if found["problems"] else 0)


def _is_polled_only(source: Any) -> bool:
    from connectors.base import PolledOnly  # noqa: PLC0415

    return isinstance(source.connector, PolledOnly)


def _explain_request(source: Any, file: Path, address: str, found: dict[str, Any]) -> None:
    from inbound.diagnosing import diagnose  # noqa: PLC0415

    try:
        incoming = request_in(file.read_bytes(), source.name, address)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    found["address"], findings = incoming.url.partition("?")[0], diagnose(source, incoming, incoming.received_at)
    found["request"] = list(findings)
    if not findings[0].startswith("It is genuine"):
        found["problems"] = list(findings)


def request_in(raw: bytes, name: str, address: str) -> Any:
    """Read a request from a file. Raises ValueError with a sentence when it is none."""
    from urllib.parse import parse_qsl  # noqa: PLC0415

    from model.event import Incoming  # noqa: PLC0415

    head, _, body = raw.replace(b"\r\n\r\n", b"\n\n", 1).partition(b"\n\n")
    first, *lines = head.decode("utf-8", "replace").splitlines() or [""]
    method, _, rest = first.partition(" ")
    if not method.isalpha() or not method.isupper() or not rest.startswith("/"):
        raise ValueError("The file begins with the request itself: POST /hooks/NAME HTTP/1.1, then headers, then body.")
    query = rest.partition(" ")[0].partition("?")[2]
    pairs = (line.partition(":") for line in lines)
    return Incoming(
        source=name,
        method=method,
        url=f"{address}/hooks/{name}" + (f"?{query}" if query else ""),
        query=dict(parse_qsl(query, keep_blank_values=True)),
        headers={key.strip().lower(): value.strip() for key, _, value in pairs},
        body=body,
        received_at=datetime.now(UTC),
    )


def _look_back(context: click.Context, name: str, found: dict[str, Any]) -> None:
    """Tell of the newest event and the newest refused request; a refusal that was followed by an event is history."""
    from audit import events, last_refused  # noqa: PLC0415

    if not settings_of(context).has_database:
        found["newest_event"] = None
        return
    store = store_of(context)
    newest = events.listing(store, source=name, limit=1)
    with store.read() as tx:
        seen = last_refused.of(tx, name)
    store.close()
    came = events.time_of(newest[0], "received_at") if newest else None
    found["newest_event"] = came.isoformat(timespec="seconds") if came else None
    if seen is None:
        return
    found["refused"] = {
        "at": seen.at.isoformat(timespec="seconds"), "reason": seen.reason, "request": f"{seen.method} {seen.url}",
        "headers": list(seen.headers), "bytes": seen.size, "sha256": seen.digest, "findings": list(seen.findings),
    }  # fmt: skip
    if came is None or seen.at > came:
        found["problems"] += list(seen.findings)


def _try(context: click.Context, source: Any, found: dict[str, Any]) -> None:
    from inbound.trying import try_poll  # noqa: PLC0415

    tried = try_poll(source, cursor_of(context, source.name), datetime.now(UTC))
    found["asked"] = [{"asked": step.asked, "answered": step.answered, "trouble": step.trouble} for step in tried.steps]
    if tried.trouble:
        last = tried.steps[-1].trouble if tried.steps else ""
        found["problems"].append(f"{tried.trouble} {last}".strip())
    else:
        found["poll"] = f"{sum(len(page.events) for page in tried.pages)} event(s) would come now"


def _tell(found: dict[str, Any]) -> None:
    if "secrets" in found:
        click.echo(f"Address  {found['address']}, {found['secrets']} secret(s)")
        click.echo(f"Newest event  {found.get('newest_event') or 'none yet'}")
    for line in found.get("request", ()):
        click.echo(line)
    for line in _refusal_lines(found.get("refused")):
        click.echo(line)
    for step in found.get("asked", ()):
        click.echo(f"{step['answered']:<9} {step['asked']}" + (f": {step['trouble']}" if step["trouble"] else ""))
    if "poll" in found:
        click.echo(f"It can be polled: {found['poll']}.")
    if "request" not in found:
        _conclude(found["problems"])


def _refusal_lines(seen: dict[str, Any] | None) -> Iterator[str]:
    if seen:
        yield f"Newest refusal  {seen['at']}  {seen['reason']}  {seen['request']}  {seen['bytes']} bytes"
        yield f"  headers: {', '.join(seen['headers'])}"
        yield f"  body sha256: {seen['sha256']}"
        yield from (f"  {line}" for line in seen["findings"])


def _conclude(problems: list[str]) -> None:
    for line in problems:
        click.secho(line, fg="red", err=True)
    if not problems:
        click.echo("Nothing is known to be wrong.")
