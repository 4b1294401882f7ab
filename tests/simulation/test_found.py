"""What the simulator found, each as a story of its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from audit import attempts, claims, events, receipts
from dispatch.publish import publish
from gateways.base import Capabilities
from inbound.receipts import Inbox
from model.event import Event
from model.sending import ErrorClass, Outcome, Reply, Result
from tests.fakes.world import PHONE, World

RULES = """
version: 1
defaults: {region: DE, tz: Europe/Berlin, quiet_hours: ignore}
rules:
  - id: parcel
    event: shipment.updated
    key: "{{ event.key }}"
    cancel_on: [order.cancelled]
    to: [phone]
    text: "Parcel {{ status }}."
    dedupe: {key: "{{ event.key }}/{{ status }}"}
  - id: digest
    event: ticket.created
    to: [phone]
    batch: {key: "{{ phone }}", wait: 10m}
    dedupe: {key: "{{ event.key }}"}
    text: "{{ count }} news"
"""
LATER = Result(outcome=Outcome.RETRY, error=ErrorClass.RETRY, code="503")
NOBODY_KNOWS = Result(outcome=Outcome.UNKNOWN, error=ErrorClass.UNKNOWN, code="unclear")


def parcel(world: World, status: str) -> None:
    world.hears("shipment.updated", {"id": "P1", "status": status, "phone": PHONE})
    world.plan()
    world.wait(seconds=1)


def on_its_way(world: World, answer: Result) -> None:
    """Let a parcel's first text be with a gateway that will answer so, and its second one come meanwhile."""
    world.rules(RULES)
    world.worker.routes = ("main",)
    parcel(world, "packed")
    (handover,) = world.worker.claim_due(world.now, 1)
    parcel(world, "delivered")
    world.phone.script = [answer]
    world.worker.hand_over(handover, lambda: world.now)


def test_a_text_that_comes_back_from_a_busy_gateway_does_not_follow_a_newer_one_on_the_same_record(
    world: World,
) -> None:
    on_its_way(world, LATER)
    world.step()
    world.wait(minutes=5)
    world.step()

    assert world.phone.inbox == ["Parcel packed.", "Parcel delivered."]
    assert world.states == ["cancelled", "accepted"]
    assert ("ended", "superseded") in world.journal("ended")
    assert world.faults() == []


def test_a_text_that_comes_back_after_its_record_was_closed_does_not_leave(world: World) -> None:
    world.rules(RULES)
    parcel(world, "packed")
    (handover,) = world.worker.claim_due(world.now, 1)
    world.hears("order.cancelled", {"id": "P1"})
    world.plan()
    world.phone.script = [LATER]
    world.worker.hand_over(handover, lambda: world.now)
    world.step()

    assert (len(world.phone.got), world.other.got, world.states) == (1, [], ["cancelled"])


def test_an_unclear_text_is_not_repeated_once_its_record_had_a_newer_word(world: World) -> None:
    world.phone.capabilities = Capabilities(idempotent=True)
    on_its_way(world, NOBODY_KNOWS)
    world.step()
    for _ in range(5):
        world.wait(minutes=2)
        world.worker.settle(world.now)
        world.step()

    assert world.phone.inbox == ["Parcel packed.", "Parcel delivered."]
    assert world.states == ["unknown", "accepted"]


def test_a_text_about_to_be_repeated_is_not_replaced_by_a_second_message(world: World) -> None:
    """The gateway knows the first one again by its id; under another id the phone would get it twice."""
    world.rules(RULES)
    world.phone.capabilities = Capabilities(idempotent=True)
    world.phone.script = [NOBODY_KNOWS]
    parcel(world, "packed")
    world.step()
    world.wait(seconds=10)
    world.worker.settle(world.now)
    event_id = world.rows("select id from events")[0]["id"]
    world.store.write(lambda tx: events.replay(tx, event_id, "Kim", world.now))
    world.plan()
    for _ in range(3):
        world.wait(minutes=2)
        world.worker.settle(world.now)
        world.step()

    assert world.reasons == ["send", "duplicate"]
    assert len({one.message_id for one in world.phone.got}) == 1
    assert world.states == ["accepted"]
    assert world.faults() == []


def test_a_text_about_to_be_repeated_is_not_texted_anew_where_new_rules_cancel_what_waits(
    world: World, tmp_path: Path
) -> None:
    """Seed 2380206: the source tells the record once more, and the text that was cancelled had reached the phone."""
    world.rules(RULES)
    world.phone.capabilities = Capabilities(idempotent=True)
    world.phone.script = [NOBODY_KNOWS]
    parcel(world, "packed")
    world.step()
    world.wait(seconds=10)
    world.worker.settle(world.now)
    new = {"rules.yaml": RULES.replace("Parcel {{", "Your parcel {{")}
    done = publish(
        world.store, world.worker.book, new, tmp_path / "rules.yaml",
        actor="Kim", note="", pending="cancel", now=world.now,
    )  # fmt: skip
    world.rules(new["rules.yaml"])
    parcel(world, "packed")
    world.step()

    assert (done.waiting, done.cancelled) == (1, 0)
    assert (world.phone.inbox, world.states) == (["Parcel packed."], ["unknown"])
    assert world.reasons == ["send", "duplicate"]
    assert world.faults() == []


