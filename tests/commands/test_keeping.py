"""The record from the command line: proving it, erasing a person, telling a person what is known."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli import main
from tests.web.house import House


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    house = House(tmp_path)
    house.order("A1", name="Anneliese", phone="0171 3920077")
    house.order("B1", name="Bruno", phone="0171 3920078")
    house.store.close()
    config = f'database = "sqlite:///{tmp_path}/tidings.db"\n[audit]\nexport_to = "{tmp_path}/seals.jsonl"\n'
    (tmp_path / "tidings.toml").write_text(config, "utf-8")
    return tmp_path


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(folder / "tidings.toml"), "audit", *words])


def edit(folder: Path, statement: str) -> None:
    with sqlite3.connect(folder / "tidings.db") as file:
        file.execute(statement)
    file.close()


def test_a_record_is_sealed_and_proved(folder: Path) -> None:
    assert "1 new seal(s)." in run(folder, "seal").output

    result = run(folder, "verify", "--against", str(folder / "seals.jsonl"))

    assert result.exit_code == 0, result.output
    assert "1 seals over" in result.output
    assert "nothing was changed" in result.output


def test_an_edited_record_is_said_to_be(folder: Path) -> None:
    run(folder, "seal")
    edit(folder, "update journal set reason = 'no_recipient' where id = 2")

    result = run(folder, "verify")

    assert result.exit_code == 1
    assert "Row 2 of the journal was changed." in result.output


def test_a_file_that_holds_no_seals_is_said_to_hold_none(folder: Path) -> None:
    (folder / "other.txt").write_text("hello\n", "utf-8")

    result = run(folder, "verify", "--against", str(folder / "other.txt"))

    assert result.exit_code == 1
    assert "does not hold exported seals" in result.output


def test_a_person_is_told_what_is_known_and_then_erased(folder: Path) -> None:
    known = json.loads(run(folder, "person", "+49 171 3920077").output)
    assert [event["data"]["customer"]["first_name"] for event in known["events"]] == ["Anneliese"]
    assert known["messages"][0]["text"].startswith("Hi Anneliese")

    result = run(folder, "erase", "0171 3920077", "--region", "DE", "--by", "Mara", "--reason", "letter", "--yes")

    assert "Overwritten: 1 events, 1 messages, 0 replies." in result.output
    assert json.loads(run(folder, "person", "+491713920077").output)["events"] == []
    assert b"Anneliese" not in (folder / "tidings.db").read_bytes()
    assert b"Bruno" in (folder / "tidings.db").read_bytes()


def test_nobody_is_erased_without_being_asked(folder: Path) -> None:
    words = ["audit", "erase", "+491713920077", "--by", "M", "--reason", "x"]
    result = CliRunner().invoke(main, ["--config", str(folder / "tidings.toml"), *words], input="n\n")

    assert result.exit_code == 1
    assert b"Anneliese" in (folder / "tidings.db").read_bytes()


def test_what_is_past_its_time_is_counted_as_it_goes(folder: Path) -> None:
    result = run(folder, "purge")

    assert result.exit_code == 0, result.output
    assert "requests" in result.output


def test_a_time_that_is_none_is_refused_by_name(folder: Path) -> None:
    (folder / "tidings.toml").write_text('[retention]\ntexts = "two weeks"\n', "utf-8")

    result = run(folder, "purge")

    assert result.exit_code == 1
    assert "retention.texts is 'two weeks', and should be like \"30d\"" in result.output
