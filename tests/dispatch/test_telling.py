"""Telling the user's own systems: nothing is lost, each change is told once, and nobody learns more than he may."""

from __future__ import annotations

import base64
import json
import logging
import re
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from standardwebhooks import Webhook as Official

from audit import consent, receipts, replies, webhooks
from audit.consent import Consent
from audit.replies import Bound
from audit.store import Tx
from certify.provider import Provider, Seen, provider
from dispatch.news import STATES
from dispatch.tellers import Tellers
from dispatch.telling import BATCH, DISABLE_AFTER, ENOUGH, LEASE, SCHEDULE, Teller
from dispatch.webhook import Webhook, signed, trial
from model.message import State
from model.sending import ErrorClass, Outcome, Receipt, Reply, Result
from model.telling import FIELDS, TELLINGS
from tests.fakes.stores import only_sqlite
from tests.fakes.world import PHONE, World, delivered

NEW, OLD = (f"whsec_{base64.b64encode(text * 32).decode()}" for text in (b"n", b"o"))
CODES = """
version: 1
defaults: {region: DE, tz: Europe/Berlin, quiet_hours: ignore}
rules:
  - id: order
    event: order.created
    to: [phone]
    text: "Code {{ number }}"
    redact: [number]
"""


class Told:
    """A world, a receiver on 127.0.0.1, and the teller between them."""

    def __init__(self, world: World, receiver: Provider) -> None:
        self.world, self.receiver = world, receiver
        self.listens()

    def listens(self, *events: str, name: str = "crm", **more: Any) -> Teller:
        webhook = Webhook(
            name=name, url=f"{self.receiver.url}/crm-path", secrets=more.pop("secrets", (NEW,)), allow_private=True,
            events=frozenset(events or ("message.delivered", "message.failed")), **more,
        )  # fmt: skip
        self.teller = self.also(webhook)
        return self.teller

    def also(self, *hooks: Webhook) -> Teller:
        found = {webhook.name: webhook for webhook in hooks}
        teller = Teller(webhooks=found, store=self.world.store, new_id=self.world.ids, dice=lambda: 0.5)
        teller.prepare(self.world.now)
        return teller

    def text(self, order: str = "A7") -> None:
        self.world.order(order)
        self.world.step()

    def tell(self) -> int:
        while self.teller.tell_due(self.world.now):
            pass
        return self.teller.deliver_due(self.world.now)

    @property
    def bodies(self) -> list[Any]:
        return [seen.json for seen in self.receiver.seen]

    @property
    def types(self) -> list[str]:
        return [body["type"] for body in self.bodies]

    @property
    def waiting(self) -> list[dict[str, Any]]:
        return self.world.rows("select * from tellings where state = 'waiting' order by id")

    def webhook(self) -> dict[str, Any]:
        return self.world.rows("select * from webhooks")[0]


@pytest.fixture
def receiver() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture
def told(world: World, receiver: Provider) -> Told:
    return Told(world, receiver)


def genuine(seen: Seen, secret: str = NEW) -> bool:
    """Whether the official library makes the same signature; it would refuse the clock of a story."""
    moment = datetime.fromtimestamp(int(seen.headers["webhook-timestamp"]), tz=UTC)
    made = Official(secret).sign(seen.headers["webhook-id"], moment, seen.body.decode())
    return made in seen.headers["webhook-signature"].split()


def test_a_delivered_text_is_told_with_its_facts_and_a_signature(told: Told) -> None:
    told.text()
    told.world.receipt(delivered())

    told.tell()

    (seen,) = told.receiver.seen
    assert genuine(seen)
    assert seen.headers["content-type"] == "application/json"
    body = seen.json
    assert (body["type"], body["timestamp"]) == ("message.delivered", "2026-11-23T11:00:00.000Z")
    facts = body["data"]
    assert (facts["key"], facts["source"], facts["rule"], facts["state"]) == ("A7", "shop", "order", "delivered")
    assert (facts["gateway"], facts["provider_id"], facts["segments"], facts["attempts"]) == ("main", "main-1", 1, 1)
    assert facts["final_at"] == "2026-11-23T11:00:00.000Z"
    assert facts["message_id"] == told.world.message()["id"]
    assert facts["event_id"] == told.world.message()["event_id"]
    assert facts["recipient"] == "+49••••••••12"
    assert "text" not in facts


