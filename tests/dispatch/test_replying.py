"""A phone writes back: the right text is answered, understood, confirmed and written to its source."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from audit import consent, conversations
from audit.rule_figures import of_rules
from dispatch.replying import RETRIES, Automatic
from tests.fakes.talking import AUTOMATIC, NO_ANSWER, NO_RECORD, OURS, Talk
from tests.fakes.world import PHONE, World

RULES = """
version: 1
defaults: {region: DE, locale: en, tz: Europe/Berlin, quiet_hours: ignore, max_age: 400d}
rules:
  - id: reminder
    event: appointment.booked
    key: "{{ id }}"
    schedule: {at: starts_at, offset: -24h, if_past: send_now, not_after: -1h}
    to: [phone]
    locale: locale
    text: {en: "See you {{ starts_at|time }}. Reply OK, C or M.", de: "Bis {{ starts_at|time }}. OK, C oder M?"}
    replies:
      confirm: ["yes", ok, ja]
      cancel: ["no", c]
      reschedule: [m, "move it"]
      write_back:
        confirm: {status: confirmed}
        cancel: {status: cancelled, note: "{{ name }} wrote: {{ reply }}"}
      answer:
        confirm: {en: "Thank you {{ name }}, see you then.", de: "Danke {{ name }}, bis dann."}
  - id: parcel
    event: shipment.created
    key: "{{ id }}"
    to: [phone]
    text: "Parcel {{ id }} comes today. Leave it outside? Reply L."
    replies: {confirm: [l]}
  - id: order
    event: order.created
    to: [phone]
    text: "Order {{ number }} is confirmed."
  - id: news
    event: custom.news
    to: [phone]
    consent: marketing
    text: "Sale. STOP to opt out."
