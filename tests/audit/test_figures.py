"""The counted days: they equal a recount of the record after any history, and a report reads sense out of them."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from audit import figures, journal, messages
from audit.report import Line, report
from audit.retention import Retention, purge
from audit.rows import ms
from audit.sealing import Sealing
from audit.store import Store
from audit.sums import DIMENSIONS
from tests.fakes.stores import open_store
from tests.scale import runs
from tests.web.house import House

FIRST = datetime(2026, 11, 1, tzinfo=UTC)
DAYS = 10
STATES = [
    "queued",
    "accepted",
    "sent",
    "delivered",
    "undelivered",
    "expired",
    "rejected",
    "failed",
    "cancelled",
    "unknown",
]
COLUMNS = (
    "id", "event_id", "source", "event_type", "rule", "rule_hash", "step", "key", "number", "number_field", "country",
    "warning", "text", "locale", "encoding", "segments", "sender", "lane", "gateways", "category", "campaign",
    "supersede", "throttle_key", "redact", "on_unknown", "recheck", "state", "reason", "created_at", "due_at",
    "expires_at", "next_at", "gateway", "accepted_at", "receipt_at", "replied_at", "cost", "currency",
)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Any:
    opened = open_store(tmp_path / "figures.db")
    yield opened
    opened.close()


def text_of(dice: random.Random, number: int) -> dict[str, Any]:
    created = ms(FIRST) + dice.randrange(DAYS * figures.DAY_MS)
    state = dice.choice(STATES)
    taken = state in {"accepted", "sent", "delivered", "undelivered", "expired"}
    accepted = created + dice.choice([4, 90, 700, 40_000]) if taken else None
    reported = accepted + dice.randrange(60_000) if accepted and state not in {"accepted", "sent"} else None
    blank = dict.fromkeys(COLUMNS, "")
    return {
        **blank,
        "id": f"m{number:013}",
        "rule": dice.choice(["order", "visit"]),
        "source": dice.choice(["shop", "crm"]),
        "gateway": dice.choice(["main", "backup"]),
        "country": dice.choice(["DE", "GB", ""]),
        "state": state,
        "reason": dice.choice(["30005", ""]) if state in {"undelivered", "failed"} else "",
        "segments": dice.randrange(1, 4),
        "lane": 2,
        "created_at": created,
        "due_at": created + dice.choice([0, 0, 3_600_000]),
        "expires_at": created + figures.DAY_MS,
        "next_at": created,
        "accepted_at": accepted,
        "receipt_at": reported,
        "replied_at": reported if dice.random() < 0.2 else None,
        "cost": f"0.0{dice.randrange(10, 99)}" if accepted else "",
        "currency": dice.choice(["EUR", "USD"]) if accepted else "",
    }


def written(store: Store, text: dict[str, Any]) -> None:
    sql = (
        f"insert into messages ({', '.join(COLUMNS)}) values ({', '.join(':' + c for c in COLUMNS)}) "  # noqa: S608
        f"on conflict (id) do update set {', '.join(f'{c} = excluded.{c}' for c in COLUMNS)}"
    )

    def write(tx: Any) -> None:
        tx.execute(sql, text)
        journal.note(tx, text["created_at"], "decision", message_id=text["id"], rule=text["rule"], reason="send")

    store.write(write)


def counted(rows: list[Any]) -> Counter[tuple[str, ...]]:
    found: Counter[tuple[str, ...]] = Counter()
    for row in rows:
        found[*(row[name] for name in DIMENSIONS), row["measure"], row["label"]] += row["amount"]
    return found


def table(store: Store) -> Counter[tuple[str, ...]]:
    with store.read() as tx:
        return counted(tx.execute("select * from figures").fetchall())


def recount(store: Store) -> Counter[tuple[str, ...]]:
    found: Counter[tuple[str, ...]] = Counter()
    for day in range(-1, DAYS + 5):  # day by day: sums of money are rounded once a day
        with store.read() as tx:
            found += counted(figures.count(tx, FIRST + day * figures.DAY, FIRST + (day + 1) * figures.DAY))
    return found


@pytest.mark.parametrize("seed", range(runs(2, 20)))
def test_the_counted_days_equal_a_recount_after_any_history(store: Store, seed: int) -> None:
    dice = random.Random(seed)
    texts = [text_of(dice, number) for number in range(120)]
    later = [  # a receipt, a reply, a bill
        {**text_of(dice, 0), **{name: text[name] for name in ("id", "created_at", "due_at")}}
        for text in dice.choices(texts, k=80)
    ]
    for step, text in enumerate([*texts, *later]):
        written(store, text)
        if step % 7 == 0:
            at = text["created_at"] + dice.randrange(figures.DAY_MS)
            reason = dice.choice(["no_recipient", "when[3]", "when[0]", "opted_out"])
            store.write(lambda tx, at=at, reason=reason: journal.note(tx, at, "decision", rule="order", reason=reason))  # type: ignore[misc]
        if step % 40 == 39:
            figures.refresh(store, FIRST)
            assert table(store) == recount(store)
    figures.refresh(store, FIRST)

    assert table(store) == recount(store)
    assert figures.refresh(store, FIRST) == 0


def test_the_figures_outlive_the_texts(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.delivered("A1")
    figures.refresh(house.store, house.now)
    before = table(house.store)
    Sealing(store=house.store).step(house.now)
    house.unreadable()
    Sealing(store=house.store).step(house.now)
    house.now += timedelta(days=40)

    purge(house.store, Retention(journal=timedelta(days=30)), house.now)
    figures.refresh(house.store, house.now)

    assert before
    assert table(house.store) == before
    house.store.close()


def test_a_report_says_what_a_week_achieved(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.delivered("A1")
    house.delivered("A2", phone="+447700900145")
    house.answers("+447700900145", "thanks")
    house.reports(house.order("A3"), messages.state_of("undelivered"), "30005")
    house.order("A4", total=5)
    figures.refresh(house.store, house.now)

    found = report(house.store, house.now - timedelta(days=6), house.now + timedelta(days=1))

    order = found.lines[0]
    assert (order.what, order.total("sent"), order.total("delivered"), order.total("failed")) == (
        "order-confirmed",
        3,
        2,
        1,
    )
    assert (order.coverage, order.delivery_rate, order.response_rate) == (1.0, 2 / 3, 1 / 3)
    assert order.of("failed") == {"30005": 1}
    assert order.of("skipped") == {"when": 1}
    assert found.total.total("created") == 3
    assert found.before.total("created") == 0
    by_country = report(house.store, house.now, house.now + timedelta(days=1), "country")
    assert {line.what: line.total("sent") for line in by_country.lines} == {"DE": 2, "GB": 1, "": 0}
    by_day = report(house.store, house.now - timedelta(days=1), house.now + timedelta(days=1), "day")
    assert [line.what for line in by_day.lines] == ["2026-11-23"]
    house.store.close()


def test_there_is_no_report_by_just_any_column(store: Store) -> None:
    with pytest.raises(ValueError, match="nothing to report by"):
        report(store, FIRST, FIRST + figures.DAY, "text; drop table messages")


def test_the_time_within_which_most_texts_arrive_is_read_from_spans() -> None:
    line = Line(what="", amounts={"to_gateway": Counter({"100": 90, "1000": 9, "60000": 1})})

    assert line.seconds("to_gateway", 0.5) == pytest.approx(0.0778, abs=0.001)
    assert line.seconds("to_gateway", 0.95) == pytest.approx(0.778, abs=0.001)
    assert line.seconds("to_gateway", 1.0) == 60.0
    assert Line(what="").seconds("to_gateway", 0.5) is None
