"""The sealed journal: whoever edits the database file is found out, and which row it was is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit import journal, messages, proofs, seals
from audit.sealing import Sealing
from tests.fakes.stores import edited, open_store
from tests.web.house import House

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
KEY = "a-key-kept-outside"
COLUMNS = [
    "at", "kind", "event_id", "message_id", "source", "type", "rule", "step", "reason", "place", "gateway", "actor",
    "detail", "proof",
]  # fmt: skip

OTHER_MARKS = "update seals set marks = (select marks from seals where number = 1) where number = 2"
OTHER_BODIES = "update bodies set body = (select marks from seals where number = 1)"
COPY_OF_FIVE = (
    "insert into journal select 6, at, kind, event_id, message_id, source, type, rule, step, reason, place, gateway, "
    "actor, detail, proof from journal where id = 5"
)


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Two sealed days of three orders each, delivered, and one decision that is not sealed yet."""
    made = House(tmp_path)
    for day in range(2):
        for number in range(3):
            event_id = made.order(f"{day}{number}")
            made.reports(event_id, messages.state_of("delivered"))
        Sealing(store=made.store, key=KEY).step(made.now)
        made.now += timedelta(hours=1)
    made.order("late")
    return made


def look(house: House, key: str = KEY, kept: list[seals.Anchor] | None = None) -> list[str]:
    found = seals.verify(house.store, key, kept or [])
    return [*found.faults, *proofs.faults(house.store)]


def edit(house: House, *statements: str) -> None:
    edited(house.folder / "tidings.db", *statements)


def test_an_untouched_record_is_as_it_was(house: House) -> None:
    found = seals.verify(house.store, KEY)

    assert found.faults == []
    assert found.seals == 2
    assert found.rows > 20
    assert found.unsealed > 0
    assert list(proofs.faults(house.store)) == []


def test_when_everything_is_sealed_nothing_is_said_to_be_left(house: House) -> None:
    Sealing(store=house.store, key=KEY).step(house.now + timedelta(days=1))

    assert (seals.verify(house.store, KEY).unsealed, look(house)) == (0, [])


@pytest.mark.parametrize("column", COLUMNS)
def test_every_column_of_a_row_is_under_the_seal(house: House, column: str) -> None:
    other = "at + 1" if column == "at" else f"{column} || '1'"
    edit(house, f"update journal set {column} = {other} where id = 5")  # noqa: S608 - our own words

    assert "Row 5 of the journal was changed." in look(house)


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        (["delete from journal where id = 5"], "Row 5 of the journal was removed."),
        (["delete from journal where id = 1"], "Row 1 of the journal was removed."),
        (
            ["update journal set id = -1 where id = 5", "update journal set id = 5 where id = 6",
             "update journal set id = 6 where id = -1"],
            "Row 5 of the journal holds what row 6 held.",
        ),
        (
            ["update journal set id = id + 100000 where id > 5", COPY_OF_FIVE,
             "update journal set id = id - 99999 where id > 100000"],
            "Row 7 of the journal holds what row 6 held.",
        ),
        (["delete from seals where number = 1"], "Seal 1 is missing."),
        (["update seals set digest = digest || '0' where number = 1"], "Seal 1 was changed."),
        ([OTHER_MARKS], "Seal 2 was changed."),
        (["update seals set last = last - 1 where number = 2"], "Seal 2 was changed."),
        (["update seals set at = at + 1 where number = 1"], "Seal 1 was changed."),
        (["update seals set previous = digest where number = 2"], "Seal 2 does not follow seal 1."),
        (["update seals set number = 3 where number = 2"], "Seal 2 is missing."),
    ],
    ids=["removed", "first-removed", "changed-places", "inserted", "seal-removed", "digest", "marks", "shortened",
         "dated", "unchained", "renumbered"],
)  # fmt: skip
def test_an_edit_of_the_file_is_found_and_named(house: House, statements: list[str], found: str) -> None:
    edit(house, *statements)

    assert found in look(house)


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("update messages set text = 'Nothing was promised.' where id = '{message}'", "is not what was handed over"),
        ("update messages set number = '+491713920099' where id = '{message}'", "is not what was handed over"),
        ("update messages set sent_to = '+491713920099' where id = '{message}'", "is not what was handed over"),
        ("update messages set state = 'undelivered' where id = '{message}'", "a state for which there is no receipt"),
        (OTHER_BODIES, "is not what came in"),
    ],
)
def test_a_text_a_number_a_state_or_a_request_that_was_changed_is_found(
    house: House, statement: str, found: str
) -> None:
    with house.store.read() as tx:
        message = tx.execute("select id from messages order by id").fetchone()["id"]

    edit(house, statement.format(message=message))

    assert any(found in fault for fault in look(house))


def test_who_makes_the_digests_anew_needs_the_key(house: House) -> None:
    edit(house, "update journal set reason = 'send' where id = 5", "delete from seals")
    Sealing(store=house.store, key="a guess").step(house.now)

    assert "Seal 1 was changed." in look(house)


def test_a_cut_off_end_is_seen_by_what_was_kept_elsewhere(house: House, tmp_path: Path) -> None:
    kept = tmp_path / "seals.jsonl"
    job = Sealing(store=house.store, key=KEY, export_to=str(kept))
    job.step(house.now)
    job.step(house.now)
    anchors = seals.anchors(kept.read_text("utf-8"))

    edit(house, "delete from seals where number = 3", "delete from journal where id > (select max(last) from seals)")

    assert [anchor.number for anchor in anchors] == [1, 2, 3]
    assert look(house) == []
    assert look(house, kept=anchors)[0].startswith("Seal 3 was written elsewhere and is not here")


def test_a_place_that_cannot_be_written_gets_the_seals_later(house: House, tmp_path: Path) -> None:
    gone = tmp_path / "not-yet"
    job = Sealing(store=house.store, key=KEY, export_to=str(gone / "seals.jsonl"))
    job.step(house.now)

    gone.mkdir()
    job.step(house.now)

    assert len(seals.anchors((gone / "seals.jsonl").read_text("utf-8"))) == 3


def test_many_rows_are_sealed_in_pieces(tmp_path: Path) -> None:
    store = open_store(tmp_path / "many.db")
    store.write(lambda tx: [journal.note(tx, 0, "polled", detail=str(n)) for n in range(2 * seals.BATCH + 5)])

    assert Sealing(store=store).step(NOW) == 3
    assert Sealing(store=store).step(NOW) == 0
    assert seals.verify(store).faults == []
    store.close()
