"""What the contract over samples cannot express: HubSpot's signature, its look-ups, and its poll."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.hubspot import SIZE, HubSpot
from inbound import samples
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from tests.connectors.fake_http import FakeHttp, every_page, says, serves
from wire.http import Call, Reply

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
KEYED = {"access_token": "token_not_real", "portal_id": "25910441"}
CONTACT = {
    "id": "301",
    "properties": {
        "firstname": "Ayşe",
        "lastname": "Krüger",
        "email": "ayse.krueger@example.com",
        "mobilephone": "",
        "phone": "0171 3920073",
        "country": "Germany",
        "hs_language": "de",
    },
}
DEAL = {
    "id": "18840022",
    "properties": {"dealname": "Terrasse", "dealstage": "closedwon", "amount": "6480", "deal_currency_code": "EUR"},
    "associations": {"contacts": {"results": [{"id": "301", "type": "deal_to_contact"}]}},
}


def events_of(case: str) -> list[Event]:
    return samples.read(samples.ROOT / "hubspot" / f"{case}.json").events()


def won() -> Event:
    return events_of("deals-reach-their-stages")[1]


def delivery(**changed: Any) -> Incoming:
    headers = {
        "x-hubspot-request-timestamp": "1700000000000",
        "x-hubspot-signature-v3": "rQEKkaNUiu+1qGF//O/pw4BCzstSqO1PyUnGICmf+7o=",
    }
    url, body = "https://www.example.com/webhook_uri", b'{"example_field":"example_value"}'
    return replace(Incoming(source="hubspot", url=url, headers=headers, body=body), **changed)


def test_the_measured_signature_is_taken_within_five_minutes_of_either_side() -> None:
    at, secret = datetime.fromtimestamp(1_700_000_000, tz=UTC), "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"

    for minutes in (5, -5):
        HubSpot().verify(delivery(), ["older", secret], at + timedelta(minutes=minutes))

    for seconds in (301, -301):
        with pytest.raises(Refused) as refusal:
            HubSpot().verify(delivery(), [secret], at + timedelta(seconds=seconds))
        assert refusal.value.reason is Reason.STALE_SIGNATURE


@pytest.mark.parametrize(
    "changed", [{"url": "https://www.example.com/webhook_uri?x=1"}, {"method": "PUT"}, {"body": b"[]"}]
)
def test_address_method_and_body_are_all_signed(changed: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refusal:
        HubSpot().verify(
            delivery(**changed),
            ["yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"],
            datetime.fromtimestamp(1_700_000_000, tz=UTC),
        )
    assert refusal.value.reason is Reason.BAD_SIGNATURE


def test_one_odd_event_does_not_cost_the_others_of_its_delivery() -> None:
    good = json.loads((samples.ROOT / "hubspot" / "contact-created.json").read_text("utf-8"))
    body = json.dumps([None, {"subscriptionType": "contact.creation"}, *good]).encode()

    (event,) = HubSpot().parse(Incoming(source="hubspot", body=body))

    assert event.id == "25910441/contact/51120731/created"


def test_the_same_event_sent_again_keeps_its_id() -> None:
    again = json.loads((samples.ROOT / "hubspot" / "sent-a-second-time.json").read_text("utf-8"))
    first = json.dumps([{**again[0], "attemptNumber": 0}]).encode()

    assert HubSpot().parse(Incoming(source="hubspot", body=first))[0].id == events_of("sent-a-second-time")[0].id


def test_a_contact_is_fetched_with_its_number() -> None:
    (thin,) = events_of("contact-created")
    http = FakeHttp(serves({"/crm/v3/objects/contacts/51120731": CONTACT}))

    event = HubSpot({**KEYED, "properties": ["lifecyclestage"]}).lookup(thin, http)

    assert event.lookup == ""
    assert event.data["customer"]["phone"] == "0171 3920073"
    assert (event.data["country"], event.data["customer"]["locale"]) == ("Germany", "de")
    asked = http.calls[0].params["properties"].split(",")
    assert {"mobilephone", "phone", "firstname", "hs_language", "lifecyclestage"} <= set(asked)
    assert http.calls[0].headers == {"Authorization": "Bearer token_not_real"}


def test_a_deals_number_is_that_of_its_first_contact() -> None:
    http = FakeHttp(serves({"/crm/v3/objects/deals/18840022": DEAL, "/crm/v3/objects/contacts/301": CONTACT}))

    event = HubSpot(KEYED).lookup(won(), http)

    assert (event.data["title"], event.data["total"], event.data["currency"]) == ("Terrasse", "6480", "EUR")
    assert event.data["customer"]["id"] == "301"
    assert event.data["customer"]["phone"] == "0171 3920073"
    assert event.data["portal_id"] == "25910441"
    assert http.calls[0].params["associations"] == "contacts"


def test_a_deal_without_a_contact_is_looked_up_once_and_has_no_number() -> None:
    http = FakeHttp(serves({"/crm/v3/objects/deals/18840022": {**DEAL, "associations": {}}}))

    event = HubSpot(KEYED).lookup(won(), http)

    assert (event.lookup, event.data["customer"]["phone"]) == ("", "")


@pytest.mark.parametrize("missing", ["access_token", "portal_id"])
def test_without_its_settings_nothing_is_polled(missing: str) -> None:
    http = FakeHttp(says({}))

    with pytest.raises(AskFailed) as failure:
        HubSpot({**KEYED, missing: ""}).poll({}, http, NOW)

    assert failure.value.permanent
    assert http.calls == []


CHANGED = {"contacts": "lastmodifieddate", "deals": "hs_lastmodifieddate", "tickets": "hs_lastmodifieddate"}


class Account:
    """HubSpot's search as its API gives it, 10,000 records at most."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, dict[str, Any]]] = {"contacts": {}, "deals": {}, "tickets": {}}

    def has(self, plural: str, record_id: int, second: float, **values: str) -> None:
        at = (NOW + timedelta(seconds=second)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        before = self.records[plural].get(str(record_id), {"properties": {"createdate": at}})["properties"]
        properties = {**before, CHANGED[plural]: at, **values}
        self.records[plural][str(record_id)] = {"id": str(record_id), "properties": properties}

    def __call__(self, call: Call) -> Reply:
        plural = call.url.removeprefix("https://api.hubapi.com/crm/v3/objects/").removesuffix("/search")
        name, (asked,) = CHANGED[plural], call.json["filterGroups"][0]["filters"]
        assert (call.method, asked["propertyName"], asked["operator"]) == ("POST", name, "GTE")
        since = NOW.fromtimestamp(int(asked["value"]) / 1000, tz=UTC).isoformat(timespec="milliseconds")
        listed = sorted(self.records[plural].values(), key=lambda one: (one["properties"][name], int(one["id"])))
        listed = [one for one in listed if one["properties"][name] >= since.replace("+00:00", "Z")]
        if call.json["sorts"][0]["direction"] == "DESCENDING":
            listed.reverse()
        start, size = int(call.json.get("after", "0")), call.json["limit"]
        more = {"paging": {"next": {"after": str(start + size)}}} if len(listed) > start + size else {}
        body = {"total": len(listed), "results": listed[start : start + size], **more}
        return Reply(status=200, body=json.dumps(body).encode())


def poll_all(account: Account, cursor: Any) -> tuple[list[Event], Any]:
    return every_page(HubSpot(KEYED), account, cursor, NOW)


def names(events: list[Event]) -> list[str]:
    return [f"{event.type} {event.key}" for event in events]


def test_the_first_poll_texts_nobody_about_the_past() -> None:
    account = Account()
    account.has("contacts", 1, -60)
    account.has("deals", 1, -60, dealstage="closedwon")

    first, cursor = poll_all(account, {})

    assert first == []
    assert poll_all(account, cursor)[0] == []


def test_new_records_and_new_stages_are_told_once() -> None:
    account = Account()
    account.has("contacts", 1, -60)
    account.has("deals", 1, -60, dealstage="appointmentscheduled")
    account.has("tickets", 1, -60, hs_pipeline_stage="1")
    _, cursor = poll_all(account, {})
    account.has("contacts", 1, 5, firstname="Ayşe")
    account.has("contacts", 2, 10, phone="0171 3920073")
    account.has("deals", 1, 15, dealstage="closedwon")
    account.has("deals", 2, 20, dealstage="appointmentscheduled")
    account.has("deals", 9, 25, dealstage="closedlost", createdate="2025-01-01T00:00:00Z")
    account.has("tickets", 1, 30, hs_pipeline_stage="4")

    told, cursor = poll_all(account, cursor)
    again, _ = poll_all(account, cursor)

    assert names(told) == [
        "contact.created contact/2",
        "custom.deal.won deal/1",
        "custom.deal.created deal/2",
        "ticket.resolved ticket/1",
    ]
    assert told[0].data["customer"]["phone"] == "0171 3920073"
    assert [event.lookup for event in told] == ["", "deal/1", "deal/2", "ticket/1"]
    assert again == []


def test_a_record_that_search_shows_late_is_still_found() -> None:
    account = Account()
    _, cursor = poll_all(account, {})
    account.has("contacts", 2, 200)
    _, cursor = poll_all(account, cursor)
    account.has("contacts", 3, 50)

    assert names(poll_all(account, cursor)[0]) == ["contact.created contact/3"]


@pytest.mark.parametrize("seconds_apart", [0, 0.25, 5])
def test_after_a_long_outage_nothing_is_left_out(seconds_apart: float) -> None:
    account = Account()
    _, cursor = poll_all(account, {})
    for number in range(1, SIZE * 2 + 10):
        account.has("contacts", number, number * seconds_apart)

    told, _ = poll_all(account, cursor)

    assert sorted({int(event.key[8:]) for event in told}) == list(range(1, SIZE * 2 + 10))


def test_a_polled_event_is_the_same_as_the_pushed_one() -> None:
    pushed, account = won(), Account()
    account.has("deals", 18840022, -60, dealstage="appointmentscheduled")
    _, cursor = poll_all(account, {})
    account.has("deals", 18840022, 60, dealstage="closedwon")

    (told,), _ = poll_all(account, cursor)

    assert (told.id, told.type, told.key, told.lookup) == (pushed.id, pushed.type, pushed.key, pushed.lookup)


def test_records_nobody_can_read_do_not_stop_the_others() -> None:
    hubspot, odd = HubSpot(KEYED), [None, {}, {"id": "7", "properties": 5}]
    cursor = hubspot.poll({}, FakeHttp(says({"results": []})), NOW).cursor

    page = hubspot.poll(cursor, FakeHttp(says({"results": [*odd, CONTACT]})), NOW)

    assert "contact.created contact/301" in names(list(page.events))


@pytest.mark.parametrize(
    ("case", "event_type", "stage", "is_gone"),
    [
        ("ticket-from-new-to-closed", "ticket.created", "2", False),
        ("ticket-from-new-to-closed", "ticket.created", "4", True),
        ("ticket-from-new-to-closed", "ticket.resolved", "4", False),
        ("deal-created", "custom.deal.created", "presentationscheduled", False),
        ("deal-created", "custom.deal.created", "closedlost", True),
        ("contact-created", "contact.created", "", False),
    ],
)
def test_asked_again_what_was_solved_or_lost_meanwhile_is_gone(
    case: str, event_type: str, stage: str, is_gone: bool
) -> None:
    event = next(one for one in events_of(case) if one.type == event_type)
    kind = event.key.partition("/")[0]
    found = {"properties": {"hs_pipeline_stage": stage, "dealstage": stage, "phone": "07700 900142"}}
    http = FakeHttp(says(found))

    if is_gone:
        with pytest.raises(AskFailed) as failure:
            HubSpot(KEYED).refresh(event, http)
        assert failure.value.gone
    else:
        fresh = HubSpot(KEYED).refresh(event, http)
        assert fresh.data.get("stage", "") == stage
        assert fresh.lookup == ""
    assert f"/crm/v3/objects/{kind}s/" in http.calls[0].url


def test_a_deleted_contact_is_not_asked_for_again_and_a_deal_deleted_meanwhile_is_gone() -> None:
    http = FakeHttp(says({}, 404))
    (deleted, _) = events_of("contact-deleted-and-erased")

    assert HubSpot(KEYED).refresh(deleted, http) == deleted
    assert http.calls == []
    with pytest.raises(AskFailed) as failure:
        HubSpot(KEYED).refresh(events_of("deal-created")[0], http)
    assert failure.value.gone
