"""Pins, pauses and routes from the command line, and how a running service follows them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli import main
from tests.fakes.service import Service, running, tick, until
from tests.fakes.world import PHONE, RULES, World

SETTINGS = """
database = "sqlite:///{folder}/world.db"
rules = "{folder}/rules.yaml"
[gateways.main]
kind = "console"
[gateways.backup]
kind = "console"
[routes]
order = ["main", "backup"]
[[routes.when]]
country = ["US", "CA"]
lane = "otp"
use = ["backup"]
[[routes.when]]
prefix = "+4417"
use = {main = 1, backup = 1}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with World(tmp_path):
        pass
    (tmp_path / "tidings.toml").write_text(SETTINGS.replace("{folder}", str(tmp_path)), encoding="utf-8")
    return tmp_path


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(folder / "tidings.toml"), *words])


def gateways(folder: Path) -> dict[str, dict[str, str]]:
    rows = [json.loads(line) for line in run(folder, "gateways", "list", "--json").output.splitlines()]
    return {row["gateway"]: row for row in rows}


def test_a_pin_is_shown_with_its_reason_and_ends_when_it_is_told_to(folder: Path) -> None:
    pinned = run(folder, "gateways", "pin", "backup", "--for", "2h", "--reason", "contract", "--by", "Ines")
    assert pinned.output.startswith("Texts go first to backup until ")
    assert gateways(folder)["backup"]["pin"].endswith(" by Ines: contract")
    assert "pinned until" in run(folder, "gateways", "list").output

    assert run(folder, "gateways", "unpin", "backup", "--by", "Ines").output == "backup is no longer pinned.\n"
    assert gateways(folder)["backup"]["pin"] == ""
    with World(folder) as world:
        assert world.journal("operator") == [("operator", "pinned"), ("operator", "unpinned")]


def test_a_pause_from_another_process_is_followed_and_listed(folder: Path) -> None:
    assert run(folder, "pause", "--rule", "order", "--except", "otp", "--reason", "typo", "--by", "Kim").exit_code == 0
    again = run(folder, "pause", "--rule", "order", "--reason", "typo", "--by", "Sam")
    assert (again.exit_code, "paused already" in again.output) == (1, True)
    assert json.loads(run(folder, "pauses", "--json").output)["reason"] == "typo"
    with World(folder, RULES) as world:
        world.now = datetime.now(UTC)
        world.order("A1")
        world.step()
        assert (world.phone.got, world.states) == ([], ["queued"])

    assert run(folder, "resume", "--rule", "order", "--by", "Kim").output == "The rule order goes on.\n"
    assert run(folder, "resume", "--rule", "order", "--by", "Kim").output == "The rule order was not paused.\n"
    assert run(folder, "pauses").output == "Nothing is paused.\n"
    with World(folder, RULES) as world:
        world.now = datetime.now(UTC)
        world.worker.steer_due(world.now)
        world.step()
        assert [text.to for text in world.phone.got] == [PHONE]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("gateways", "pin", "bakcup", "--reason", "x", "--by", "y"), "no gateway 'bakcup'. Did you mean backup?"),
        (("gateways", "pin", "main", "--for", "soon", "--reason", "x", "--by", "y"), "'soon' is not a length of time"),
        (("pause", "--rule", "ordre", "--reason", "x", "--by", "y"), "There is no rule 'ordre'. Did you mean order?"),
        (("pause", "--gateway", "x", "--reason", "x", "--by", "y"), "There is no gateway 'x'. There are backup,"),
        (("pause", "--rule", "order", "--gateway", "main", "--reason", "x", "--by", "y"), "not both"),
        (("pause", "--except", "code", "--reason", "x", "--by", "y"), "'code' is not one of"),
        (("pause", "--by", "y"), "Missing option '--reason'"),
    ],
)
def test_a_wrong_wish_is_refused_in_words(folder: Path, words: tuple[str, ...], said: str) -> None:
    result = run(folder, *words)

    assert result.exit_code in {1, 2}
    assert said in result.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("+12025550123",), "main, backup  (routes.order, country US)"),
        (("+12025550123", "--lane", "otp"), "backup  (routes.when[1], country US)"),
        (("+441709000000", "--id", "m1"), "(routes.when[2], country GB)"),
    ],
)
def test_where_a_text_would_go_is_told(folder: Path, words: tuple[str, ...], said: str) -> None:
    assert said in run(folder, "gateways", "route", *words).output


def test_coverage_is_listed_by_gateway_and_country(folder: Path) -> None:
    with World(folder) as world:
        world.now = datetime.now(UTC)
        world.order("A1", phone="+12025550123")
        world.step()

    (row,) = run(folder, "gateways", "coverage", "--json").output.splitlines()
    assert json.loads(row) == {
        "gateway": "main", "country": "US", "accepted": 1, "reported": 0, "delivered": 0, "share": 0.0,
    }  # fmt: skip


def test_a_running_service_obeys_a_pause_and_a_resume_within_two_seconds(tmp_path: Path) -> None:
    with running(Service(tmp_path)) as service:
        assert run(tmp_path, "pause", "--reason", "test", "--by", "Kim").exit_code == 0
        assert service.post("ticks", *tick(1))[0] == 200
        until(lambda: "queued" in run(tmp_path, "messages", "list").output, lambda: "the text is not there", 5)
        assert gateways(tmp_path)["console"]["state"] == "not used yet"

        assert run(tmp_path, "resume", "--by", "Kim").exit_code == 0
        until(lambda: gateways(tmp_path)["console"]["state"] == "working", lambda: "nothing left after 2.5 s", 2.5)
