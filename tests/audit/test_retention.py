"""What is past its time goes, kind by kind; what still waits to leave keeps what it needs."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from audit import conservation, messages, proofs, seals, search
from audit.retention import Retention, purge
from audit.sealing import Sealing
from tests.web.house import House

DAY = timedelta(days=1)


@pytest.fixture
def house(tmp_path: Path) -> House:
    """An order of the past, a reminder that waits for next year, and both sealed."""
    made = House(tmp_path)
    event_id = made.order("A1")
    made.reports(event_id, messages.state_of("delivered"))
    made.answers("+491713920012", "thanks")
    customer = {"phone": "+491713920033", "first_name": "Yeva"}
    made.comes(
        "appointment.booked", {"appointment_id": "Y1", "starts_at": "2027-11-25T10:00:00Z", "customer": customer}
    )
    made.works()
    Sealing(store=made.store).step(made.now)
    made.unreadable()
    Sealing(store=made.store).step(made.now)
    made.now += 40 * DAY
    return made


def rows(house: House, sql: str) -> list[tuple[Any, ...]]:
    with house.store.read() as tx:
        return [tuple(row) for row in tx.execute(sql)]


def test_nothing_is_removed_before_its_time(house: House) -> None:
    keep = Retention(requests=41 * DAY, texts=41 * DAY, people=41 * DAY, journal=41 * DAY)

    assert sum(purge(house.store, keep, house.now).values()) == 0
    assert rows(house, "select count(*) from journal where kind = 'purged'") == [(0,)]


def test_requests_go_first_and_what_waits_keeps_its_own(house: House) -> None:
    assert purge(house.store, Retention(requests=30 * DAY), house.now) == {"requests": 2}

    assert [json.loads(row[0])["appointment_id"] for row in rows(house, "select body from bodies")] == ["Y1"]
    assert rows(house, "select count(*) from events where data = '{}' and state = 'planned'") == [(0,)]


def test_texts_go_and_their_figures_stay(house: House) -> None:
    assert purge(house.store, Retention(texts=30 * DAY), house.now) == {"texts": 2}

    found = rows(house, "select text, state, segments from messages order by id")
    assert found[0] == ("", "delivered", 1)
    assert found[1][0].startswith("Reminder:")
    assert rows(house, "select text from replies") == [("",)]


def test_people_go_from_every_table(house: House) -> None:
    purge(house.store, Retention(requests=DAY, texts=DAY, people=DAY), house.now)

    assert rows(house, "select number, sent_to from messages where state <> 'queued'") == [("", "")]
    assert rows(house, "select data from events order by id")[0] == ("{}",)
    assert search.events_with_words(house.store, "Anna") == []
    assert len(search.events_with_words(house.store, "Yeva")) == 1
    assert rows(house, "select number, text from replies") == [("", "")]
    assert list(proofs.faults(house.store)) == []


def test_the_journal_goes_by_whole_seals_and_the_chain_holds(house: House) -> None:
    before = rows(house, "select count(*) from journal")[0][0]

    purge(house.store, Retention(journal=30 * DAY), house.now)
    Sealing(store=house.store).step(house.now)

    assert rows(house, "select kind from journal") == [("received",), ("purged",)]
    found = seals.verify(house.store)
    assert found.faults == []
    assert (found.seals, found.rows) == (3, before + 1)
    assert conservation.report(house.store).faults == []
    assert rows(house, "select state from messages") == [("queued",)]


def test_a_seal_whose_rows_went_cannot_be_exchanged(house: House) -> None:
    purge(house.store, Retention(journal=30 * DAY), house.now)
    Sealing(store=house.store).step(house.now)

    house.store.write(lambda tx: tx.execute("update seals set digest = digest || '0' where number = 1"))

    assert seals.verify(house.store).faults == ["Seal 2 does not follow seal 1."]


def test_what_was_removed_is_on_record(house: House) -> None:
    purge(house.store, Retention(requests=DAY, texts=DAY), house.now)

    assert rows(house, "select actor, detail from journal where kind = 'purged'") == [
        ("retention", "2 requests, 2 texts")
    ]
