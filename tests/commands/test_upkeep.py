"""Backups that are sound, restores that lose nothing, and a doctor who says what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from audit.store import Store
from cli import main
from tests.web.house import House


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    house = House(tmp_path)
    house.order("A1")
    house.store.close()
    config = f'database = "sqlite:///{tmp_path}/tidings.db"\nrules = "{tmp_path}/rules.yaml"\n'
    (tmp_path / "tidings.toml").write_text(config, "utf-8")
    return tmp_path


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(folder / "tidings.toml"), *words])


def events_in(file: Path) -> int:
    store = Store(file)
    with store.read() as tx:
        found = int(tx.execute("select count(*) as n from events").fetchone()["n"])
    store.close()
    return found


def test_a_backup_of_the_running_service_is_one_sound_file(folder: Path) -> None:
    running = Store(folder / "tidings.db")
    result = run(folder, "db", "backup", str(folder / "copy.db"))
    running.close()

    assert result.exit_code == 0, result.output
    assert "sound" in result.output
    assert not (folder / "copy.db-wal").exists()
    assert events_in(folder / "copy.db") == 1


def test_a_backup_overwrites_nothing(folder: Path) -> None:
    (folder / "copy.db").write_text("precious", "utf-8")

    result = run(folder, "db", "backup", str(folder / "copy.db"))

    assert result.exit_code == 1
    assert "a backup never overwrites one" in result.output
    assert (folder / "copy.db").read_text("utf-8") == "precious"


def test_a_restore_brings_back_that_day_and_keeps_what_was_there(folder: Path) -> None:
    run(folder, "db", "backup", str(folder / "copy.db"))
    (folder / "tidings.db").write_bytes(b"ruined")

    result = run(folder, "db", "restore", str(folder / "copy.db"), "--yes")

    assert result.exit_code == 0, result.output
    assert events_in(folder / "tidings.db") == 1
    assert (folder / "tidings.db.before-restore").read_bytes() == b"ruined"


def test_nothing_is_put_under_a_running_service(folder: Path) -> None:
    run(folder, "db", "backup", str(folder / "copy.db"))
    running = Store(folder / "tidings.db")

    result = run(folder, "db", "restore", str(folder / "copy.db"), "--yes")
    running.close()

    assert result.exit_code == 1
    assert "is in use: stop the service first." in result.output


@pytest.mark.parametrize("content", [b"", b"hello", b"SQLite format 3\x00" + b"x" * 5000])
def test_a_file_that_is_no_backup_replaces_nothing(folder: Path, content: bytes) -> None:
    (folder / "other.db").write_bytes(content)

    result = run(folder, "db", "restore", str(folder / "other.db"), "--yes")

    assert result.exit_code == 1
    assert events_in(folder / "tidings.db") == 1


def test_the_doctor_finds_a_sound_house_sound(folder: Path) -> None:
    (folder / "tidings.db").chmod(0o600)

    found = json.loads(run(folder, "doctor", "--json").output)

    assert [one["what"] for one in found if one["level"] == "bad"] == []
    assert "1 events, 0 wait to be planned" in [one["saw"] for one in found]


@pytest.mark.parametrize(
    ("more", "what", "saw"),
    [
        ('mode = "live"\n', "gateways", "none"),
        ('mode = "live"\n', "mode", "live, and public_url is no https address"),
        ('[sources.shop]\nconnector = "shopify"\n', "sources", "sources.shop: secret is missing."),
        ('[gateways.main]\nkind = "twilio"\n', "gateways", "gateways.main: account_sid is missing."),
    ],
)
def test_the_doctor_names_what_is_wrong_in_the_settings(folder: Path, more: str, what: str, saw: str) -> None:
    path = folder / "tidings.toml"
    path.write_text(
        (more if more.startswith("mode") else "") + path.read_text("utf-8") + (more if more[0] == "[" else "")
    )

    result = run(folder, "doctor", "--json")

    assert (what, saw) in [(one["what"], one["saw"]) for one in json.loads(result.output)]


@pytest.mark.parametrize(("host", "warned"), [("0.0.0.0", True), ("127.0.0.1", False), ("::1", False)])  # noqa: S104
def test_the_doctor_says_that_nobody_can_sign_in_where_the_console_is_for_more_than_this_machine(
    folder: Path,
    host: str,
    warned: bool,
) -> None:
    path = folder / "tidings.toml"
    path.write_text(f'host = "{host}"\n{path.read_text("utf-8")}', "utf-8")

    before = run(folder, "doctor").output
    run(folder, "users", "add", "kim", "--role", "admin", "--generate")

    assert (f"it listens on {host}, and nobody can sign in" in before) is warned
    assert "nobody can sign in" not in run(folder, "doctor").output


def test_the_doctor_names_broken_rules_and_a_damaged_file(folder: Path) -> None:
    (folder / "rules.yaml").write_text("version: 1\nrules: 5\n", "utf-8")
    raw = bytearray((folder / "tidings.db").read_bytes())
    raw[4096:40960] = b"\x55" * 36864
    (folder / "tidings.db").write_bytes(raw)

    result = run(folder, "doctor")

    assert result.exit_code == 1
    assert "tidings rules check says everything." in result.output
