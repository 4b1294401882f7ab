"""How big files and functions are: the part of docs/quality.md that cog writes.

Figures are rounded, so that the page changes when the house does and not with every commit.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from quality.lines import ROOT

FOLDERS = ("model", "wire", "connectors", "inbound", "rules", "dispatch", "gateways", "audit", "web", "commands",
           "settings", "running", "certify")  # fmt: skip
LARGE = 350
"""Lines of a file that is listed; the house aims at 250."""

LONG = 25
"""Lines of a function that is counted; the house aims at fewer, and 40 need a look."""

REASONS = {
    "audit/engines/postgres.py": "one store: pool, transactions and turns of the second database",
    "audit/search.py": "one query language: its words, its filters, its pages",
    "audit/trace.py": "one question, answered from every table there is",
    "dispatch/recipient.py": "every way a number is found and refused, in the order it is asked",
}
"""Why a file is as large as it is."""

ONE_SYSTEM = "one system in one file: its webhooks, what is polled, what is asked"


def table() -> str:
    """Say how big functions are, and list the large files."""
    lengths = [length for path in _code() for length in functions(path.read_text("utf-8"))]
    long = sum(length > LONG for length in lengths)
    head = (
        f"Of about {_round(len(lengths), 500):,} functions, half have {median(lengths):.0f} lines or fewer and about "
        f"{_round(long, 10)} have more than {LONG}. Files with more than {LARGE} lines:\n\n"
        "| File | Lines, about | Why |\n| --- | --- | --- |\n"
    )
    rows = (f"| `{name}` | {lines} | {_why(name)} |\n" for name, lines in large())
    return head + "".join(rows)


def _why(name: str) -> str:
    """Return the reason; a connector is one file for each system, whatever the system can do."""
    return REASONS.get(name, ONE_SYSTEM if name.startswith("connectors/") else "to be divided")


def large() -> Iterator[tuple[str, int]]:
    """Yield the files that are large, with their lines to the next hundred, the largest first."""
    sizes = {path.relative_to(ROOT).as_posix(): len(path.read_text("utf-8").splitlines()) for path in _code()}
    found = [(name, _round(lines, 100)) for name, lines in sizes.items() if lines > LARGE]
    yield from sorted(found, key=lambda one: (-one[1], one[0]))


def functions(text: str) -> list[int]:
    """Return the lines of each function, from its name to its end, without its docstring."""
    return [
        (node.end_lineno or node.lineno) - node.lineno + 1 - _docstring(node)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef)
    ]


def _docstring(node: ast.FunctionDef) -> int:
    first = node.body[0]
    said = ast.get_docstring(node) is not None
    return (first.end_lineno or first.lineno) - first.lineno + 1 if said else 0


def _code() -> list[Path]:
    return sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def _round(number: int, to: int) -> int:
    return round(number / to) * to
