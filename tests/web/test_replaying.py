"""Planning events again: nothing happens before a page has said what would be sent."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from rules.load import load
from tests.web.house import RULES, House
from tests.web.steering_office import Office


@pytest.fixture
def office(house: House) -> Office:
    return Office(house)


def hidden(page: str) -> dict[str, str]:
    """The fields that the page carries for the confirmation."""
    form = page.partition('action="/console/replay" method="post"')[2]
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form)
    return {name: value for name, value in found if name != "token"}


def lower_the_limit(house: House, dedupe: str = "") -> None:
    """From now on orders above 50 are texted, too."""
    path = house.folder / "rules.yaml"
    known = f'    dedupe: {{key: "{dedupe}"}}\n    locale: customer' if dedupe else "    locale: customer"
    path.write_text(RULES.replace("total > 100", "total > 50").replace("    locale: customer", known), "utf-8")
    house.worker.book = load(path)


def test_the_page_counts_texts_and_duplicates_before_anything_happens(office: Office) -> None:
    house = office.house
    for number in range(3):
        house.order(str(1000 + number))
    for number in range(2):
        house.order(str(2000 + number), 80)
    lower_the_limit(house)

    page = office.get("replay?source=shop")

    assert "Replay 5 events: 2 texts would be sent, 3 are duplicates" in page
    assert office.rows("select count(*) from messages") == [(3,)]


def test_a_replay_runs_in_the_background_and_is_on_record(office: Office) -> None:
    house = office.house
    house.order("1000")
    house.order("2000", 80)
    lower_the_limit(house)
    fields = hidden(office.get("replay?source=shop"))
    assert office.post("replay", **fields).status_code == 422

    begun = office.post("replay", who="Kim", **fields)
    later = house.order("3000", 80)

    assert "On its way: 0 of 2 events planned again" in office.follow(begun)
    assert office.replaying.step(house.now, limit=1) == 1
    assert "1 of 2 events" in office.get("replay/1")
    assert office.replaying.step(house.now) == 1
    assert office.replaying.step(house.now) == 0
    assert "Done: 2 of 2 events planned again" in office.get("replay/1")
    assert office.rows("select count(*) from messages") == [(3,)]
    assert office.rows("select count(*) from journal where kind = 'replayed' and actor = 'Kim'") == [(2,)]
    assert (later,) not in office.rows("select event_id from journal where kind = 'replayed'")
    assert office.replaying.step(house.now) == 0


def test_two_events_of_one_record_count_as_one_text(office: Office) -> None:
    house = office.house
    house.order("1", 80, key="K1")
    house.order("1", 80, key="K1")
    lower_the_limit(house, dedupe="{{ number }}")

    assert "Replay 2 events: 1 text would be sent, 1 is a duplicate" in office.get("replay?source=shop")


def test_of_many_events_the_page_tells_what_the_first_would_send_until_it_is_asked_for_all(office: Office) -> None:
    office.house.order("1000")
    with office.house.store.read() as tx:
        event = dict(tx.execute("select * from events").fetchone())
    copies = [{**event, "id": f"e{number:013}"} for number in range(999)]
    sql = f"insert into events ({', '.join(event)}) values ({', '.join(f':{name}' for name in event)})"  # noqa: S608
    office.house.store.write(lambda tx: tx.executemany(sql, copies))

    glance, whole = office.get("replay?source=shop"), office.get("replay?source=shop&all=1")

    seen = re.search(r"Replay 1,000 events: of the first (\d+), 0 texts would be sent, (\d+) are duplicates", glance)
    assert seen is not None
    assert 50 <= int(seen[1]) == int(seen[2]) < 1_000
    assert f"{1_000 - int(seen[1])} events, for lack of time" in glance
    assert "/console/replay?source=shop&all=1" in glance
    assert "Replay 1,000 events: 0 texts would be sent, 1,000 are duplicates" in whole
    assert "for lack of time" not in whole


def test_a_replay_that_is_no_longer_what_the_page_said_asks_again(office: Office) -> None:
    office.house.order("1000")
    fields = hidden(office.get("replay?source=shop"))

    refused = office.post("replay", who="Kim", **{**fields, "count": "7"})

    assert refused.status_code == 422
    assert "Meanwhile these are other events" in refused.get_data(as_text=True)
    assert office.rows("select count(*) from replays") == [(0,)]


def test_one_event_leads_from_its_page_to_a_replay_of_itself(office: Office) -> None:
    event_id = office.house.order("1000")
    office.house.order("1001")

    assert f"/console/replay?event={event_id}" in office.get(f"events/{event_id}")
    assert "Replay 1 event: 0 texts would be sent, 1 is a duplicate" in office.get(f"replay?event={event_id}")
    assert "no event of this id" in office.get("replay?event=e0000000000000")


def test_what_could_not_be_read_is_read_again(office: Office) -> None:
    office.house.unreadable()
    page = office.get("replay?state=unreadable")
    assert "Read 1 event again" in page

    office.post("replay", who="Kim", **hidden(page))
    office.replaying.step(office.house.now)

    assert "0 of 1 events planned again" in office.get("replay/1")
    assert "still not readable" in office.get("replay/1")


def test_a_replay_can_be_stopped(office: Office) -> None:
    office.house.order("1000")
    office.post("replay", who="Kim", **hidden(office.get("replay?source=shop")))

    assert "Stopped: 0 of 1" in office.follow(office.post("replay/1"))

    assert office.replaying.step(office.house.now) == 0
    assert "Kim" in office.get("replay")


@pytest.mark.parametrize("query", ["since=nonsense", "state=flying", "since=2026-11-24&until=2026-11-23"])
def test_a_window_nobody_can_mean_begins_nothing(office: Office, query: str) -> None:
    office.house.order("1000")

    page = office.get(f"replay?{query}")

    assert "<button>Replay" not in page


def test_a_window_is_exact_to_its_edges(office: Office) -> None:
    house = office.house
    house.order("1000")
    house.passes(hours=1)
    house.order("1001")
    edge, before = f"{house.now:%Y-%m-%dT%H:%M:%S}", f"{house.now - timedelta(seconds=1):%Y-%m-%dT%H:%M:%S}"

    assert "Replay 1 event" in office.get(f"replay?since={edge}")
    assert "Replay 1 event" in office.get(f"replay?until={before}")
    assert "Replay 2 events" in office.get(f"replay?until={edge}")
    assert "Replay 2 events" in office.get("replay?since=2026-11-23")
    office.get("replay/99", 404)
    office.get(f"replay/{1 << 70}", 404)
