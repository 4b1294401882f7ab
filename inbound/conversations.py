"""The sample polls: what a polled system answers, and which events must come of it.

`sample_payloads/<connector>/<case>.poll.yaml` holds a conversation in two parts. `before` is what the system answers
at the first poll, which sets the baseline and tells nothing; `after` what it answers once something has happened.
What an answer looks like is in inbound/recorded.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import yaml

import connectors
from connectors.base import Connector, Poller
from inbound.recorded import System
from inbound.samples import ROOT, instant
from model.event import Event

ENDING = ".poll.yaml"
MAX_PAGES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One recorded poll and its expectation."""

    connector: str
    case: str
    path: Path
    now: datetime
    settings: Mapping[str, Any]
    expect: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.connector}/{self.case}"

    def build(self) -> Connector:
        """Return the connector, set up as this conversation needs it."""
        return connectors.load(self.connector)(self.settings)

    def system(self, part: str) -> System:
        """Return the system as it answers `before` or `after`."""
        return System(self.expect[part])

    def poll(self, connector: Connector, system: System, cursor: Any) -> tuple[list[Event], Any]:
        """Poll until there is no more; return the events and the cursor as the store would give it back."""
        events: list[Event] = []
        for _ in range(MAX_PAGES):
            page = cast("Poller", connector).poll(cursor, system, self.now)
            events += [replace(event, source=self.connector) for event in page.events]
            cursor = json.loads(json.dumps(page.cursor))
            if not page.more:
                break
        return events, cursor

    def events(self) -> list[Event]:
        """Return what the second poll tells."""
        connector = self.build()
        _, cursor = self.poll(connector, self.system("before"), {})
        return self.poll(connector, self.system("after"), cursor)[0]

    def completed(self) -> list[Event]:
        """Return the same as `events`: a poll reads whole records."""
        return self.events()


def read(path: Path) -> Conversation:
    """Read the conversation in `path`."""
    expect: dict[str, Any] = yaml.load(path.read_bytes(), yaml.CSafeLoader)
    return Conversation(
        connector=path.parent.name,
        case=path.name.removesuffix(ENDING),
        path=path,
        now=instant(expect["now"]),
        settings=expect.get("settings", {}),
        expect=expect,
    )


def every(root: Path = ROOT, connector: str = "*") -> Iterator[Conversation]:
    """Yield all conversations, connector by connector, or those of one."""
    yield from (read(path) for path in sorted(root.glob(f"{connector}/*{ENDING}")))
