"""People and keys from the command line."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from audit import factors, keys, passwords, people
from audit.store import Store
from cli import main
from model.access import Permission, Role

PASSWORD = "green tractor sings loudly"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tidings.toml").write_text(f'database = "sqlite:///{tmp_path}/own.db"\n', encoding="utf-8")
    return tmp_path


def run(folder: Path, *words: str, typed: str = "") -> Result:
    return CliRunner().invoke(main, ["--config", str(folder / "tidings.toml"), *words], input=typed)


def added(folder: Path, name: str = "kim", role: str = "admin") -> None:
    result = run(folder, "users", "add", name, "--role", role, "--password-stdin", typed=f"{PASSWORD}\n")
    assert result.exit_code == 0, result.output


def journal(folder: Path) -> list[tuple[str, str, str]]:
    with Store(folder / "own.db").read() as tx:
        rows = tx.execute("select actor, reason, detail from journal where kind = 'operator' order by id")
        return [tuple(row) for row in rows]


def test_the_first_person_can_be_added_before_the_first_start(folder: Path) -> None:
    result = run(folder, "users", "add", "kim", "--role", "admin", "--generate", "--by", "Ines")

    password = re.findall(r"Password: (\S+)", result.output)[0]
    with Store(folder / "own.db").read() as tx:
        kim = people.named(tx, "kim")
    assert kim.password.startswith("$argon2id$")
    assert kim.password_new
    assert passwords.matches(kim.password, password)
    assert journal(folder) == [("Ines", "person added", "kim as admin")]


def test_a_password_can_be_typed_or_piped_and_weak_ones_are_refused(folder: Path) -> None:
    typed = run(folder, "users", "add", "kim", "--role", "admin", typed=f"{PASSWORD}\n{PASSWORD}\n")
    piped = run(folder, "users", "password", "kim", "--password-stdin", typed="password1234\n")
    both = run(folder, "users", "password", "kim", "--password-stdin", "--generate")

    assert typed.exit_code == 0
    assert PASSWORD not in typed.output
    assert "Too easy to guess" in piped.output
    assert both.exit_code == 2


def test_people_are_listed_changed_and_removed(folder: Path) -> None:
    added(folder)
    added(folder, "bo", "viewer")

    assert run(folder, "users", "role", "bo", "sender").output == "bo is sender now.\n"
    assert run(folder, "users", "disable", "bo").exit_code == 0
    rows = [json.loads(line) for line in run(folder, "users", "list", "--json").output.splitlines()]
    assert run(folder, "users", "enable", "bo").exit_code == 0
    assert run(folder, "users", "password", "bo", "--generate").exit_code == 0
    assert run(folder, "users", "remove", "bo").exit_code == 0

    assert rows[1] == {"name": "bo", "role": "sender", "state": "disabled", "second_factor": "no", "signed_in": "never"}
    assert [reason for _, reason, detail in journal(folder) if detail.startswith("bo")] == [
        "person added", "role changed", "person disabled", "person enabled", "password changed", "person removed",
    ]  # fmt: skip


@pytest.mark.parametrize("words", [("disable", "kim"), ("remove", "kim"), ("role", "kim", "viewer")])
def test_the_last_admin_stays(folder: Path, words: tuple[str, ...]) -> None:
    added(folder)
    added(folder, "bo", "viewer")

    result = run(folder, "users", *words)

    assert result.exit_code == 1
    assert "kim is the last admin" in result.output


@pytest.mark.parametrize(
    "words", [("disable", "x"), ("enable", "x"), ("remove", "x"), ("role", "x", "admin"), ("reset-totp", "x"),
              ("password", "x", "--generate")],
)  # fmt: skip
def test_nobody_of_that_name_is_said(folder: Path, words: tuple[str, ...]) -> None:
    added(folder)

    result = run(folder, "users", *words)

    assert (result.exit_code, result.output) == (1, "Error: There is nobody called x.\n")


def test_the_first_person_has_to_be_an_admin(folder: Path) -> None:
    result = run(folder, "users", "add", "bo", "--role", "viewer", "--generate")

    assert result.exit_code == 1
    assert "The first person has to be an admin" in result.output


def test_a_lost_phone_is_no_way_out_for_good(folder: Path) -> None:
    added(folder)
    store, now = Store(folder / "own.db"), datetime.now(UTC)
    with store.read() as tx:
        kim = people.named(tx, "kim")
    store.write(lambda tx: factors.propose(tx, kim))
    store.write(lambda tx: factors.confirm(tx, kim, 1, now))

    first, second = (run(folder, "users", "reset-totp", "kim").output for _ in range(2))

    assert first == "kim signs in without a second factor.\n"
    assert second == "kim had no second factor.\n"
    store.close()


def test_somebody_of_the_identity_provider_needs_no_password(folder: Path) -> None:
    added(folder)

    assert run(folder, "users", "add", "mina@shop.example", "--role", "sender", "--no-password").exit_code == 0
    with Store(folder / "own.db").read() as tx:
        mina = people.named(tx, "mina@shop.example")
    assert (mina.password, mina.role) == ("", Role.SENDER)


def test_a_key_is_printed_once_listed_by_its_beginning_and_revoked(folder: Path) -> None:
    added(folder)
    result = run(folder, "keys", "new", "--name", "shop", "--kind", "team", "--scope", "send", "--scope", "read")
    secret = re.findall(r"tidings_team_\S+", result.output)[0]
    store = Store(folder / "own.db")

    found = keys.authenticate(store, secret, datetime.now(UTC))
    listed = json.loads(run(folder, "keys", "list", "--json").output)
    again = run(folder, "keys", "new", "--name", "shop", "--kind", "team", "--scope", "send")
    revoked = run(folder, "keys", "revoke", "shop", "--by", "Ines")

    assert found is not None
    assert found.scopes == {Permission.SEND, Permission.READ}
    assert listed["prefix"] == found.prefix
    assert secret not in json.dumps(listed)
    assert "already a key called shop" in again.output
    assert revoked.exit_code == 0
    assert keys.authenticate(store, secret, datetime.now(UTC)) is None
    assert run(folder, "keys", "revoke", "shop").exit_code == 1
    assert (
        run(folder, "keys", "new", "--name", "x", "--kind", "live", "--scope", "read", "--expires", "soon").exit_code
        == 2
    )
    assert ("Ines", "key revoked", f"shop ({found.prefix})") in journal(folder)
    store.close()
