"""Words and phones are found wherever they are: beyond the newest thousand hits, in the past, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from audit import events, finding, search
from audit.beginnings import MOST_PLACES
from audit.engines.base import Shared
from audit.finding import MOST_HITS
from audit.paging import Page
from audit.rows import ms
from audit.search import Filter
from audit.store import Tx
from tests.fakes.stores import open_store
from tests.web.house import MORNING, House

COUNT = MOST_HITS + 700
MANY = MOST_PLACES // 2 + 200
PHONES = ("+491713920012", "+447700900145")
FIRST = MORNING - timedelta(minutes=COUNT)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One event a minute: all hold "parcel", every third "Anna", two in three were texted to the first phone."""
    opened = House(tmp_path_factory.mktemp("finding"))
    opened.order("1")
    opened.store.write(_fill)
    yield opened
    opened.store.close()


def _fill(tx: Tx) -> None:
    event, message, decision = (
        dict(tx.execute(f"select * from {table} order by id desc limit 1").fetchone())  # noqa: S608 - our own names
        for table in ("events", "messages", "journal where kind = 'decision'")
    )
    del decision["id"]
    for number in range(COUNT):
        moment, phone = ms(FIRST + timedelta(minutes=number)), PHONES[number % 3 // 2]
        event |= {"id": f"e{number:013}", "received_at": moment, "found": _indexed(tx, number, phone)}
        message |= {"id": f"m{number:013}", "event_id": event["id"], "number": phone, "created_at": moment}
        decision |= {
            "event_id": event["id"], "message_id": message["id"] if number % 5 else "",
            "at": moment,
        }  # fmt: skip
        for table, row in (("events", event), ("messages", message), ("journal", decision)):
            if table == "messages" and not decision["message_id"]:
                continue
            tx.execute(f"insert into {table} ({', '.join(row)}) values ({', '.join(f':{one}' for one in row)})", row)  # noqa: S608


def _indexed(tx: Tx, number: int, phone: str) -> int:
    words = f"parcel {'Anna' if number % 3 == 0 else 'Bob'} {phone} item{number}"
    return int(
        tx.execute("insert into finder (words, event_id) values (?, ?)", (words, f"e{number:013}")).lastrowid or 0
    )


def minutes(page: Page) -> list[int]:
    return [int(row["event_id"][1:]) for row in page.rows]


def walked(house: House, wanted: Filter, limit: int = 400) -> list[int]:
    """Turn the pages from the newest to the oldest and back, and see that both ways show the same."""
    pages = [search.decisions(house.store, wanted, limit=limit)]
    while pages[-1].older:
        pages.append(search.decisions(house.store, wanted, before=pages[-1].older, limit=limit))
    back = [pages[-1]]
    while back[-1].newer:
        back.append(search.decisions(house.store, wanted, after=back[-1].newer, limit=limit))
    there = [minute for page in pages for minute in minutes(page)]
    assert [minute for page in reversed(back) for minute in minutes(page)] == there
    return there


def at(minute: int) -> datetime:
    return FIRST + timedelta(minutes=minute)


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ({"words": "parcel"}, lambda minute: True),
        ({"words": "Anna parcel"}, lambda minute: minute % 3 == 0),
        ({"number": PHONES[0], "spellings": (PHONES[0],)}, lambda minute: minute % 3 < 2),
        ({"number": PHONES[0]}, lambda minute: minute % 3 < 2 and minute % 5),
        ({"number": PHONES[0], "spellings": (PHONES[0],), "words": "anna"}, lambda minute: minute % 3 == 0),
    ],
)
def test_page_by_page_everything_is_found_however_many_hits_there_are(house: House, asked: Any, meant: Any) -> None:
    wanted = Filter(until=at(COUNT - 1), **asked)

    assert walked(house, wanted) == [minute for minute in reversed(range(COUNT)) if meant(minute)]


@pytest.mark.parametrize("asked", [{"words": "parcel"}, {"number": PHONES[0], "spellings": (PHONES[0],)}])
def test_a_window_in_the_past_is_searched_although_there_are_thousands_of_newer_hits(house: House, asked: Any) -> None:
    found = search.decisions(house.store, Filter(since=at(100), until=at(120), **asked), limit=50)

    assert minutes(found) == [minute for minute in reversed(range(100, 121)) if "words" in asked or minute % 3 < 2]


def test_words_and_a_phone_are_looked_for_together_and_not_among_the_newest_of_each(house: House) -> None:
    found = search.decisions(
        house.store, Filter(words="parcel item7", number=PHONES[0], spellings=(PHONES[0],)), limit=99
    )

    assert [minute for minute in minutes(found) if minute < 100] == [79, 78, 76, 75, 73, 72, 70, 7]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("parc", lambda minute: True),  # very many events, one word
        ("Ann parce", lambda minute: False),  # shorter than four is meant as it was typed
        ("Anna pärcel", lambda minute: minute % 3 == 0),
        ("item12", lambda minute: str(minute).startswith("12")),  # a few hits of many words
        ("491713920012 item169", lambda minute: minute in {169, *range(1690, 1700)} and minute % 3 < 2),
        ("nobo", lambda minute: False),
    ],
)
def test_a_beginning_finds_every_longer_word(house: House, typed: str, meant: Any) -> None:
    wanted = Filter(until=at(COUNT - 1), words=typed)

    assert walked(house, wanted) == [minute for minute in reversed(range(COUNT)) if meant(minute)]
    assert not search.decisions(house.store, wanted).cut


def test_a_beginning_of_too_many_words_finds_the_newest_and_says_that_it_is_cut(tmp_path: Path) -> None:
    opened = open_store(tmp_path / "many.db")
    opened.write(_many_words)

    with opened.read() as tx:
        few, many = finding.sought(tx, "zebra"), finding.sought(tx, "word")
        newest = [f"e{number}" for number in reversed(range(MANY - 9, MANY))]
        assert finding.newest(tx, "word", 9) == newest
        assert finding.newest(tx, "word zebr", 9) == ["e0"] * (not many.cut)

    assert not few.cut
    assert many.cut is not isinstance(tx, Shared), "a server leaves nothing out"
    opened.close()


def _many_words(tx: Tx) -> None:
    """More words with one beginning than the index puts in order while somebody waits; the oldest row has a zebra."""
    rows = ((f"word{number} word{number}" if number else "word0 zebra", f"e{number}") for number in range(MANY))
    tx.executemany("insert into finder (words, event_id) values (?, ?)", rows)


def test_what_was_planned_again_is_still_found_in_its_old_place(house: House) -> None:
    event_id = f"e{50:013}"
    house.store.write(lambda tx: _replanned(tx, event_id))

    found = search.decisions(house.store, Filter(words="parcel", since=at(49), until=at(51)))

    assert minutes(found) == [51, 50, 49]
    with house.store.read() as tx:
        assert events.get(tx, event_id, with_raw=False) is not None


def _replanned(tx: Tx, event_id: str) -> None:
    before = tx.execute("select found from events where id = ?", (event_id,)).fetchone()["found"]
    tx.execute("delete from finder where rowid = ?", (before,))
    row = tx.execute("insert into finder (words, event_id) values (?, ?)", ("parcel Bob item50", event_id)).lastrowid
    tx.execute("update events set found = ? where id = ?", (row, event_id))
