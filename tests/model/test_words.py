"""The words of the house are a promise: keys, journals and settings hold them, and the pages explain them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from model.access import Permission, Role
from model.event import EVENT_TYPES
from model.ids import Ids
from model.message import State
from model.reasons import Because, Needs, Reason, Waits
from model.sending import ErrorClass
from model.telling import FIELDS, TELLINGS
from model.verification import Refusal, Ruling, Stage

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize(
    ("page", "rows"),
    [
        ("reasons.md", [f"| `{one.code}` | {one.text} |" for one in Because]),
        ("architecture.md", [f"| `{one.code}` | {one.rank} | {one.words} |" for one in State]),
        ("reasons.md", [f"| `{one.code}` | {one.status} | {one.text} |" for one in Reason]),
        ("security.md", [f"| `{one.code}` | {one.text} |" for one in Permission]),
        ("reasons.md", [f"| `{one.code}` | {one.action} |" for one in ErrorClass if one.action]),
        ("replies.md", [f"| `{one.code}` | {one.text} |" for one in Needs]),
        ("campaigns.md", [f"| `{one.code}` | {one.text.removesuffix('.')}" for one in Waits]),
        ("rules.md", [f"| `{name}` | {text} |" for name, text in EVENT_TYPES.items()]),
        ("webhooks.md", [f"| `{name}` | {text} |" for name, text in TELLINGS.items()]),
        ("webhooks.md", list(FIELDS.values())),
        ("verifications.md", [f"`{one.code}`" for one in (*Stage, *Refusal)]),
    ],
)
def test_codes_and_sentences_are_those_of_the_pages(page: str, rows: list[str]) -> None:
    text = (DOCS / page).read_text("utf-8")

    assert [row for row in rows if row not in text] == []


def test_what_became_of_a_code_is_told_in_a_sentence() -> None:
    told = [one.text for one in (*Stage, *Refusal, *Ruling)]

    assert [text for text in told if not re.fullmatch(r"[A-Z][a-z]* [a-zA-Z,; ]+\.", text)] == []


def test_roles_may_what_the_page_on_access_says() -> None:
    assert {role.code: sorted(one.code for one in role.permissions) for role in Role} == {
        "viewer": ["read"],
        "editor": ["read", "rules"],
        "sender": ["consent", "numbers", "read", "send"],
        "approver": ["approve", "numbers", "read"],
        "admin": sorted(one.code for one in Permission),
    }


def test_two_processes_never_make_the_same_id_in_the_same_millisecond() -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)

    made = [Ids(lambda: now, node)("m") for node in range(1024)]

    assert len(set(made)) == 1024
    assert made == sorted(made)
