"""`rules explain` and `events show`: what the rules make of an event, as of then, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit import intake, trace
from audit.store import Store
from dispatch.worker import Worker
from explain import Explained, explain, lines, trace_dict, trace_lines
from inbound import samples
from inbound.examples import event_in
from model.event import Event, Incoming
from model.ids import Ids
from rules.book import Book
from rules.load import load
from tests.fakes.stores import open_store

ROOT = Path(__file__).parents[2]
ORDER = "sample_payloads/shopify/orders-create.json"
NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
RULES = """
version: 1
defaults: {region: DE, tz: Europe/Berlin}
rules:
  - id: confirm
    event: order.created
    when: [total > 100]
    to: [phone]
    text: "Order {{ id }} taken. Code {{ code }}."
    dedupe: {key: "{{ id }}"}
    throttle: {max: 1, per: 1h, key: recipient}
    redact: [code]
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / "tidings.db")
    yield opened
    opened.close()


@pytest.fixture
def book() -> Book:
    return load(Path("rules.yaml"), RULES.encode())


class Office:
    """A store, a worker and a clock that moves on by a minute with every event."""

    def __init__(self, store: Store, book: Book) -> None:
        self.now = NOW
        self.store, self.ids = store, Ids(lambda: self.now)
        self.worker = Worker(store=store, book=book, gateways={}, new_id=self.ids)

    def takes(self, order: str, *, total: int = 120, phone: str = "+491713920012") -> str:
        self.now += timedelta(minutes=1)
        data = {"id": order, "total": total, "phone": phone, "code": "4711"}
        event = Event(
            source="shop", type="order.created", native_type="new", id=f"t-{self.now:%H%M}", key=order,
            occurred_at=self.now, data=data,
        )  # fmt: skip
        incoming = Incoming(source="shop", body=b"{}", received_at=self.now)
        found = self.store.write(lambda tx: intake.accept(tx, incoming, [event], self.ids))
        self.worker.plan_due(self.now)
        return found[0]


@pytest.fixture
def office(store: Store, book: Book) -> Office:
    return Office(store, book)


def codes(explained: list[Explained]) -> list[str]:
    return [decision.code for each in explained for decision in each.plan.decisions]


def no_store() -> Store:
    raise AssertionError("a sample needs no database")


def test_a_sample_is_explained_gate_by_gate() -> None:
    (explained,) = explain(load(ROOT / "rules/rules.yaml"), ORDER, no_store)

    said = list(lines(explained))

    assert said[0] == "order.created 6120450391205 from shopify (shopify/orders-create), as of Mon 2026-11-23 08:58 UTC"
    assert "  ✓ when[0]      total is '149.90'" in said
    assert "  to        +49••••••••01 (shipping_address.phone)" in said
    assert "  size      1 segment, gsm7" in said
    assert any(line.startswith("  leaves    Mon 2026-11-23 09:58 Europe/Berlin, at the latest") for line in said)


def test_a_gate_that_stops_is_shown_with_its_line(book: Book) -> None:
    only = replace(book.rules[0], region="DE")
    (explained,) = explain(Book.of([replace(only, max_segments=0)], ""), ORDER, no_store)

    said = "\n".join(lines(explained))

    assert "  ✗ to " in said or "  ✗ throttle" in said or "  ✗ text" in said
    assert "  no text (" in said


def test_an_event_without_a_rule_says_so() -> None:
    (explained,) = explain(Book.of([], ""), ORDER, no_store)

    assert list(lines(explained))[-1] == "No text: No rule listens to order.created."


def test_as_json_it_holds_no_full_number(book: Book, office: Office) -> None:
    event_id = office.takes("O1")

    text = json.dumps([each.as_dict() for each in explain(book, event_id, lambda: office.store)])

    assert "1713920012" not in text
    assert '"leaves": "2026-11-23T10:01:00+00:00"' in text


def test_every_sample_can_be_explained() -> None:
    book = load(ROOT / "rules/rules.yaml")
    for sample in samples.every():
        if sample.expect.get("events") and sample.completed():
            for explained in explain(book, str(sample.path), no_store):
                assert list(lines(explained))
                json.dumps(explained.as_dict())


def test_a_sample_about_a_record_that_is_gone_says_so() -> None:
    book = load(ROOT / "rules/rules.yaml")

    with pytest.raises(LookupError, match="is gone when its system is asked, so nobody is texted"):
        explain(book, str(samples.ROOT / "acuity" / "rescheduled-again.txt"), no_store)


def test_a_sent_event_is_explained_as_of_then_and_not_as_its_own_duplicate(book: Book, office: Office) -> None:
    event_id = office.takes("O1")

    assert codes(explain(book, event_id, lambda: office.store)) == ["send"]


def test_what_came_later_does_not_count(book: Book, office: Office) -> None:
    first = office.takes("O1", total=80)
    second = office.takes("O1")
    third = office.takes("O2")

    generous = load(Path("rules.yaml"), RULES.replace("total > 100", "total > 50").encode())
    assert codes(explain(generous, first, lambda: office.store)) == ["send"]
    assert codes(explain(book, second, lambda: office.store)) == ["send"]
    assert codes(explain(book, third, lambda: office.store)) == ["throttled"]


def test_what_was_there_before_does(book: Book, office: Office) -> None:
    office.takes("O1")
    again = office.takes("O1")

    assert codes(explain(book, again, lambda: office.store)) == ["duplicate"]


def test_explaining_changes_nothing(book: Book, office: Office) -> None:
    event_id = office.takes("O1")
    before = trace.of_event(office.store, event_id)

    explain(book, event_id, lambda: office.store)

    assert trace.of_event(office.store, event_id) == before


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ("e0000000000000", "There is no event e0000000000000."),
        ("order-confirmed", "neither an event id nor a sample payload"),
        ("../../etc/passwd", "neither an event id nor a sample payload"),
        ("sample_payloads/calcom/ping-of-the-test-button.json", "No event comes of"),
    ],
)
def test_what_cannot_be_explained_is_said(book: Book, store: Store, event: str, said: str) -> None:
    with pytest.raises(LookupError, match=said):
        explain(book, event, lambda: store)


def test_the_history_of_an_event_begins_with_a_sentence(office: Office) -> None:
    found = trace.of_event(office.store, office.takes("O1"))
    assert found is not None

    said = list(trace_lines(found))

    assert said[0].startswith("Order O1 from shop: text to +49••••••••12 waits until")
    assert any("decision" in line and "confirm" in line and "rules.yaml:" in line for line in said)
    assert any(line.strip().startswith("✓ when[0]") for line in said)
    assert "4711" not in "\n".join(said)
    assert "1713920012" not in json.dumps(trace_dict(found))


def test_the_history_of_a_skipped_event_names_the_line(office: Office) -> None:
    found = trace.of_event(office.store, office.takes("O1", total=80))
    assert found is not None

    assert "total is 80, needs > 100" in next(iter(trace_lines(found)))
    assert any("✗ when[0]" in line and "(line 7)" in line for line in trace_lines(found))


def test_a_sample_of_another_type_says_what_it_holds() -> None:
    event, now = event_in(ORDER, "shopify:order.created")
    assert (event.type, now.tzinfo is not None) == ("order.created", True)

    with pytest.raises(ValueError, match=r"holds no order\.paid; it holds shopify:order\.created"):
        event_in(ORDER, "order.paid")
    with pytest.raises(ValueError, match=r"There is no sample \.\./secret\.json"):
        event_in("../secret.json", "order.paid")
