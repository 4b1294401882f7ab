"""A server under several nodes: nobody does what another does, nothing is lost when connections break."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from audit import claims, conservation, events, intake, journal, messages, receipts, seals
from audit.engines.base import Again, NotUnique
from audit.facts import StoredFacts
from audit.store import Store, StoreDown, Tx, at_once, lock, settled
from dispatch.settling import LEASE
from dispatch.worker import Handover, Worker
from model.event import Event, Incoming
from model.ids import Ids
from model.message import Cancel, State
from model.reasons import Because
from model.sending import ErrorClass, Outcome, Receipt, Result
from tests.fakes.service import until
from tests.fakes.stores import connected, only_postgres, open_store, place
from tests.fakes.world import NOON, RULES, Phone, World
from tests.peers.postgres import primary

pytestmark = only_postgres
NODES = 3
NODE = itertools.count()  # each worker makes ids of its own


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path) as made:
        yield made


@pytest.fixture
def nodes(tmp_path: Path, world: World) -> Iterator[list[Store]]:
    made = [open_store(tmp_path / "world.db") for _ in range(NODES)]
    try:
        yield made
    finally:
        for store in made:
            store.close()


def test_an_event_that_comes_to_every_node_at_once_is_one_event(nodes: list[Store], world: World) -> None:
    world.order("A1", id="first")
    with world.store.read() as tx:
        event = events.get(tx, tx.execute("select id from events").fetchone()["id"])
    assert event is not None
    orders = [replace(event, id=f"again-{number}") for number in range(40)]
    incoming, ids = Incoming(source="shop", received_at=NOON), Ids(lambda: NOON, node=7)

    def take(tx: Tx, event: Event) -> int:
        return len(intake.accept(tx, incoming, [event], ids))

    def accept(node: Store) -> int:
        return sum(node.write(at_once(partial(take, event=one))) for one in orders)

    assert sum(_at_the_same_time(accept, nodes)) == 40


def test_several_planners_plan_each_event_once_and_keep_to_dedupe(nodes: list[Store], world: World) -> None:
    for number in range(60):
        world.order(f"A{number % 20}", id=f"order-{number}")  # each order is told of three times, by other ids

    def plan(node: Store) -> None:
        worker = _worker(node, world)
        while worker.plan_due(world.now, 5):
            pass

    _at_the_same_time(plan, nodes)

    assert len(world.rows("select id from messages")) == 20
    assert {row["state"] for row in world.rows("select state from events")} == {"planned"}
    assert len(world.rows("select id from journal where kind = 'decision'")) == 60
    assert conservation.report(world.store).faults == []


def test_several_dispatchers_hand_over_each_text_once(nodes: list[Store], world: World) -> None:
    for number in range(120):
        world.order(f"A{number}")
    world.plan()
    phones = [Phone("main") for _ in nodes]

    def send(pair: tuple[Store, Phone]) -> None:
        worker = _worker(pair[0], world, pair[1])
        while worker.send_due(world.now, 10):
            pass

    _at_the_same_time(send, list(zip(nodes, phones, strict=True)))

    sent = [one.message_id for phone in phones for one in phone.got]
    assert len(sent) == len(set(sent)) == 120
    assert world.states == ["accepted"] * 120


def test_a_node_that_reaches_no_gateway_leaves_the_texts_to_the_others(nodes: list[Store], world: World) -> None:
    world.order("A1")
    world.plan()
    cut_off, other = (_worker(node, world, Phone("main")) for node in nodes[:2])
    cut_off.gateways = {"main": cut_off.gateways["main"]}
    for _ in range(3):
        cut_off.health.note("main", Result(outcome=Outcome.REJECTED, error=ErrorClass.RETRY), world.now)

    assert (cut_off.send_due(world.now), other.send_due(world.now)) == (0, 1)
    assert world.states == ["accepted"]


def test_a_throttle_holds_however_many_nodes_plan(nodes: list[Store], world: World) -> None:
    dedupe, throttle = 'dedupe: {key: "{{ event.key }}"}', "throttle: {max: 2, per: 1h, key: recipient}"
    world.rules(RULES.replace(dedupe, throttle))
    for number in range(30):
        world.order(f"A{number}")

    def plan(node: Store) -> None:
        worker = _worker(node, world)
        while worker.plan_due(world.now, 2):
            pass

    _at_the_same_time(plan, nodes)

    assert len(world.rows("select id from messages")) == 2


def test_a_text_that_leaves_while_its_record_moves_on_is_not_cancelled(
    nodes: list[Store], world: World, tmp_path: Path
) -> None:
    """The newer word looks at what waits, and has to wait for the claim: then it must look again."""
    world.rules(RULES.replace("dedupe: {key:", "supersede:").replace('}}"}', '}}"'))
    world.order("A1")
    world.plan()
    cancel = Cancel(rule="order", key="supersede:A1", occurred_at=NOON, because=Because.SUPERSEDED)
    with _held(nodes[0], lambda tx: claims.claim_next(tx, world.now, LEASE, 10)):
        newer = nodes[1].submit(at_once(lambda tx: messages.apply_cancel(tx, cancel, 1)))
        until(lambda: _someone_waits(tmp_path), lambda: f"nobody waits: {newer}", 5)
    newer.result(10)

    assert world.states == ["submitting"]


def test_what_a_new_text_goes_on_with_does_not_leave_by_itself(nodes: list[Store], world: World) -> None:
    world.order("A1")
    world.plan()
    world.store.write(lambda tx: tx.execute("update messages set supersede = 'b1', items = '[{}]'"))

    with _held(nodes[0], lambda tx: StoredFacts(tx, world.now).gathered("order", "b1")):
        assert _worker(nodes[1], world).claim_due(world.now, 10) == []
    with nodes[1].read() as tx:
        assert StoredFacts(tx, world.now).gathered("order", "b1") is not None, "a preview locks nothing"


def test_a_receipt_that_meets_its_answer_is_never_left_over(nodes: list[Store], world: World) -> None:
    for number in range(60):
        world.order(f"A{number}")
    world.plan()
    handovers = world.worker.claim_due(world.now, 100)
    barrier = threading.Barrier(2)

    worker = _worker(nodes[0], world)

    def take(tx: Tx, handover: Handover, provider_id: str) -> None:
        result = Result(outcome=Outcome.ACCEPTED, provider_id=provider_id)
        worker.record(tx, handover, result, State.ACCEPTED, None, world.now)

    def answer() -> None:
        barrier.wait()
        for number, one in enumerate(handovers):
            nodes[0].write(at_once(partial(take, handover=one, provider_id=f"p{number}")))

    def report() -> None:
        barrier.wait()
        for number in range(len(handovers)):
            receipt = Receipt(state=State.DELIVERED, provider_id=f"p{number}", raw_status="DELIVRD")
            nodes[1].write(at_once(partial(receipts.record, gateway="main", receipt=receipt, now=world.now)))

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(answer), pool.submit(report)]:
            future.result(60)

    assert world.states == ["delivered"] * 60
    assert world.rows("select * from unmatched") == []


def test_receipts_of_all_parts_at_once_make_the_text_delivered(nodes: list[Store], world: World) -> None:
    for turn in range(10):
        message_id = f"m-{turn}"
        world.store.write(lambda tx, one=message_id: [tx.execute(  # type: ignore[misc]
            "insert into parts (gateway, provider_id, message_id, part, state, error_code) values ('main', ?, ?, ?, "
            "'accepted', '')", (f"{one}-{part}", one, part)) for part in range(1, 4)])  # fmt: skip
        _queue(world, message_id)

        def report(pair: tuple[Store, int], one: str = message_id) -> None:
            receipt = Receipt(state=State.DELIVERED, provider_id=f"{one}-{pair[1]}", raw_status="ok", part=str(pair[1]))
            pair[0].write(at_once(lambda tx: receipts.record(tx, "main", receipt, world.now)))

        _at_the_same_time(report, list(zip(nodes, (1, 2, 3), strict=True)))

    assert set(world.states) == {"delivered"}


def test_a_plain_job_has_the_database_to_itself(nodes: list[Store], world: World) -> None:
    def count(tx: Tx) -> None:
        row = tx.execute("select value from settings where name = 'count'").fetchone()
        tx.execute(
            "insert into settings (name, value, at) values ('count', ?, 0) "
            "on conflict (name) do update set value = excluded.value",
            (str(int(row["value"] if row else 0) + 1),),
        )

    _at_the_same_time(lambda node: [node.write(count) for _ in range(40)], nodes)

    assert world.rows("select value from settings where name = 'count'") == [{"value": str(40 * NODES)}]


def test_the_seals_miss_no_row_that_was_written_late(nodes: list[Store], world: World) -> None:
    begun, go = threading.Event(), threading.Event()

    def slow(tx: Tx) -> None:
        journal.note(tx, 1, "operator", reason="late")
        begun.set()
        go.wait(10)

    late = nodes[0].submit(at_once(slow))
    begun.wait(10)
    nodes[1].write(at_once(lambda tx: journal.note(tx, 2, "operator", reason="quick")))
    with nodes[2].read() as tx:
        before = settled(tx)
    go.set()
    late.result(10)
    with nodes[2].read() as tx:
        after = settled(tx)
    world.store.write(lambda tx: seals.seal(tx, "", world.now))

    assert (before, after) == (0, 2)
    assert seals.verify(world.store).faults == []
    assert seals.verify(world.store).rows == 2


def test_one_node_leads_at_a_time_and_another_takes_over(nodes: list[Store]) -> None:
    with nodes[0].leader("seals") as first, nodes[1].leader("seals") as second, nodes[1].leader("figures") as other:
        assert (first, second, other) == (True, False, True)
    with nodes[1].leader("seals") as second:
        assert second


def test_a_connection_that_is_cut_loses_nothing(nodes: list[Store], tmp_path: Path) -> None:
    store, stop = nodes[0], threading.Event()
    kept: set[str] = set()

    def write(name: str) -> None:
        for number in range(60):
            with suppress(StoreDown):
                store.write(_remember(f"{name}{number}"))
                kept.add(f"{name}{number}")

    def cut() -> None:
        with closing(connected(str(place(tmp_path / "world.db")))) as server:
            while not stop.wait(0.2):
                server.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tidings' "
                    "and datname = current_database()"
                )

    thread = threading.Thread(target=cut)
    thread.start()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, "abcd"))
    stop.set()
    thread.join()

    with closing(connected(str(place(tmp_path / "world.db")))) as server:
        there = {row[0] for row in server.execute("select name from settings").fetchall()}
    assert there == kept
    assert len(kept) > 200, "a cut connection is made anew, and the job runs again"


def test_a_commit_whose_answer_was_lost_is_looked_up(nodes: list[Store], tmp_path: Path) -> None:
    from audit.engines.postgres import Postgres, ServerWriter

    engine, url = nodes[0].engine, str(place(tmp_path / "world.db"))
    assert isinstance(engine, Postgres)
    writer = ServerWriter(engine)
    try:
        for name, commits in (("done", True), ("undone", False)):
            writer.begin(beside=False, single=True)
            _remember(name)(writer.tx)
            if commits:
                writer.tx.connection.execute("commit")
            _cut(url, writer.tx.connection.info.backend_pid)
            with nullcontext() if commits else pytest.raises(Again):
                writer.commit()
    finally:
        writer.close()

    with closing(connected(url)) as server:
        assert [row[0] for row in server.execute("select name from settings").fetchall()] == ["done"]


def test_a_job_that_breaks_a_rule_of_the_table_is_undone_alone(nodes: list[Store]) -> None:
    nodes[0].write(_remember("one"))

    with pytest.raises(NotUnique):
        nodes[1].write(lambda tx: tx.execute("insert into settings (name, value, at) values ('one', '', 0)"))


def test_a_job_that_hides_a_failed_statement_keeps_nothing(nodes: list[Store]) -> None:
    def job(tx: Tx) -> None:
        with suppress(NotUnique):
            tx.execute("insert into settings (name, value, at) values ('one', '', 0), ('one', '', 0)")

    with pytest.raises(RuntimeError, match="went on"):
        nodes[0].write(job)


def test_two_who_wait_for_each_other_both_get_there(nodes: list[Store]) -> None:
    barrier = threading.Barrier(2, timeout=5)

    def take(first: str, second: str) -> Callable[[Tx], None]:
        def job(tx: Tx) -> None:
            lock(tx, first)
            with suppress(threading.BrokenBarrierError):
                barrier.wait(0.5)
            lock(tx, second)

        return job

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(nodes[0].write, at_once(take("a", "b")))
        two = pool.submit(nodes[1].write, at_once(take("b", "a")))
        assert (one.result(20), two.result(20)) == (None, None), "the one that was undone was done again"


def test_a_server_that_is_not_there_is_a_store_that_is_down() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"postgresql://somebody:very-secret@127.0.0.1:{free.getsockname()[1]}/tidings"

        with pytest.raises(StoreDown) as down:
            Store(url, busy_ms=300)

    assert "very-secret" not in str(down.value)


def test_readers_are_back_within_a_second_of_a_server_that_was_killed() -> None:
    """psycopg's own pool rests for a second after a try that failed, then for two, then for four."""
    with primary() as server, closing(Store(server.address)) as store:
        _at_the_same_time(lambda _: _slow_read(store), [*range(8)])
        server.kill()
        waiting = threading.Thread(target=lambda: [_reads(store) for _ in range(3)])
        waiting.start()
        time.sleep(3.4)
        server.start()
        back = time.monotonic()
        while not _reads(store):
            assert time.monotonic() < back + 1
        waiting.join(20)

        assert len(_at_the_same_time(lambda _: _reads(store), [*range(8)])) == 8


