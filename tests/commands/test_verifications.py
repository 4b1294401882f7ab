"""Codes from the command line: how they fare, and an operator's word on neighbouring numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import app
from cli import main
from dispatch.verifying import Verifier
from model.verification import Asked, Policy
from tests.dispatch.test_verifying import PEPPER, RULES
from tests.fakes.world import World

SETTINGS = """
database = "sqlite:///{folder}/world.db"
rules = "{folder}/rules.yaml"
[verifications]
pepper = "env:PEPPER"
home = ["GB"]
per_prefix = "3/1h"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PEPPER", PEPPER * 2)
    (tmp_path / "tidings.toml").write_text(SETTINGS.replace("{folder}", str(tmp_path)), encoding="utf-8")
    with World(tmp_path, RULES) as world:
        world.now = app.utc_now()
        verifier = Verifier(
            store=world.store, book=lambda: world.worker.book, policy=Policy(home=frozenset({"GB"})), pepper=PEPPER,
            new_id=world.ids, on_queued=lambda: None,
        )  # fmt: skip
        for tail in range(4):
            verifier.start(Asked(number=f"+44770090012{tail}"), world.now)
        verifier.start(Asked(number="+12025550123", purpose="sign-in"), world.now)
    return tmp_path


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(folder / "tidings.toml"), "verifications", *words])


def test_neighbours_are_shown_with_the_evidence_and_ruled_by_hand(folder: Path) -> None:
    shown = run(folder, "prefixes").output
    allowed = run(folder, "allow", "+44770090****", "--for", "2h", "--reason", "a fair", "--by", "Kim")
    then = json.loads(run(folder, "prefixes", "--json").output.splitlines()[0])

    assert "+44770090****  GB  4  4  0  0%  0  closed" in shown
    assert "4 codes to its neighbours within 1:00:00 were not entered, at most 3." in shown
    assert allowed.output.startswith("+44770090: allow until ")
    assert (then["state"], then["why"][:11]) == ("open", "allow until")
    assert run(folder, "release", "+44770090", "--by", "Kim").output == "+44770090: the limits decide again.\n"
    assert run(folder, "release", "+44770090", "--by", "Kim").output == "Error: Nobody said anything about +44770090.\n"
    assert run(folder, "block", "+44770090", "--by", "Kim").exit_code == 0
    assert json.loads(run(folder, "prefixes", "--json").output.splitlines()[0])["why"].endswith("an operator said so.")


def test_the_list_tells_why_no_code_was_sent_and_masks_numbers(folder: Path) -> None:
    shown = run(folder, "list", "--state", "refused").output

    assert "+1••••••••23  refused  0  sign-in  country  US is not among the countries for codes" in shown
    assert "2025550123" not in shown
    assert len(run(folder, "list", "--number", "07700 900121", "--json").output.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("allow", "44", "--by", "Kim"), "'44' is no prefix; write it as `tidings verifications prefixes` shows it."),
        (("block", "+4477", "--for", "soon", "--by", "Kim"), "'soon' is not a length of time such as 24h."),
        (("list", "--state", "gone"), "'gone' is none of pending, approved, expired, failed, cancelled, refused."),
        (("list", "--number", "x"), "holds letters, not only a phone number"),
    ],
)
def test_what_is_wrong_is_said(folder: Path, words: tuple[str, ...], said: str) -> None:
    answer = run(folder, *words)

    assert answer.exit_code != 0
    assert said in answer.output
    assert "Traceback" not in answer.output
