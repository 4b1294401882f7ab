"""The tests inside a rules file: what happens, when, and what must follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """What a test in the file expects of the moment after its event; None means "not asked"."""

    send: int | None = None
    to: str | None = None
    text: str | None = None
    segments: int | None = None
    at: str | None = None
    because: str | None = None
    locale: str | None = None
    pending: Sequence[str] | None = None
    intent: str | None = None
    needs: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One event or reply of a test: what arrives, when, and what must follow."""

    event: str = ""
    reply: str = ""
    payload: Any = None
    set: Mapping[str, Any] = field(default_factory=dict)
    now: str = ""
    occurred_at: str = ""
    expect: Expect | None = None
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTest:
    """A test inside the rules file."""

    name: str
    line: int
    scenes: Sequence[Scene]
    opted_out: Sequence[str] = ()
    consented: Sequence[str] = ()
    sent: Sequence[Mapping[str, Any]] = ()