"""
BOOKED = {"id": "A7", "name": "Anna", "starts_at": "2026-11-24T12:00:00+01:00", "phone": PHONE, "locale": "en"}


@pytest.fixture
def talk(world: World) -> Talk:
    world.rules(RULES)
    return Talk(world)


def reminded(talk: Talk, **changes: Any) -> None:
    talk.world.hears("appointment.booked", BOOKED | changes)
    talk.world.step()


def test_a_yes_confirms_the_appointment_tells_the_source_and_is_thanked_for(talk: Talk) -> None:
    reminded(talk)

    reply = talk.says("Yes, see you!")

    assert (reply["intent"], reply["rule"], reply["key"], reply["needs"]) == ("confirm", "reminder", "A7", "")
    assert [(change.intent, change.fields, change.note) for _, change in talk.told] == [
        ("confirm", {"status": "confirmed"}, "")
    ]
    assert talk.inbox[1:] == ["Thank you Anna, see you then."]
    assert (talk.world.phone.got[-1].to, talk.world.phone.got[-1].sender) == (PHONE, OURS)
    assert talk.world.journal("reply", "answered", "written_back") == [
        ("reply", "other"), ("answered", "confirm"), ("written_back", "done"),
    ]  # fmt: skip
    assert talk.world.faults() == []


def test_a_no_is_written_back_with_the_words_of_the_person(talk: Talk) -> None:
    reminded(talk)

    talk.says("C")

    assert [(change.fields, change.note) for _, change in talk.told] == [({"status": "cancelled"}, "Anna wrote: C")]
    assert len(talk.inbox) == 1


def test_who_looked_after_a_reply_is_noted_with_the_text_and_the_event_it_is_about(talk: Talk) -> None:
    reminded(talk)
    reply = talk.says("Which door is it?")

    talk.world.store.write(lambda tx: conversations.done(tx, PHONE, "Kim", talk.world.now))

    (row,) = talk.world.rows("select event_id, message_id, actor from journal where reason = 'looked after'")
    assert dict(row) == {"event_id": reply["event_id"], "message_id": reply["message_id"], "actor": "Kim"}
    assert row["event_id"]
    assert row["message_id"]


def test_an_answer_is_thanked_for_in_the_language_of_the_question(talk: Talk) -> None:
    reminded(talk, locale="de-AT")

    talk.says("Ja")

    assert talk.inbox[1:] == ["Danke Anna, bis dann."]


@pytest.mark.parametrize(
    ("text", "intent", "needs"),
    [
        ("ok", "confirm", ""), ("OK!", "confirm", ""), ("move it", "reschedule", ""),
        ("Nee", "other", "not_understood"),
        ("No problem, see you", "other", "not_understood"), ("Yes, can we make it later?", "confirm", "not_sure"),
        ("Which door is it?", "other", "not_understood"), ("👍", "other", "not_understood"),
    ],
)  # fmt: skip
def test_only_a_clear_answer_leads_to_anything_by_itself(talk: Talk, text: str, intent: str, needs: str) -> None:
    reminded(talk)

    reply = talk.says(text)

    assert (reply["intent"], reply["needs"]) == (intent, needs)
    assert bool(talk.told or intent == "reschedule") == (not needs)


def test_an_answer_belongs_to_the_newest_text_that_asked_not_to_the_newest_text(talk: Talk) -> None:
    reminded(talk)
    talk.world.wait(minutes=5)
    talk.world.order("B1")
    talk.world.step()

    talk.says("OK")

    replied = talk.world.rows("select rule, replied_at is not null as replied from messages order by id limit 2")
    assert replied == [{"rule": "reminder", "replied": 1}, {"rule": "order", "replied": 0}]
    assert talk.last["key"] == "A7"


def test_two_open_questions_of_different_rules_are_told_apart_by_the_answer(talk: Talk) -> None:
    reminded(talk)
    talk.world.hears("shipment.created", {"id": "P1", "phone": PHONE})
    talk.world.step()

    assert (talk.says("L")["rule"], talk.last["needs"]) == ("parcel", "")
    assert (talk.says("C")["rule"], talk.last["needs"]) == ("reminder", "")


def test_a_family_that_shares_a_phone_is_asked_by_a_person_which_appointment_is_meant(talk: Talk) -> None:
    reminded(talk)
    reminded(talk, id="A8", name="Ben")

    reply = talk.says("OK")

    assert (reply["intent"], reply["needs"]) == ("other", "several")
    assert talk.told == []
    assert (talk.says("OK A8")["key"], talk.last["intent"]) == ("A8", "confirm")
    assert (talk.says("C")["key"], talk.last["intent"]) == ("A7", "cancel")


def test_a_person_may_change_their_mind(talk: Talk) -> None:
    reminded(talk)
    talk.says("OK")

    assert talk.says("C")["intent"] == "cancel"
    assert [change.intent for _, change in talk.told] == ["confirm", "cancel"]


def test_an_answer_after_the_appointment_is_for_a_person(talk: Talk) -> None:
    reminded(talk)
    talk.world.wait(days=2)

    assert (talk.says("OK")["intent"], talk.last["needs"]) == ("confirm", "too_late")
    assert (talk.told, len(talk.inbox)) == ([], 1)


def test_a_text_nobody_asked_for_waits_for_a_person(talk: Talk) -> None:
    talk.world.order("B1")
    talk.world.step()

    assert talk.says("Thanks! When do you open?")["needs"] == "nobody_asked"
    assert talk.says("Who is this?", "+447700900123")["needs"] == "nobody_asked"
    assert [row["needs"] for row in conversations.listing(talk.world.store)] == [1, 1]


def test_after_two_weeks_a_question_is_forgotten(talk: Talk) -> None:
    reminded(talk)
    talk.world.wait(days=15)

    assert talk.says("OK")["needs"] == "nobody_asked"


def test_stop_is_confirmed_once_a_day_and_nothing_else_leaves(talk: Talk) -> None:
    reminded(talk)
    talk.says("STOP")
    talk.world.wait(minutes=1)
    talk.says("stop!!")
    talk.world.order("B1")
    talk.world.step()

    assert talk.inbox[1:] == ["You get no more texts from us."]
    assert talk.world.message()["rule"] == "-stop-confirmation"
    assert talk.world.reasons[-1] == "opted_out"
    assert talk.world.faults() == []
    talk.world.wait(hours=25)
    talk.says("STOP")
    assert len(talk.inbox) == 3


def test_a_confirmation_that_cannot_leave_in_time_never_leaves(talk: Talk) -> None:
    talk.hears("STOP")
    while talk.replying.answer_due(talk.world.now):
        pass
    talk.world.wait(minutes=6)
    talk.world.step()

    assert talk.inbox == []
    assert talk.world.states == ["expired"]


def test_the_confirmation_is_written_in_the_language_of_the_text_that_was_answered(talk: Talk) -> None:
    reminded(talk, locale="de")

    talk.says("Stopp")

    assert talk.inbox[1:] == ["Sie bekommen keine SMS mehr von uns."]


@pytest.mark.parametrize("how", ["the provider said so", "the gateway is named", "nothing is configured"])
def test_a_provider_that_answers_stop_itself_is_not_answered_over(talk: Talk, how: str) -> None:
    if how == "nothing is configured":
        talk.automatic = Automatic()
    if how == "the gateway is named":
        talk.automatic = replace(AUTOMATIC, provider_answers=frozenset({"main"}))

    talk.says("STOP", opt_out=how == "the provider said so")

    assert talk.inbox == []
    assert [row["status"] for row in talk.world.rows("select status from consent")] == ["out"]


def test_start_lets_a_person_back_in(talk: Talk) -> None:
    talk.says("STOP")
    talk.world.wait(minutes=1)
    talk.says("START")
    talk.world.order("B1")
    talk.world.step()

    assert talk.inbox == ["You get no more texts from us.", "Welcome back.", "Order B1 is confirmed."]


def test_help_is_answered_once_a_day_and_shown_when_it_cannot_be(talk: Talk) -> None:
    assert talk.says("HELP")["needs"] == ""
    assert talk.says("help")["needs"] == "no_help"
    talk.automatic = Automatic()

    assert talk.says("info", "+447700900123")["needs"] == "no_help"
    assert talk.inbox == ["Example Ltd, help@shop.example"]


def test_a_longer_wish_to_stop_holds_at_once_and_is_shown(talk: Talk) -> None:
    reminded(talk)

    reply = talk.says("please stop texting me")

    assert (reply["intent"], reply["needs"]) == ("stop?", "asked_to_stop")
    assert talk.inbox[1:] == ["You get no more texts from us."]
    talk.world.order("B1")
    talk.world.step()
    assert talk.world.reasons[-1] == "opted_out"


def test_two_machines_do_not_answer_each_other(talk: Talk) -> None:
    reminded(talk)
    talk.says("OK")
    for _ in range(5):
        talk.world.wait(seconds=3)
        talk.says("OK")
        talk.says("I am away, please stop texting this number")

    assert talk.inbox[1:] == ["Thank you Anna, see you then."]


def test_a_redelivered_stop_does_not_undo_a_start(talk: Talk) -> None:
    talk.says("STOP", id="r-1")
    talk.says("START")
    talk.says("STOP", id="r-1")

    assert [row["status"] for row in talk.world.rows("select status from consent")] == ["in"]


@pytest.mark.parametrize(("one_stop", "left"), [(True, []), (False, ["Order B1 is confirmed."])])
def test_a_stop_ends_everything_or_the_category_it_answers(talk: Talk, one_stop: bool, left: list[str]) -> None:
    world, talk.one_stop, talk.automatic = talk.world, one_stop, Automatic()
    wish = consent.Consent(number=PHONE, category="marketing", status="in", source="form", at=world.now)
    world.store.write(lambda tx: consent.record(tx, wish, world.now))
    world.hears("custom.news", {"id": "N1", "phone": PHONE})
    world.step()

    talk.says("STOP")
    world.order("B1")
    world.hears("custom.news", {"id": "N2", "phone": PHONE})
    world.step()

    assert talk.inbox == ["Sale. STOP to opt out.", *left]
    talk.says("START")
    world.hears("custom.news", {"id": "N3", "phone": PHONE})
    world.step()
    assert talk.inbox[-1] == "Sale. STOP to opt out."


def test_every_change_of_a_wish_is_kept_with_its_proof(talk: Talk) -> None:
    talk.says("Stop.")
    talk.world.wait(minutes=1)
    talk.says("START")

    with talk.world.store.read() as tx:
        kept = [(row["status"], row["wording"], row["channel"]) for row in consent.history(tx, PHONE)]
    assert kept == [("in", "START", "reply"), ("out", "Stop.", "reply")]


def test_an_older_wish_from_a_list_does_not_overrule_a_newer_stop(talk: Talk) -> None:
    talk.says("STOP")
    old = consent.Consent(
        number=PHONE, status="in", source="list", at=talk.world.now - timedelta(days=100), channel="import"
    )

    assert talk.world.store.write(lambda tx: consent.record(tx, old, talk.world.now)) is False
    assert [row["status"] for row in talk.world.rows("select status from consent")] == ["out"]
    assert len(talk.world.rows("select 1 from consent_history")) == 2


def test_a_source_that_does_not_answer_is_told_later(talk: Talk) -> None:
    reminded(talk)
    talk.troubles = [NO_ANSWER, NO_ANSWER]
    talk.says("OK")
    assert talk.told == []

    for wait in RETRIES[:2]:
        talk.world.wait(seconds=wait.total_seconds())
        talk.follow()

    assert [change.fields for _, change in talk.told] == [{"status": "confirmed"}]
    assert [reason for _, reason in talk.world.journal("written_back")] == ["retry", "retry", "done"]


@pytest.mark.parametrize("troubles", [[NO_RECORD], [NO_ANSWER] * (len(RETRIES) + 1)], ids=["gone", "silent"])
def test_what_cannot_be_written_back_is_shown_to_a_person(talk: Talk, troubles: list[Exception]) -> None:
    reminded(talk)
    talk.troubles = list(troubles)
    talk.says("OK")
    for wait in RETRIES:
        talk.world.wait(seconds=wait.total_seconds())
        talk.follow()

    assert (talk.last["intent"], talk.last["needs"], talk.told) == ("confirm", "not_written", [])
    assert talk.world.rows("select state from write_backs") == [{"state": "failed"}]


def test_an_answer_that_cannot_be_written_is_shown(talk: Talk) -> None:
    reminded(talk, name=None)

    assert talk.says("OK")["needs"] == "no_answer"


def test_the_share_of_replies_counts_answers_and_no_opt_outs(talk: Talk) -> None:
    reminded(talk)
    reminded(talk, id="A8", phone="+447700900123")
    talk.says("OK")
    talk.says("STOP", "+447700900123")

    figures = of_rules(talk.world.store, talk.world.now - timedelta(days=1)).rules["reminder"]

    assert (figures.sent, figures.replied) == (2, 1)
