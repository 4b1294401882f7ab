"""The command line, as an operator uses it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import demo
from cli import main
from demo import run_demo
from tests.fakes.service import Service

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database in which the demo was played."""
    folder = tmp_path_factory.mktemp("played")
    assert run_demo(folder / "tidings.db") == 0
    (folder / "tidings.toml").write_text(
        f'database = "sqlite:///{folder}/tidings.db"\nrules = "{ROOT}/rules/rules.yaml"\n', encoding="utf-8"
    )
    return folder / "tidings.toml"


def run(*words: str, config: Path | None = None) -> Result:
    chosen = ["--config", str(config)] if config else []
    return CliRunner().invoke(main, [*chosen, *words], catch_exceptions=False)


def test_the_demo_accounts_for_everything(played: Path) -> None:
    result = run("db", "check", config=played)

    assert result.exit_code == 0
    assert "decided" in result.output


def test_events_can_be_listed_and_explained(played: Path) -> None:
    rows = [
        json.loads(line)
        for line in run("events", "list", "--json", "--limit", "200", config=played).output.splitlines()
    ]
    order = next(row for row in rows if row["type"] == "order.created")

    shown = run("events", "show", order["id"], config=played)
    explained = run("rules", "explain", order["id"], config=played)

    assert shown.exit_code == explained.exit_code == 0
    assert "order-confirmed" in shown.output
    assert "order-confirmed" in explained.output


def test_a_sample_can_be_explained_without_a_database() -> None:
    result = run("rules", "explain", "sample_payloads/shopify/orders-create.json")

    assert result.exit_code == 0
    assert "Hallo Anna, Bestellung #1001" in result.output
    assert "+493023125001" not in result.output


def test_messages_and_decisions_can_be_listed_with_masked_numbers(played: Path) -> None:
    texts = run("messages", "list", config=played)
    decisions = run("audit", "list", "--reason", "no_recipient", config=played)

    assert "+493023125001" not in texts.output
    assert "delivered" in texts.output
    assert decisions.output.count("no_recipient") > 3


def test_the_shipped_rules_are_without_problems_and_their_tests_hold() -> None:
    assert run("rules", "check").exit_code == 0
    assert run("rules", "test").exit_code == 0


def test_a_broken_rules_file_is_told_with_every_place_and_a_hint(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(
        "version: 1\nrules:\n  - id: a\n    event: order.craeted\n    too: [phone]\n    to: [phone]\n"
        "    when: [total > ]\n    text: '{{ number'\n",
        encoding="utf-8",
    )

    result = run("rules", "check", str(file))

    assert result.exit_code == 1
    assert f"{file}:4:12: 'order.craeted' is not an event type. Did you mean order.created?" in result.output
    assert f"{file}:5:5: Rule a has no field 'too'." in result.output
    assert f"{file}:7:" in result.output
    assert f"{file}:8:" in result.output


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ('mod = "live"', "There is no setting 'mod'. Did you mean mode?"),
        ('[sources.shop]\nconnector = "shopify"\nsecret = "env:TIDINGS_NOT_SET"', "TIDINGS_NOT_SET, which is not set"),
        ("port = 99999999", "port:"),
        ('[routes]\norder = ["mian"]', "'mian'"),
        ("= nonsense", "This is not TOML"),
        ('database = "oracle://x"', "database must start with sqlite:///"),
    ],
)
def test_wrong_settings_are_told_in_a_sentence(tmp_path: Path, toml: str, sentence: str) -> None:
    file = tmp_path / "tidings.toml"
    file.write_text(toml, encoding="utf-8")

    result = run("sources", "list", config=file)

    assert result.exit_code == 1
    assert sentence in result.output


@pytest.mark.parametrize(
    "words", [("rules", "show", "order-confirmd"), ("events", "show", "e0"), ("messages", "show", "m0")]
)
def test_what_is_not_there_is_said(played: Path, words: tuple[str, ...]) -> None:
    result = run(*words, config=played)

    assert result.exit_code == 1
    assert "There is no" in result.output


def test_everything_available_is_listed() -> None:
    assert "shopify" in run("sources", "list", "--available").output
    assert "twilio" in run("gateways", "list", "--available").output


def test_every_command_explains_itself() -> None:
    for name, command in main.commands.items():
        assert command.help, name
        for sub, inner in getattr(command, "commands", {}).items():
            assert inner.help, f"{name} {sub}"


def test_a_source_that_cannot_be_built_stops_serving_with_a_plain_sentence(tmp_path: Path) -> None:
    service = Service(tmp_path, sources={"shop": {"connector": "shopfy", "secret": "x"}})
    service.start(wait=False)
    assert service.process is not None
    code = service.process.wait(15)
    service.kill()

    assert code == 1
    assert "sources.shop: there is no connector 'shopfy'." in service.log
    assert "Traceback" not in service.log
    assert "listens" not in service.log


def test_samples_that_are_played_now_arrive_within_the_day_up_to_now() -> None:
    """Older ones would be stale, and `make run` would show a newcomer no text."""
    now = datetime(2027, 3, 5, 14, 0, tzinfo=UTC)
    prepare = demo.brought_up_to(now)

    arrived = [prepare(sample).now for sample in demo.playable()]

    assert max(arrived) == now
    assert all(now - moment < timedelta(days=1) for moment in arrived)
