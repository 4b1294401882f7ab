"""docs/rules.schema.json in a real editor's language server: it completes, explains and underlines.

`make test-peers` installs yaml-language-server into .peers/; without it, or without node, these tests are skipped.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rules import spec
from rules.schema import schema
from tests.peers.language_server import LanguageServer

ROOT = Path(__file__).parents[2]
SERVER = ROOT / ".peers/node_modules/yaml-language-server/bin/yaml-language-server"
NODE = shutil.which("node")
pytestmark = [
    pytest.mark.skipif(NODE is None, reason="node is not installed"),
    pytest.mark.skipif(not SERVER.exists(), reason="yaml-language-server is not installed; run make test-peers"),
]
SETTINGS: dict[str, Any] = {
    "yaml": {"validate": True, "hover": True, "completion": True, "schemaStore": {"enable": False}},
    "http": {},
    "[yaml]": {},
    "editor": {},
    "files": {},
}
HEAD = (
    "# yaml-language-server: $schema={schema}\nversion: 1\nrules:\n  - id: a\n    event: order.created\n    to: phone\n"
)
SENTENCES = {field.name: field.text for field in (*spec.RULE, *spec.DEFAULTS)}


@pytest.fixture(scope="module")
def server() -> Iterator[LanguageServer]:
    assert NODE is not None
    with LanguageServer([NODE, str(SERVER), "--stdio"]) as server:
        server.begin(ROOT, SETTINGS)
        yield server


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rules.yaml"


def head() -> str:
    return HEAD.format(schema=(ROOT / "docs/rules.schema.json").as_uri())


def words(found: Any) -> str:
    """Return the text of a hover or of the note beside a completion, whatever shape it has."""
    if isinstance(found, dict):
        return str(
            found.get("value", found.get("contents", "")) if "contents" not in found else words(found["contents"])
        )
    return "\n".join(map(words, found)) if isinstance(found, list) else str(found or "")


def test_a_rule_that_loads_has_no_underline(server: LanguageServer, path: Path) -> None:
    assert server.open(path, head() + "    text: Hi\n") == []


def test_the_shipped_rules_have_no_underline(server: LanguageServer) -> None:
    shipped = ROOT / "rules/rules.yaml"

    assert server.open(shipped, shipped.read_text("utf-8")) == []


def test_a_misspelt_field_is_underlined_where_it_stands(server: LanguageServer, path: Path) -> None:
    (found,) = server.open(path, head() + "    text: Hi\n    prioriti: high\n")

    assert "prioriti" in found["message"]
    assert found["range"]["start"] == {"line": 7, "character": 4}


@pytest.mark.parametrize(
    ("line", "word"), [("    priority: urgent\n", "urgent"), ("    ttl: soon\n", "soon"), ("    shadow: 5\n", "5")]
)
def test_a_value_that_is_not_possible_is_underlined(server: LanguageServer, path: Path, line: str, word: str) -> None:
    (found,) = server.open(path, head() + "    text: Hi\n" + line)

    start = found["range"]["start"]
    assert start == {"line": 7, "character": line.index(word)}


def test_completion_offers_every_field_of_a_rule_with_its_sentence(server: LanguageServer, path: Path) -> None:
    server.open(path, head() + "    text: Hi\n    \n")

    found = server.ask("textDocument/completion", server.at(path, 7, 4))

    offered = {item["label"]: words(item.get("documentation")) for item in found["items"]}
    written = {"id", "event", "to", "text"}
    assert offered.keys() >= {field.name for field in spec.RULE} - written - {"campaign", "template", "sequence"}
    assert {name: SENTENCES[name] in said for name, said in offered.items() if name in SENTENCES} == {
        name: True for name in offered if name in SENTENCES
    }


def test_completion_offers_the_words_a_field_takes(server: LanguageServer, path: Path) -> None:
    server.open(path, head() + "    text: Hi\n    priority: \n")

    found = server.ask("textDocument/completion", server.at(path, 7, 14))

    assert {item["label"] for item in found["items"]} >= {"otp", "high", "normal", "bulk"}


def test_completion_offers_the_events(server: LanguageServer, path: Path) -> None:
    server.open(path, head().replace("order.created", "") + "    text: Hi\n")

    found = server.ask("textDocument/completion", server.at(path, 4, 11))

    assert {item["label"] for item in found["items"]} >= {"order.created", "appointment.booked"}


@pytest.mark.parametrize("name", ["ttl", "quiet_hours", "dedupe", "consent"])
def test_a_field_says_what_it_means_under_the_mouse(server: LanguageServer, path: Path, name: str) -> None:
    value = {"ttl": "5m", "quiet_hours": "ignore", "dedupe": '{key: "{{ id }}"}', "consent": "news"}[name]
    server.open(path, head() + f"    text: Hi\n    {name}: {value}\n")

    found = server.ask("textDocument/hover", server.at(path, 7, 5))

    assert SENTENCES[name] in words(found).replace("\\", "").replace("&nbsp;", " ")


def test_the_schema_that_was_asked_is_the_one_in_force() -> None:
    import json

    assert json.loads((ROOT / "docs/rules.schema.json").read_text("utf-8")) == schema()