def test_nodes_that_start_at_once_make_the_schema_once(tmp_path: Path) -> None:
    url = str(place(tmp_path / "fresh.db"))
    with closing(connected(url)) as server:
        server.execute("drop schema public cascade; create schema public")

    stores = list(_at_the_same_time(lambda _: Store(url), [1, 2, 3]))

    for store in stores:
        store.close()
    with closing(connected(url)) as server:
        assert server.execute("select count(*) from migrations").fetchone()[0] > 1


def test_a_preview_waits_for_nobody(nodes: list[Store], world: World) -> None:
    held, go = threading.Event(), threading.Event()

    def hold(tx: Tx) -> None:
        lock(tx, "record", "order", "A1")
        held.set()
        go.wait(10)

    waiting = nodes[0].submit(at_once(hold))
    held.wait(10)
    with nodes[1].read() as tx:
        assert StoredFacts(tx, world.now).newest("order", "A1") is None
    go.set()
    waiting.result(10)


def test_the_clock_of_the_server_is_known(nodes: list[Store]) -> None:
    assert abs(nodes[0].time() - datetime.now(UTC)) < timedelta(seconds=5)


@contextmanager
def _held(node: Store, job: Callable[[Tx], object]) -> Iterator[None]:
    """Let a job's transaction stay open, all done but its commit, for the length of a `with` block."""
    done, go = threading.Event(), threading.Event()

    def slow(tx: Tx) -> None:
        job(tx)
        done.set()
        go.wait(10)

    held = node.submit(at_once(slow))
    done.wait(10)
    try:
        yield
    finally:
        go.set()
        held.result(10)


