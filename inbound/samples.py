"""The sample payloads as requests: what the real sender would have posted, and what must come of it.

`sample_payloads/<connector>/<case>.<ending>` holds the exact body; `<case>.expect.yaml` beside it holds headers,
the moment it arrived, where it comes from, and the events (or the refusal) it must give. An event that is completed by
asking its system has, under `looked_up`, what that answers (inbound/recorded.py) and the data it then has. What polled
systems answer is in inbound/conversations.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import yaml

import connectors
from connectors.base import AskFailed, Connector, Lookup, PolledOnly
from inbound.recorded import System
from model.event import Event, Incoming

SECRET = "sample-secret-not-a-real-one"  # noqa: S105 - signs samples only
PUBLIC_URL = "https://tidings.example"
ISO = re.compile(
    rb"(?<![0-9])(?P<day>20[23][0-9]-[01][0-9]-[0-3][0-9])"
    rb"(?:(?P<between>[T ])(?P<clock>[0-2][0-9]:[0-5][0-9]:[0-5][0-9]))?"
)
EPOCH = re.compile(rb"(?<![0-9A-Za-z.])179[0-9]{7}(?:[0-9]{3})?(?![0-9A-Za-z.])")
"""Epoch times from October 2026 to January 2027, the season of the samples."""

ROOT = Path(__file__).resolve().parent.parent / "sample_payloads"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One recorded request and its expectation."""

    connector: str
    case: str
    path: Path
    now: datetime
    incoming: Incoming
    settings: Mapping[str, Any]
    secret: str
    expect: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.connector}/{self.case}"

    def build(self) -> Connector:
        """Return the connector, set up as this sample needs it."""
        return connectors.load(self.connector)(self.settings)

    def signed(self, now: datetime | None = None) -> Incoming:
        """Return the request with the sender's signature."""
        return self.build().sign(self.incoming, self.secret, now or self.now)

    def events(self) -> list[Event]:
        """Return the events in it."""
        return self.build().parse(self.incoming)

    def completed(self) -> list[Event]:
        """Return the events with what their system answers; one whose answer is not recorded keeps its `lookup`.

        Leaves out those whose record is gone by then. Raises Refused like `events`.
        """
        events = self.events()
        expected = [*self.expect.get("events", ()), *[{}] * len(events)]
        return [each for event, its in zip(events, expected, strict=False) for each in self._look_up(event, its)]

    def _look_up(self, event: Event, expected: Mapping[str, Any]) -> list[Event]:
        if not event.lookup or "looked_up" not in expected:
            return [event]
        asked = System(expected["looked_up"]["answers"])
        try:
            return [replace(cast("Lookup", self.build()).lookup(event, asked), source=event.source)]
        except AskFailed:
            return []


def read(path: Path) -> Sample:
    """Read the sample whose body is `path`. Raises FileNotFoundError when it has no `.expect.yaml`."""
    expect: dict[str, Any] = yaml.load(path.with_name(path.stem + ".expect.yaml").read_bytes(), yaml.CSafeLoader)
    connector = path.parent.name
    kind = connectors.load(connector)
    now = instant(expect["now"])
    source = str(expect.get("source", connector))
    headers = {**kind.sender_headers, **{name.lower(): str(value) for name, value in expect.get("headers", {}).items()}}
    incoming = Incoming(
        source=source,
        method=str(expect.get("method", "POST")),
        url=f"{PUBLIC_URL}/hooks/{source}",
        query={name: str(value) for name, value in expect.get("query", {}).items()},
        headers=headers,
        body=path.read_bytes(),
        received_at=now,
    )
    return Sample(
        connector=connector,
        case=path.stem,
        path=path,
        now=now,
        incoming=incoming,
        settings=expect.get("settings", {}),
        secret=str(expect.get("secret", SECRET)),
        expect=expect,
    )


def every(root: Path = ROOT, connector: str = "*") -> Iterator[Sample]:
    """Yield all samples, connector by connector, or those of one."""
    for path in sorted(root.glob(f"{connector}/*")):
        if not path.name.endswith(".expect.yaml") and path.with_name(path.stem + ".expect.yaml").exists():
            yield read(path)


def posted() -> Iterator[Sample]:
    """Yield the samples of what is posted; the others are what polled systems and buses hold."""
    yield from (sample for sample in every() if not issubclass(connectors.load(sample.connector), PolledOnly))


def moved(sample: Sample, now: datetime, address: str = PUBLIC_URL) -> Incoming:
    """Return the signed request as if it arrived at `now`, posted to `address` (some senders sign the URL)."""
    there = replace(sample.incoming, received_at=now, url=sample.incoming.url.replace(PUBLIC_URL, address, 1))
    return sample.build().sign(there, sample.secret, now)


def shift_times(text: bytes, delta: timedelta) -> bytes:
    """Move every moment in a body by `delta`: ISO dates and times, and epoch seconds or milliseconds of these years."""
    text = ISO.sub(lambda match: _shift_iso(match, delta), text)
    return EPOCH.sub(lambda match: _shift_epoch(match, delta), text)


def _shift_iso(match: re.Match[bytes], delta: timedelta) -> bytes:
    try:
        if match["clock"] is None:
            return (date.fromisoformat(match["day"].decode()) + timedelta(days=delta.days)).isoformat().encode()
        moment = datetime.fromisoformat((match["day"] + b"T" + match["clock"]).decode()) + delta
    except ValueError:
        return match[0]
    return moment.strftime("%Y-%m-%d").encode() + match["between"] + moment.strftime("%H:%M:%S").encode()


def _shift_epoch(match: re.Match[bytes], delta: timedelta) -> bytes:
    unit = 1000 if len(match[0]) > 10 else 1
    return str(int(match[0]) + int(delta.total_seconds() * unit)).encode()


def instant(value: Any) -> datetime:
    """Read a moment of a sample. Raises ValueError where it has no zone."""
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    if found.tzinfo is None:
        raise ValueError(f"{value} has no time zone")
    return found