def test_the_official_library_takes_what_we_send_now(told: Told) -> None:
    told.world.now = datetime.now(UTC)
    told.text()
    told.world.receipt(delivered())

    told.tell()

    (seen,) = told.receiver.seen
    assert Official(NEW).verify(seen.body, dict(seen.headers))["type"] == "message.delivered"


def test_a_receipt_that_comes_twice_is_told_once(told: Told) -> None:
    told.text()
    told.world.receipt(delivered())
    told.world.receipt(delivered())
    told.world.receipt(Receipt(state=State.DELIVERED, provider_id="main-1", raw_status="read"))

    told.tell()
    told.tell()

    assert told.types == ["message.delivered"]


def test_a_failure_that_comes_after_delivered_is_not_told(told: Told) -> None:
    told.text()
    told.world.receipt(delivered())
    told.world.receipt(Receipt(state=State.UNDELIVERED, provider_id="main-1", raw_status="failed"))

    told.tell()

    assert told.types == ["message.delivered"]


def test_delivered_after_failed_is_told_with_a_higher_sequence(told: Told) -> None:
    told.text()
    told.world.receipt(Receipt(state=State.UNDELIVERED, provider_id="main-1", raw_status="failed", error_code="27"))
    told.world.wait(seconds=3)
    told.world.receipt(delivered())

    told.tell()

    first, second = told.bodies
    assert (first["type"], first["data"]["reason"]) == ("message.failed", "27")
    assert (second["type"], second["data"]["reason"]) == ("message.delivered", "")
    assert first["data"]["sequence"] < second["data"]["sequence"]
    assert first["timestamp"] < second["timestamp"]


def test_the_whole_life_of_a_text_can_be_followed(told: Told) -> None:
    told.listens(*[name for name in TELLINGS if name.startswith("message.")])
    told.text()
    told.world.receipt(Receipt(state=State.SENT, provider_id="main-1", raw_status="sent"))
    told.world.receipt(delivered())

    told.tell()

    assert told.types == ["message.queued", "message.accepted", "message.sent", "message.delivered"]
    assert [body["data"]["sequence"] for body in told.bodies] == [1, 2, 3, 4]


def test_a_text_that_every_gateway_refuses_has_failed(told: Told) -> None:
    told.world.phone.script = [Result(outcome=Outcome.REJECTED, error=ErrorClass.PERMANENT, code="21211")]
    told.text()

    told.tell()

    assert told.types == ["message.failed"]
    assert told.bodies[0]["data"]["state"] == "rejected"
    assert told.bodies[0]["data"]["reason"] == "permanent"


def test_every_state_others_care_about_has_a_type() -> None:
    assert {state.code for state in State} - set(STATES) == {"submitting", "sending"}
    assert set(STATES.values()) <= set(TELLINGS)


def answers(world: World, text: str, intent: str) -> None:
    """Let the phone answer, and let the answer be understood."""
    reply = Reply(id=f"r-{text}", number=PHONE, to="+4930231250", text=text)
    message_id = world.store.write(lambda tx: receipts.record_reply(tx, "main", reply, "other", world.now))
    assert message_id is not None
    understood(world, intent)


def understood(world: World, intent: str) -> None:
    def settle(tx: Tx) -> None:
        for arrived in replies.waiting(tx, 10):
            asked = replies.sent_to(tx, arrived.number, arrived.at)[0]
            replies.settle(tx, arrived, Bound(intent=intent, answers=asked), world.now)

    world.store.write(settle)


def test_a_reply_is_told_once_it_is_understood(told: Told) -> None:
    told.listens("reply.received", texts=True)
    told.text()
    reply = Reply(id="r1", number=PHONE, to="+4930231250", text="Ja, gerne")
    told.world.store.write(lambda tx: receipts.record_reply(tx, "main", reply, "other", told.world.now))
    told.tell()
    assert told.types == []

    understood(told.world, "confirm")
    told.tell()

    (body,) = told.bodies
    assert body["data"]["intent"] == "confirm"
    assert (body["data"]["key"], body["data"]["rule"]) == ("A7", "order")
    assert body["data"]["text"] == "Ja, gerne"
    assert body["data"]["recipient"] == "+49••••••••12"


