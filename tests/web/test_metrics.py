"""What Prometheus reads: every figure named, none invented, and the ones that matter right."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from audit import steps, tallies
from model.message import State
from model.sending import ErrorClass, Outcome, Receipt, Result
from tests.fakes.stores import only_sqlite, open_store
from tests.fakes.world import World, delivered
from tests.web.house import House
from web import health
from web.metrics import METRICS

Samples = dict[tuple[str, tuple[str, ...]], float]


def shown(house: House) -> str:
    app = house.app()
    health.register(app, house.desk)
    answer = app.test_client().get("/metrics")
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def samples(text: str) -> Samples:
    return {
        (one.name, tuple(sorted(one.labels.values()))): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def test_every_figure_that_is_shown_is_declared_with_its_labels_and_the_other_way_round(house: House) -> None:
    house.delivered("1001")
    families = {family.name: family for family in text_string_to_metric_families(shown(house))}
    ours = {name.removesuffix("_total"): one for name, one in METRICS.items()}

    assert {name for name in families if name.startswith("tidings_")} == set(ours)
    for name, declared in ours.items():
        assert families[name].type == declared.kind
        for sample in families[name].samples:
            assert set(sample.labels) - {"le"} == set(declared.labels), name
    assert "process_resident_memory_bytes" in families


def test_names_follow_the_conventions_of_prometheus() -> None:
    for name, one in METRICS.items():
        assert name.endswith("_total") == (one.kind == "counter"), name
        assert one.kind != "histogram" or name.endswith("_seconds"), name
        assert not name.endswith(("_ms", "_milliseconds", "_kb", "_mb", "_minutes")), name


def test_the_three_times_of_a_text_begin_when_its_event_was_accepted(house: House) -> None:
    event_id = house.comes(
        "order.created",
        {"number": "#7", "total": 149.9, "currency": "EUR", "status": "paid",
         "customer": {"first_name": "Anna", "phone": "+49 171 3920012", "locale": "en"}},
    )  # fmt: skip
    house.passes(seconds=3)
    house.now += timedelta(seconds=4)
    house.reports(event_id, State.DELIVERED)

    found = samples(shown(house))
    where = ("console", "normal")

    assert found["tidings_handover_seconds_sum", where] == 3
    assert found["tidings_handover_seconds_bucket", ("2.0", *where)] == 0
    assert found["tidings_handover_seconds_bucket", ("5.0", *where)] == 1
    assert found["tidings_receipt_seconds_sum", where] == 7
    assert found["tidings_handset_seconds_sum", where] == 7
    assert found["tidings_attempts_total", ("accepted", "console", "none")] == 1
    assert found["tidings_receipts_total", ("console", "delivered")] == 1
    assert found["tidings_events_received_total", ("shop",)] == 1
    assert found["tidings_decisions_total", ("send",)] == 1


def test_what_was_counted_is_counted_once_also_after_a_restart(house: House) -> None:
    house.delivered("1001")
    before = samples(shown(house))

    again = samples(shown(house))

    same = [key for key in before if key[0].startswith(("tidings_attempts", "tidings_handover", "tidings_receipt"))]
    assert same
    assert [key for key in same if before[key] != again[key]] == []


def test_the_store_the_rules_and_the_breaker_are_among_the_figures(house: House) -> None:
    house.order("1001")
    found = samples(shown(house))

    assert found["tidings_store_queue_length", ()] >= 0
    assert found["tidings_store_commit_seconds_count", ()] > 0
    assert found["tidings_store_size_bytes", ("database",)] > 0
    assert found["tidings_gateway_resting", ("console",)] == 0
    assert found["tidings_source_last_event_timestamp_seconds", ("shop",)] == house.now.timestamp()
    assert found["tidings_rules", ()] == len(house.worker.book.rules)
    assert [value for (name, _), value in found.items() if name == "tidings_build_info"] == [1]


def test_each_text_has_one_fate_however_it_got_there(world: World) -> None:
    """Accepted at once, accepted late, refused, given up, told by its receipt alone: counted once, on its day."""
    world.rules(
        "version: 1\ndefaults: {region: DE, tz: Europe/Berlin, quiet_hours: ignore}\nrules:\n"
        "  - {id: order, event: order.created, to: [phone], text: 'Order {{ number }}', ttl: 30m}\n"
    )
    world.order("1")
    world.step()
    world.phone.script = [Result(outcome=Outcome.RETRY, error=ErrorClass.RETRY)]
    world.other.script = [Result(outcome=Outcome.RETRY, error=ErrorClass.RETRY)] * 2
    world.order("2")
    world.step()
    world.wait(minutes=2)
    world.step()
    world.phone.script = [Result(outcome=Outcome.REJECTED, error=ErrorClass.PERMANENT, code="404")]
    world.order("3")
    world.step()
    world.phone.script = [Result(outcome=Outcome.UNKNOWN, error=ErrorClass.UNKNOWN)]
    world.order("4")
    world.step()
    message = world.message()["id"]
    world.receipt(Receipt(state=State.DELIVERED, provider_id="", message_id=message, raw_status="delivered"))
    world.receipt(delivered("main-1"))

    tallies.refresh(world.store, world.now)
    tallies.refresh(world.store, world.now)
    (day,) = world.rows("select sum(in_time) as a, sum(late) as b, sum(never) as c, sum(refused) as d from punctuality")

    assert day == {"a": 2, "b": 1, "c": 0, "d": 1}
    handed = world.rows("select sum(amount) as n from tallies where figure = 'handover'")
    assert handed == [{"n": 3}]


def test_a_text_that_nobody_took_in_time_never_was(world: World) -> None:
    world.rules(
        "version: 1\ndefaults: {region: DE, tz: Europe/Berlin, quiet_hours: ignore}\nrules:\n"
        "  - {id: order, event: order.created, to: [phone], text: 'Order {{ number }}', ttl: 5m}\n"
    )
    world.order("1")
    world.plan()
    world.wait(minutes=6)
    world.step()

    tallies.refresh(world.store, world.now)

    assert world.rows("select in_time, late, never, refused from punctuality") == [
        {"in_time": 0, "late": 0, "never": 1, "refused": 0}
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_counting_in_small_goes_or_large_ones_is_the_same(tmp_path: Path, size: int) -> None:
    with World(tmp_path) as world:
        for number in range(3):
            world.order(str(number))
            world.step()
            world.receipt(delivered(f"main-{number + 1}"))
        with world.store.read() as tx:
            newest = tx.execute("select max(id) as id from journal").fetchone()["id"]
            whole = tallies.count(tx, 0, newest)
            pieces = tallies.Counted()
            for after in range(0, newest, size):
                piece = tallies.count(tx, after, min(after + size, newest))
                pieces.amounts += piece.amounts
                pieces.totals += piece.totals
                pieces.fates += piece.fates

    assert pieces == whole
    assert sum(whole.fates.values()) == 3


@only_sqlite
@pytest.mark.parametrize("sql", [tallies.FATES, steps.READ])
def test_counting_a_row_never_reads_the_whole_journal(world: World, sql: str) -> None:
    with world.store.read() as tx:
        plan = [row["detail"] for row in tx.execute(f"explain query plan {sql}", {"after": 0, "upto": 9})]

    assert [step for step in plan if step.startswith("SCAN")] == []


def test_a_store_that_is_down_costs_no_figures_that_were_counted(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.order("1001")
    shown(house)
    house.store.close()
    house.store = open_store(tmp_path / "tidings.db")

    assert samples(shown(house))["tidings_attempts_total", ("accepted", "console", "none")] == 1
    house.store.close()
