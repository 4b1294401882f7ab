"""How big files and functions are: the part of docs/quality.md that cog writes.

Figures are rounded, so that the page changes when the house does and not with every commit.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from quality.lines import ROOT

FOLDERS = ("model", "wire", "connectors", "inbound", "rules", "dispatch", "gateways", "audit", "web", "commands",
           "settings", "running", "certify")  # fmt: skip
OTHERS = ("docs", "bench", "chaos", "simulation", "quality", "supply", "deploy", "sample_payloads")
LARGE = 350
"""Lines of a file that is listed; the house aims at 250."""

LONG = 25
"""Lines of a function that is counted; the house aims at fewer, and 40 need a look."""

AIM = 250
"""Lines of a file that has to say why it has more: a sentence of its docstring that begins with `WHY`."""

WHY = "Long because "


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
    """Return the reason that the file gives itself."""
    return reason((ROOT / name).read_text("utf-8")).removeprefix("of ")


def reason(text: str) -> str:
    """Return why a file says it is long, without the full stop; "" where it says nothing."""
    said = re.search(f"{WHY}(.+?)[.](?=\\s|$)", ast.get_docstring(ast.parse(text)) or "", re.DOTALL)
    return " ".join(said[1].split()) if said else ""


def without_a_reason() -> Iterator[str]:
    """Yield the files that are longer than the house aims at and do not say why."""
    others = (path for folder in OTHERS for path in (ROOT / folder).rglob("*.py"))
    for path in sorted([*_code(), *others, *ROOT.glob("*.py")]):
        text = path.read_text("utf-8")
        if len(text.splitlines()) > AIM and not reason(text):
            yield path.relative_to(ROOT).as_posix()


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