def test_a_reply_that_is_understood_at_once_is_told_once(told: Told) -> None:
    told.listens("reply.received")
    told.text()
    answers(told.world, "ok", "other")

    told.tell()

    assert told.types == ["reply.received"]
    assert "text" not in told.bodies[0]["data"]


def test_an_opt_out_is_told_with_the_last_text_and_only_when_it_changes_something(told: Told) -> None:
    told.listens("consent.changed", numbers=True, rules=frozenset({"another"}))
    told.text()
    out = Consent(number=PHONE, status="out", source="reply by main", at=told.world.now)
    told.world.store.write(lambda tx: consent.record(tx, out, told.world.now))
    told.world.store.write(lambda tx: consent.record(tx, out, told.world.now))

    told.tell()

    (body,) = told.bodies
    assert (body["data"]["status"], body["data"]["category"]) == ("out", "")
    assert body["data"]["recipient"] == PHONE
    assert (body["data"]["last_message_id"], body["data"]["key"]) == (told.world.message()["id"], "A7")


def test_what_led_to_no_text_can_be_told_too(told: Told) -> None:
    told.listens("event.skipped", "event.failed")
    told.world.hears("order.paid", {"id": "A8"})
    told.world.order("A7", phone="nobody")
    told.world.step()

    told.tell()

    assert [(body["type"], body["data"]["reason"], body["data"]["key"]) for body in told.bodies] == [
        ("event.skipped", "no_rule", "A8"),
        ("event.skipped", "no_recipient", "A7"),
    ]


def test_a_webhook_hears_only_of_its_rules_and_sources(told: Told) -> None:
    hook: dict[str, Any] = {"url": f"{told.receiver.url}/x", "secrets": (NEW,), "allow_private": True}
    hook["events"] = frozenset({"message.delivered"})
    told.teller = told.also(
        Webhook(name="mine", rules=frozenset({"order"}), sources=frozenset({"shop"}), **hook),
        Webhook(name="other-rule", rules=frozenset({"invoice"}), **hook),
        Webhook(name="other-source", sources=frozenset({"billing"}), **hook),
    )
    told.text()
    told.world.receipt(delivered())

    told.tell()

    assert [row["webhook"] for row in told.world.rows("select webhook from tellings")] == ["mine"]


def test_texts_and_numbers_are_told_to_whom_they_may(told: Told) -> None:
    told.listens("message.delivered", numbers=True, texts=True)
    told.text()
    told.world.receipt(delivered())

    told.tell()

    assert told.bodies[0]["data"]["recipient"] == PHONE
    assert told.bodies[0]["data"]["text"] == "Order A7 is confirmed."


def test_the_text_of_a_rule_that_redacts_is_told_to_nobody(told: Told) -> None:
    told.world.rules(CODES)
    told.listens("message.accepted", "message.delivered", "reply.received", texts=True)
    told.text("482913")
    told.world.receipt(delivered())
    answers(told.world, "482913", "other")

    told.tell()

    assert len(told.bodies) == 3
    assert not any("text" in body["data"] for body in told.bodies)
    assert not any("482913" in json.dumps({**body["data"], "key": "", "reply_id": ""}) for body in told.bodies)


def test_while_a_secret_is_changed_both_are_good(told: Told) -> None:
    told.listens("message.delivered", secrets=(NEW, OLD))
    told.text()
    told.world.receipt(delivered())

    told.tell()

    (seen,) = told.receiver.seen
    assert genuine(seen, NEW)
    assert genuine(seen, OLD)


def test_a_receiver_that_is_down_is_told_when_it_is_back_with_the_same_id_and_body(told: Told) -> None:
    for _ in range(3):
        told.receiver.answer(503)
    told.receiver.answer(200)
    told.text()
    told.world.receipt(delivered())

    for wait in (*SCHEDULE[:3], timedelta()):
        told.tell()
        assert told.teller.deliver_due(told.world.now + wait * 0.9) == 0
        told.world.now += wait

    assert told.receiver.count >= 4
    told.tell()
    assert told.receiver.count == 4
    assert len({seen.headers["webhook-id"] for seen in told.receiver.seen}) == 1
    assert len({seen.body for seen in told.receiver.seen}) == 1
    assert len({seen.headers["webhook-timestamp"] for seen in told.receiver.seen}) == 4
    assert all(genuine(seen) for seen in told.receiver.seen)
    assert told.webhook()["failures"] == 0


