"""Whatever stands in the file, the loader answers: with a book, or with problems. FUZZ_SECONDS says how long we try."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

from model.reasons import ConfigError, Problem
from rules.load import load
from tests.scale import fuzz_seconds

SHIPPED = Path(__file__).parents[2] / "rules" / "rules.yaml"


def test_mutations_of_the_shipped_rules_never_crash_the_loader() -> None:
    seed = int(os.environ.get("FUZZ_SEED", str(time.time_ns())))
    dice, whole = random.Random(seed), SHIPPED.read_text("utf-8")
    rules = ["- id:" + part for part in whole.split("- id:")[1:]]
    head = whole[: whole.index("- id:")]
    ends = time.monotonic() + fuzz_seconds()
    count = 0
    while time.monotonic() < ends:
        content = _mutated(head + dice.choice(rules), dice)
        said = _answer(content, f"seed {seed}, round {count}: {content!r}")
        assert all(problem.line >= 1 and problem.column >= 1 and problem.text for problem in said)
        count += 1
    assert count > 20


def _answer(content: bytes, name: str) -> list[Problem]:
    try:
        load(SHIPPED, content)
    except ConfigError as error:
        return error.problems or [Problem(path="", line=0, column=0, text="refused without a word")]
    except Exception as error:
        raise AssertionError(name) from error
    return []


PIECES = [
    *"[]{}:-\n\t'\"|>#~0,é\0\U0001f600",
    *(
        "- ",
        "  ",
        "&a ",
        "*a",
        "!!x ",
        "null",
        "{{",
        "}}",
        "{%",
        "%}",
        "999999999999d",
        "event",
        "text",
        "true",
        "<<: ",
    ),
]


def _mutated(text: str, dice: random.Random) -> bytes:
    for _ in range(dice.randint(1, 6)):
        at, way = dice.randrange(len(text) + 1), dice.randrange(5)
        length = dice.choice((1, 1, 2, 5, 30))
        if way == 0:
            text = text[:at] + text[at + length :]
        elif way == 1:
            text = text[:at] + dice.choice(PIECES) + text[at:]
        elif way == 2:
            text = text[:at] + text[at : at + length] * dice.randint(2, 5) + text[at + length :]
        elif way == 3:
            lines = text.split("\n")
            line = dice.randrange(len(lines))
            lines[line] = lines[line].partition(":")[0] + ": " + dice.choice(PIECES)
            text = "\n".join(lines)
        else:
            lines = text.split("\n")
            lines.insert(dice.randrange(len(lines)), dice.choice(lines))
            text = "\n".join(lines)
    raw = text.encode("utf-8", "surrogatepass")
    if dice.random() < 0.1:
        at = dice.randrange(len(raw) + 1)
        raw = raw[:at] + dice.randbytes(2) + raw[at:]
    return raw
