"""What a viewer, a sender and an admin see of the pages that steer and send."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from model.access import Role
from tests.web.door import Door, posts
from tests.web.house import House

ANNA = "+491713920012"


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    house = House(tmp_path)
    house.delivered("1001")
    made = Door.of(house, replace(house.desk, new_id=house.new_id))
    for role in (Role.ADMIN, Role.VIEWER, Role.SENDER):
        made.adds(role.code, role)
    yield made
    house.store.close()


def page(door: Door, who: str, path: str) -> str:
    return door.browser_of(door.person(who)).get(f"/console/{path}").get_data(as_text=True)


def test_a_viewer_looks_and_finds_no_form_that_steers_or_sends(door: Door) -> None:
    text_id = door.house.text_of(door.house.order("1002", phone="+1 415 555 0190"))

    for path in ("gateways", "gateways/console", "sources/shop", f"messages/{text_id}", "events", "messages"):
        shown = page(door, "viewer", path)
        for word in (
            "Pause</button>",
            "Send a test",
            "Try it</button>",
            "Send it again",
            "Plan events",
            "Send one text",
        ):
            assert word not in shown, path
    assert "Send it again" in page(door, "sender", f"messages/{text_id}")
    assert "Pause</button>" not in page(door, "sender", "gateways/console")
    assert "Send a test" in page(door, "sender", "gateways/console")


def test_who_is_signed_in_is_named_in_the_journal_whatever_is_typed(door: Door) -> None:
    browser = door.browser_of(door.person("admin"))

    posts(browser, "/console/gateways/console", do="pause", reason="bill", who="somebody else")

    assert ("admin", "paused", "gateway: bill") in door.journal()
    assert "Your name" not in page(door, "admin", "gateways/console")


@pytest.mark.parametrize(("who", "number"), [("viewer", "+49••••••••12"), ("sender", ANNA)])
def test_a_file_holds_the_numbers_that_the_page_shows(door: Door, who: str, number: str) -> None:
    assert f'"number": "{number}"' in page(door, who, "messages.jsonl")

    noted = ("sender", "messages exported with numbers", "") in door.journal()
    assert noted is (who == "sender")


def test_a_row_of_the_live_tail_shows_the_number_as_the_page_does(door: Door) -> None:
    for who, number in (("viewer", "+49••••••••12"), ("sender", ANNA)):
        browser = door.browser_of(door.person(who))
        answer = browser.get("/console/audit/live?after=0", buffered=False)
        told = b"".join(islice(answer.iter_encoded(), 2)).decode()
        answer.close()
        assert number in told
