"""Texting one person from the command line, and keeping what people wish."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli import main
from tests.fakes.world import PHONE, World


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with World(tmp_path):
        pass
    (tmp_path / "tidings.toml").write_text(f'database = "sqlite:///{tmp_path}/world.db"\n', encoding="utf-8")
    return tmp_path


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(folder / "tidings.toml"), *words])


def test_a_text_sent_by_hand_leaves_and_is_on_the_record(folder: Path) -> None:
    result = run(
        folder, "send", "--to", "0171 3920012", "--region", "DE", "--text", "Your key is ready.", "--by", "Kim"
    )

    assert result.exit_code == 0, result.output
    with World(folder) as world:
        from datetime import UTC, datetime

        world.now = datetime.now(UTC)
        world.step()
        assert [(s.to, s.text) for s in world.phone.got] == [(PHONE, "Your key is ready.")]
        assert world.faults() == []


@pytest.mark.parametrize(
    ("to", "text", "why"),
    [
        ("call me", "Hi", "no_recipient"),
        (PHONE, " ", "render_error"),
        (PHONE, "x" * 5000, "too_long"),
        (PHONE, "Card 4111 1111 1111 1111", "blocked_content"),
    ],
)
def test_a_text_that_must_not_leave_says_why(folder: Path, to: str, text: str, why: str) -> None:
    result = run(folder, "send", "--to", to, "--text", text)

    assert result.exit_code == 1
    assert f"Not sent, {why}" in result.output


def test_an_opt_out_holds_for_texts_sent_by_hand(folder: Path) -> None:
    assert run(folder, "consent", "set", PHONE, "out", "--by", "Sam").exit_code == 0

    result = run(folder, "send", "--to", PHONE, "--text", "Hi")

    assert "Not sent, opted_out: opted out by Sam" in result.output
    assert "everything     out  Sam" in run(folder, "consent", "show", PHONE).output


def test_a_list_of_wishes_is_read_row_by_row_and_bad_rows_are_told(folder: Path) -> None:
    file = folder / "list.csv"
    file.write_text("number,category,status\n+447700900145,,out\nabc,,out\n+12025550123,news,in\n+12025550124,,maybe\n")

    result = run(folder, "consent", "import", str(file), "--by", "old system")

    assert result.exit_code == 1
    assert "2 written down, 2 rows left out." in result.output
    assert "row 3:" in result.output
    assert "row 5: status must be in or out, not 'maybe'" in result.output
    assert run(folder, "consent", "export").output.splitlines()[1].startswith("+12025550123,news,in,old system")