def test_the_receiver_is_left_alone_as_long_as_it_asks(told: Told) -> None:
    told.receiver.answer(429, headers={"Retry-After": "600"})
    told.receiver.answer(200)
    told.text()
    told.text("A8")
    told.world.receipt(delivered("main-1"))
    told.world.receipt(delivered("main-2"))
    told.tell()
    assert told.receiver.count == 1  # the second telling waits as well: it is the receiver that is busy

    told.world.wait(seconds=599)
    assert told.teller.deliver_due(told.world.now) == 0
    told.world.wait(seconds=1)
    told.tell()
    told.tell()

    assert told.receiver.count == 3
    assert told.waiting == []


def test_a_telling_that_is_refused_does_not_stop_the_others(told: Told) -> None:
    told.receiver.answer(400, "what is this?")
    told.receiver.answer(200)
    told.text()
    told.text("A8")
    told.world.receipt(delivered("main-1"))
    told.world.receipt(delivered("main-2"))

    told.tell()

    assert told.receiver.count == 2
    assert [row["status"] for row in told.waiting] == [400]
    (failure,) = told.world.rows("select status, answer from telling_failures")
    assert failure == {"status": 400, "answer": "what is this?"}


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_a_failure_and_is_not_followed(told: Told, status: int) -> None:
    told.receiver.redirect(status)
    told.text()
    told.world.receipt(delivered())

    told.tell()

    assert [seen.path for seen in told.receiver.seen] == ["/crm-path"]
    assert [row["status"] for row in told.waiting] == [status]


def test_only_the_status_of_an_answer_matters(told: Told) -> None:
    told.receiver.huge()
    told.text()
    told.world.receipt(delivered())

    told.tell()

    assert told.waiting == []
    assert told.world.rows("select state, status from tellings") == [{"state": "told", "status": 200}]


def test_410_disables_at_once_and_what_happens_then_waits(told: Told) -> None:
    told.receiver.answer(410)
    told.receiver.answer(200)
    told.text()
    told.text("A8")
    told.world.receipt(delivered("main-1"))
    told.tell()
    told.world.receipt(delivered("main-2"))
    told.world.wait(days=1)

    told.tell()

    assert told.receiver.count == 1
    assert len(told.waiting) == 2
    (notice,) = told.teller.notices()
    assert notice.startswith("The webhook crm is disabled: It answered 410 Gone.")
    assert notice.endswith("Enable it with: tidings webhooks enable crm")
    told.world.store.write(lambda tx: webhooks.enable(tx, "crm", "Kim", told.world.now))
    told.tell()
    told.tell()
    assert told.waiting == []
    assert told.receiver.count == 3
    assert told.teller.notices() == []


def test_a_webhook_that_was_enabled_again_may_fail_for_five_days_anew(told: Told) -> None:
    told.receiver.answer(410)
    told.text()
    told.world.receipt(delivered())
    told.tell()
    told.world.store.write(lambda tx: webhooks.enable(tx, "crm", "Kim", told.world.now))
    start = told.world.now
    told.receiver.answer(500)

    for _ in range(ENOUGH):
        told.tell()
        due = told.world.rows("select max(next_at) as at from tellings where state = 'waiting'")[0]["at"]
        told.world.now = max(datetime.fromtimestamp(due / 1000, tz=UTC), told.world.now)

    assert told.receiver.count == 1 + ENOUGH
    assert told.world.now - start < DISABLE_AFTER
    assert told.teller.notices() == []


