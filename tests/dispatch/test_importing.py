"""People from files and systems become lists: row by row, bad rows kept to be mended, nothing left of what failed."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from audit import erasure, list_removal, lists
from audit.retention import Retention, purge
from connectors.base import AskFailed
from dispatch import bad_rows, people_asked
from dispatch.audience import LOST, BadList, ColumnMap
from dispatch.columns import preview
from dispatch.importing import MOST_FAULTS, Importing, Order, SameFile, Stopped
from model.ids import Ids
from tests.fakes.stores import only_sqlite
from tests.fakes.world import NOON, World
from tests.scale import runs
from wire.http import Client
from wire.table import Line, Table, opened

NUMBER = "+491713920077"


class Desk:
    """Somebody who reads lists."""

    def __init__(self, world: World) -> None:
        self.store, self.now = world.store, NOON
        self.importing = Importing(store=world.store, new_id=Ids(lambda: self.now))

    def order(self, **changes: Any) -> Order:
        given = {"name": "news", "actor": "Mara", "now": self.now, "columns": ColumnMap(region="DE"), **changes}
        return Order(**given)

    def reads(self, raw: str | bytes, *, sheet: str = "", **changes: Any) -> str:
        file = io.BytesIO(raw if isinstance(raw, bytes) else raw.encode())
        return self.importing.read_file(file, self.order(**changes), sheet=sheet)

    def found(self, list_id: str) -> dict[str, Any]:
        with self.store.read() as tx:
            return dict(lists.get(tx, list_id) or {})

    def people(self, list_id: str) -> list[tuple[int, str, dict[str, str]]]:
        with self.store.read() as tx:
            return lists.after(tx, list_id, 0, 100_000)

    def faults(self, list_id: str) -> list[tuple[Any, ...]]:
        with self.store.read() as tx:
            return [tuple(row) for row in lists.faults(tx, list_id)]

    def count(self, table: str) -> int:
        with self.store.read() as tx:
            return int(tx.execute(f"select count(*) as n from {table}").fetchone()["n"])  # noqa: S608 - our own word

    def bytes(self) -> bytes:
        self.store.checkpoint()
        beside = [Path(f"{self.store.path}{ending}") for ending in ("", "-wal", "-shm")]
        return b"".join(path.read_bytes() for path in beside if path.exists())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with World(tmp_path) as world:
        yield Desk(world)


def workbook(*rows: Sequence[Any]) -> bytes:
    book, file = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(file)
    return file.getvalue()


def test_a_workbook_is_read_as_a_csv_is(desk: Desk) -> None:
    people: list[list[Any]] = [["0171 3920001", "Zoë"], [491713920002, "Bo"], [1713920003, "Cy"], ["x", "Di"]]
    rows = [["Mobil", "Vorname"], *people]
    columns = ColumnMap(phone="Mobil", region="DE", rename={"Vorname": "first_name"})
    as_csv = "\n".join(",".join(map(str, row)) for row in rows)

    book, text = desk.reads(workbook(*rows), columns=columns), desk.reads(as_csv, columns=columns)

    assert desk.people(book) == desk.people(text)
    assert desk.people(book)[0] == (2, "+491713920001", {"phone": "+491713920001", "first_name": "Zoë"})
    assert [number for _, number, _ in desk.people(book)] == ["+491713920001", "+491713920002", "+491713920003"]
    assert desk.found(book)["kind"] == "xlsx"
    assert desk.found(book)["origin"] == "Sheet"
    assert desk.faults(book) == desk.faults(text)


def test_a_phone_that_a_spreadsheet_ate_is_told_with_row_column_and_cell(desk: Desk) -> None:
    book = desk.reads(workbook(["phone"], ["0171 3920001"], [4915139200001.0], [4915100000000.0], ["4.9151E+12"]))

    assert [number for _, number, _ in desk.people(book)] == ["+491713920001", "+4915139200001"]
    assert [row[:4] for row in desk.faults(book)] == [
        (4, "phone", "4.9151E+12", LOST),
        (5, "phone", "4.9151E+12", LOST),
    ]


def test_an_error_in_a_cell_beyond_the_last_column_is_told_like_any_other(desk: Desk) -> None:
    book = desk.reads(workbook(["phone", "name"], ["0171 3920001", "Zoë", "#REF!"], ["0171 3920002", "Bo"]))

    assert [number for _, number, _ in desk.people(book)] == ["+491713920002"]
    assert [(row[0], row[3]) for row in desk.faults(book)] == [(2, "holds the error #REF!")]


def test_the_text_goes_to_the_number_that_the_list_shows(desk: Desk) -> None:
    found = desk.reads("phone,country\n07700 900123,GB\n0171 3920001,DE\n0171 3920002,Germany\n")

    assert [(number, data["phone"]) for _, number, data in desk.people(found)] == [
        ("+447700900123", "+447700900123"), ("+491713920001", "+491713920001"), ("+491713920002", "+491713920002"),
    ]  # fmt: skip


def test_bad_rows_are_downloaded_mended_and_uploaded_again(desk: Desk) -> None:
    raw = 'phone,name,note\nabc,"=HYPERLINK(""x"")",-1\n0171 3920001,Ada,\n12,Bo,"two\nlines",extra\n'
    first = desk.reads(raw)

    text = "".join(bad_rows.as_csv(desk.store, first))
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))

    assert rows[0] == ["phone", "name", "note", "# row", "# column", "# what is wrong"]
    assert rows[1] == ["abc", '\'=HYPERLINK("x")', "'-1", "2", "phone", "holds letters, not only a phone number"]
    assert rows[2][:5] == ["12", "Bo", "two\nlines", "4", ""]
    mended = text.replace("abc", "0171 3920002").replace("12,Bo", "0171 3920003,Bo")
    again = desk.reads(mended)
    assert [data for _, _, data in desk.people(again)] == [
        {"phone": "+491713920002", "name": '=HYPERLINK("x")', "note": "-1"},
        {"phone": "+491713920003", "name": "Bo", "note": "two\nlines"},
    ]


def test_reading_stops_where_it_was_asked_to_and_nobody_is_on_a_list(desk: Desk) -> None:
    raw = "phone\n" + "".join(f"0171 39200{n:02d}\n" for n in range(50)) + "bad\n0171 3920099\nworse\n"

    with pytest.raises(Stopped, match="Stopped at row 52: a row cannot be texted") as one:
        desk.reads(raw, stop_after=1)
    with pytest.raises(Stopped, match="Stopped at row 54: 2 rows cannot") as two:
        desk.reads(raw, stop_after=2)

    assert desk.people(one.value.list_id) == []
    assert [row[0] for row in desk.faults(two.value.list_id)] == [52, 54]
    assert desk.found(one.value.list_id)["complete"] == 0
    assert "bad" in "".join(bad_rows.as_csv(desk.store, one.value.list_id))
    assert desk.found(desk.reads(raw, stop_after=3))["rows"] == 51


def test_a_file_of_bad_rows_is_counted_whole_and_kept_in_part(desk: Desk) -> None:
    count = MOST_FAULTS + runs(500, 990_000)
    raw = b"phone\n" + b"none\n" * count

    found = desk.reads(raw)

    assert desk.found(found)["wrong"] == count
    assert desk.count("list_faults") == MOST_FAULTS
    assert desk.found(found)["rows"] == 0


def test_doubles_are_counted_and_the_first_row_stays(desk: Desk) -> None:
    found = desk.reads("phone,name\n0171 3920001,Ada\n+49 171 3920001,Bo\n0049 171 3920001,Cy\n")

    assert (desk.found(found)["rows"], desk.found(found)["doubles"]) == (1, 2)
    assert desk.people(found)[0][2]["name"] == "Ada"


def test_the_same_file_twice_needs_a_word(desk: Desk) -> None:
    first = desk.reads("phone\n0171 3920001\n")

    with pytest.raises(SameFile, match=f"This is the file that {first} was made from on 23 November 2026"):
        desk.reads("phone\n0171 3920001\n")
    assert desk.reads("phone\n0171 3920001\n", again=True) != first


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (ColumnMap(phone="Handy"), "There is no column 'Handy'. There are Mobil, Name, phone."),
        (ColumnMap(phone="Mobile"), "There is no column 'Mobile'. Did you mean Mobil?"),
        (ColumnMap(to=("msisdn",)), "No column is called 'msisdn'; there are Mobil, Name, phone. Say which"),
        (ColumnMap(rename={"Mobil": "x", "Name": "x"}), "Two columns would be called 'x'."),
    ],
)
def test_a_map_that_does_not_fit_is_told_before_anything_is_read(desk: Desk, columns: ColumnMap, sentence: str) -> None:
    with pytest.raises(BadList) as refusal:
        desk.reads("Mobil,Name,phone\n1,2,3\n", columns=columns)

    assert sentence in str(refusal.value)
    assert desk.count("lists") == 0


def test_a_file_without_names_for_its_columns_is_told(desk: Desk) -> None:
    with pytest.raises(BadList, match="The first row must name the columns; it holds a phone number"):
        desk.reads("0171 3920001,phone\n0171 3920002,x\n")


@only_sqlite
def test_an_import_that_fails_leaves_nobody_behind(desk: Desk) -> None:
    def lines() -> Iterator[Line]:
        for row in range(2, 2_500):
            yield Line(row=row, cells=[f"+4917139{row:05d}"])
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        desk.importing.read_rows(Table(kind="csv", columns=["phone"], lines=lines()), desk.order())

    assert desk.count("list_rows") == 0
    assert b"+4917139" not in desk.bytes()


def test_what_a_kill_left_behind_goes_with_the_next_import(desk: Desk) -> None:
    desk.store.write(lambda tx: lists.start(tx, "l1", "news", "x", "Mara", NOON))
    desk.store.write(lambda tx: lists.add(tx, "l1", [(2, NUMBER, {})], []))

    desk.reads("phone\n0171 3920001\n")
    assert desk.count("list_rows") == 2
    desk.now += timedelta(days=2)
    desk.reads("phone\n0171 3920002\n")
    assert desk.count("list_rows") == 2


@only_sqlite
def test_no_byte_of_any_list_names_an_erased_person(desk: Desk) -> None:
    desk.reads(
        "phone,name,friend\n"
        "0171 3920077,Quastenflosser,\n"
        "0171 3920001,Bo,+49 171-3920077\n"
        "none,Quastenflosser,0171/3920077\n"
        "0171 39200771,Cy,\n"
    )
    assert b"Quastenflosser" in desk.bytes()

    erasure.erase(desk.store, NUMBER, "Mara", "letter", NOON)

    left = desk.bytes()
    assert b"Quastenflosser" not in left
    assert b"3920077," not in left
    assert b"171-3920077" not in left
    with desk.store.read() as tx:
        rows = [json.loads(row["data"]) for row in tx.execute("select data from list_rows order by row")]
    assert rows[0] == {"phone": "+491713920001", "name": "Bo", "friend": ""}


def test_what_is_known_of_a_person_names_the_lists(desk: Desk) -> None:
    found = desk.reads("phone,name\n0171 3920077,Ada\n")

    about = erasure.everything_about(desk.store, NUMBER)["lists"]

    assert [(one["name"], one["row"]) for one in about] == [("news", 2)]
    assert found


@only_sqlite
def test_a_list_goes_when_people_are_past_their_time_unless_a_campaign_waits(desk: Desk) -> None:
    old, waiting = desk.reads("phone\n0171 3920077\n"), desk.reads("phone\n0171 3920078\n")
    desk.store.write(
        lambda tx: tx.execute(
            "insert into campaigns (id, rule, rule_hash, list_id, state, actor, created_at) "
            "values ('c', 'r', '', ?, 'approved', 'Mara', 0)", (waiting,),
        )
    )  # fmt: skip

    purge(desk.store, Retention(people=timedelta(days=30)), NOON + timedelta(days=40))

    assert (desk.people(old), len(desk.people(waiting))) == ([], 1)
    assert b"+491713920077" not in desk.bytes()
    with desk.store.read() as tx:
        assert [row["id"] for row in lists.listing(tx)] == [waiting]


@only_sqlite
def test_a_removed_list_keeps_its_counts_and_no_people(desk: Desk) -> None:
    found = desk.reads(
        "phone,name\n" + "".join(f"+4917139{n:05d},Quastenflosser\n" for n in range(2_500)) + "x,Quasten\n"
    )

    list_removal.remove(desk.store, found, "Mara", NOON)

    assert (desk.count("list_rows"), desk.count("list_faults")) == (0, 0)
    assert (desk.found(found)["rows"], desk.found(found)["complete"]) == (2_500, 0)
    assert b"Quasten" not in desk.bytes()
    with desk.store.read() as tx:
        assert lists.listing(tx) == []
        assert lists.named(tx, "news") is None


@dataclass(frozen=True)
class Crm:
    """A source that gives people; the last of them may be a failure."""

    records: list[Any]
    name: str = "crm"

    @property
    def connector(self) -> Any:
        return self

    def audience(self, query: str, http: Any) -> Iterator[Any]:
        for record in self.records:
            if isinstance(record, Exception):
                raise record
            yield record


def test_a_query_is_read_as_a_file_is(desk: Desk) -> None:
    records = [
        {"MobilePhone": "0171 3920001", "Account": {"Name": "Acme"}, "Score": 3.0, "News": True},
        {"MobilePhone": None, "Account": None, "Score": None, "News": False},
        {"MobilePhone": "0171 3920001", "Account": {"Name": "Acme"}, "Score": 1, "News": True},
        *[{"MobilePhone": "0171 3920002", "Later": n} for n in range(300)],
    ]
    table = people_asked.table(Crm(records), "SELECT ...", Client())

    found = desk.importing.read_rows(table, desk.order(columns=ColumnMap(phone="MobilePhone", region="DE"), query="S"))

    first = desk.people(found)[0][2]
    assert [first[name] for name in ("phone", "Account.Name", "Score", "News")] == [
        "+491713920001",
        "Acme",
        "3",
        "TRUE",
    ]
    assert {name: desk.found(found)[name] for name in ("kind", "origin", "query", "rows", "doubles", "wrong")} == {
        "kind": "query", "origin": "crm", "query": "S", "rows": 2, "doubles": 300, "wrong": 1,
    }  # fmt: skip


def test_a_system_that_stops_answering_leaves_no_half_list(desk: Desk) -> None:
    records = [*({"phone": f"+4917139{n:05d}"} for n in range(1_500)), AskFailed("Salesforce: QUERY_TIMEOUT")]

    with pytest.raises(BadList, match="crm: Salesforce: QUERY_TIMEOUT"):
        desk.importing.read_rows(people_asked.table(Crm(records), "q", Client()), desk.order())
    with pytest.raises(BadList, match="crm answered with nobody"):
        people_asked.table(Crm([]), "q", Client())
    with pytest.raises(BadList, match="cannot be asked for people"):
        people_asked.table(type("S", (), {"name": "s", "connector": object()})(), "q", Client())

    assert desk.count("list_rows") == 0


@pytest.mark.parametrize(
    ("raw", "means"),
    [
        ("Mobile Phone,First Name,Last Name,Country\n0171 3920001,Ada,L,DE\n",
         ["phone", "first_name", "last_name", "country"]),
        ("Telefon;Handynummer;Vorname;Nachname;Sprache\n030 23125001;0171 3920001;A;B;de\n",
         ["other phone", "phone", "first_name", "last_name", "locale"]),
        ("Téléphone,Prénom,Nom,Langue\n0171 3920001,A,B,fr\n", ["phone", "first_name", "last_name", "locale"]),
        ("Móvil,Nombre,Apellidos,País\n0171 3920001,A,B,ES\n", ["phone", "first_name", "last_name", "country"]),
        ("Komórka,Imię,Nazwisko,Kraj\n0171 3920001,A,B,PL\n", ["phone", "first_name", "last_name", "country"]),
        ("a,b,c,d\n0171 3920001,DE,de_DE,ada@mail.example\n", ["phone", "country", "locale", "email"]),
        ("number,MobilePhone,optIn\nA-17,+491713920001,yes\n", ["", "phone", "consent"]),
        ("Kundennr,note,# row\n7,hello,3\n", ["id", "", ""]),
    ],
)  # fmt: skip
def test_columns_are_known_by_their_names_and_by_what_stands_in_them(raw: str, means: list[str]) -> None:
    seen = preview(opened(io.BytesIO(raw.encode())), "DE")

    assert [column.means for column in seen.columns] == means


def test_a_preview_says_how_many_can_be_texted_and_proposes_a_map(desk: Desk) -> None:
    rows = [
        ["Handy", "Vorname", "Ort"],
        *[[f"0171 39200{n:02d}", f"P{n}", "Bonn"] for n in range(8)],
        ["x123456789", "Q", ""],
    ]
    seen = preview(opened(io.BytesIO(workbook(*rows))), "DE")

    phone = seen.columns[0]
    assert (phone.usable, phone.filled, phone.samples) == (8, 9, ["0171 3920000", "0171 3920001", "0171 3920002"])
    assert "letters" in phone.why
    mapped = seen.mapping(["phone"], "DE")
    assert mapped == ColumnMap(to=["phone"], phone="Handy", region="DE", rename={"Vorname": "first_name"})
    assert desk.found(desk.reads(workbook(*rows), columns=mapped))["rows"] == 8
