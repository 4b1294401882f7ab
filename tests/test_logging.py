"""The log: one line per event, for machines or for people, fields included."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from running.logs import configure_logging


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def said(capsys: pytest.CaptureFixture[str], form: str) -> str:
    configure_logging("INFO", form)
    logging.getLogger("tidings.test").info("attempt", extra={"id": "m1", "gateway": "main"})
    return capsys.readouterr().err


def test_machines_read_one_json_object_per_line(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(said(capsys, "json"))

    assert found.pop("timestamp").endswith("Z")
    assert found == {"event": "attempt", "level": "info", "id": "m1", "gateway": "main"}


def test_people_read_words_with_the_fields_behind_them(capsys: pytest.CaptureFixture[str]) -> None:
    line = said(capsys, "human")

    assert line.count("\n") == 1
    assert "attempt" in line
    assert "gateway=main" in line
    assert "\x1b[" not in line


@pytest.mark.parametrize("form", ["json", "human"])
def test_an_error_says_where_it_happened_and_shows_no_variable(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    number = "+491713920012"
    configure_logging("INFO", form)
    try:
        raise ValueError("not so")
    except ValueError:
        logging.getLogger("tidings.test").exception("gateway failed")

    printed = capsys.readouterr().err
    assert "ValueError: not so" in printed
    assert "test_logging.py" in printed
    assert number not in printed