def test_after_five_days_of_failures_a_webhook_is_disabled_and_nothing_was_dropped_before(told: Told) -> None:
    told.receiver.answer(500)
    told.text()
    told.world.receipt(delivered())
    start, tries = told.world.now, 0
    while not told.teller.notices() and tries < 50:
        tries += told.tell()
        due = told.world.rows("select max(next_at) as at from tellings where state = 'waiting'")[0]["at"]
        if due:
            told.world.now = max(datetime.fromtimestamp(due / 1000, tz=UTC), told.world.now)
        assert told.world.now - start < timedelta(days=7)

    assert told.world.now - start >= DISABLE_AFTER
    assert tries == told.receiver.count == len(SCHEDULE) + 1
    assert "Nothing but failures for 5 days, at last: status 500." in told.teller.notices()[0]
    assert told.world.journal("operator") == [("operator", "webhook disabled")]


def test_the_schedule_covers_five_days_and_is_spread(told: Told) -> None:
    assert timedelta(days=5) < sum(SCHEDULE, timedelta()) < timedelta(days=6)
    told.receiver.answer(400)
    waits = []
    for number, dice in enumerate((0.0, 0.999)):
        told.teller.dice = iter((dice,)).__next__
        told.text(f"B{number}")
        told.world.receipt(delivered(f"main-{number + 1}"))
        told.tell()
        waits.append(told.waiting[-1]["next_at"] / 1000 - told.world.now.timestamp())

    assert waits == pytest.approx([4, 6], abs=0.02)


def test_what_was_given_up_can_be_told_again(told: Told) -> None:
    told.text()
    told.world.receipt(delivered())
    told.tell()
    told.world.store.write(lambda tx: tx.execute("update tellings set state = 'given_up'"))
    since = told.world.now - timedelta(hours=1)
    told.world.wait(days=1)

    def replay(since: datetime, *, everything: bool) -> int:
        now = told.world.now
        return told.world.store.write(lambda tx: webhooks.replay(tx, "crm", since, "Kim", now, everything=everything))

    assert replay(since + timedelta(hours=2), everything=False) == 0
    assert replay(since, everything=False) == 1
    told.tell()
    assert replay(since, everything=False) == 0
    assert replay(since, everything=True) == 1
    told.tell()

    assert len({seen.headers["webhook-id"] for seen in told.receiver.seen}) == 1
    assert told.receiver.count == 3


def test_a_telling_of_a_worker_that_died_is_told_by_another_once_its_lease_ends(told: Told) -> None:
    told.text()
    told.world.receipt(delivered())
    told.teller.tell_due(told.world.now)
    (claimed,) = told.world.store.write(lambda tx: webhooks.claim(tx, "crm", told.world.now, LEASE, 10))

    another = told.also(*told.teller.webhooks.values())
    if told.world.store.is_alone:  # there a start takes up at once what the stop left
        assert another.deliver_due(told.world.now) == 1
    else:
        told.world.now += LEASE - timedelta(seconds=1)
        assert another.deliver_due(told.world.now) == 0
        told.world.now += timedelta(seconds=1)
        assert another.deliver_due(told.world.now) == 1
    assert [seen.headers["webhook-id"] for seen in told.receiver.seen] == [claimed.id]
    assert told.world.rows("select state, tries from tellings") == [{"state": "told", "tries": 2}]


@only_sqlite
def test_a_kill_between_the_change_and_the_post_loses_nothing(tmp_path: Path, receiver: Provider) -> None:
    """Stopped after each step in turn: the receipt, the telling, the claim, the post itself."""
    for stop_after in range(4):
        folder = tmp_path / str(stop_after)
        folder.mkdir()
        with World(folder) as world:
            told = Told(world, receiver)
            told.text()
            world.receipt(delivered())
            if stop_after >= 1:
                told.teller.tell_due(world.now)
            if stop_after >= 2:
                (claimed,) = world.store.write(lambda tx: webhooks.claim(tx, "crm", world.now, LEASE, 10))
            if stop_after == 3:
                seen_before = receiver.count
                posted = signed(told.teller.webhooks["crm"], claimed.id, claimed.body.encode(), world.now)
                told.teller._clients["crm"].send(call(receiver, posted, claimed.body))
                assert receiver.count == seen_before + 1
        with World(folder) as world:
            told = Told(world, receiver)
            told.tell()
            assert world.rows("select state from tellings") == [{"state": "told"}]

    ids = [seen.headers["webhook-id"] for seen in receiver.seen]
    assert len(ids) == 5
    assert ids[-1] == ids[-2]
    assert all(genuine(seen) for seen in receiver.seen)