def test_an_event_that_joined_a_text_which_waits_is_not_told_in_another_one(world: World) -> None:
    world.rules(RULES)
    for number in ("T1", "T2"):
        world.hears("ticket.created", {"id": number, "phone": PHONE}, id=f"msg_{number}")
        world.plan()
    polled = Event(
        source="shop", type="ticket.created", native_type="ticket.created", id="poll/T1", key="T1",
        occurred_at=world.now, data={"id": "T1", "phone": PHONE},
    )  # fmt: skip
    world.tells(polled)
    world.step()
    world.wait(minutes=11)
    world.step()

    assert world.phone.inbox == ["2 news"]
    assert world.reasons == ["send", "send", "duplicate"]


def test_a_stop_holds_also_where_the_clock_was_set_back_since_the_start(world: World) -> None:
    inbox = Inbox(store=world.store, clock=lambda: world.now)
    inbox.replies("main", [Reply(id="1", number=PHONE, to="+4930231250", text="START")])
    world.now -= timedelta(hours=1)
    inbox.replies("main", [Reply(id="2", number=PHONE, to="+4930231250", text="STOP")])
    world.order("A7")
    world.step()

    assert (world.reasons, world.phone.inbox) == (["opted_out"], [])


NIGHT = """
version: 1
defaults: {region: DE, tz: Europe/Berlin}
rules:
  - id: order
    event: order.created
    to: [phone]
    quiet_hours: {from: "21:00", to: "08:00", tz: recipient}
    text: "Order {{ number }} is confirmed."
"""


def test_a_text_that_is_rewritten_at_night_waits_for_the_morning(world: World) -> None:
    new = NIGHT.replace("is confirmed", "is fine")
    world.rules(NIGHT)
    world.wait_until("2026-11-23T20:58:40+01:00")
    world.phone.script, world.other.script = [LATER, LATER], [LATER, LATER]
    world.order("A1")
    world.step()
    world.wait_until("2026-11-23T22:30:00+01:00")
    publish(
        world.store, world.worker.book, {"rules.yaml": new}, world.folder / "rules.yaml", actor="Kim", note="",
        pending="re-render", now=world.now,
    )  # fmt: skip
    world.rules(new)
    world.phone.script = world.other.script = []
    before = len(world.phone.got) + len(world.other.got)

    world.step()
    assert len(world.phone.got) + len(world.other.got) == before
    world.wait_until("2026-11-24T08:00:01+01:00")
    world.step()

    assert world.states == ["accepted"]
    assert world.faults() == []


def test_a_code_whose_words_are_wiped_is_not_sent_again_as_stars(world: World) -> None:
    rules = RULES.replace("  - id: digest", CODE + "  - id: digest")
    world.rules(rules)
    world.worker.routes, world.phone.capabilities = ("main",), Capabilities(idempotent=True)
    world.hears("verification.requested", {"id": 1, "code": "493817", "phone": PHONE})
    world.plan()
    assert len(world.worker.claim_due(world.now, 1)) == 1
    world.store.write(lambda tx: attempts.recover(tx, world.now, everything=True))  # a crash before the call
    for _ in range(5):
        world.wait(seconds=20)
        world.worker.settle(world.now)
        world.step()

    assert world.phone.inbox == []
    assert world.states == ["unknown"]


CODE = """  - id: code
    event: verification.requested
    to: [phone]
    text: "{{ code }} is your code."
    redact: [code]
"""


def test_an_event_whose_code_is_not_kept_is_not_texted_as_stars_when_it_is_planned_again(world: World) -> None:
    world.rules(RULES.replace("  - id: digest", CODE + "  - id: digest"))
    world.store.write(lambda tx: receipts.opt_out(tx, PHONE, "", "reply", world.now))
    world.hears("verification.requested", {"id": 1, "code": "493817", "phone": PHONE})
    world.plan()
    Inbox(store=world.store, clock=lambda: world.now).replies(
        "main", [Reply(id="1", number=PHONE, to="+4930231250", text="START")]
    )
    event_id = world.rows("select id from events")[0]["id"]
    world.store.write(lambda tx: events.replay(tx, event_id, "Kim", world.now))
    world.step()

    assert (world.reasons, world.phone.inbox) == (["opted_out", "blocked_content"], [])


