"""The changes that tests are tried on: what is changed, what is left alone, and what a sample says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from quality import equivalent, score, sizes
from quality.__main__ import drawn
from quality.lines import ROOT, Timed
from quality.mutants import Mutant, of_file
from quality.sql import changed
from quality.trying import ENOUGH, rounds

CODE = '''"""What it is for."""

from __future__ import annotations

import logging

LIMIT = 3
log = logging.getLogger(__name__)


class Cap:
    most: int = 5

    @property
    def reached(self) -> bool:
        """Tell."""
        log.info("asked", extra={"most": self.most})
        return self.most >= LIMIT


def tell(name: str) -> str:
    if name:
        print(name)
    return name.encode("utf-8").hex()
'''


@pytest.fixture
def mutants(tmp_path: Path) -> list[Mutant]:
    (tmp_path / "caps.py").write_text(CODE, encoding="utf-8")
    return [one for one in of_file(tmp_path, "caps.py") if one.is_code()]


@pytest.mark.parametrize(
    ("inside", "line"),
    [
        ("", "LIMIT = 4"),
        ("Cap", "    most: int = 6"),
        ("Cap.reached", "        return self.most > LIMIT"),
        ("Cap.reached", "        return None"),
        ("tell", "    if not (name):"),
        ("tell", "        None"),
    ],
)
def test_constants_defaults_properties_calls_and_conditions_are_changed(
    mutants: list[Mutant], inside: str, line: str
) -> None:
    assert (inside, f"+{line}") in {(one.inside, one.diff[-1]) for one in mutants}


@pytest.mark.parametrize("word", ["import", "log.info", '"""', "utf-8XX", "def "])
def test_imports_log_lines_docstrings_and_types_are_left_alone(mutants: list[Mutant], word: str) -> None:
    assert [one.diff for one in mutants if word in one.diff[-1]] == []


def test_a_change_keeps_its_mark_when_the_file_moves_and_loses_it_when_the_line_changes(
    mutants: list[Mutant], tmp_path: Path
) -> None:
    (tmp_path / "caps.py").write_text(CODE.replace("LIMIT = 3", "\n\nLIMIT = 3").replace("if name:", "if name :"))

    moved = {one.mark for one in of_file(tmp_path, "caps.py")}

    assert {one.inside for one in mutants if one.mark not in moved} == {"tell"}
    assert {one.diff[0] for one in mutants if one.mark not in moved} == {"-    if name:"}


@pytest.mark.parametrize(
    ("sql", "others"),
    [
        ("select a from t where b <= ? and c is null", ["b < ?", "or c", "c is not null"]),
        ("update t set a = ? where b = ?", ["b <> ?"]),
        ("select a from t order by b desc limit 1", ["b asc", "limit 2"]),
        ("select a from t where not exists (select 1 from u)", ["where exists", "select 2"]),
    ],
)
def test_the_decisions_in_sql_are_changed_and_nothing_that_would_only_be_wrong(sql: str, others: list[str]) -> None:
    found = list(changed(sql))

    assert len(found) == len(others)
    assert all(any(other in one for one in found) for other in others)


def test_the_same_seed_draws_the_same_sample_and_a_larger_one_holds_a_smaller() -> None:
    few = {one.mark for one in drawn("model/ids.py", 5, 1)}

    assert {one.mark for one in drawn("model/ids.py", 5, 1)} == few
    assert few < {one.mark for one in drawn("model/ids.py", 12, 1)}


def test_the_files_own_tests_are_asked_first_and_no_more_than_is_enough(mutants: list[Mutant]) -> None:
    own = Timed(name="tests/test_caps.py::test_own", seconds=1.0)
    slow = [Timed(name=f"tests/test_{number}.py::test_slow", seconds=5.0) for number in range(9)]

    first, more = rounds(mutants[0], [*slow, own])

    assert first[0] == own
    assert own not in more
    assert sum(one.seconds for one in more) <= ENOUGH


@pytest.mark.parametrize(
    ("killed", "tried", "low", "high"),
    [(0, 0, 0.0, 1.0), (80, 80, 0.95, 1.0), (68, 80, 0.76, 0.91), (0, 10, 0.0, 0.28)],
)
def test_a_small_sample_says_how_little_it_knows(killed: int, tried: int, low: float, high: float) -> None:
    assert score.interval(killed, tried) == pytest.approx((low, high), abs=0.01)


def test_no_excuse_outlives_the_code_it_was_made_for() -> None:
    assert list(equivalent.stale()) == []
    assert [mark for mark, entry in equivalent.known().items() if len(entry["why"]) < 10] == []


def test_the_length_of_a_function_is_told_without_its_docstring() -> None:
    assert sizes.functions(CODE) == [4, 3]


def test_every_dependency_is_on_the_page_on_quality() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    page = (ROOT / "docs" / "quality.md").read_text("utf-8")

    assert [one for one in wanted if f"| {re.split('[^A-Za-z0-9-]', one)[0]} |" not in page] == []