def call(receiver: Provider, headers: dict[str, str], body: str) -> Any:
    from wire.http import Call

    return Call(method="POST", url=f"{receiver.url}/crm-path", headers=headers, body=body.encode())


def test_a_webhook_that_is_new_is_not_told_the_past(told: Told) -> None:
    told.also()  # nobody listens
    told.text()
    told.world.receipt(delivered())
    assert told.world.rows("select * from outbox") == []
    told.listens("message.delivered")

    told.tell()

    assert told.types == []


def test_many_changes_are_read_in_pages_and_each_is_told(told: Told) -> None:
    numbers = BATCH + 20

    def many(tx: Tx) -> None:
        for number in range(numbers):
            said = Consent(number=f"+49171392{number:05}", status="out", source="list", at=told.world.now)
            consent.record(tx, said, told.world.now)

    told.listens("consent.changed")
    told.world.store.write(many)

    while told.teller.tell_due(told.world.now):
        pass

    rows = told.world.rows("select sequence from tellings order by id")
    assert [row["sequence"] for row in rows] == list(range(1, numbers + 1))
    assert told.world.rows("select * from outbox") == []


def test_a_wish_said_long_ago_is_told_when_it_is_written_down(told: Told) -> None:
    told.listens("consent.changed")
    said = Consent(number=PHONE, status="out", source="list", at=told.world.now - timedelta(days=400))
    told.world.store.write(lambda tx: consent.record(tx, said, told.world.now))
    told.teller.prune(told.world.now)

    told.tell()

    assert [body["timestamp"] for body in told.bodies] == ["2025-10-19T11:00:00.000Z"]


