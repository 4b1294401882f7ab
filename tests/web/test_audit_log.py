"""Finding things: each filter alone and together, paging, and the search box."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from model.message import State
from tests.web.house import MORNING, House


def records(client: FlaskClient, path: str) -> list[str]:
    """The records a list shows, from top to bottom."""
    answer = client.get(path)
    assert answer.status_code == 200, path
    return re.findall(r'<td data-label="Record"><a [^>]+>([^<]+)</a>', answer.get_data(as_text=True))


def link(client: FlaskClient, path: str, word: str) -> str:
    found = re.search(rf'<a href="([^"]+)"[^>]*>{word}</a>', client.get(path).get_data(as_text=True))
    return html.unescape(found[1]) if found else ""


@pytest.fixture
def busy(house: House) -> House:
    house.delivered("1", phone="+49 171 3920012", key="K1", name="Zoë")
    house.passes(hours=1)
    house.order("2", 80, phone="0171/3920012", key="K2", name="Bob")
    house.passes(hours=1)
    house.reports(house.order("3", phone="+491713920049", key="K3", source="other"), State.UNDELIVERED, "30005")
    house.passes(hours=1)
    house.order("4", phone="call my office", key="K4")
    house.comes("contact.updated", {"name": "Ines"}, key="K5", source="crm")
    house.works()
    house.passes(minutes=1)
    return house


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["K5", "K4", "K3", "K2", "K1"]),
        ("number=%2B491713920012", ["K2", "K1"]),
        ("number=0171+3920012", ["K2", "K1"]),
        ("number=0049+171+3920012&region=GB", ["K2", "K1"]),
        ("number=+491713920012", ["K2", "K1"]),
        ("source=other", ["K3"]),
        ("type=contact.updated", ["K5"]),
        ("rule=order-confirmed", ["K4", "K3", "K2", "K1"]),
        ("state=delivered", ["K1"]),
        ("state=any_failure", ["K3"]),
        ("reason=no_rule", ["K5"]),
        ("reason=when", ["K2"]),
        ("reason=when[0]", ["K2"]),
        ("reason=any_skip", ["K5", "K4", "K2"]),
        ("reason=send", ["K3", "K1"]),
        ("since=2026-11-23T11:30", ["K5", "K4", "K3"]),
        ("until=2026-11-23T11:30", ["K2", "K1"]),
        ("since=2026-11-23T10:30&until=2026-11-23T11:30", ["K2"]),
        ("until=2026-11-23", ["K5", "K4", "K3", "K2", "K1"]),
        ("until=2026-11-22", []),
        ("since=2026-11-24", []),
        ("q=zoe", ["K1"]),
        ("q=Bob", ["K2"]),
        ("q=confirmed", ["K3", "K1"]),
        ("q=!!!", []),
        ('q="" OR *', []),
        ("number=01713920012&state=delivered", ["K1"]),
        ("number=01713920012&reason=when", ["K2"]),
        ("q=Bob&number=01713920012&rule=order-confirmed&source=shop&type=order.created", ["K2"]),
        ("q=Bob&source=other", []),
        ("state=any_failure&source=shop", []),
        ("state=delivered&rule=order-confirmed&since=2026-11-23&until=2026-11-24", ["K1"]),
        ("state=delivered&since=2026-11-23T11:30", []),
        ("reason=no_recipient&rule=order-confirmed", ["K4"]),
        ("rule=unheard-of", []),
        ("state=unheard-of", []),
        ("reason=unheard-of", []),
    ],
)
def test_each_filter_alone_and_with_others_shows_exactly_its_rows(busy: House, query: str, found: list[str]) -> None:
    assert records(busy.client(), f"/console/audit?{query}") == found


def test_a_number_stands_in_an_address_without_being_readable(busy: House) -> None:
    client = busy.client()
    texts = re.findall(r"/console/messages/(m\w+)", client.get("/console/audit?state=delivered").get_data(as_text=True))

    assert records(client, f"/console/audit?phone_of={texts[0]}") == ["K2", "K1"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("number=abc", "Not a phone number."),
        ("number=12", "Not a phone number."),
        ("since=yesterday", "Not a time."),
        ("until=9999-99-99", "Not a time."),
        ("until=0001-01-01T00:00%2B14:00", "Not a time."),
        ("phone_of=m1", "is not stored"),
    ],
)
def test_a_filter_that_cannot_be_read_says_so_and_keeps_what_was_typed(house: House, query: str, said: str) -> None:
    house.delivered("1")

    answer = house.client().get(f"/console/audit?{query}")

    assert answer.status_code == 200
    assert said in answer.get_data(as_text=True)
    assert "<tr data-row" not in answer.get_data(as_text=True)


@pytest.mark.parametrize("cursor", ["0", "99999999999999999999", "x", "m", "%27", "1e5", "-1", "m00", "null", "é"])
@pytest.mark.parametrize("page", ["audit", "audit?state=delivered", "audit?q=anna", "messages", "events"])
def test_no_page_address_makes_the_console_stumble(house: House, page: str, cursor: str) -> None:
    house.delivered("1")
    sign = "&" if "?" in page else "?"

    for name in ("before", "after"):
        assert house.client().get(f"/console/{page}{sign}{name}={cursor}").status_code in {200, 404}


@pytest.mark.parametrize(
    ("page", "query", "count"),
    [
        ("audit", "", 130),
        ("audit", "state=any_way", 65),
        ("audit", "reason=when", 65),
        ("audit", "q=Anna", 130),
        ("audit", "number=01713920012", 130),
        ("audit", "since=2026-11-23&until=2026-11-24", 130),
        ("messages", "state=any_way", 65),
        ("events", "source=shop", 130),
    ],
)
def test_paging_to_the_oldest_and_back_shows_every_row_once(house: House, page: str, query: str, count: int) -> None:
    for number in range(130):
        house.order(str(number), 80 if number % 2 else 150, key=f"K{number:03}", phone="0171 3920012")
    client = house.client()
    start = f"/console/{page}?{query}"
    read = rows_of(page)

    there, path = [read(client, start)], start
    while path := link(client, path, "Older"):
        there.append(read(client, path))
        last = path
    back, path = [there[-1]], last
    while path := link(client, path, "Newer"):
        back.insert(0, read(client, path))

    seen = [row for rows in there for row in rows]
    assert len(seen) == len(set(seen)) == count
    assert back == there
    assert not link(client, start, "Newer")


class rows_of:  # noqa: N801 - reads as a function
    """The rows of a list by what names them in its first link."""

    def __init__(self, page: str) -> None:
        self.kind = "messages" if page == "messages" else "events"

    def __call__(self, client: FlaskClient, path: str) -> list[str]:
        page = client.get(path).get_data(as_text=True)
        rows = page.split("<tr data-row>")[1:]
        return [row.split(f"/console/{self.kind}/")[1].split('"')[0] for row in rows]


def test_rows_are_newest_first_and_new_ones_do_not_shift_older_pages(house: House) -> None:
    for number in range(60):
        house.order(str(number), key=f"K{number:03}")
    client = house.client()
    older = link(client, "/console/audit", "Older")
    before = records(client, older)
    house.order("60", key="K060")

    assert records(client, older) == before == [f"K{number:03}" for number in range(9, -1, -1)]


@pytest.mark.parametrize("typed", ["+49 171 3920012", "0171/3920012", "0049 171 392 00 12", "+49 (0)171 3920012"])
def test_a_number_in_any_spelling_finds_its_texts(busy: House, typed: str) -> None:
    answer = busy.client().get(f"/console/search?q={quote(typed)}")

    assert answer.headers["Location"] == "/console/audit?number=%2B491713920012"


def test_the_search_box_leads_straight_to_what_was_named(busy: House) -> None:
    event_id = busy.order("4711", key="gid-4711", name="Unique")
    message_id = busy.text_of(event_id)
    client = busy.client()
    wanted = {
        event_id: f"/console/events/{event_id}",
        message_id.upper(): f"/console/messages/{message_id}",
        "gid-4711": f"/console/events/{event_id}",
        "#4711": f"/console/events/{event_id}",
        "order-confirmed": "/console/audit?rule=order-confirmed",
        "confirmed": "/console/audit?q=confirmed",
        "unique": f"/console/events/{event_id}",
        "nobody": "/console/audit?q=nobody",
        "": "/console/audit",
        "e0000000000000": "/console/audit?q=e0000000000000",
    }

    for typed, place in wanted.items():
        assert client.get("/console/search", query_string={"q": typed}).headers["Location"] == place, typed


def test_a_record_with_several_events_opens_all_of_them(house: House) -> None:
    house.order("1", key="K9")
    house.order("1", key="K9")
    client = house.client()

    place = client.get("/console/search?q=K9").headers["Location"]

    assert records(client, place) == ["K9", "K9"]


def test_old_texts_are_found_by_time_without_walking_from_today(house: House) -> None:
    house.now = MORNING - timedelta(days=30)
    house.order("1", key="OLD")
    house.now = MORNING
    for number in range(5):
        house.order(str(number))

    assert records(house.client(), "/console/audit?until=2026-11-01") == ["OLD"]
