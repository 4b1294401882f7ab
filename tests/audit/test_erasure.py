"""Erasing a person: nothing in the file names them any more, the seals still hold, and so does their STOP."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from audit import consent, erasure, messages, proofs, seals, search
from audit.consent import Consent
from audit.facts import StoredFacts
from audit.sealing import Sealing
from tests.fakes.stores import only_sqlite
from tests.web.house import House

NUMBER = "+491713920077"
NAMES = ["Anneliese", "Quastenflosser", "anneliese@fish.example"]
SPELLINGS = ["491713920077", "1713920077", "0171 3920077", "171-39 20 077"]


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Anneliese in every table that names people, and Bruno, who is somebody else."""
    made = House(tmp_path)
    customer = {"id": "c77", "first_name": NAMES[0], "last_name": NAMES[1], "email": NAMES[2], "locale": "en"}
    texted = made.order("A1", set={"customer": {**customer, "phone": "0171 3920077"}})
    made.reports(texted, messages.state_of("delivered"))
    made.answers(NUMBER, f"Thanks, {NAMES[0]} {NAMES[1]}")
    made.order("A2", total=10, set={"customer": {**customer, "phone": "171-39 20 077"}})
    made.order("A3", set={"customer": {**customer, "phone": ""}})
    made.comes(
        "appointment.booked",
        {"appointment_id": "A4", "starts_at": "2026-12-24T10:00:00Z", "customer": {**customer, "phone": NUMBER}},
    )
    made.order("B1", name="Bruno", phone="+49 171 3920078")
    stop = Consent(number=NUMBER, status="out", source="reply", wording=f"stop it, {NAMES[1]}", at=made.now)
    made.store.write(lambda tx: consent.record(tx, stop, made.now))
    Sealing(store=made.store).step(made.now)
    return made


def file_of(house: House) -> bytes:
    house.store.checkpoint()
    beside = [Path(f"{house.store.path}{ending}") for ending in ("", "-wal", "-shm")]
    return b"".join(path.read_bytes() for path in beside if path.exists())


def erased(house: House) -> erasure.Erased:
    return erasure.erase(house.store, NUMBER, "Mara", "letter of 20 November", house.now)


@only_sqlite
def test_no_byte_of_the_database_names_the_person(house: House) -> None:
    words = [word.encode() for word in [*SPELLINGS, *NAMES, *(name.lower() for name in NAMES)]]
    assert sum(word in file_of(house) for word in words) > 6

    found = erased(house)

    assert found == erasure.Erased(events=4, messages=2, replies=1)
    assert [word for word in words if word in file_of(house)] == []


def test_the_seals_still_hold_and_the_erasure_is_on_record(house: House) -> None:
    erased(house)
    Sealing(store=house.store).step(house.now)

    assert seals.verify(house.store).faults == []
    assert list(proofs.faults(house.store)) == []
    with house.store.read() as tx:
        row = tx.execute("select actor, reason, detail from journal where kind = 'erased'").fetchone()
    assert tuple(row) == ("Mara", "letter of 20 November", "4 events, 2 messages, 1 replies")


def test_the_wish_to_get_no_texts_outlives_the_person(house: House) -> None:
    erased(house)

    again = house.order("A9", phone="+49 (0)171 3920077")

    assert house.text_of(again) == ""
    with house.store.read() as tx:
        assert "before the person was erased" in StoredFacts(tx, house.now).opted_out(NUMBER, "marketing")


def test_who_comes_back_by_themselves_is_texted_again(house: House) -> None:
    erased(house)
    start = Consent(number=NUMBER, status="in", source="reply", at=house.now + timedelta(days=1))
    house.store.write(lambda tx: consent.record(tx, start, house.now))

    assert house.text_of(house.order("A9", phone=NUMBER))


def test_a_text_that_waits_ends_with_the_person(house: House) -> None:
    erased(house)

    with house.store.read() as tx:
        waiting = tx.execute("select count(*) as n from messages where state = 'queued' and number <> ?", ("",))
        assert waiting.fetchone()["n"] == 0
        assert (
            tx.execute("select state from messages where rule = 'appointment-reminder'").fetchone()["state"]
            == "cancelled"
        )


def test_everybody_else_stays_as_they_are(house: House) -> None:
    erased(house)

    with house.store.read() as tx:
        bruno = tx.execute("select text from messages where number = '+491713920078'").fetchone()
    assert bruno["text"].startswith("Hi Bruno")
    assert len(search.events_with_words(house.store, "Bruno")) == 1


def test_whoever_waits_for_an_erasure_sees_what_is_looked_through(house: House) -> None:
    told: dict[str, int] = {}

    erasure.erase(house.store, NUMBER, "Mara", "letter of 20 November", house.now, told.__setitem__)

    assert {"events", "requests"} <= told.keys()
    assert told["events"] >= 5


def test_a_second_erasure_finds_nothing(house: House) -> None:
    erased(house)

    assert erased(house) == erasure.Erased(events=0, messages=0, replies=0)


@only_sqlite
def test_a_request_nobody_could_read_goes_too(house: House) -> None:
    house.unreadable(b'{"phone": "0171/3920077", "name": "Quastenflosser"')

    erased(house)

    assert b"Quastenflosser" not in file_of(house)


@pytest.mark.parametrize("written", ["+49 171 3920077", "0049-171-3920077", "(0171) 392 00 77", "171.392.0077"])
def test_a_number_is_found_however_it_is_written(written: str) -> None:
    assert erasure.spelled(NUMBER).search(f'{{"phone":"{written}"}}')


@pytest.mark.parametrize("other", ["+49 171 3920078", "+49 171 39200770", '"171", "3920077"'])
def test_another_number_is_not(other: str) -> None:
    assert not erasure.spelled(NUMBER).search(f'{{"phone":"{other}"}}')