def _at_the_same_time(work: Callable[[Any], Any], each: list[Any]) -> list[Any]:
    """Let every node work in a thread of its own, all beginning at once."""
    barrier = threading.Barrier(len(each))

    def run(one: Any) -> Any:
        barrier.wait(10)
        return work(one)

    with ThreadPoolExecutor(len(each)) as pool:
        return list(pool.map(run, each))


def _worker(node: Store, world: World, phone: Phone | None = None) -> Worker:
    gateways = {**world.worker.gateways, **({"main": phone} if phone else {})}
    return Worker(
        store=node, book=world.worker.book, gateways=gateways, new_id=Ids(lambda: world.now, node=next(NODE)),
        mode=world.worker.mode, routes=("main",), dice=lambda: 0.5,
    )  # fmt: skip


def _queue(world: World, message_id: str) -> None:
    world.order(message_id)
    world.plan()
    world.store.write(lambda tx: tx.execute(
        "update messages set id = ?, state = 'accepted' where state = 'queued'", (message_id,)))  # fmt: skip


def _someone_waits(tmp_path: Path) -> bool:
    """Tell whether a transaction waits for another one's row."""
    with closing(connected(str(place(tmp_path / "world.db")))) as server:
        return bool(server.execute(
            "select 1 from pg_stat_activity where wait_event = 'transactionid' and datname = current_database()"
        ).fetchall())  # fmt: skip


def _slow_read(store: Store) -> None:
    with store.read() as tx:
        tx.execute("select pg_sleep(0.2)").fetchall()


def _reads(store: Store) -> bool:
    with suppress(StoreDown), store.read() as tx:
        return bool(tx.execute("select 1").fetchall())
    return False


def _cut(url: str, pid: int) -> None:
    with closing(connected(url)) as server:
        server.execute("select pg_terminate_backend(%s, 5000)", [pid])


def _remember(name: str) -> Callable[[Tx], None]:
    def job(tx: Tx) -> None:
        tx.execute("insert into settings (name, value, at) values (?, '', 0)", (name,))

    return job