def test_a_gateway_is_tried_again_where_the_text_that_was_to_probe_it_never_left(world: World) -> None:
    """A full disk undid its claim, or it was given back; the rest of a gateway must not last until the next start."""
    world.worker.routes = ("main",)
    world.phone.script = [Result(outcome=Outcome.REJECTED, error=ErrorClass.ROUTE_STOP)]
    world.order("A1")
    world.step()
    world.wait(seconds=61)
    (handover,) = world.worker.claim_due(world.now, 1)
    world.store.write(lambda tx: claims.unused(tx, handover.claimed, world.now))
    world.step()
    assert len(world.phone.got) == 1
    world.wait(seconds=62)
    world.step()

    assert (len(world.phone.got), world.states) == (2, ["accepted"])


def test_a_rest_of_a_gateway_does_not_last_longer_because_the_clock_was_set_back(world: World) -> None:
    world.worker.routes = ("main",)
    world.phone.script = [Result(outcome=Outcome.REJECTED, error=ErrorClass.ROUTE_STOP)]
    world.order("A1")
    world.step()
    world.wait(hours=-2)
    world.order("A2")
    world.step()

    assert len(world.phone.got) == 2


def test_a_claim_that_nobody_finishes_ends_in_a_minute_also_where_the_clock_was_set_back(world: World) -> None:
    world.worker.routes, world.phone.capabilities = ("main",), Capabilities(idempotent=True)
    world.order("A1")
    world.plan()
    assert len(world.worker.claim_due(world.now, 1)) == 1  # and its answer is lost
    world.wait(hours=-2)
    for _ in range(3):
        world.worker.settle(world.now)
        world.wait(seconds=61)
    world.step()

    assert (len(world.phone.got), world.states) == (1, ["accepted"])


def test_a_batch_that_a_phone_may_have_is_not_told_again_in_the_next_one(world: World) -> None:
    world.rules(RULES)
    world.worker.routes, world.phone.capabilities = ("main",), Capabilities(idempotent=True)
    world.hears("ticket.created", {"id": "T1", "phone": PHONE})
    world.plan()
    world.wait(minutes=10)
    (handover,) = world.worker.claim_due(world.now, 1)
    world.phone.submit(handover.submission)
    world.store.write(lambda tx: attempts.recover(tx, world.now, everything=True))  # the service dies in the call
    world.worker.settle(world.now)
    assert world.states == ["queued"]
    world.hears("ticket.created", {"id": "T2", "phone": PHONE})
    for _ in range(12):
        world.step()
        world.wait(minutes=1)
        world.worker.settle(world.now)

    assert {one.message_id: one.text for one in world.phone.got} == {
        handover.submission.message_id: "1 news", world.message()["id"]: "1 news"
    }  # fmt: skip
    assert world.states == ["accepted", "accepted"]
    assert world.faults() == []


def test_a_code_whose_words_were_wiped_while_a_slow_gateway_refused_it_is_not_sent_again_as_stars(
    world: World,
) -> None:
    world.rules(RULES.replace("  - id: digest", CODE + "  - id: digest"))
    world.hears("verification.requested", {"id": 1, "code": "493817", "phone": PHONE})
    world.plan()
    (handover,) = world.worker.claim_due(world.now, 1)
    world.wait(minutes=2)
    world.worker.settle(world.now)  # its lease is over: nobody knows, and the digits are wiped
    world.phone.script = [LATER]
    world.worker.hand_over(handover, lambda: world.now)
    for _ in range(3):
        world.wait(minutes=1)
        world.step()

    assert ([one.text for one in world.phone.got], world.other.got) == (["493817 is your code."], [])
    assert world.states == ["failed"]


ASKS = """
version: 1
defaults: {region: DE, tz: Europe/Berlin, quiet_hours: ignore}
rules:
  - id: invoice
    event: invoice.issued
    to: [phone]
    text: "Your invoice."
    recheck: {still: [amount_due > 0], if_unreachable: hold}
"""


def test_an_answer_of_the_source_from_before_the_clock_was_set_back_is_asked_for_again(world: World) -> None:
    due = [9]
    world.rules(ASKS)
    world.worker.ask = lambda event: replace(event, data={**event.data, "amount_due": due[0]})
    world.worker.routes, world.phone.script = ("main", "backup"), [LATER]
    world.hears("invoice.issued", {"id": "I1", "amount_due": 9, "phone": PHONE})
    world.plan()
    world.worker.recheck_due(world.now)
    (handover,) = world.worker.claim_due(world.now, 1)
    world.worker.hand_over(handover, lambda: world.now - timedelta(hours=2))
    world.wait(hours=-2)
    due[0] = 0
    world.step()
    assert world.other.got == []
    world.worker.recheck_due(world.now)
    world.step()

    assert (len(world.phone.got), world.other.got, world.states) == (1, [], ["cancelled"])
