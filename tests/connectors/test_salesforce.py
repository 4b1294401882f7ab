"""Polling Salesforce: an organisation of a few records behind the real client library."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from connectors.base import AskFailed, Page
from connectors.salesforce import Salesforce
from inbound import samples
from model.event import Incoming
from model.reasons import Reason, Refused
from tests.connectors.salesforce_org import (
    HOST,
    LOGIN,
    NOW,
    QUERY_URL,
    Answered,
    NoHttp,
    Org,
    failure,
    organisation,
    stamp,
)  # fmt: skip
from wire import salesforce_pages, salesforce_session
from wire.http import CONNECT_SECONDS
from wire.salesforce_messages import ACK


@pytest.fixture
def org() -> Iterator[Org]:
    with organisation() as fake:
        yield fake


def poller(**settings: Any) -> Salesforce:
    return Salesforce({**LOGIN, "queries": {"Order": []}, **settings})


def drained(source: Salesforce, cursor: Any, now: datetime = NOW) -> Page:
    """Poll until nothing waits, as the poller's loop does, with the cursor as the database gives it back."""
    events: list[Any] = []
    for _ in range(40):
        page = source.poll(json.loads(json.dumps(cursor)), NoHttp(), now)
        events += page.events
        cursor = page.cursor
        if not page.more:
            return Page(events=events, cursor=cursor)
    raise AssertionError("the poll does not end")


def test_the_first_poll_texts_no_old_customer_and_the_second_tells_what_changed(org: Org) -> None:
    source = poller()
    org.saves("Order", 1, stamp(1), "Draft")
    org.saves("Order", 2, stamp(2), "Activated")

    first = drained(source, {})
    org.saves("Order", 3, stamp(10), "Activated", OrderNumber="00003", TotalAmount=19.5,
              BillToContact={"attributes": {}, "FirstName": "Zoë", "MobilePhone": "+49 171 3920015"})  # fmt: skip
    org.saves("Order", 2, stamp(11), "Cancelled")
    second = drained(source, first.cursor)

    assert first.events == []
    assert [(e.type, e.id, e.key) for e in second.events] == [
        ("order.created", "Order/801000000000003/Activated", "801000000000003"),
        ("order.cancelled", "Order/801000000000002/Cancelled", "801000000000002"),
    ]
    new = second.events[0]
    assert new.occurred_at == datetime(2026, 11, 23, 8, 10, tzinfo=UTC)
    assert new.data["customer"] == {"first_name": "Zoë", "last_name": "", "phone": "+49 171 3920015", "country": ""}
    assert new.data["total"] == "19.5"
    assert new.data["fields"]["BillToContact"] == {"FirstName": "Zoë", "MobilePhone": "+49 171 3920015"}


def test_an_edit_that_leaves_the_status_is_no_event_and_the_overlap_repeats_none(org: Org) -> None:
    source = poller()
    org.saves("Order", 1, stamp(1), "Activated")
    cursor = drained(source, {}).cursor
    org.saves("Order", 1, stamp(9), "Activated", Description="colour changed")
    org.saves("Order", 2, stamp(9), "Draft")

    changed = drained(source, cursor)
    again = drained(source, changed.cursor)

    assert [e.key for e in changed.events] == ["801000000000002"]
    assert again.events == []
    assert "SystemModstamp >= 2026-11-23T08:04:00.000Z" in org.queries[-1]


def test_a_record_that_became_visible_late_is_found_in_the_overlap(org: Org) -> None:
    source = poller()
    org.saves("Order", 1, stamp(10), "Activated")
    first = drained(source, {})
    org.saves("Order", 2, stamp(20), "Draft")
    cursor = drained(source, first.cursor).cursor
    org.saves("Order", 3, stamp(17), "Draft")

    assert [e.key for e in drained(source, cursor).events] == ["801000000000003"]


