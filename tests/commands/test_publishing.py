"""Changing rules on a system that runs: compare on history, publish, settle what waits, go back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from audit import versions
from cli import main
from tests.fakes.world import PHONE, World

BEFORE = """
version: 1
defaults: {region: DE, tz: Europe/Berlin, quiet_hours: ignore}
rules:
  - id: order
    event: order.created
    when: [total > 50]
    to: [phone]
    text: "Order {{ number }} is confirmed."
  - id: reminder
    event: appointment.booked
    key: "{{ id }}"
    schedule: {at: starts_at, offset: -24h, if_past: skip}
    to: [phone]
    text: "See you at {{ starts_at|time }}."
"""
AFTER = BEFORE.replace("total > 50", "total > 100").replace("See you at", "We expect you at")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A service with a history: orders of 40 to 120, and an appointment in three days."""
    made = World(tmp_path, BEFORE)
    made.now = datetime.now(UTC) - timedelta(hours=1)
    made.rules(BEFORE)
    for total in (40, 60, 80, 120):
        made.order(f"A{total}", total=total)
    starts = (made.now + timedelta(days=3)).replace(hour=14, minute=0).isoformat()
    made.hears("appointment.booked", {"id": "V1", "phone": PHONE, "starts_at": starts})
    made.step()
    from rules.files import files_of

    made.store.write(
        lambda tx: versions.put_in_force(
            tx, made.worker.book.hash, files_of(tmp_path / "rules.yaml"), "start", "", made.now
        )
    )
    made.store.close()
    (tmp_path / "tidings.toml").write_text(
        f'database = "sqlite:///{tmp_path}/world.db"\nrules = "{tmp_path}/rules.yaml"\n', encoding="utf-8"
    )
    (tmp_path / "draft").mkdir()
    (tmp_path / "draft" / "rules.yaml").write_text(AFTER, encoding="utf-8")
    yield made
    made.store.close()


def run(world: World, *words: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(world.folder / "tidings.toml"), "rules", *words])


def publish(world: World, *more: str) -> Result:
    return run(world, "publish", str(world.folder / "draft" / "rules.yaml"), "--by", "Kim", *more)


def waiting(world: World) -> list[tuple[str, str]]:
    with World(world.folder, AFTER) as now:
        return [(r["state"], r["text"]) for r in now.rows("select state, text from messages where rule = 'reminder'")]


def test_a_diff_on_history_shows_which_texts_would_differ_and_sends_nothing(world: World) -> None:
    files = (str(world.folder / "rules.yaml"), str(world.folder / "draft" / "rules.yaml"))

    shown = run(world, "diff", *files)
    data = json.loads(run(world, "diff", *files, "--json").output)

    assert "5 events: 1 texts the same, 0 added, 2 removed, 1 changed." in shown.output
    assert "total is 60, needs > 100" in shown.output
    assert (data["removed"], data["changed"], data["segments_before"], data["segments_after"]) == (2, 1, 4, 2)
    assert PHONE not in shown.output + json.dumps(data)


def test_a_diff_can_stop_a_build(world: World) -> None:
    files = (str(world.folder / "rules.yaml"), str(world.folder / "draft" / "rules.yaml"))

    assert run(world, "diff", *files, "--fail-over", "3").exit_code == 0
    assert run(world, "diff", *files, "--fail-over", "2").exit_code == 1


@pytest.mark.parametrize(
    ("choice", "left", "said"),
    [
        ("keep", ("queued", "See you at"), "1, 0 rewritten, 0 cancelled"),
        ("re-render", ("queued", "We expect you at"), "1, 1 rewritten, 0 cancelled"),
        ("cancel", ("cancelled", "See you at"), "1, 0 rewritten, 1 cancelled"),
    ],
)
def test_what_waits_is_settled_as_chosen(world: World, choice: str, left: tuple[str, str], said: str) -> None:
    result = publish(world, "--pending", choice)

    assert result.exit_code == 0, result.output
    assert said in result.output
    ((state, text),) = waiting(world)
    assert (state, text.startswith(left[1])) == (left[0], True)


def test_publishing_asks_before_it_changes_what_waits(world: World) -> None:
    result = publish(world)

    assert result.exit_code == 2
    assert "1 texts of changed rules wait" in result.output
    assert (world.folder / "rules.yaml").read_text() == BEFORE


def test_a_file_whose_tests_fail_is_not_published(world: World) -> None:
    wrong = AFTER.replace(
        'text: "Order', 'tests: [{name: x, payload: {phone: "1"}, expect: {send: 1}}]\n    text: "Order'
    )
    (world.folder / "draft" / "rules.yaml").write_text(wrong, encoding="utf-8")

    result = publish(world, "--pending", "keep")

    assert result.exit_code == 1
    assert (world.folder / "rules.yaml").read_text() == BEFORE


def test_the_history_says_who_and_why_and_leads_back(world: World) -> None:
    publish(world, "--note", "raised the minimum", "--pending", "keep")
    history = run(world, "history").output.splitlines()

    back = run(world, "rollback", "1", "--by", "Sam", "--pending", "keep")

    assert "Kim  raised the minimum" in history[0]
    assert back.exit_code == 0, back.output
    assert (world.folder / "rules.yaml").read_text() == BEFORE
    assert "Sam  back to version 1" in run(world, "history").output.splitlines()[0]
    assert run(world, "rollback", "99", "--by", "Sam").exit_code == 1
