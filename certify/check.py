"""A check and what it found, and the subject all checks look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from certify import samples
from gateways.base import Gateway, HttpGateway
from wire.http import Client

NOWHERE = "http://127.0.0.1:9"
Verdict = Literal["passed", "failed", "not applicable"]
NOT_HTTP = "It is not called over HTTP."
ANSWERS_WITHIN = 1.0
"""Seconds a scripted provider has; it stands on this machine."""

IMPATIENT = 0.1


def never(_: Subject) -> str:
    """A check for every gateway."""
    return ""


def http_only(subject: Subject) -> str:
    """A check for gateways that are called over HTTP."""
    return "" if issubclass(subject.kind, HttpGateway) else NOT_HTTP


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is certified: a kind with its samples, and the settings of an account (those of the samples if none)."""

    kind: type[Gateway]
    now: datetime
    settings: Mapping[str, Any]
    samples: Mapping[str, Any]
    http: Client = field(default_factory=lambda: Client(connect=ANSWERS_WITHIN, read=ANSWERS_WITHIN))
    impatient: Client = field(default_factory=lambda: Client(connect=ANSWERS_WITHIN, read=IMPATIENT))

    @classmethod
    def of(cls, kind: type[Gateway], now: datetime, settings: Mapping[str, Any] | None = None) -> Subject:
        """Take a kind with the settings of an account, or of its samples. Raises ValueError without samples."""
        found = samples.of(kind)
        return cls(kind=kind, now=now, settings=settings or found.get("settings", {}), samples=found)

    def build(self, url: str = NOWHERE, *, client: Client | None = None, **changes: Any) -> Gateway:
        """Return the account's gateway, sent to a provider on this machine."""
        return self._made(self.settings, url, client, changes)

    def sampled(self, url: str = NOWHERE, row: Mapping[str, Any] | None = None, **changes: Any) -> Gateway:
        """Return the gateway with the settings that the samples, or one of them, speak of."""
        shared = self.samples.get("settings", {})
        return self._made({**shared, **(row or {}).get("settings", {})}, url, None, changes)

    def _made(
        self, settings: Mapping[str, Any], url: str, client: Client | None, changes: Mapping[str, Any]
    ) -> Gateway:
        there = {name: url for name in self.kind.options if name.endswith("base_url")}
        quiet = {"show": False} if "show" in self.kind.options else {}
        return self.kind("main", {**settings, **there, **quiet, **changes}, client or self.http)

    def rows(self, part: str) -> list[Mapping[str, Any]]:
        """Return the samples of a part."""
        found: list[Mapping[str, Any]] = self.samples.get(part, [])
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing a gateway must do. `run` yields what is wrong; `not_for` says why it does not apply, else ""."""

    name: str
    group: str
    text: str
    run: Callable[[Subject], Iterator[str]]
    not_for: Callable[[Subject], str] = never


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check found."""

    check: Check
    verdict: Verdict
    why: str = ""


def look(check: Check, subject: Subject) -> Finding:
    """Run one check. Whatever a gateway raises is a failure of it."""
    why_not = check.not_for(subject)
    if why_not:
        return Finding(check=check, verdict="not applicable", why=why_not)
    try:
        wrong = list(check.run(subject))
    except Exception as error:  # noqa: BLE001 - a gateway must not raise, and this is how it is told
        wrong = [f"{type(error).__name__}: {error}"]
    return Finding(check=check, verdict="failed" if wrong else "passed", why="; ".join(wrong[:3]))
