"""What changed between two versions: in a sentence for the history, line by line, and on recorded events."""

from __future__ import annotations

import difflib
import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from audit import counts, rule_figures
from audit.versions import Version
from dispatch.compare import Comparison, Recorded, compare
from dispatch.facts import MemoryFacts
from model.reasons import ConfigError
from rules.book import Book
from rules.reader import Node, read
from web.desk import Desk

LONGEST = timedelta(seconds=10)
"""A comparison on a page ends here, however many events are left: somebody waits for it."""
EXAMPLES = 3
MOST_LINES = 6_000
MOST_SHOWN = 300
REMEMBERED = 200
_said: dict[str, Said] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a version says, as digests, without compiling it: an old one need not load with the program of today."""

    rules: Mapping[str, str]
    tests: str
    rest: str


def sentence(old: Version | None, new: Version) -> str:
    """Say what a version changed."""
    if old is None:
        return "The first version on record."
    before, after = _of(old), _of(new)
    parts = [
        _listed("added", [name for name in after.rules if name not in before.rules]),
        _listed("removed", [name for name in before.rules if name not in after.rules]),
        _listed("changed", [n for n, said in after.rules.items() if before.rules.get(n, said) != said]),
        "defaults or other files changed" if before.rest != after.rest else "",
        "tests changed" if before.tests != after.tests else "",
    ]
    said = "; ".join(part for part in parts if part)
    return f"{said[:1].upper()}{said[1:]}." if said else "Only comments, order or spacing changed."


def _listed(verb: str, names: list[str]) -> str:
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"{verb} {shown}" if names else ""


def _of(version: Version) -> Said:
    """Read a version, or remember it: versions never change."""
    if version.hash not in _said:
        while len(_said) >= REMEMBERED:
            _said.pop(next(iter(_said)), None)
        _said[version.hash] = _read(version.files)
    return _said[version.hash]


def _read(files: Mapping[str, str]) -> Said:
    rules: dict[str, str] = {}
    tests, rest = [], []
    for name, content in files.items():
        if not name.endswith((".yaml", ".yml")):
            rest.append((name, content))
            continue
        entries = _entries(name, content)
        listed = entries.pop("rules", None)
        rest.append((name, repr({key: node.plain() for key, node in entries.items()})))
        for rule in (listed.items or []) if listed else []:
            said = {key: node.plain() for key, node in (rule.entries or {}).items()}
            if "tests" in said:
                tests.append(_digest((said.get("id"), said.pop("tests"))))
            rules[str(said.get("id"))] = _digest(said)
    return Said(rules=rules, tests="".join(sorted(tests)), rest=_digest(rest))


def _digest(said: object) -> str:
    return hashlib.sha256(repr(said).encode("utf-8", "replace")).hexdigest()


def _entries(name: str, content: str) -> dict[str, Node]:
    try:
        return dict(read(Path(name), name, content.encode()).entries or {})
    except ConfigError:
        return {}


def lines(old: str, new: str) -> list[tuple[str, str]]:
    """Return what was taken out (-) and put in (+), with a line around it; none for files too long to compare."""
    before, after = old.split("\n"), new.split("\n")
    if max(len(before), len(after)) > MOST_LINES:
        return []
    found = list(difflib.unified_diff(before, after, lineterm="", n=1))[2:]
    return [(line[:1], line[1:]) for line in found[:MOST_SHOWN]]


@dataclass(slots=True, kw_only=True)
class Played:
    """A comparison as the page shows it. `cut` when time ran out before the last event."""

    comparison: Comparison
    asked: int
    cut: bool
    seconds: float
    price: str = ""

    @property
    def by_rule(self) -> list[tuple[str, str, list[dict[str, Any]]]]:
        """Each rule with its counts in words and its examples."""
        found = self.comparison
        return [
            (
                rule,
                ", ".join(f"{count:,} {kind}" for kind, count in kinds.items()),
                [{**c.as_dict(), "rule": c.rule} for c in found.changes if c.rule == rule],
            )
            for rule, kinds in sorted(found.by_rule.items())
        ]


def play(desk: Desk, new: Book, last: int) -> Played:
    """Plan the last recorded events with the rules in force and with `new`."""
    old, begin = desk.book(), time.monotonic()
    with desk.store.read() as tx:
        stopped = counts.opted_out(tx)
        price, currency = counts.price_of_a_segment(tx)
    recorded = rule_figures.last_events(desk.store, last, with_raw=old.uses_raw or new.uses_raw)
    timed = _Timed(recorded, begin + LONGEST.total_seconds())
    found = compare(old, new, timed, lambda: MemoryFacts(stopped=stopped), EXAMPLES)
    more = found.segments_after - found.segments_before
    cost = f"about {price * more:+,.2f} {currency}" if price is not None and more else ""
    return Played(comparison=found, asked=last, cut=timed.cut, seconds=time.monotonic() - begin, price=cost)


class _Timed:
    """Events until a moment; `cut` tells whether there would have been more."""

    def __init__(self, recorded: Iterable[Recorded], until: float) -> None:
        self._recorded, self._until, self.cut = recorded, until, False

    def __iter__(self) -> Iterator[Recorded]:
        for one in self._recorded:
            if time.monotonic() > self._until:
                self.cut = True
                return
            yield one
