"""One word per thing: no name anywhere is a synonym of a word of the glossary."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click

from cli import main
from docs.synonyms import SYNONYMS
from rules import spec
from settings import parts
from web.metrics import METRICS

ROOT = Path(__file__).resolve().parent.parent
OURS = ("audit", "certify", "commands", "dispatch", "inbound", "model", "rules", "running", "settings", "web", "wire")
"""Where our words rule. Files of one system or provider speak as it does."""

REASONS = {
    "wire/salesforce_messages.py": "Salesforce calls each part of an outbound message a notification",
    "delivery_rate": "the share of texts that were delivered is called so everywhere",
    "running/roles.py": "APScheduler calls it a trigger when a job is due",
}


def words_of(name: str) -> set[str]:
    """Split a name at underscores, dashes and capitals."""
    return set(re.split(r"[\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()))


def synonyms_in(names: Iterator[tuple[str, str]]) -> list[str]:
    """Return the names that hold a synonym, with where they stand and what to say instead."""
    return [
        f"{place}: {name}: say {SYNONYMS[word]}, not {word}"
        for place, name in names
        for word in sorted(words_of(name) & SYNONYMS.keys())
        if place not in REASONS and name not in REASONS
    ]


def in_code() -> Iterator[tuple[str, str]]:
    for file in (file for folder in OURS for file in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            named = (
                getattr(node, "name", None) or getattr(node, "arg", None)
                or (node.id if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else None)
            )  # fmt: skip
            if isinstance(named, str):
                yield str(file.relative_to(ROOT)), named


def in_tables() -> Iterator[tuple[str, str]]:
    for file in (ROOT / "audit" / "migrations").rglob("*.sql"):
        for name in re.findall(r"\b[a-z_]+\b", re.sub(r"--[^\n]*|'[^']*'", "", file.read_text("utf-8"))):
            if name != "trigger":  # SQL's own word
                yield file.name, name


def in_settings() -> Iterator[tuple[str, str]]:
    for name, kind in vars(parts).items():
        for field in getattr(kind, "model_fields", ()):
            yield f"settings: {name}", field


def in_rules() -> Iterator[tuple[str, str]]:
    for name, fields in vars(spec).items():
        for field in fields if isinstance(fields, tuple) else ():
            if isinstance(field, spec.Field):
                yield f"rules: {name}", field.name


def in_commands(group: click.Command = main, place: str = "tidings") -> Iterator[tuple[str, str]]:
    for parameter in group.params:
        yield place, parameter.name or ""
    for name, command in getattr(group, "commands", {}).items():
        yield place, name
        yield from in_commands(command, f"{place} {name}")


def test_no_name_is_a_synonym_of_a_word_of_the_glossary() -> None:
    assert synonyms_in(in_code()) == []
    assert synonyms_in(in_tables()) == []
    assert synonyms_in(in_settings()) == []
    assert synonyms_in(in_commands()) == []
    assert synonyms_in(in_rules()) == []
    assert synonyms_in(("metrics", name) for name in METRICS) == []


def test_a_synonym_is_found_wherever_it_hides() -> None:
    hidden = [("here", "NotificationSender"), ("here", "last_dlr"), ("here", "--broadcast"), ("here", "receipt")]

    assert [found.split(": ")[1] for found in synonyms_in(iter(hidden))] == [
        "NotificationSender", "last_dlr", "--broadcast",
    ]  # fmt: skip


def test_every_exception_is_still_needed() -> None:
    places = {place for place, name in in_code() if words_of(name) & SYNONYMS.keys()}
    names = {name for _, name in in_code() if words_of(name) & SYNONYMS.keys()}

    assert REASONS.keys() <= places | names