def test_an_old_record_nobody_remembers_is_learnt_without_a_text(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(salesforce_pages, "PAGE_SIZE", 1)
    source = poller()
    org.saves("Order", 1, stamp(1), "Activated")
    org.saves("Order", 2, stamp(2), "Activated")
    cursor = drained(source, {}).cursor
    org.saves("Order", 1, stamp(20), "Activated", Description="typo")

    edited = drained(source, cursor)
    org.saves("Order", 1, stamp(30), "Cancelled")
    cancelled = drained(source, edited.cursor)

    assert edited.events == []
    assert [e.type for e in cancelled.events] == ["order.cancelled"]


def test_many_records_with_one_stamp_are_read_page_by_page(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(salesforce_pages, "PAGE_SIZE", 2)
    source = poller()
    cursor = drained(source, {}).cursor
    for number in range(7):
        org.saves("Order", number, stamp(30), "Draft")

    page = drained(source, cursor)

    assert [e.key[-1] for e in page.events] == list("0123456")
    assert drained(source, page.cursor).events == []


def test_the_cursor_stays_small(org: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.salesforce.REMEMBERED", 3)
    source = poller()
    cursor = drained(source, {}).cursor
    for number in range(9):
        org.saves("Order", number, stamp(30, number), "Draft")

    page = drained(source, cursor)

    assert len(page.events) == 9
    assert list(page.cursor["Order"]["states"]) == [f"80100000000000{number}" for number in (6, 7, 8)]


def test_a_moved_appointment_is_rescheduled_and_a_cancelled_one_cancelled(org: Org) -> None:
    source = poller(queries={"ServiceAppointment": [], "Event": []})
    org.saves("ServiceAppointment", 1, stamp(1), "Scheduled", SchedStartTime="2026-11-26T09:00:00.000+0000")
    org.saves("Event", 2, stamp(1), StartDateTime="2026-11-26T09:00:00.000+0000")
    cursor = drained(source, {}).cursor
    org.saves("ServiceAppointment", 1, stamp(5), "Scheduled", SchedStartTime="2026-11-27T09:00:00.000+0000")
    org.saves("Event", 2, stamp(5), StartDateTime="2026-11-27T10:00:00.000+0000")
    org.saves("Event", 3, stamp(6), StartDateTime="2026-11-28T10:00:00.000+0000")

    moved = drained(source, cursor)
    org.saves("ServiceAppointment", 1, stamp(9), "Canceled")
    cancelled = drained(source, moved.cursor)

    assert [(e.type, e.data["starts_at"]) for e in moved.events] == [
        ("appointment.rescheduled", "2026-11-27T09:00:00Z"),
        ("appointment.rescheduled", "2026-11-27T10:00:00Z"),
        ("appointment.booked", "2026-11-28T10:00:00Z"),
    ]
    assert [e.type for e in cancelled.events] == ["appointment.cancelled"]


def test_a_contact_has_no_status_so_each_change_is_an_event(org: Org) -> None:
    source = poller(queries={"Contact": []})
    org.saves("Contact", 1, stamp(1), MobilePhone="+1 202-555-0101")
    cursor = drained(source, {}).cursor
    org.saves("Contact", 1, stamp(2), MobilePhone="+1 202-555-0102")

    events = drained(source, cursor).events

    assert [(e.type, e.data["customer"]["phone"]) for e in events] == [("contact.updated", "+1 202-555-0102")]


def test_an_own_object_is_polled_with_its_own_status_field(org: Org) -> None:
    source = poller(
        queries={"Invoice__c": ["Name"]},
        status_fields={"Invoice__c": "State__c"},
        types={"Invoice__c": {"Sent": "custom.invoice_sent"}},
    )
    org.saves("Invoice__c", 1, stamp(1), State__c="Draft")
    cursor = {**drained(source, {}).cursor, "Order": {"scan": ["of an object", "polled no more"]}}
    org.saves("Invoice__c", 1, stamp(2), State__c="Sent", Name="INV-1")

    page = drained(source, cursor)

    assert [(e.type, e.data["status"], e.data["fields"]["Name"]) for e in page.events] == [
        ("custom.invoice_sent", "Sent", "INV-1")
    ]
    assert "SELECT Id, SystemModstamp, CreatedDate, Name, State__c FROM" in org.queries[-1]
    assert list(page.cursor) == ["Invoice__c"]


def test_every_request_has_a_time_limit(org: Org) -> None:
    drained(poller(), {})

    assert org.timeouts == [(CONNECT_SECONDS, salesforce_session.READ_SECONDS)]


EXPIRED: list[Answered] = [
    (401, {}, failure("INVALID_SESSION_ID")),
    (401, {}, "<html>please log in</html>"),
    (401, {}, "{}"),
]


@pytest.mark.parametrize("answer", EXPIRED)
def test_an_expired_session_is_renewed_once(org: Org, answer: Answered) -> None:
    source = poller()
    cursor = drained(source, {}).cursor
    org.saves("Order", 1, stamp(9), "Draft")
    org.instead = [answer]

    assert len(drained(source, cursor).events) == 1
    assert org.logins == 2


@pytest.mark.parametrize("answer", EXPIRED)
def test_a_session_that_stays_invalid_ends_the_poll(org: Org, answer: Answered) -> None:
    org.instead = [answer] * 9

    with pytest.raises(AskFailed, match="Order: Salesforce: "):
        poller().poll({}, NoHttp(), NOW)
    assert org.logins == 2


@pytest.mark.parametrize(
    ("answer", "word", "wait"),
    [
        ((403, {}, failure("REQUEST_LIMIT_EXCEEDED")), "REQUEST_LIMIT_EXCEEDED", timedelta(hours=1)),
        ((400, {}, failure("INVALID_TYPE")), "INVALID_TYPE", timedelta(minutes=5)),
        ((400, {}, failure("INVALID_QUERY_LOCATOR")), "INVALID_QUERY_LOCATOR", timedelta(minutes=5)),
        ((503, {}, "<html>maintenance</html>"), "HTTP 503", timedelta(minutes=5)),
        ((500, {}, "[]"), "HTTP 500", timedelta(minutes=5)),
        ((429, {}, '["x"]'), "HTTP 429", timedelta(minutes=5)),
        ((200, {}, "<html>hello</html>"), "JSONDecodeError", timedelta(minutes=5)),
        ((200, {}, "{}"), "KeyError", timedelta(minutes=5)),
        ((200, {}, '{"done": true, "records": [{}]}'), "without SystemModstamp", timedelta(minutes=5)),
    ],
)
def test_a_failed_poll_says_why_and_how_long_to_wait(org: Org, answer: Answered, word: str, wait: timedelta) -> None:
    org.instead = [answer]

    with pytest.raises(AskFailed, match=word) as failed:
        poller().poll({}, NoHttp(), NOW)
    assert failed.value.retry_after == wait


def test_after_a_lost_query_locator_the_saved_cursor_gives_the_same_events(org: Org) -> None:
    source = poller()
    cursor = drained(source, {}).cursor
    org.saves("Order", 1, stamp(9), "Draft")
    org.saves("Order", 2, stamp(9), "Draft")
    half = {"done": False, "nextRecordsUrl": "/services/data/v59.0/query/01g-2000", "records": org.records["Order"][:1]}
    org.instead = [(200, {}, json.dumps(half)), (400, {}, failure("INVALID_QUERY_LOCATOR"))]

    with pytest.raises(AskFailed, match="INVALID_QUERY_LOCATOR"):
        source.poll(cursor, NoHttp(), NOW)

    assert [e.key[-1] for e in drained(source, cursor).events] == ["1", "2"]


def test_a_query_that_takes_too_long_is_asked_for_half_the_time(org: Org) -> None:
    source = poller()
    org.saves("Order", 9, "2026-11-22T08:00:00.000+0000", "Draft")
    cursor = drained(source, {}).cursor
    for hour in range(8):
        org.saves("Order", hour, f"2026-11-23T0{hour}:30:00.000+0000", "Draft")
    org.slower_than = timedelta(hours=7)

    page = drained(source, cursor)

    assert [e.key[-1] for e in page.events] == list("01234567")
    assert not {"scan", "span"} & set(page.cursor["Order"])


def test_a_query_too_slow_for_a_minute_of_records_needs_a_person(org: Org) -> None:
    source = poller()
    org.saves("Order", 1, stamp(50), "Draft")
    cursor = drained(source, {}).cursor
    org.slower_than = timedelta(0)

    with pytest.raises(AskFailed, match="QUERY_TIMEOUT"):
        drained(source, cursor)


def test_when_the_share_of_api_calls_is_used_the_poll_rests(org: Org) -> None:
    source = poller(queries={"Order": [], "Case": []}, api_percent=50)
    org.usage = "api-usage=2500/5000; per-app-api-usage=17/250(appName=tidings)"

    page = source.poll({}, NoHttp(), NOW)

    assert list(page.cursor) == ["Order"]
    assert not page.more
    with pytest.raises(AskFailed, match="used up") as failed:
        source.poll(page.cursor, NoHttp(), NOW + timedelta(minutes=5))
    assert failed.value.retry_after == timedelta(minutes=10)
    org.usage = "api-usage=1/5000"
    assert list(source.poll(page.cursor, NoHttp(), NOW + timedelta(minutes=15)).cursor) == ["Order", "Case"]


def test_a_given_session_needs_no_login(org: Org) -> None:
    source = Salesforce({"session_id": "00D!abc", "instance_url": HOST, "queries": {"Order": []}})

    assert drained(source, {}).events == []
    assert org.logins == 0


SOAP_LOGIN = (
    "<e><sessionId>S1</sessionId><serverUrl>https://acme.my.salesforce.com/services/Soap/u/59.0/00D</serverUrl></e>"
)


def test_a_password_with_a_security_token_logs_in_by_soap(org: Org) -> None:
    source = Salesforce({"username": "a@b.example", "password": "p&w", "security_token": "t", "queries": {"Order": []}})
    org.mock.add("POST", "https://login.salesforce.com/services/Soap/u/59.0", body=SOAP_LOGIN)

    assert drained(source, {}).events == []
    assert "<n1:password>p&amp;wt</n1:password>" in org.mock.calls[0].request.body


@pytest.mark.parametrize(
    ("settings", "answer", "word"),
    [
        (LOGIN, (400, {}, '{"error": "invalid_client", "error_description": "bad"}'), "login refused, invalid_client"),
        (LOGIN, (503, {}, "<html>"), "login refused, 503"),
        (LOGIN, (200, {}, "{}"), "login failed, AttributeError"),
        ({}, (200, {}, "{}"), "login refused, INVALID AUTH"),
        ({**LOGIN, "domain": "login"}, (200, {}, "{}"), "login refused, INVALID AUTH"),
        (
            {"username": "a", "consumer_key": "k", "privatekey_file": "/nowhere.pem"},
            (200, {}, "{}"),
            "FileNotFoundError",
        ),
    ],
)
def test_a_login_that_fails_ends_the_poll_without_telling_secrets(
    org: Org, settings: dict[str, Any], answer: Answered, word: str
) -> None:
    org.login_answer = answer

    with pytest.raises(AskFailed, match=word) as failed:
        Salesforce({**settings, "queries": {"Order": []}}).poll({}, NoHttp(), NOW)
    assert LOGIN["consumer_secret"] not in str(failed.value)


def test_an_unreachable_salesforce_ends_the_poll(org: Org) -> None:
    org.mock.replace("GET", QUERY_URL, body=requests.ConnectionError("https://acme.my.salesforce.com/?q=secret"))

    with pytest.raises(AskFailed, match=r"Order: Salesforce: ConnectionError$"):
        poller().poll({}, NoHttp(), NOW)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"queries": {"Order": ["Id FROM User--"]}}, "queries.Order: 'Id FROM User--' is not a name"),
        ({"queries": {"Order LIMIT 1": ["Id"]}}, "queries.Order LIMIT 1"),
        ({"queries": {"Invoice__c": []}}, "queries.Invoice__c: name the fields"),
        ({"queries": {"Order": "Status"}}, "queries.Order: expected a list"),
        ({"queries": ["Order"]}, "queries: expected a table, found a list"),
        ({"types": {"Order": {"Draft": "order.begun"}}}, "types.Order.Draft: 'order.begun'"),
        ({"types": {"Order": ["order.created"]}}, "types.Order: expected a table"),
        ({"status_fields": {"Order": "a b"}}, "status_fields.Order"),
        ({"api_percent": "80"}, "api_percent"),
    ],
)
def test_a_bad_setting_is_named(settings: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=f"^Setting {re.escape(word)}"):
        Salesforce(settings)


