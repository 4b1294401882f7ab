"""The JSON Schema for editors: made from the same tables as the reader, and never behind them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from rules import spec
from rules.reader import read
from rules.schema import schema

ROOT = Path(__file__).parents[2]
STORIES = sorted((ROOT / "tests/fixtures/rules/stories").glob("*.yaml"))
EDITOR = Draft7Validator(schema())
RULE = "version: 1\nrules:\n  - {id: a, event: order.created, to: phone, text: Hi}\n"


def complaints(content: bytes) -> list[str]:
    return [error.json_path for error in EDITOR.iter_errors(read(Path("rules.yaml"), content=content).plain())]


def test_the_committed_schema_is_current() -> None:
    committed = json.loads((ROOT / "docs/rules.schema.json").read_text("utf-8"))

    assert committed == schema(), "run: tidings rules schema > docs/rules.schema.json"


def test_the_schema_is_one() -> None:
    assert [error.message for error in Draft7Validator(Draft7Validator.META_SCHEMA).iter_errors(schema())] == []


@pytest.mark.parametrize("path", [ROOT / "rules/rules.yaml", *STORIES], ids=lambda path: path.name)
def test_an_editor_finds_nothing_wrong_in_rules_that_load(path: Path) -> None:
    assert complaints(path.read_bytes()) == []


def test_the_first_line_of_the_shipped_rules_points_at_the_schema() -> None:
    first = (ROOT / "rules/rules.yaml").read_text("utf-8").splitlines()[0]

    assert (ROOT / "rules" / first.partition("$schema=")[2]).resolve() == ROOT / "docs/rules.schema.json"


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("text: Hi", "text: Hi, colour: red", "$.rules[0]"),
        ("text: Hi", "text: Hi, priority: urgent", "$.rules[0].priority"),
        ("text: Hi", "text: Hi, ttl: 24", "$.rules[0].ttl"),
        ("text: Hi", "text: Hi, schedule: {at: due}", "$.rules[0].schedule"),
        ("text: Hi", "text: Hi, template: hello", "$.rules[0]"),
        (", text: Hi", "", "$.rules[0]"),
        ("to: phone, ", "", "$.rules[0]"),
        ("order.created", "order.creatd", "$.rules[0].event"),
        ("version: 1\n", "", "$"),
    ],
)
def test_an_editor_underlines_what_the_loader_would_refuse(old: str, new: str, path: str) -> None:
    assert complaints(RULE.encode()) == []
    assert complaints(RULE.replace(old, new).encode()) == [path]


def test_every_field_has_a_title_and_a_sentence() -> None:
    assert [path for path, field in fields(schema()) if not field.get("title") or not field.get("description")] == []


def test_every_kind_of_field_is_explained() -> None:
    tables = [value for value in vars(spec).values() if isinstance(value, tuple) and value]
    kinds = {field.kind for table in tables for field in table if isinstance(field, spec.Field)}

    assert kinds <= spec.KINDS.keys()


def fields(node: Any, path: str = "$") -> list[tuple[str, dict[str, Any]]]:
    found = []
    if isinstance(node, dict):
        for name, child in node.get("properties", {}).items():
            if "definitions" not in path and name != "template":
                found.append((f"{path}.{name}", child))
        for name, child in node.items():
            found += fields(child, f"{path}/{name}")
    elif isinstance(node, list):
        found += [each for child in node for each in fields(child, path)]
    return found
