"""docs/rules.md cannot lie: its YAML loads and passes its own tests, its tables are current and complete."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from advice import advise
from dispatch.rehearse import rehearse
from inbound.examples import event_in
from rules import spec
from rules.load import MAX_RULES, load
from rules.reader import MAX_BYTES, MAX_NODES
from rules.render import MAX_SOURCE

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/rules.md").read_text("utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: re.findall(r"- id: (\S+)", block)[0])
def test_every_example_loads_and_holds_its_tests(block: str) -> None:
    book = load(ROOT / "rules/example.yaml", block.encode())
    outcomes = rehearse(book, event_in)

    assert outcomes
    assert [outcome.wrong for outcome in outcomes if outcome.wrong] == []


def test_there_are_examples_for_every_chapter() -> None:
    assert len(BLOCKS) >= 6


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: re.findall(r"- id: (\S+)", block)[0])
def test_the_checker_finds_no_error_in_an_example(block: str) -> None:
    problems = advise(load(ROOT / "rules/example.yaml", block.encode()))

    # what the examples show of texts and answers must be right; their payloads may hold fields of their own
    assert [str(p) for p in problems if p.level == "error" and "has no field" not in p.text] == []


def test_the_tables_are_current() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "cogapp", "--check", "-p", "import sys; sys.path.insert(0, '.')", "docs/rules.md"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert run.returncode == 0, f"{run.stdout}{run.stderr} run: make format"


def test_every_field_is_on_the_page() -> None:
    tables = [value for value in vars(spec).values() if isinstance(value, tuple) and value]
    names = {field.name for table in tables for field in table if isinstance(field, spec.Field)}

    assert sorted(name for name in names if f"| `{name}` |" not in PAGE) == []


def test_the_limits_are_what_the_page_says() -> None:
    said = PAGE[PAGE.index("## Limits") :]

    for number in (MAX_BYTES // 1_000_000, MAX_NODES, MAX_RULES, MAX_SOURCE):
        assert f"{number:,}" in said
