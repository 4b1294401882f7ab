"""Gateways as people see and steer them, and texts that people send, take back or send again."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from audit import balances, steering
from audit.messages import get
from model.message import State
from model.steering import Condition
from tests.web.house import House
from tests.web.steering_office import Office

ANNA = "+491713920012"


@pytest.fixture
def office(house: House) -> Office:
    return Office(house)


def test_a_gateway_shows_how_it_does(office: Office) -> None:
    house = office.house
    for number in range(4):
        house.delivered(str(1000 + number))
    house.store.write(lambda tx: balances.remember(tx, {"console": "12.50 EUR"}, house.now))

    page = office.text("gateways/console")

    assert "console: works" in page
    assert "4 texts, at most 10 segments per second" in page
    assert "Delivered 100.0% of those with a final receipt, which are 100.0%" in page
    assert re.search(r"half within [0-9.]+ s, 95 of 100 within", page)
    assert "Balance 12.50 EUR" in page
    assert "console Console (nothing leaves) works 4 of 600" in office.text("gateways")


def test_a_gateway_that_rests_is_on_the_first_page_with_its_error(office: Office) -> None:
    now = office.house.now
    resting = Condition(
        gateway="console", state="resting", since=now, until=now + timedelta(minutes=2), error="It answered 503."
    )
    office.house.store.write(lambda tx: steering.note_condition(tx, resting))

    assert "The gateway console rests It answered 503. Texts that may use another" in office.text("")
    assert "console: resting because It answered 503." in office.text("gateways/console")


def test_pinning_needs_a_reason_and_a_name_and_ends_by_itself(office: Office) -> None:
    refused = office.post("gateways/console", do="away", **{"for": "2h"})
    assert refused.status_code == 422
    assert "Write why" in refused.get_data(as_text=True)
    assert "Write your name" in refused.get_data(as_text=True)

    page = office.follow(office.post("gateways/console", do="away", reason="slow", who="Kim", **{"for": "2h"}))

    assert "texts keep away from it until 11:58 UTC, slow" in page
    office.house.now += timedelta(hours=3)
    assert "keep away from it" not in office.get("gateways/console")
    assert office.rows("select actor, reason from journal where kind = 'operator'") == [("Kim", "pinned away")]


def test_a_pin_can_be_ended_and_a_gateway_paused_and_resumed(office: Office) -> None:
    office.post("gateways/console", do="pin", reason="cheap", who="Kim", **{"for": "1d"})
    assert "goes first" in office.text("gateways")
    office.post("gateways/console", do="unpin", who="Kim")
    assert "goes first" not in office.text("gateways")

    office.post("gateways/console", do="pause", reason="bill", who="Kim", spared="otp")
    assert "The gateway console is paused except otp bill, by Kim" in office.text("gateways")
    office.post("gateways/console", do="resume", who="Kim")
    assert "is paused" not in office.text("gateways")


def test_a_rule_is_paused_from_the_page_and_what_waits_says_so(office: Office) -> None:
    assert office.post("gateways", do="pause", scope="rule", rule="nope", reason="x", who="Kim").status_code == 422
    office.follow(
        office.post("gateways", do="pause", scope="rule", rule="order-confirmed", reason="wrong price", who="Kim")
    )

    event_id = office.house.order("1001")

    assert "waits: the rule order-confirmed is paused" in office.get(f"events/{event_id}")
    assert "The rule order-confirmed is paused wrong price, by Kim." in office.text("")
    office.house.now += timedelta(hours=23, minutes=30)
    assert "1 text expires within the hour" in office.text("")
    office.follow(office.post("gateways", do="resume", scope="rule", name="order-confirmed", who="Kim"))
    assert "is paused" not in office.text("gateways")


def test_everything_is_paused_in_one_form(office: Office) -> None:
    page = office.follow(office.post("gateways", do="pause", scope="all", reason="alarm", who="Kim"))

    assert "Gateways: sending is paused" in page
    assert "Everything is paused" in page


def test_one_text_goes_through_one_gateway(office: Office) -> None:
    assert office.post("gateways/console/test", number="abc", who="Kim").status_code == 422

    page = office.follow(office.post("gateways/console/test", number="0171 3920012", who="Kim"))

    assert "Tidings test by console" in page
    office.house.works()
    assert office.rows("select state, gateways, gateway from messages") == [("accepted", "console", "console")]


def test_a_text_by_hand_is_shown_with_its_price_its_dear_characters_and_the_time_there(office: Office) -> None:
    page = office.post("send", do="preview", number="0171 3920012", text="Grüße – 👍").get_data(as_text=True)

    assert "UCS-2, because of <kbd>👍</kbd>" in page.replace("<kbd>–</kbd> ", "")
    assert "Mon 10:58" in page
    assert "not known: there is no price table" in page
    assert "Send it" in page
    assert office.rows("select count(*) from messages") == [(0,)]


def test_a_text_by_hand_is_sent_once_with_its_reason_on_record(office: Office) -> None:
    fields = {"number": ANNA, "text": "We close early today.", "reason": "asked by phone", "who": "Kim", "once": "a1"}
    assert office.post("send", do="send", **{**fields, "reason": ""}).status_code == 422

    first = office.post("send", do="send", **fields)
    again = office.post("send", do="send", **fields)

    assert first.headers["Location"] == again.headers["Location"]
    assert "We close early today." in office.follow(first)
    assert office.rows("select text from messages") == [("We close early today.",)]
    assert office.rows("select actor, detail from journal where kind = 'operator'") == [("Kim", "asked by phone")]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"number": "12", "text": "Hi"}, "Not a phone number"),
        ({"number": ANNA, "text": ""}, "Not sent: The text could not be written."),
        ({"number": ANNA, "text": "4111 1111 1111 1111"}, "looks like a card number"),
        ({"number": ANNA, "text": "Hi", "gateway": "nope"}, "There is no gateway of this name."),
    ],
)
def test_what_cannot_be_sent_says_why_and_keeps_what_was_typed(
    office: Office, fields: dict[str, str], said: str
) -> None:
    refused = office.post("send", do="send", reason="x", who="Kim", **fields)

    assert refused.status_code == 422
    assert said in refused.get_data(as_text=True)
    assert f'value="{fields["number"]}"' in refused.get_data(as_text=True)
    assert office.rows("select count(*) from messages") == [(0,)]


def test_a_waiting_text_is_taken_back(office: Office) -> None:
    office.post("gateways", do="pause", scope="all", reason="alarm", who="Kim")
    text_id = office.house.text_of(office.house.order("1001"))
    assert "Take it back" in office.get(f"messages/{text_id}")
    assert "It waits, and will not be sent." in office.get(f"messages/{text_id}/cancel")

    page = office.follow(office.post(f"messages/{text_id}/cancel", who="Kim"))

    assert "dropped before it left" in page
    assert office.post(f"messages/{text_id}/cancel", who="Kim").status_code == 409


def test_a_refused_text_leaves_again_as_the_same_message(office: Office) -> None:
    text_id = office.house.text_of(office.house.order("1001", phone="+1 415 555 0190"))
    assert "refused" in office.get(f"messages/{text_id}")

    office.follow(office.post(f"messages/{text_id}/retry", who="Kim"))

    assert office.rows("select state from messages") == [("queued",)]
    office.house.works()
    assert office.rows("select id, state, attempts from messages") == [(text_id, "rejected", 2)]
    assert ("Kim", "retried") in office.rows("select actor, reason from journal where kind = 'operator'")


def test_an_unknown_outcome_is_repeated_only_after_a_warning(office: Office) -> None:
    text_id = office.house.text_of(office.house.order("1001", phone="+1 415 555 0193"))

    assert "the person gets the text twice" in office.get(f"messages/{text_id}/retry")

    assert office.post(f"messages/{text_id}/retry", who="Kim").status_code == 303
    assert office.rows("select state from messages") == [("queued",)]


def test_a_text_that_did_not_arrive_goes_out_as_a_new_one(office: Office) -> None:
    event_id = office.house.order("1001")
    office.house.reports(event_id, State.UNDELIVERED, "30005")
    text_id = office.house.text_of(event_id)
    assert "Only what no gateway has can leave again" in office.get(f"messages/{text_id}/retry")

    first = office.post(f"messages/{text_id}/resend", who="Kim", once="1")
    again = office.post(f"messages/{text_id}/resend", who="Kim", once="1")

    assert first.headers["Location"] == again.headers["Location"] != f"/console/messages/{text_id}"
    assert [row[1] for row in office.rows("select id, number from messages")] == [ANNA, ANNA]
    assert "resent" in [row[0] for row in office.rows("select reason from journal where kind = 'operator'")]


def test_nothing_is_done_again_with_a_delivered_text_a_code_or_an_old_one(office: Office) -> None:
    delivered = office.house.text_of(office.house.delivered("1001"))
    code = office.house.comes("verification.requested", {"phone": "+1 415 555 0190", "code": "123456"}, key="V")
    office.house.works()
    late = office.house.text_of(office.house.order("1003", phone="+1 415 555 0190"))

    assert "It is still on its way, or it arrived." in office.get(f"messages/{delivered}/resend")
    assert "It held a code" in office.get(f"messages/{office.house.text_of(code)}/resend")
    office.house.now += timedelta(days=3)
    assert "Its time to live is over" in office.get(f"messages/{late}/retry")
    assert office.post(f"messages/{late}/retry", who="Kim").status_code == 409
    with office.house.store.read() as tx:
        row = get(tx, late)
    assert row is not None
    assert row["state"] == "rejected"
    office.get(f"messages/{late}/explode", 404)
    office.get("messages/m0000000000000/retry", 404)
