"""Several events for one person become one text."""

from __future__ import annotations

from tests.fakes.world import PHONE, World

RULES = """
version: 1
defaults: {region: DE, tz: Europe/Berlin, quiet_hours: ignore}
rules:
  - id: tickets
    event: ticket.updated
    to: [phone]
    batch: {key: "{{ phone }}", wait: 10m, max: 3}
    text: "{{ count }} news: {% for item in items %}{{ item.number }} {% endfor %}"
"""


def news(world: World, number: str, phone: str = PHONE) -> None:
    world.hears("ticket.updated", {"id": number, "number": number, "phone": phone})
    world.step()
    world.wait(minutes=1)


def test_news_for_one_person_wait_and_leave_in_one_text(world: World) -> None:
    world.rules(RULES)
    news(world, "T1")
    news(world, "T2")
    news(world, "T9", "+447700900145")
    assert world.phone.inbox == []

    world.wait(minutes=8)
    world.step()
    world.wait(minutes=9)
    world.step()

    assert sorted(world.phone.inbox) == ["1 news: T9", "2 news: T1 T2"]
    assert world.states.count("cancelled") == 1
    assert world.message()["items"] == ""
    assert world.faults() == []


def test_a_full_batch_leaves_at_once_and_the_next_one_begins(world: World) -> None:
    world.rules(RULES)
    for number in ("T1", "T2", "T3", "T4"):
        news(world, number)

    assert world.phone.inbox == ["3 news: T1 T2 T3"]
    world.wait(minutes=10)
    world.step()
    assert world.phone.inbox[1:] == ["1 news: T4"]
