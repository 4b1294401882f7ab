"""A database of any earlier version opens with this one, and everything in it is still accounted for."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlite_utils
from sqlite_utils.migrations import Migrations

from audit import figures, punctuality, tallies
from audit.conservation import report
from audit.engines.sqlite import MIGRATIONS, _step, migrate
from audit.rows import ms
from audit.sealing import Sealing
from audit.seals import verify
from audit.store import Store
from dispatch.route import Mode
from dispatch.worker import Worker
from model.ids import Ids
from rules.load import load
from tests.fakes.world import NOON, PHONE, RULES, Phone
from tests.scale import runs

VERSIONS = sorted(MIGRATIONS.glob("*.sql"))
TRIED = [VERSIONS[0], VERSIONS[6], VERSIONS[-1]] if not runs(0, 1) else VERSIONS
SENT, WAITS = "m0sent0000000a", "m0waits000000b"
NARROWS = {
    "drops what the version before uses": r"\bdrop\b",
    "renames what the version before knows": r"\brename\b",
    "changes what a column takes": r"\balter\s+column\b.*\b(type|set\s+not\s+null)\b",
    "adds a column that the version before does not fill": r"\badd\s+column\b(?=.*\bnot\s+null\b)(?!.*\bdefault\b)",
    "adds a rule that rows of the version before may break": r"^alter\s+table\b.*\badd\s+(?!column\b)",
}
"""What a process of the version before, which runs on while a migration happens, cannot live with."""

EXCEPTIONS: Mapping[str, str] = {}
"""Migration -> why no process of the version before minds. What is no longer used is dropped a version later."""

EVENT = {
    "id": "e0old00000000a", "body_id": "b1", "source": "shop", "type": "order.created", "native_type": "order.created",
    "transport_id": "t1", "key": "7", "version": "", "occurred_at": ms(NOON), "received_at": ms(NOON),
    "data": '{"number":"7","phone":"+491713920012"}', "raw": None, "test": 0, "lookup": "", "state": "planned",
}  # fmt: skip
BODY = {
    "id": "b1", "source": "shop", "received_at": ms(NOON), "method": "POST", "url": "", "query": "", "headers": "{}",
    "body": b"{}",
}  # fmt: skip
MESSAGE: dict[str, Any] = {
    "event_id": EVENT["id"], "source": "shop", "event_type": "order.created", "rule": "order", "rule_hash": "x",
    "step": "", "key": "7", "number": PHONE, "number_field": "phone", "warning": "", "text": "Order 7 is confirmed.",
    "locale": "en", "encoding": "gsm7", "segments": 1, "sender": "", "lane": 2, "gateways": "", "category": "service",
    "campaign": "", "supersede": "", "throttle_key": "", "redact": "", "on_unknown": "hold", "recheck": "",
    "created_at": ms(NOON), "due_at": ms(NOON), "expires_at": ms(NOON + timedelta(days=1)), "next_at": ms(NOON),
}  # fmt: skip
MESSAGES = (
    {**MESSAGE, "id": SENT, "state": "delivered", "attempts": 1, "gateway": "main", "sent_to": PHONE,
     "provider_id": "main-1", "submitted_at": ms(NOON), "accepted_at": ms(NOON) + 200, "receipt_at": ms(NOON) + 900,
     "final_at": ms(NOON) + 900},
    {**MESSAGE, "id": WAITS, "step": "later", "state": "queued", "due_at": ms(NOON) + 3_600_000,
     "next_at": ms(NOON) + 3_600_000},
)  # fmt: skip
JOURNAL = (
    {"kind": "received", "event_id": EVENT["id"], "source": "shop", "type": "order.created"},
    {"kind": "decision", "event_id": EVENT["id"], "message_id": SENT, "rule": "order", "reason": "send"},
    {"kind": "decision", "event_id": EVENT["id"], "message_id": WAITS, "rule": "order", "step": "later",
     "reason": "send"},
    {"kind": "attempt", "event_id": EVENT["id"], "message_id": SENT, "gateway": "main", "detail": "1"},
    {"kind": "outcome", "event_id": EVENT["id"], "message_id": SENT, "gateway": "main", "reason": "accepted",
     "later": 200},
    {"kind": "receipt", "event_id": EVENT["id"], "message_id": SENT, "gateway": "main", "reason": "delivered",
     "later": 900},
)  # fmt: skip


def made_by(path: Path, upto: Path) -> None:
    """Make a database as the version with this migration as its newest made it: one text sent, one that waits."""
    connection = sqlite3.connect(path, isolation_level=None)
    steps = Migrations("tidings")
    for step in VERSIONS[: VERSIONS.index(upto) + 1]:
        steps(name=step.stem)(_step(step.read_text("utf-8")))
    steps.apply(sqlite_utils.Database(connection))
    _insert(connection, "bodies", BODY)
    _insert(connection, "events", EVENT)
    for message in MESSAGES:
        _insert(connection, "messages", message)
    for row in JOURNAL:
        columns = {name: value for name, value in row.items() if name != "later"}
        _insert(connection, "journal", {"at": ms(NOON) + int(str(row.get("later", 0))), **columns})
    connection.close()


def _insert(connection: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    names = ", ".join(row)
    connection.execute(f"insert into {table} ({names}) values ({', '.join(':' + name for name in row)})", row)  # noqa: S608


@contextmanager
def opened(path: Path) -> Iterator[Store]:
    store = Store(path)
    try:
        yield store
    finally:
        store.close()


@pytest.mark.parametrize("version", TRIED, ids=lambda path: path.stem)
def test_a_database_of_an_earlier_version_opens_and_nothing_in_it_is_lost(version: Path, tmp_path: Path) -> None:
    database, rules = tmp_path / "old.db", tmp_path / "rules.yaml"
    made_by(database, version)
    rules.write_text(RULES, "utf-8")
    with opened(database) as store:
        phone, later = Phone(), NOON + timedelta(hours=1, seconds=2)
        worker = Worker(
            store=store, book=load(rules), gateways={"main": phone}, new_id=Ids(lambda: later), mode=Mode(name="live"),
            routes=("main",),
        )  # fmt: skip
        before = report(store)

        worker.send_due(later)
        tallies.refresh(store, later)
        figures.refresh(store, later)
        Sealing(store=store, key="", export_to="").step(later)
        after = report(store)
        level = punctuality.of(store, later)
        sealed = verify(store)

    assert (before.events, before.faults, after.faults) == (1, [], [])
    assert dict(before.messages) == {"delivered": 1, "queued": 1}
    assert phone.inbox == ["Order 7 is confirmed."]
    assert (level.total.in_time, level.total.late) == (2, 0)
    assert not sealed.faults


def test_opening_twice_migrates_once(tmp_path: Path) -> None:
    made_by(tmp_path / "old.db", VERSIONS[0])
    for _ in range(2):
        with opened(tmp_path / "old.db") as store, store.read() as tx:
            names = [row["name"] for row in tx.execute("select name from _sqlite_migrations order by name")]

    assert names == [path.stem for path in VERSIONS]


def test_numbers_of_migrations_are_used_once() -> None:
    numbers = [path.stem.partition("_")[0] for path in VERSIONS]

    assert len(numbers) == len(set(numbers))
    assert all(len(number) == 4 and number.isdecimal() for number in numbers)


def test_what_happened_is_never_dropped_by_a_migration() -> None:
    for path in VERSIONS:
        words = path.read_text("utf-8").lower()
        for table in ("events", "messages", "journal", "seals", "consent"):
            assert f"drop table {table}" not in words, path.name


def narrowing(script: str) -> list[str]:
    """Return what a migration does that a process of the version before cannot live with."""
    plain = re.sub(r"--[^\n]*|'(?:[^']|'')*'", "''", script.lower())
    statements = [" ".join(one.split()) for one in plain.split(";")]
    found = [why for one in statements for why, pattern in NARROWS.items() if re.search(pattern, one)]
    made = set(re.findall(r"\bcreate (?:unlogged )?table (?:if not exists )?(\w+)", " ".join(statements)))
    unique = [one[1] for each in statements if (one := re.search(r"\bcreate unique index \w+ on (\w+)", each))]
    return found + [f"makes rows of {table} unique that are not" for table in unique if table not in made]


def test_no_migration_takes_from_the_version_before_what_it_works_with() -> None:
    """On PostgreSQL the version before runs on beside the one that migrates: see docs/upgrading.md."""
    later = sorted((MIGRATIONS / "postgres").glob("*.sql"))[1:]  # the first one made the tables

    found = {path.stem: narrowing(path.read_text("utf-8")) for path in later if path.stem not in EXCEPTIONS}

    assert found == {name: [] for name in found}
    assert set(EXCEPTIONS) <= {path.stem for path in later}


@pytest.mark.parametrize(
    "statement",
    [
        "alter table messages drop column salt;",
        "ALTER TABLE messages\n  RENAME COLUMN salt TO pepper;",
        "alter table messages add column shade text not null;",
        "alter table messages alter column salt set not null;",
        "alter table messages add constraint one check (lane > 0);",
        "create unique index messages_one on messages (key);",
        "drop index messages_queue;",
    ],
)
def test_a_migration_that_would_break_the_version_before_is_found(statement: str) -> None:
    assert len(narrowing(f"create table figures (day bigint); {statement}")) == 1


def test_a_migration_that_only_adds_is_fine() -> None:
    assert narrowing(
        "-- nothing is dropped, drop table messages\n"
        "create table shades (name text not null primary key, said text not null default 'drop table x');\n"
        "create unique index shades_said on shades (said);\n"
        "alter table messages add column shade text not null default '';\n"
        "alter table messages add column seen_at bigint; create index messages_shade on messages (shade);"
    ) == []  # fmt: skip


def test_a_migration_that_fails_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    """Something of ours is there already under the name a later migration wants."""
    database = tmp_path / "old.db"
    made_by(database, VERSIONS[0])
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("create table figures (day integer)")
    before = list(connection.execute("select name from _sqlite_migrations"))

    with pytest.raises(sqlite3.OperationalError, match="figures"):
        migrate(connection)

    assert [row for row in connection.execute("select name from _sqlite_migrations") if row not in before] == [
        (path.stem,) for path in VERSIONS[1:7]
    ]
    columns = [row[1] for row in connection.execute("pragma table_info(messages)")]
    connection.close()
    assert "country" not in columns