def test_a_row_nobody_can_read_keeps_no_other_from_being_told(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    told.text()
    told.world.store.write(
        lambda tx: tx.execute(
            "insert into outbox (at, kind, ref, message_id, facts) values (0, 'message', '', '', '{}')"
        )
    )
    told.world.receipt(delivered())

    told.tell()

    assert told.types == ["message.delivered"]
    assert "outbox row unreadable" in caplog.text


def test_what_is_older_than_thirty_days_is_forgotten(told: Told) -> None:
    told.receiver.answer(400)
    told.text()
    told.world.receipt(delivered())
    told.tell()
    told.world.wait(days=29)
    assert told.teller.prune(told.world.now) == 0
    told.world.wait(days=2)

    assert told.teller.prune(told.world.now) == 1
    assert told.world.rows("select * from tellings") == []
    assert told.world.rows("select * from telling_failures") == []


def test_an_address_in_our_own_network_is_not_called(world: World, receiver: Provider) -> None:
    told = Told(world, receiver)
    port = receiver.url.rpartition(":")[2]
    hook = Webhook(name="crm", url=f"http://localhost:{port}/", secrets=(NEW,), events=frozenset({"message.delivered"}))
    told.teller = told.also(hook)
    told.text()
    world.receipt(delivered())

    told.tell()

    assert receiver.count == 0
    assert "this machine" in told.waiting[0]["error"]


def test_threads_tell_all_and_a_receiver_that_hangs_holds_up_no_other(told: Told) -> None:
    with provider() as slow:
        slow.hang()
        base: dict[str, Any] = {"secrets": (NEW,), "events": frozenset({"message.delivered"}), "allow_private": True}
        teller = told.also(
            Webhook(name="slow", url=slow.url, **base), Webhook(name="quick", url=told.receiver.url, **base)
        )
        tellers = Tellers(teller, lambda: told.world.now)
        tellers.start()
        try:
            for number in range(1, 9):
                told.text(f"T{number}")
                told.world.receipt(delivered(f"main-{number}"))
            assert told.receiver.waits_for(8) == 8
            assert slow.waits_for(1) >= 1
        finally:
            started = time.monotonic()
            tellers.stop(patience=0.4)
    assert time.monotonic() - started < 3
    assert len({seen.headers["webhook-id"] for seen in told.receiver.seen}) == 8


def test_no_secret_number_or_text_is_logged(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    told.listens("message.delivered", numbers=True, texts=True)
    told.receiver.answer(500, "no")
    told.text()
    told.world.receipt(delivered())
    told.tell()
    told.world.wait(seconds=9)
    told.tell()

    logged = " ".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert "told" in logged
    for word in (NEW, NEW.removeprefix("whsec_"), PHONE, "confirmed", "/crm-path"):
        assert word not in logged
    assert NEW not in repr(told.teller.webhooks)


def test_a_trial_is_a_signed_telling_of_its_own_type(told: Told) -> None:
    webhook = told.teller.webhooks["crm"]

    telling = trial(webhook, "w1", told.world.now)

    assert json.loads(telling.body)["type"] == "webhook.test"


PAGE = (Path(__file__).resolve().parents[2] / "docs" / "webhooks.md").read_text("utf-8")


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def test_the_check_of_the_docs_takes_what_we_send_and_nothing_else(told: Told) -> None:
    code: dict[str, Any] = {}
    exec(block("python"), code)  # noqa: S102 - our own page
    body, now = b'{"type": "message.delivered"}', datetime.now(UTC)
    webhook = Webhook(name="crm", url="", secrets=(NEW, OLD), events=frozenset())
    headers = signed(webhook, "w1", body, now)

    assert code["is_genuine"](NEW, headers, body)
    assert code["is_genuine"](OLD, headers, body)
    assert not code["is_genuine"](NEW, headers, body + b" ")
    assert not code["is_genuine"](NEW, {**headers, "webhook-id": "w2"}, body)
    assert not code["is_genuine"](f"whsec_{base64.b64encode(b'x' * 32).decode()}", headers, body)
    assert not code["is_genuine"](NEW, signed(webhook, "w1", body, now - timedelta(minutes=6)), body)


def test_the_docs_name_every_field_and_show_a_real_body(told: Told) -> None:
    told.listens(*TELLINGS, texts=True)
    told.text()
    told.world.order("A8", phone="nobody")
    told.world.step()
    told.world.receipt(delivered())
    answers(told.world, "ok", "other")
    wish = Consent(number=PHONE, status="out", source="reply by main", at=told.world.now)
    told.world.store.write(lambda tx: consent.record(tx, wish, told.world.now))

    told.tell()

    assert {*told.types} >= {"message.delivered", "reply.received", "consent.changed", "event.skipped"}
    assert {name for body in told.bodies for name in body["data"]} <= set(FIELDS)
    (body,) = [body for body in told.bodies if body["type"] == "message.delivered"]
    shown = json.loads(block("json"))
    assert shown.keys() == body.keys()
    assert shown["data"].keys() | {"text"} == body["data"].keys()


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"url": "http://crm.example"}, "must begin with https://"),
        ({"url": "https://10.0.0.1/x"}, "10.0.0.1 is private"),
        ({"secrets": ()}, "secret must be whsec_"),
        ({"secrets": ("hunter2",)}, "secret must be whsec_"),
        ({"secrets": ("whsec_c2hvcnQ=",)}, "secret must be whsec_"),
        ({"secrets": (NEW, "whsec_ä")}, "secret must be whsec_"),
    ],
)
def test_a_webhook_that_cannot_work_says_why(settings: dict[str, Any], fault: str) -> None:
    given = {"name": "crm", "url": "https://crm.example/hook", "secrets": (NEW,), "events": frozenset(), **settings}

    assert fault in " ".join(Webhook(**given).faults())


def test_a_webhook_as_it_should_be_has_no_faults() -> None:
    webhook = Webhook(name="crm", url="https://crm.example/hook?a=b", secrets=(NEW, OLD), events=frozenset())

    assert webhook.faults() == []


class Slow:
    """A teller in the middle of its work."""

    webhooks = ("shop",)

    def __init__(self) -> None:
        self.begun, self.ended = threading.Event(), False

    def prepare(self, now: datetime) -> None:
        pass

    def deliver(self, name: str, clock: Any, run: Any) -> int:
        return 0

    def tell_due(self, now: datetime) -> int:
        self.begun.set()
        time.sleep(0.05)
        self.ended = True
        return 0


def test_a_stop_waits_for_what_is_being_told() -> None:
    slow = Slow()
    tellers = Tellers(cast("Any", slow), lambda: datetime(2026, 11, 23, tzinfo=UTC))
    tellers.start()
    assert slow.begun.wait(5)

    tellers.stop()

    assert slow.ended