def message(**changes: str) -> Incoming:
    body = (samples.ROOT / "salesforce" / "order-activated.xml").read_text("utf-8")
    for old, new in changes.items():
        body = body.replace(old, new)
    return Incoming(source="crm", query={"token": "t"}, body=body.encode())


def test_a_message_of_another_organisation_is_refused() -> None:
    source = Salesforce({"organization_id": "00D5g00000TIDNG"})

    source.verify(message(), ["t"], NOW)
    with pytest.raises(Refused) as refusal:
        source.verify(message(TIDNGEA4="OTHEREA4"), ["t"], NOW)
    assert refusal.value.reason is Reason.BAD_SIGNATURE


def test_the_answer_is_the_acknowledgement_salesforce_waits_for() -> None:
    source = Salesforce()
    answer = source.answer(source.parse(message()))

    assert (answer.status, answer.content_type) == (200, "text/xml; charset=utf-8")
    assert "<Ack>true</Ack>" in answer.body == ACK


@pytest.mark.parametrize(
    "before",
    [
        '<!DOCTYPE x [<!ENTITY a "boom">]>',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x SYSTEM "https://evil.example/x.dtd">',
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;"><!ENTITY c "&b;&b;">]>',
    ],
)
def test_no_entity_is_ever_expanded(before: str) -> None:
    incoming = message(**{'<?xml version="1.0" encoding="UTF-8"?>': before, "00000217": "&a;"})

    with pytest.raises(Refused) as refusal:
        Salesforce().parse(incoming)
    assert refusal.value.reason is Reason.BAD_SHAPE


def test_a_hundred_notifications_are_a_hundred_events() -> None:
    text = message().body.decode()
    one = text[text.index("   <Notification>") : text.index("  </notifications>")]
    many = "".join(one.replace("04l5g00000", f"04l{number:07d}") for number in range(100))

    events = Salesforce().parse(Incoming(source="crm", body=text.replace(one, many).encode()))

    assert len({event.id for event in events}) == 100
