"""A polled database: real SQLite files, read and never written."""

from __future__ import annotations

import json
import re
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.sql_poll import SIZE, SqlPoll
from model.event import Event
from tests.connectors.fake_http import FakeHttp, says

pytest.importorskip("sqlalchemy", reason="install the extra: pip install -e .[sql]")

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PLAIN = {"url": "sqlite:///shop.db", "table": "orders", "key": "id", "updated": "changed", "status": "state"}


class Shop:
    """A shop's database and the source that polls it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.run("create table orders (id integer primary key, state text, changed text, total numeric, person text)")
        self.run("create table people (name text, phone text)")
        self.cursor: Any = {}
        self.source = self.built()

    def built(self, **settings: Any) -> SqlPoll:
        return SqlPoll({**PLAIN, "url": f"sqlite:///{self.file}", "new": "order.created", **settings})

    def run(self, statement: str, *values: Any) -> None:
        connection = sqlite3.connect(self.file)
        with connection:
            connection.execute(statement, values)
        connection.close()

    def has(self, number: int, state: str, clock: str) -> None:
        self.run(
            "insert into orders (id, state, changed, total, person) values (?, ?, ?, 12.5, 'Zoë')"
            " on conflict (id) do update set state = excluded.state, changed = excluded.changed",
            number, state, f"2026-11-23 {clock}",
        )  # fmt: skip

    def events(self) -> list[Event]:
        told: list[Event] = []
        more = True
        while more:
            page = self.source.poll(self.cursor, FakeHttp(says({})), NOW)
            told += page.events
            self.cursor, more = json.loads(json.dumps(page.cursor)), page.more
        return told

    def poll(self) -> list[str]:
        return [event.id for event in self.events()]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop.db")


def test_the_first_poll_tells_nothing_and_the_second_what_changed(shop: Shop) -> None:
    shop.has(1, "open", "08:00:00")
    assert shop.poll() == []

    shop.has(1, "paid", "08:30:00")
    shop.has(2, "open", "08:31:00")

    assert shop.poll() == ["1/status/paid", "2/new", "2/status/open"]
    assert shop.poll() == []


def test_rows_come_with_the_names_and_the_values_of_the_settings(shop: Shop) -> None:
    shop.run("insert into people values ('Zoë', '+44 7700 900123')")
    shop.source = shop.built(
        table="",
        query="select orders.*, phone, 'at 10:15' as note from orders left join people on name = person;",
        types={"paid": "order.paid"},
        fields={"number": "id", "customer.phone": "phone", "total": "total", "note": "note"},
        time_zone="Europe/Berlin",
    )
    shop.has(1, "open", "08:00:00")
    shop.poll()
    shop.has(1, "paid", "08:30:00")

    (event,) = shop.events()

    assert event.type == "order.paid"
    assert event.data == {"number": 1, "customer": {"phone": "+44 7700 900123"}, "total": 12.5, "note": "at 10:15"}
    assert event.occurred_at == datetime(2026, 11, 23, 7, 30, tzinfo=UTC)
    assert set(event.raw or ()) == {"id", "phone", "total", "note", "state", "changed"}


def test_rows_of_one_moment_are_read_page_by_page(shop: Shop) -> None:
    shop.poll()
    for number in range(3 * SIZE // 2):
        shop.has(number, "open", "08:00:00")

    assert len(shop.poll()) == 3 * SIZE
    assert shop.poll() == []


def test_a_long_table_is_remembered_from_its_newest_row(shop: Shop) -> None:
    for number in range(SIZE + 50):
        shop.has(number, "open", f"{6 + number // 60:02}:{number % 60:02}:00")
    shop.poll()

    shop.has(0, "paid", "11:00:00")

    assert shop.poll() == ["0/status/paid"]


def test_a_row_committed_late_is_found_by_the_overlap(shop: Shop) -> None:
    shop.has(1, "open", "08:30:00.250")
    shop.poll()
    shop.has(2, "open", "08:26:00.900")
    shop.has(3, "open", "08:25:00.100")

    assert shop.poll() == ["2/new", "2/status/open"]


def test_a_growing_number_may_stand_for_the_time(shop: Shop) -> None:
    shop.source = shop.built(updated="id", status="")
    shop.has(1, "open", "08:00:00")
    shop.poll()
    shop.has(2, "open", "08:00:00")

    assert shop.poll() == ["2/new"]


def test_a_key_may_be_of_several_columns_and_a_row_without_a_stamp_is_left_out(shop: Shop) -> None:
    shop.source = shop.built(key=["person", "id"])
    shop.poll()
    shop.has(1, "open", "08:00:00")
    shop.run("insert into orders (id, state) values (5, 'open')")

    assert shop.poll() == ["Zo%C3%AB/1/new", "Zo%C3%AB/1/status/open"]


@pytest.mark.parametrize(
    "query",
    [
        "select 1 as id, 'x' as state, 1 as changed) ; delete from orders --",
        "delete from orders returning id, state, changed",
        "with gone as (select 1) insert into orders (id) select 9 returning id, state, changed",
    ],
)
def test_nothing_is_ever_written(shop: Shop, query: str) -> None:
    shop.has(1, "open", "08:00:00")
    shop.source = shop.built(table="", query=query)

    with pytest.raises(AskFailed):
        shop.poll()

    shop.source = shop.built()
    shop.poll()
    assert set(shop.cursor["list"]["seen"]) == {"1"}


def test_a_statement_that_runs_for_ever_is_ended(shop: Shop) -> None:
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select i as id, i as changed from n"
    shop.source = shop.built(table="", query=endless, timeout=1, status="")

    with pytest.raises(AskFailed, match=r"^OperationalError: interrupted$"):
        shop.poll()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"table": "bookings"}, "OperationalError: no such table: bookings"),
        ({"url": "sqlite:////nowhere/else.db"}, "There is no such database file."),
        ({"url": "magic://x/y"}, "NoSuchModuleError: Can't load plugin: sqlalchemy.dialects:magic"),
        ({"url": "postgresql+asyncpg2://u:not-a-real-pw@db.example/x"}, "NoSuchModuleError: Can't load plugin"),
    ],
)
def test_what_is_wrong_is_said_without_the_password(shop: Shop, settings: dict[str, Any], sentence: str) -> None:
    shop.source = shop.built(**settings)

    with pytest.raises(AskFailed, match=f"^{re.escape(sentence)}") as failed:
        shop.poll()
    assert "not-a-real-pw" not in str(failed.value)


def test_a_column_of_texts_and_numbers_is_named(shop: Shop) -> None:
    shop.run("create table mixed (id integer, state text, changed)")
    shop.run("insert into mixed values (1, 'open', '2026-11-23 08:00:00'), (2, 'open', 5)")
    shop.source = shop.built(table="mixed")

    with pytest.raises(AskFailed, match=r"^Column changed holds texts and numbers\.$"):
        shop.poll()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"url": "shop.db"}, "url: expected an address"),
        ({"table": ""}, "table: set either table or query"),
        ({"query": "select 1"}, "table: set either table or query"),
        ({"table": "orders; drop table orders"}, "table: 'orders; drop table orders' is not a name"),
        ({"updated": None}, "updated is missing. Column of the time"),
        ({"timeout": "long"}, "timeout: 'long' is not a time"),
    ],
)
def test_a_bad_setting_is_named_in_a_sentence(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^Setting {re.escape(sentence)}"):
        SqlPoll({**PLAIN, **settings})
