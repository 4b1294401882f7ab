"""What must hold for any history: conservation, one answer for preview and sending, and no text in the quiet hours."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.rows import ms
from dispatch import timing
from dispatch.draft import Moment
from dispatch.facts import MemoryFacts
from dispatch.plan import plan
from dispatch.recipient import Candidate, resolve, zones_of
from model.event import Event
from model.message import Plan, Recipient
from rules.book import Quiet
from rules.load import load
from rules.windows import Window, windows_for
from tests.fakes.world import NOON, World
from tests.scale import runs

RULES = """
version: 1
defaults: {region: DE, tz: Europe/Berlin, quiet_hours: {from: "21:00", to: "08:00"}, max_age: 100d, ttl: 20h}
rules:
  - id: order
    event: [order.created, order.paid]
    when: [total > 50, "status in ['paid', 'open']"]
    to: [phone, other]
    text: "Order {{ number }}: {{ total }}"
    dedupe: {key: "{{ event.key }}"}
  - id: any-order
    event: shop:order.created
    to: [phone]
    text: "Thank you {{ name|default('') }}"
    throttle: {max: 2, per: 24h, key: rule}
  - id: parcel
    event: shipment.updated
    to: [phone]
    text_by: status
    text: {out: "On its way {{ number }}", done: "Delivered {{ number }}"}
    supersede: "{{ event.key }}"
  - id: reminder
    event: [appointment.booked, appointment.rescheduled]
    key: "{{ event.key }}"
    cancel_on: [appointment.cancelled]
    schedule: {at: starts_at, offset: -24h, if_past: send_now, not_after: -2h}
    to: [phone]
    text: "See you {{ starts_at|day }}"
  - id: invoice
    event: invoice.issued
    key: "{{ event.key }}"
    cancel_on: [invoice.paid]
    to: [phone]
    sequence:
      - {id: now, text: "Invoice {{ number }}"}
      - {id: due, schedule: {at: starts_at, time: "10:00"}, text: "Due {{ number }}"}
      - {id: late, schedule: {at: starts_at, time: "10:00", offset: 3d}, text: "Late {{ number }}"}
  - id: digest
    event: ticket.created
    to: [phone]
    batch: {key: "{{ phone }}", wait: 10m, max: 3}
    text: "{{ count }} news"
  - id: off
    event: order.created
    enabled: false
    to: [phone]
    text: "never"
  - id: shadowed
    event: order.paid
    shadow: true
    to: [phone]
    text: "never {{ number }}"
