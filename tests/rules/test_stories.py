"""Stories about time and order, written as rules files with tests inside, played by the same code that sends."""

from __future__ import annotations

from pathlib import Path

import pytest

from advice import advise
from dispatch.rehearse import Outcome, rehearse
from inbound.examples import event_in
from rules.load import load

STORIES = Path(__file__).parents[1] / "fixtures" / "rules" / "stories"
FILES = sorted(STORIES.glob("*.yaml"))
OUTCOMES = [outcome for path in FILES for outcome in rehearse(load(path), event_in)]
LIKE_THIS = "write it like sample_payloads/shopify/orders-create.json."


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: f"{outcome.rule}: {outcome.test}")
def test_the_story_ends_as_it_is_told(outcome: Outcome) -> None:
    assert outcome.wrong == (), f"{outcome.file}:{outcome.line}"


def test_there_are_many_stories() -> None:
    assert len(OUTCOMES) >= 45


def test_the_five_rules_of_the_language_have_no_errors() -> None:
    problems = advise(load(STORIES / "five-rules.yaml"))

    assert [str(problem) for problem in problems if problem.level == "error"] == []


def test_a_test_that_does_not_hold_says_what_was_expected_and_what_came() -> None:
    text = """
version: 1
rules:
  - id: a
    event: order.created
    to: phone
    text: "Hi {{ name }}"
    tests:
      - name: wrong on purpose
        payload: {phone: "+491713920012", name: Anna}
        expect: {send: 2, to: "+491713920013", text: Hello Anna, at: 2026-01-01T00:00:00+00:00, pending: []}
      - name: a sample that is not there
        payload: sample_payloads/nowhere.json
        expect: {send: 1}
"""

    wrong = [outcome.wrong for outcome in rehearse(load(Path("rules.yaml"), text.encode()), event_in)]

    assert wrong == [
        (
            "send: expected 2, found 1",
            "to: expected '+491713920013', found '+491713920012'",
            "text: expected 'Hello Anna', found 'Hi Anna'",
            "at: expected 2026-01-01T00:00:00+00:00, found 2026-06-15T10:00:00+00:00",
            "pending: expected [], found ['2026-06-15T10:00:00+00:00']",
        ),
        ("The test cannot run: There is no sample sample_payloads/nowhere.json; " + LIKE_THIS,),
    ]
