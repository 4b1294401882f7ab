"""The source singer with a real tap (meltanolabs-tap-postgres) on a real table, and sql_poll on the same server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import connectors
from connectors.base import AskFailed
from model.event import Event
from tests.connectors.fake_http import FakeHttp, says
from tests.peers.postgres import Server, needs_postgres, postgres
from tests.peers.processes import PEERS, needs

TAP = PEERS / "taps" / "bin" / "tap-postgres"
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
pytestmark = [needs_postgres()]
TABLE = """
drop table if exists orders;
create table orders (number text primary key, state text, total numeric(10, 2), phone text,
    changed_at timestamptz not null default now());
insert into orders values ('A6', 'open', 149.90, '+49 171 3920011', '2026-11-23 08:00:00+00'),
    ('A7', 'open', 12, '', '2026-11-23 08:01:00+00');
"""
MAPPED = {"status": "state", "new": "order.created", "types": {"shipped": "order.fulfilled"}, "time": "changed_at",
          "fields": {"number": "number", "total": "total", "customer.phone": "phone"}}  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres() as running:
        yield running


@dataclass
class Source:
    """A source and its cursor, kept as the store would keep it."""

    name: str
    settings: dict[str, Any]
    cursor: Any = field(default_factory=dict)

    def poll(self) -> list[Event]:
        connector: Any = connectors.load(self.name)({**MAPPED, **self.settings})  # anew, as after a restart
        told: list[Event] = []
        more = True
        while more:
            page = connector.poll(self.cursor, FakeHttp(says({})), NOW)
            assert page.unreadable == () or list(page.unreadable) == []
            told += page.events
            self.cursor, more = json.loads(json.dumps(page.cursor)), page.more
        connector.close()
        return told


def tapped(server: Server, folder: Path) -> Source:
    """The tap, told by a catalog to follow the table by its time of change."""
    config = {"host": "127.0.0.1", "port": server.port, "user": "postgres", "password": "x", "database": "postgres",
              "filter_schemas": ["public"]}  # fmt: skip
    types = {"number": "string", "state": "string", "total": "number", "phone": "string", "changed_at": "string"}
    schema = {name: {"type": [kind, "null"]} for name, kind in types.items()}
    schema["changed_at"]["format"] = "date-time"  # type: ignore[assignment]
    stream = {
        "tap_stream_id": "public-orders", "stream": "public-orders", "table_name": "orders",
        "replication_method": "INCREMENTAL", "replication_key": "changed_at", "key_properties": ["number"],
        "schema": {"type": "object", "properties": schema},
        "metadata": [
            {"breadcrumb": [], "metadata": {"selected": True, "schema-name": "public",
             "replication-method": "INCREMENTAL", "replication-key": "changed_at",
             "table-key-properties": ["number"]}},
            *({"breadcrumb": ["properties", name], "metadata": {"selected": True}} for name in types),
        ],
    }  # fmt: skip
    catalog = folder / "catalog.json"
    catalog.write_text(json.dumps({"streams": [stream]}), encoding="utf-8")
    command = {"command": [str(TAP)], "config": config, "catalog": str(catalog), "timeout": "60s"}
    return Source("singer", {**command, "stream": "public-orders"})


def asked(server: Server) -> Source:
    pytest.importorskip("psycopg2", reason="the driver is missing: pip install -e .[peers]")
    pytest.importorskip("sqlalchemy", reason="install the extra: pip install -e .[sql]")
    url = f"postgresql+psycopg2://postgres@127.0.0.1:{server.port}/postgres"
    return Source("sql_poll", {"url": url, "table": "public.orders", "key": "number", "updated": "changed_at"})


@pytest.mark.parametrize("way", [pytest.param("singer", marks=needs(TAP)), "sql_poll"])
def test_a_table_tells_what_changed_after_the_first_reading_and_tells_it_once(
    server: Server, tmp_path: Path, way: str
) -> None:
    server.run(TABLE)
    source = tapped(server, tmp_path) if way == "singer" else asked(server)
    assert source.poll() == []
    assert source.poll() == []

    server.run("""
        update orders set state = 'shipped', changed_at = '2026-11-23 08:30:00.5+00' where number = 'A6';
        update orders set phone = '+49 171 3920012', changed_at = '2026-11-23 08:31:00+00' where number = 'A7';
        insert into orders values ('A8', 'open', 7, '', '2026-11-23 08:32:00+00');
    """)
    told = source.poll()

    assert [event.id for event in told] == ["A6/status/shipped", "A8/new", "A8/status/open"]
    assert (told[0].type, told[0].occurred_at) == (
        "order.fulfilled", datetime(2026, 11, 23, 8, 30, 0, 500_000, tzinfo=UTC)
    )  # fmt: skip
    assert told[0].data["customer"] == {"phone": "+49 171 3920011"}
    assert source.poll() == []


@needs(TAP)
def test_a_tap_that_cannot_reach_its_database_says_so_without_the_password(server: Server, tmp_path: Path) -> None:
    source = tapped(server, tmp_path)
    source.settings["config"] = {**source.settings["config"], "port": 1, "password": "not-a-real-password"}

    with pytest.raises(AskFailed, match=r"tap-postgres ended with code 1: ") as failed:
        source.poll()
    assert "not-a-real-password" not in str(failed.value)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("insert into orders values ('B1') returning number, changed_at", "syntax error"),
        ("with w as (delete from orders returning *) select * from w", "WITH clause|read-only"),
        ("select * from orders where nextval('counter') > 0", "read-only transaction"),
        ("select *, pg_sleep(20) from orders", "statement timeout"),
    ],
)
def test_postgresql_is_only_read_and_not_for_ever(server: Server, query: str, sentence: str) -> None:
    server.run(TABLE + "drop sequence if exists counter; create sequence counter;")
    source = asked(server)
    source.settings |= {"table": "", "query": query, "timeout": 3, "status": ""}

    with pytest.raises(AskFailed, match=sentence):
        source.poll()
