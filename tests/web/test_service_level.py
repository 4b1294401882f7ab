"""The service level: what counts, on which day, and who may read it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date, timedelta

import pytest
from click.testing import CliRunner

from audit import punctuality, tallies
from cli import main
from model.sending import ErrorClass, Outcome, Result
from tests.fakes.stores import address
from tests.fakes.world import World
from tests.web.house import House
from web.app import build
from web.status_pages import percent


def test_a_text_is_late_after_ten_seconds_and_on_the_day_on_which_it_was_due(world: World) -> None:
    world.wait_until("2026-11-23T23:59:55+00:00")
    world.order("1")
    world.plan()
    world.wait(seconds=10)
    world.step()
    world.order("2")
    world.plan()
    world.wait(seconds=10.001)
    world.step()
    tallies.refresh(world.store, world.now)

    found = punctuality.of(world.store, world.now, days=2)

    assert [(day.day, day.in_time, day.late) for day in found.days] == [
        (date(2026, 11, 23), 1, 0), (date(2026, 11, 24), 0, 1),
    ]  # fmt: skip
    assert found.total.share == 0.5


def test_what_waits_too_long_is_late_before_it_has_left(world: World) -> None:
    world.order("1")
    world.plan()
    world.wait(seconds=9)
    assert punctuality.of(world.store, world.now).overdue == 0

    world.wait(seconds=2)
    found = punctuality.of(world.store, world.now)

    assert (found.overdue, found.days[-1].late, found.total.share) == (1, 1, 0.0)
    assert dict(found.lanes)["normal"].late == 1


def test_a_reminder_is_due_when_its_rule_says_and_not_when_it_was_booked(world: World) -> None:
    world.rules(
        "version: 1\ndefaults: {region: DE, tz: Europe/Berlin, quiet_hours: ignore}\nrules:\n"
        "  - {id: order, event: order.created, to: [phone], text: 'Order {{ number }}',\n"
        "     schedule: {at: starts_at, offset: -2h, if_past: send_now}}\n"
    )
    world.order("1", starts_at="2026-11-23T15:00:00+00:00")
    world.step()
    world.wait(hours=2)
    world.step()
    tallies.refresh(world.store, world.now)

    assert punctuality.of(world.store, world.now).total.in_time == 1


def test_a_provider_that_was_down_makes_texts_late(world: World) -> None:
    down = Result(outcome=Outcome.RETRY, error=ErrorClass.RETRY)
    world.phone.script, world.other.script = [down], [down]
    world.order("1")
    world.step()
    world.wait(minutes=1)
    world.step()
    tallies.refresh(world.store, world.now)

    assert punctuality.of(world.store, world.now).total.late == 1


@pytest.mark.parametrize(
    ("share", "shown"), [(1.0, "100.0%"), (0.9999, "99.9%"), (0.98, "98.0%"), (0.0, "0.0%"), (None, "")]
)
def test_a_share_is_never_rounded_up(share: float | None, shown: str) -> None:
    assert percent(share) == shown


def test_the_page_is_public_only_where_the_setting_says_so_and_names_nobody(house: House) -> None:
    house.order("1001", name="Zoë")
    tallies.refresh(house.store, house.now)
    public = build(replace(house.desk, entrance=replace(house.desk.entrance, public_status=True))).test_client()
    far = {"REMOTE_ADDR": "203.0.113.9"}

    assert house.client().get("/status", environ_base=far).status_code == 404
    answer = public.get("/status", environ_base=far)
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)))

    assert answer.status_code == 200
    assert "100.0% of 1" in text
    for secret in ("Zoë", "3920012", "order-confirmed", "shop", "console/messages"):
        assert secret not in text
    assert house.client().get("/console/service-level").status_code == 200
    assert len(answer.data) < 60_000


def test_the_command_says_the_same_and_can_fail_a_build(house: House) -> None:
    house.order("1001")
    house.now += timedelta(seconds=1)
    house.store.close()
    config = f'database = "{address(house.folder / "tidings.db")}"\n'
    (house.folder / "tidings.toml").write_text(config, "utf-8")

    def run(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, ["--config", str(house.folder / "tidings.toml"), "service-level", *words])
        return result.exit_code, result.output

    assert json.loads(run("--days", "3650", "--json")[1])["total"]["in_time"] == 1
    assert run("--days", "3650", "--at-least", "98")[0] == 0
    assert "1 due, 1 in time" in run("--days", "3650")[1]
