"""Lists page by page: nothing is missed or told twice while more comes in, and only our own cursors count."""

from __future__ import annotations

import base64
import random

import pytest

from tests.web.api.caller import PHONE, Program, Service


def fill(program: Program, count: int, first: int = 0) -> None:
    events = [{"id": f"e{n}", "type": "custom.tick", "key": str(n)} for n in range(first, first + count)]
    assert program.post("/events/batch", {"events": events}).status_code == 202


def test_pages_hold_each_row_once_while_others_come_in(service: Service) -> None:
    program = service.program()
    fill(program, 25)
    seen, cursor = [], ""

    while cursor is not None:
        page = program.get(f"/events?limit=7&cursor={cursor}").get_json()
        seen += [row["key"] for row in page["data"]]
        cursor = page["next"]
        fill(program, 3, first=100 + len(seen))

    assert seen == [str(n) for n in reversed(range(25))]


def test_a_cursor_is_good_for_its_list_and_its_filters_only(service: Service) -> None:
    program = service.program()
    fill(program, 3)
    cursor = program.get("/events?limit=1").get_json()["next"]

    def status(path: str) -> int:
        return program.get(path).status_code

    assert status(f"/events?limit=2&cursor={cursor}") == 200
    assert status(f"/events?limit=1&source=api&cursor={cursor}") == 400
    assert status(f"/messages?cursor={cursor}") == 400
    assert program.get(f"/conversations?cursor={cursor}").get_json()["type"].endswith("/bad-cursor")


def test_forged_cursors_are_refused(service: Service) -> None:
    program, dice = service.program(), random.Random(1)
    fill(program, 3)
    good = program.get("/events?limit=1").get_json()["next"]
    forged = [good[:-1], good[1:], good + "A", good.swapcase(), "x", "%00", "ä", "=" * 8, "e0000000000000"]
    forged += [base64.urlsafe_b64encode(dice.randbytes(30)).decode() for _ in range(20)]

    assert {
        program.get(
            "/events",
        ).status_code
    } == {200}
    assert {program.get(f"/events?cursor={cursor}").status_code for cursor in forged} == {400}


@pytest.mark.parametrize("limit", ["0", "201", "-1", "1.5", "a", "", "1_0", " 1", "9" * 50])
def test_a_page_holds_1_to_200(lasting: Service, limit: str) -> None:
    answer = lasting.program().get(f"/events?limit={limit}")

    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, "limit")


def test_conversations_go_on_where_the_page_ended(service: Service) -> None:
    from tests.web.api.test_people import writes

    program = service.program()
    for n in range(3):
        writes(service, f"Text {n}", f"{PHONE[:-1]}{n}", f"r{n}")
        service.passes(minutes=1)

    first = program.get("/conversations?limit=2").get_json()
    rest = program.get(f"/conversations?limit=2&cursor={first['next']}").get_json()

    assert [row["text"] for row in (*first["data"], *rest["data"])] == ["Text 2", "Text 1", "Text 0"]
    assert rest["next"] is None
