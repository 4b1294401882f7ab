"""What the page of a text and the reports tell of its short links."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from audit.clicks import Clicks
from model.access import Role
from tests.web.door import Door
from tests.web.house import House

RULES = """\
version: 1
defaults: {region: DE, quiet_hours: ignore, links: {domain: "https://t.example"}}
rules:
  - id: pay
    event: order.created
    to: [customer.phone]
    text: "Order {{ number }}: {{ ('https://pay.example/i?who=' ~ customer.first_name)|short }}"
"""


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """One text of two was followed by a person, and looked at by a program."""
    house = House(tmp_path, rules=RULES)
    texts = [house.text_of(house.order(number)) for number in ("1001", "1002")]
    with house.store.read() as tx:
        (row,) = tx.execute("select code from links where message_id = ?", (texts[0],)).fetchall()
    clicks = Clicks()
    clicks.note(row["code"], house.now, by_program=True)
    clicks.note(row["code"], house.now, by_program=False)
    clicks.flush(house.store)
    made = Door.of(house, replace(house.desk, new_id=house.new_id))
    for role in (Role.ADMIN, Role.VIEWER):
        made.adds(role.code, role)
    yield made
    house.store.close()


def page(door: Door, who: str, path: str) -> str:
    return door.browser_of(door.person(who)).get(f"/console/{path}").get_data(as_text=True)


def first_text(door: Door) -> str:
    with door.house.store.read() as tx:
        return str(tx.execute("select id from messages order by id").fetchone()["id"])


def test_the_page_of_a_text_shows_where_its_link_leads_and_who_followed_it(door: Door) -> None:
    shown = page(door, "admin", f"messages/{first_text(door)}")

    assert "https://pay.example/i?who=Anna" in shown
    assert '<td data-label="Followed" class="num">1</td>' in shown
    assert '<td data-label="Previews" class="num">1</td>' in shown
    assert "Somebody followed its link" in shown


def test_who_may_not_see_numbers_sees_only_the_host(door: Door) -> None:
    shown = page(door, "viewer", f"messages/{first_text(door)}")

    assert "pay.example" in shown
    assert "who=" not in shown


def test_the_reports_show_the_share_that_was_followed(door: Door) -> None:
    shown = page(door, "viewer", "reports")
    table = door.browser_of(door.person("viewer")).get("/console/reports.csv").get_data(as_text=True)

    assert "1 of 2 texts with a short link; previews do not count" in shown
    assert 'data-label="Link followed">50.0%' in shown
    assert table.splitlines()[0].startswith("rule,sent,delivered,reported,failed,replied,opted_out,linked,clicked")
    assert table.splitlines()[1].startswith("pay,2,0,0,0,0,0,2,1")