"""
TYPES = (
    "order.created", "order.paid", "shipment.updated", "appointment.booked", "appointment.rescheduled",
    "appointment.cancelled", "invoice.issued", "invoice.paid", "ticket.created",
)  # fmt: skip
PHONES = ("+491713920012", "0171 3920013", "+12025550123", "+447700900145", "call me", "", None, 5, ["x"])
DATA = st.fixed_dictionaries(
    {},
    optional={
        "total": st.sampled_from(["10.00", "80", 120, None, "many", True]),
        "status": st.sampled_from(["paid", "open", "out", "done", "void", 3]),
        "number": st.sampled_from(["1001", "", "A-7", "{{ x }}"]),
        "name": st.sampled_from(["Anna", "Zoë 😀", ""]),
        "phone": st.sampled_from(PHONES),
        "other": st.sampled_from(PHONES),
        "starts_at": st.integers(-72, 200).map(lambda hours: (NOON + timedelta(hours=hours)).isoformat())
        | st.sampled_from(["2026-11-27", "soon", 7, "2026-11-26T15:00:00"]),
    },
)
STEP = st.tuples(
    st.sampled_from(TYPES), st.sampled_from(["r1", "r2"]), st.integers(0, 12), DATA,
    st.integers(-60, 5), st.integers(0, 900), st.booleans(),
)  # fmt: skip
counter = itertools.count()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(STEP, min_size=1, max_size=14))
def test_every_event_is_decided_once_per_rule_and_the_preview_is_the_sending(
    history: list[tuple[Any, ...]], tmp_path: Path
) -> None:
    folder = tmp_path / str(next(counter))
    folder.mkdir()
    with World(folder, RULES) as world:
        memory = MemoryFacts()
        expected: list[tuple[Event, Plan]] = []
        for event, minutes in events_of(history, world):
            world.wait(minutes=minutes)
            is_new = (event.source, event.id) not in {(e.source, e.id) for e, _ in expected}
            world.tells(event)
            world.plan()
            if is_new:
                memory.pass_time(world.now)
                preview = plan(world.worker.book, event, memory, moment(world, len(expected)))
                assert preview == plan(world.worker.book, event, memory, moment(world, len(expected)))
                memory.apply(preview)
                expected.append((event, preview))
            world.step()
        check(world, expected)


def moment(world: World, number: int) -> Moment:
    ids = itertools.count()
    return Moment(event_id="e", now=world.now, new_id=lambda: f"m{number}.{next(ids)}")


def events_of(history: list[tuple[Any, ...]], world: World) -> list[tuple[Event, int]]:
    return [
        (
            Event(
                source="shop" if shop else "erp", type=kind, native_type=kind, id=f"{kind}/{number}", key=key,
                occurred_at=NOON + timedelta(minutes=occurred), data=data, test=number == 12,
            ),
            minutes,
        )
        for kind, key, number, data, occurred, minutes, shop in history
    ]  # fmt: skip


def check(world: World, expected: list[tuple[Event, Plan]]) -> None:
    """The record equals the preview, decision by decision, and every sum holds."""
    kept = world.rows("select event_id, rule, step, reason from journal where kind = 'decision' order by id")
    by_event: dict[str, list[tuple[str, str, str]]] = {}
    for row in kept:
        by_event.setdefault(row["event_id"], []).append((row["rule"], row["step"], row["reason"]))
    assert list(by_event.values()) == [[(d.rule, d.step, d.code) for d in made.decisions] for _, made in expected]
    for (event, _), decided in zip(expected, by_event.values(), strict=True):
        rules = world.worker.book.matching(event)
        assert Counter(rule for rule, _, _ in decided if rule) >= Counter({rule.id: 1 for rule in rules})
        assert all(count == 1 for count in Counter((rule, step) for rule, step, _ in decided).values())
    texts = world.rows("select text, due_at from messages order by id")
    kept_texts = [(t["text"], t["due_at"]) for t in texts]
    assert kept_texts == [(m.text, ms(m.due_at)) for _, made in expected for m in made.messages]
    assert world.faults() == []


NUMBERS = (
    "+491713920012", "+12025550123", "+14155550123", "+18505550123", "+447700900145", "+61491570006", "+79161234567",
    "+5511987654321", "+819012345678", "+919876543210", "+8613912345678", "+33612345678", "+34612345678",
    "+525512345678", "+27821234567", "+6421234567", "+97150123456", "+77011234567",
)  # fmt: skip


LEGAL_NUMBERS = (
    *NUMBERS, "+12032065550", "+13055550123", "+12405550123", "+16015550123", "+12015550123", "+14055550123",
    "+14015550123", "+15125550123", "+19155550123", "+18505550124", "+33712345678", "+918123456789",
)  # fmt: skip
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
RULE = load(Path("rules.yaml"), RULES.encode()).rules[0]


@pytest.mark.parametrize("consent", ["", "marketing"])
@pytest.mark.parametrize("then", ["defer", "earlier", "drop"])
def test_no_text_leaves_in_the_quiet_hours_of_any_zone_the_number_may_be_in(then: str, consent: str) -> None:
    """The rule's quiet hours, and for marketing those of the law; both told by an oracle that knows no stretches."""
    dice = random.Random(f"quiet {then} {consent}")
    rule = replace(RULE, consent=consent, quiet=Quiet(start="21:00", end="08:00", then=then))
    people = [recipient(number) for number in LEGAL_NUMBERS]
    limits = {person.number: timing.limits_of(rule, {}, person) for person in people}
    left = 0
    cases = runs(2_000, 20_000)
    for _ in range(cases):
        person = dice.choice(people)
        when = FIRST + timedelta(seconds=dice.randrange(2 * 365 * 86400))
        found = timing.allowed(limits[person.number], then, when, when - timedelta(days=2))
        if isinstance(found, timing.NotDue):
            continue
        left += 1
        assert all(may_text(found.at, zone, person, consent) for zone in zones_of(person.number)), (person, when, found)
        assert found.at <= when if then == "drop" else True
    assert left > cases * (0.4 if then == "drop" else 0.8)


def recipient(number: str) -> Recipient:
    found = resolve([Candidate(field="phone", value=number)], "")
    assert isinstance(found, Recipient)
    return found


def may_text(moment: datetime, zone: str, person: Recipient, consent: str) -> bool:
    clock = moment.astimezone(ZoneInfo(zone))
    if clock.hour >= 21 or clock.hour < 8:
        return False
    return all(is_open(window, clock) for window in windows_for(person.number, person.region)) if consent else True


def is_open(window: Window, clock: datetime) -> bool:
    """What the file says, read day by day and minute by minute."""
    hours = window.week[clock.weekday()]
    days = {f"easter{(clock.date() - EASTER[clock.year]).days:+d}", f"{clock:%m-%d}"}
    return hours is not None and not days & window.holidays and hours[0] <= clock.time() < hours[1]


EASTER = {2025: date(2025, 4, 20), 2026: date(2026, 4, 5), 2027: date(2027, 3, 28), 2028: date(2028, 4, 16)}


def test_ten_thousand_numbers_in_every_spelling_become_one_number() -> None:
    dice = random.Random(7)
    for _ in range(2_000):
        digits = f"17139200{dice.randrange(100):02d}"
        spellings = [f"+49{digits}", f"0{digits}", f"0049 {digits}", f"+49 (0){digits}", f"{digits[:3]}/{digits[3:]}"]
        found = {resolve([Candidate(field="p", value=text)], "DE") for text in spellings[:4]}
        assert {r.number for r in found if isinstance(r, Recipient)} == {f"+49{digits}"}
