"""Whole stories, one per promise: a business event in, a text out, every step on the record."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from model.event import Event
from model.message import State
from model.sending import ErrorClass, Outcome, Receipt, Result
from tests.fakes.world import PHONE, World, delivered

REMINDER = """
version: 1
defaults: {region: DE, tz: Europe/Berlin, quiet_hours: ignore, max_age: 400d}
rules:
  - id: reminder
    event: [appointment.booked, appointment.rescheduled]
    key: "{{ id }}"
    schedule: {at: starts_at, offset: -24h, if_past: send_now, not_after: -2h}
    cancel_on: [appointment.cancelled]
    to: [phone]
    text: "See you {{ starts_at|day }} at {{ starts_at|time }}."
"""
DAY_BEFORE = REMINDER.replace("offset: -24h", "offset: -1d")
NO = Result(outcome=Outcome.REJECTED, error=ErrorClass.PERMANENT, code="21211")
LATER = Result(outcome=Outcome.RETRY, error=ErrorClass.RETRY, code="503")
SLOWER = Result(outcome=Outcome.RETRY, error=ErrorClass.THROTTLE, code="429", retry_after=timedelta(seconds=90))
NOBODY_KNOWS = Result(outcome=Outcome.UNKNOWN, error=ErrorClass.UNKNOWN, code="unclear")


def test_an_order_becomes_a_text_and_every_step_is_on_the_record(world: World) -> None:
    assert world.order("A7").status == 200
    world.step()
    world.receipt(delivered())

    assert world.phone.inbox == ["Order A7 is confirmed."]
    assert world.states == ["delivered"]
    assert [kind for kind, _ in world.journal()] == ["received", "decision", "attempt", "outcome", "receipt"]
    assert world.faults() == []


def test_an_order_posted_five_times_and_twice_at_once_is_texted_once(world: World) -> None:
    for _ in range(5):
        assert world.order("A7", id="msg_1").status == 200
    both = [threading.Thread(target=world.order, args=("A8",), kwargs={"id": "msg_2"}) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    world.step()

    assert sorted(world.phone.inbox) == ["Order A7 is confirmed.", "Order A8 is confirmed."]
    assert world.journal("redelivered") == [("redelivered", "")] * 5
    assert world.faults() == []


def test_an_order_pushed_and_polled_is_texted_once(world: World) -> None:
    world.order("A7", id="msg_1")
    world.tells(event("order.created", {"id": "A7", "number": "A7", "phone": PHONE}, id="poll:A7", world=world))
    world.step()

    assert world.phone.inbox == ["Order A7 is confirmed."]
    assert world.reasons == ["send", "duplicate"]


def test_an_event_nobody_listens_to_is_explained(world: World) -> None:
    world.hears("ticket.created", {"id": 1})
    world.step()

    assert world.reasons == ["no_rule"]
    assert world.faults() == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"phone": "call me"}, "no_recipient"),
        ({"phone": None}, "no_recipient"),
        ({"number": None}, "render_error"),
        ({"number": ""}, "render_error"),
        ({"number": "{{ phone }}" * 120}, "too_long"),
    ],
)
def test_an_order_that_cannot_be_texted_says_why(world: World, data: dict[str, Any], reason: str) -> None:
    world.order("A7", **data)
    world.step()

    assert (world.reasons, world.phone.inbox) == ([reason], [])
    assert world.faults() == []


def test_a_payload_is_never_read_as_a_template(world: World) -> None:
    world.order("A7", number="{{ phone }}")
    world.step()

    assert world.phone.inbox == ["Order {{ phone }} is confirmed."]


def test_a_person_who_replied_stop_gets_nothing_more_not_even_what_already_waits(world: World) -> None:
    from audit import receipts

    world.order("A7")
    world.plan()
    world.store.write(lambda tx: receipts.opt_out(tx, PHONE, "", "reply", world.now))
    world.step()
    world.order("A8")
    world.step()

    assert world.phone.inbox == []
    assert world.states == ["cancelled"]
    assert world.reasons == ["send", "opted_out"]


def test_a_refused_number_is_not_tried_again(world: World) -> None:
    world.phone.script = [NO]
    world.order("A7")
    world.step()
    world.wait(hours=2)
    world.step()

    assert len(world.phone.got) == 1
    assert world.other.got == []
    assert world.states == ["rejected"]


def test_a_gateway_that_fails_hands_over_to_the_next_at_once(world: World) -> None:
    world.phone.script = [LATER]
    world.order("A7")
    world.step()

    assert (len(world.phone.got), world.other.inbox) == (1, ["Order A7 is confirmed."])
    assert world.states == ["accepted"]


def test_a_single_gateway_is_tried_again_later_and_later_until_the_time_to_live(world: World) -> None:
    world.worker.routes = ("main",)
    world.phone.script = [LATER] * 50
    world.order("A7")
    attempts = []
    for _ in range(60):
        world.step()
        attempts.append(len(world.phone.got))
        world.wait(minutes=30)

    assert attempts[0] == 1
    assert world.states[0] in {"failed", "expired"}
    assert len(world.phone.got) <= 12


def test_a_throttled_gateway_rests_as_long_as_it_asked(world: World) -> None:
    world.worker.routes = ("main",)
    world.phone.script = [SLOWER]
    world.order("A7")
    world.step()
    world.order("A8")
    world.step()
    assert len(world.phone.got) == 1

    world.wait(seconds=89)
    world.step()
    assert len(world.phone.got) == 1
    world.wait(seconds=30)
    world.step()

    assert sorted(world.phone.inbox[1:]) == ["Order A7 is confirmed.", "Order A8 is confirmed."]


def test_an_unclear_submit_is_shown_and_never_repeated_by_itself(world: World) -> None:
    world.phone.script = [NOBODY_KNOWS]
    world.order("A7")
    for _ in range(20):
        world.step()
        world.worker.settle(world.now)
        world.wait(minutes=7)

    assert (len(world.phone.got), len(world.other.got)) == (1, 0)
    assert world.states == ["unknown"]


def test_an_unclear_submit_is_settled_by_its_receipt(world: World) -> None:
    world.phone.script = [NOBODY_KNOWS]
    world.order("A7")
    world.step()
    world.receipt(delivered("SM1", message_id=world.message()["id"]))

    assert world.states == ["delivered"]


def test_a_gateway_that_breaks_inside_leaves_the_outcome_unknown(world: World) -> None:
    world.phone.script = [RuntimeError("a defect")]
    world.order("A7")
    world.step()

    assert world.states == ["unknown"]


def test_a_message_not_handed_over_in_time_expires_visibly(world: World) -> None:
    world.order("A7")
    world.plan()
    world.wait(hours=25)
    world.step()

    assert (world.phone.inbox, world.states) == ([], ["expired"])


def test_an_old_event_from_a_back_fill_sends_nothing(world: World) -> None:
    world.hears("order.created", {"id": 1, "number": "1", "phone": PHONE}, at=world.now - timedelta(days=400))
    world.step()

    assert world.reasons == ["stale"]


@pytest.mark.parametrize(
    ("receipts", "state"),
    [
        ([State.SENT, State.DELIVERED], "delivered"),
        ([State.DELIVERED, State.SENT], "delivered"),
        ([State.DELIVERED, State.DELIVERED], "delivered"),
        ([State.UNDELIVERED, State.DELIVERED], "delivered"),
        ([State.DELIVERED, State.UNDELIVERED], "delivered"),
        ([State.SENT, State.EXPIRED], "expired"),
        ([State.UNCONFIRMED, State.DELIVERED], "delivered"),
        ([State.UNCONFIRMED, State.UNDELIVERED], "undelivered"),
        ([State.UNDELIVERED, State.SENT], "undelivered"),
    ],
    ids=lambda value: "+".join(s.code for s in value) if isinstance(value, list) else value,
)
def test_receipts_in_any_order_never_move_a_message_backwards(world: World, receipts: list[State], state: str) -> None:
    world.order("A7")
    world.step()
    for one in receipts:
        world.receipt(Receipt(state=one, provider_id="main-1", raw_status=one.code))

    assert world.states == [state]


def test_a_receipt_that_overtakes_the_answer_is_kept_and_matched(world: World) -> None:
    assert world.receipt(delivered("main-1")) == ""

    world.order("A7")
    world.step()

    assert world.states == ["delivered"]


def test_a_verification_code_is_sent_and_then_nowhere_to_be_found(world: World) -> None:
    world.rules("""
