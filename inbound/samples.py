"""The sample payloads as requests: what the real sender would have posted, and what must come of it.

`sample_payloads/<connector>/<case>.<ending>` holds the exact body; `<case>.expect.yaml` beside it holds headers,
the moment it arrived, where it comes from, and the events (or the refusal) it must give. Tests, the demo and the
tests inside rules.yaml all read them through here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

import connectors
from connectors.base import Connector
from model.event import Event, Incoming

SECRET = "sample-secret-not-a-real-one"  # noqa: S105 - signs samples only
PUBLIC_URL = "https://tidings.example"
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


def read(path: Path) -> Sample:
    """Read the sample whose body is `path`. Raises FileNotFoundError when it has no `.expect.yaml`."""
    expect: dict[str, Any] = yaml.safe_load(path.with_name(path.stem + ".expect.yaml").read_text("utf-8"))
    connector = path.parent.name
    kind = connectors.load(connector)
    now = _instant(expect["now"])
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


def every(root: Path = ROOT) -> Iterator[Sample]:
    """Yield all samples, connector by connector."""
    for path in sorted(root.glob("*/*")):
        if not path.name.endswith(".expect.yaml") and path.with_name(path.stem + ".expect.yaml").exists():
            yield read(path)


def moved(sample: Sample, now: datetime) -> Incoming:
    """Return the signed request as if it arrived at `now`."""
    return sample.build().sign(replace(sample.incoming, received_at=now), sample.secret, now)


def _instant(value: Any) -> datetime:
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    if found.tzinfo is None:
        raise ValueError(f"{value} has no time zone")
    return found