version: 1
rules:
  - id: code
    event: verification.requested
    to: [phone]
    text: "{{ code }} is your code."
    priority: otp
    redact: [code]
""")
    world.hears("verification.requested", {"phone": PHONE, "code": "493027"})
    world.step()

    assert world.phone.inbox == ["493027 is your code."]
    assert world.message()["text"] == "****** is your code."
    world.store.close()
    assert b"493027" not in b"".join(path.read_bytes() for path in world.folder.glob("world.db*"))


CODE = """
version: 1
rules:
  - id: code
    event: verification.requested
    to: [phone]
    text: "{{ code }} is your code."
    gateway: {try: [main, backup], next_after: 15s}
    redact: [code]
"""


def test_a_code_without_a_receipt_leaves_by_the_next_gateway_after_the_rules_time(world: World) -> None:
    world.rules(CODE)
    world.hears("verification.requested", {"phone": PHONE, "code": "493027"})
    for seconds in (14, 2, 60, 60):
        world.step()
        world.wait(seconds=seconds)
        if seconds == 14:
            assert world.other.inbox == []
        world.worker.settle(world.now)

    assert (world.phone.inbox, world.other.inbox) == (["493027 is your code."], ["493027 is your code."])
    assert world.message()["secret"] == ""


def test_a_code_that_was_delivered_in_time_is_not_sent_again(world: World) -> None:
    world.rules(CODE)
    world.hears("verification.requested", {"phone": PHONE, "code": "493027"})
    world.step()
    world.receipt(delivered())
    world.wait(seconds=60)
    world.worker.settle(world.now)
    world.step()

    assert world.other.inbox == []


def test_an_appointment_booked_moved_and_cancelled_leaves_no_reminder(world: World) -> None:
    world.rules(REMINDER)
    visit(world, "appointment.booked", "2026-11-26T15:00:00+01:00")
    assert world.pending == ["2026-11-25T14:00:00+00:00"]

    visit(world, "appointment.rescheduled", "2026-11-27T09:30:00+01:00")
    assert world.pending == ["2026-11-26T08:30:00+00:00"]

    visit(world, "appointment.cancelled", "")
    assert world.pending == []
    world.wait(days=10)
    world.step()
    assert world.phone.inbox == []
    assert world.faults() == []


def test_a_cancellation_that_overtakes_the_booking_wins(world: World) -> None:
    world.rules(REMINDER)
    visit(world, "appointment.cancelled", "", at=world.now)
    visit(world, "appointment.booked", "2026-11-26T15:00:00+01:00", at=world.now - timedelta(minutes=5))

    assert (world.pending, world.reasons) == ([], ["cancels", "cancelled"])


def test_an_appointment_moved_back_to_its_first_time_is_reminded_of(world: World) -> None:
    world.rules(REMINDER)
    for kind, start in (("booked", "26T15"), ("rescheduled", "27T15"), ("rescheduled", "26T15")):
        visit(world, f"appointment.{kind}", f"2026-11-{start}:00:00+01:00")
        world.wait(minutes=1)

    assert world.pending == ["2026-11-25T14:00:00+00:00"]


def test_news_that_arrive_in_the_wrong_order_leave_the_newest_in_force(world: World) -> None:
    world.rules(REMINDER)
    visit(world, "appointment.rescheduled", "2026-11-28T15:00:00+01:00", at=world.now)
    visit(world, "appointment.booked", "2026-11-26T15:00:00+01:00", at=world.now - timedelta(hours=1))

    assert (world.pending, world.reasons) == (["2026-11-27T14:00:00+00:00"], ["send", "superseded"])


def test_a_booking_after_the_cancellation_is_reminded_of_again(world: World) -> None:
    world.rules(REMINDER)
    visit(world, "appointment.booked", "2026-11-26T15:00:00+01:00")
    world.wait(minutes=1)
    visit(world, "appointment.cancelled", "")
    world.wait(minutes=1)
    visit(world, "appointment.booked", "2026-11-26T15:00:00+01:00")

    assert world.pending == ["2026-11-25T14:00:00+00:00"]


@pytest.mark.parametrize(
    ("start", "rules", "reminder"),
    [
        # The clock goes back on 25 October: 24 hours before 15:00 is 16:00 the day before, one day before is 15:00.
        ("2026-10-25T15:00:00+01:00", REMINDER, "2026-10-24T14:00:00+00:00"),
        ("2026-10-25T15:00:00+01:00", DAY_BEFORE, "2026-10-24T13:00:00+00:00"),
        # It goes forward on 28 March.
        ("2027-03-28T15:00:00+02:00", REMINDER, "2027-03-27T13:00:00+00:00"),
        ("2027-03-28T15:00:00+02:00", DAY_BEFORE, "2027-03-27T14:00:00+00:00"),
    ],
)
def test_reminders_across_both_nights_of_clock_change(world: World, start: str, rules: str, reminder: str) -> None:
    world.wait_until("2026-10-01T12:00:00+00:00")
    world.rules(rules)
    visit(world, "appointment.booked", start)

    assert world.pending == [reminder]


@pytest.mark.parametrize(
    ("hours_ahead", "reason", "sent"), [(30, "send", 0), (23, "send", 1), (3, "send", 1), (1.5, "late", 0)]
)
def test_a_late_booking_is_reminded_of_at_once_or_not_at_all(
    world: World, hours_ahead: float, reason: str, sent: int
) -> None:
    world.rules(REMINDER)
    visit(world, "appointment.booked", (world.now + timedelta(hours=hours_ahead)).isoformat())
    world.step()

    assert (world.reasons, len(world.phone.inbox)) == ([reason], sent)


def test_reminders_survive_a_restart(world: World) -> None:
    world.rules(REMINDER)
    visit(world, "appointment.booked", "2026-11-26T15:00:00+01:00")
    world.store.close()

    with World(world.folder, REMINDER) as again:
        again.wait_until("2026-11-25T14:00:01+00:00")
        again.step()
        assert again.phone.inbox == ["See you Thu, Nov 26 at 3:00 PM."]


def test_what_was_being_handed_over_when_the_power_went_is_unknown_and_not_repeated(world: World) -> None:
    from audit import attempts

    world.order("A7")
    world.plan()
    assert len(world.worker.claim_due(world.now, 10)) == 1
    world.store.close()

    with World(world.folder) as again:
        again.store.write(lambda tx: attempts.recover(tx, again.now, everything=True))
        again.step()
        assert (again.phone.inbox, again.states) == ([], ["unknown"])
        assert again.faults() == []


@pytest.mark.parametrize(
    ("mode", "reached"),
    [("sink", "console"), ("allowlist", "console"), ("redirect", "main"), ("live", "main")],
)
def test_nothing_goes_out_by_accident(world: World, mode: str, reached: str) -> None:
    from dispatch.route import Mode

    world.worker.mode = Mode(name=mode, allowed=frozenset({"+12025550100"}), redirect_to="+12025550100")
    world.order("A7")
    world.step()

    row = world.message()
    assert (row["gateway"], row["number"]) == (reached, PHONE)
    assert row["sent_to"] == ("+12025550100" if mode == "redirect" else PHONE)


def visit(world: World, kind: str, start: str, at: datetime | None = None) -> None:
    data = {"id": "V1", "phone": PHONE, **({"starts_at": start} if start else {})}
    assert world.hears(kind, data, at=at).status == 200
    world.plan()


def event(kind: str, data: dict[str, object], *, id: str, world: World) -> Event:  # noqa: A002
    return Event(
        source="shop", type=kind, native_type=kind, id=id, key="A7", occurred_at=world.now.astimezone(UTC), data=data
    )
