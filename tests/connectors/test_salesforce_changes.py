"""Salesforce's change events, deleted records, look-ups, and asking once more before a text leaves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.salesforce import Salesforce
from inbound import samples
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from model.sending import Change
from tests.connectors.salesforce_org import HOST, LOGIN, NOW, Answered, NoHttp, Org, failure, organisation, stamp

HOME = samples.ROOT / "salesforce"
ORDER = "801000000000001AAA"


@pytest.fixture
def org() -> Iterator[Org]:
    with organisation() as fake:
        yield fake


def source(**settings: Any) -> Salesforce:
    return Salesforce({**LOGIN, "queries": {"Order": []}, **settings})


def change(kind: str, change_type: str, ident: str = ORDER, **fields: Any) -> Event:
    header = {"entityName": kind, "recordIds": [ident], "changeType": change_type, "transactionKey": "t",
              "sequenceNumber": 1, "commitTimestamp": 1795424391000}  # fmt: skip
    body = json.dumps({"payload": {"ChangeEventHeader": header, **fields}, "event": {"replayId": 1}}).encode()
    (event,) = source().parse(Incoming(source="crm", body=body, received_at=NOW))
    return event


def polled(org: Org, connector: Salesforce, cursor: Any) -> tuple[list[Event], Any]:
    page = connector.poll(json.loads(json.dumps(cursor)), NoHttp(), NOW)
    return list(page.events), page.cursor


def test_a_deleted_order_is_told_by_the_poll_once_and_is_the_event_of_the_change(org: Org) -> None:
    org.saves("Order", 1, stamp(1), "Draft")
    connector = source()
    _, cursor = polled(org, connector, {})
    org.saves("Order", 1, stamp(9), "Draft", IsDeleted=True)

    told, cursor = polled(org, connector, cursor)
    again, _ = polled(org, connector, cursor)

    assert [(event.type, event.id) for event in told] == [("order.cancelled", "Order/801000000000001/(deleted)")]
    assert again == []
    assert told[0].id == change("Order", "DELETE").id
    assert "IsDeleted" not in told[0].data["fields"]


def test_an_old_appointment_nobody_remembers_is_still_called_off_when_it_is_deleted(
    org: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.salesforce.REMEMBERED", 0)
    connector = source(queries={"Event": []})
    org.saves("Event", 1, stamp(1), StartDateTime="2026-11-26T09:00:00.000+0000")
    _, cursor = polled(org, connector, polled(org, connector, {})[1])
    org.saves("Event", 1, stamp(9), StartDateTime="2026-11-26T09:00:00.000+0000", IsDeleted=True)

    told, _ = polled(org, connector, cursor)

    assert [event.type for event in told] == ["appointment.cancelled"]


def test_deleted_records_are_left_alone_where_the_setting_says_so(org: Org) -> None:
    connector = source(deleted=[])
    org.saves("Order", 1, stamp(1), "Draft")
    _, cursor = polled(org, connector, {})
    org.saves("Order", 1, stamp(9), "Draft", IsDeleted=True)

    assert polled(org, connector, cursor)[0] == []
    assert "IsDeleted" not in org.queries[-1]


def test_a_status_pushed_and_polled_is_one_event(org: Org) -> None:
    connector = source()
    org.saves("Order", 1, stamp(1), "Draft")
    _, cursor = polled(org, connector, {})
    org.saves("Order", 1, stamp(9), "Activated")

    (told,), _ = polled(org, connector, cursor)

    assert (told.id, told.key) == (change("Order", "UPDATE", Status="Activated").id, ORDER[:15])


def test_what_a_change_leaves_out_is_looked_up(org: Org) -> None:
    org.saves("Order", 1, stamp(9), "Activated", OrderNumber="00003", TotalAmount=19.5,
              BillToContact={"attributes": {}, "FirstName": "Zoë", "MobilePhone": "+49 171 3920015"})  # fmt: skip

    event = source().lookup(change("Order", "UPDATE", Status="Cancelled", Note__c="leave at door"), NoHttp())

    assert event.lookup == ""
    assert (event.data["status"], event.data["number"]) == ("Cancelled", "00003")
    assert event.data["customer"]["phone"] == "+49 171 3920015"
    assert event.data["fields"]["Note__c"] == "leave at door"


def test_without_a_login_nothing_is_looked_up() -> None:
    sample = samples.read(HOME / "change-order-created-by-event-relay.json")

    assert Salesforce().parse(sample.incoming)[0].lookup == ""


def test_an_expired_session_is_renewed_once_for_a_look_up_too(org: Org) -> None:
    org.saves("Order", 1, stamp(9), "Activated", OrderNumber="00003")
    connector, event = source(), change("Order", "UPDATE", Status="Activated")
    org.instead = [(401, {}, "<html>please log in</html>")]

    assert connector.lookup(event, NoHttp()).data["number"] == "00003"
    assert org.logins == 2


def test_an_expired_session_is_renewed_once_for_what_is_written_back_too(org: Org) -> None:
    place = f"{HOST}/services/data/v59.0/sobjects/Order/{ORDER[:15]}"
    refused = org.mock.add("PATCH", place, status=401, body=failure("INVALID_SESSION_ID"))
    taken = org.mock.add("PATCH", place, status=204)
    answer = Change(id="tidings-7", intent="confirm", fields={"Confirmed__c": "true"}, note="", at=NOW)

    source().write_back(change("Order", "UPDATE", Status="Activated"), answer, NoHttp(), NOW)

    assert (refused.call_count, taken.call_count, org.logins) == (1, 1, 2)


@pytest.mark.parametrize(
    ("kind", "event_type", "record", "is_gone"),
    [
        ("Order", "CREATE", {"Status": "Activated"}, False),
        ("Order", "CREATE", {"Status": "Cancelled"}, True),
        ("Order", "CREATE", {"Status": "Draft", "IsDeleted": True}, True),
        ("Order", "DELETE", {"Status": "Draft"}, False),
        ("Case", "CREATE", {"Status": "Working"}, False),
        ("Case", "CREATE", {"Status": "Closed"}, True),
        ("ServiceAppointment", "CREATE", {"Status": "Scheduled", "SchedStartTime": "2026-11-27T09:00:00Z"}, False),
        ("ServiceAppointment", "CREATE", {"Status": "Canceled"}, True),
        ("Event", "CREATE", {"StartDateTime": "2026-11-27T09:00:00Z"}, False),
        ("Event", "CREATE", None, True),
    ],
)
def test_asked_again_a_record_called_off_closed_or_deleted_is_gone(
    org: Org, kind: str, event_type: str, record: dict[str, Any] | None, is_gone: bool
) -> None:
    start = {"SchedStartTime": "2026-11-26T09:00:00Z"} if kind == "ServiceAppointment" else {}
    event = change(
        kind, event_type, Status={"Case": "New", "ServiceAppointment": "Scheduled"}.get(kind, "Draft"), **start
    )
    if record is not None:
        org.saves(
            kind, 1, stamp(9), str(record.get("Status", "")), **{k: v for k, v in record.items() if k != "Status"}
        )

    if is_gone:
        with pytest.raises(AskFailed) as failed:
            source().refresh(event, NoHttp())
        assert failed.value.gone
        return
    fresh = source().refresh(event, NoHttp())
    assert fresh.type == event.type
    if kind in {"ServiceAppointment", "Event"}:
        assert fresh.data["starts_at"] == "2026-11-27T09:00:00Z"


@pytest.mark.parametrize(
    ("answer", "permanent"),
    [
        ((403, {}, failure("REQUEST_LIMIT_EXCEEDED")), False),
        ((400, {}, failure("INVALID_FIELD")), True),
        ((503, {}, "<html>maintenance</html>"), False),
    ],
)
def test_a_failed_look_up_says_whether_asking_again_can_help(org: Org, answer: Answered, permanent: bool) -> None:
    org.instead = [answer]

    with pytest.raises(AskFailed) as failed:
        source().lookup(change("Order", "UPDATE", Status="Activated"), NoHttp())
    assert failed.value.permanent is permanent
    assert not failed.value.gone


def test_what_cannot_stand_in_a_query_is_never_asked_for(org: Org) -> None:
    event = change("Order", "UPDATE", Status="Activated")
    for bad in ({"id": "1' OR Id != '"}, {"object": "User--"}, {"object": "Own_Object__c"}):
        with pytest.raises(AskFailed) as failed:
            source().lookup(replace(event, data={**event.data, **bad}), NoHttp())
        assert failed.value.permanent
    assert org.queries == []


def test_a_relayed_change_of_another_organisation_is_refused() -> None:
    sample = samples.read(HOME / "change-order-created-by-event-relay.json")
    mine = replace(sample.incoming, query={"token": "t"})
    plain = replace(samples.read(HOME / "change-order-deleted.json").incoming, query={"token": "t"})

    Salesforce({"organization_id": "00D5g00000TIDNG"}).verify(mine, ["t"], NOW)
    for settings, incoming in (({"organization_id": "00D5g00000OTHER"}, mine), ({"organization_id": "00D5"}, plain)):
        with pytest.raises(Refused) as refusal:
            Salesforce(settings).verify(incoming, ["t"], NOW)
        assert refusal.value.reason is Reason.BAD_SIGNATURE


def test_a_platform_event_without_an_id_is_named_by_what_it_says() -> None:
    def told(shelf: str) -> str:
        body = json.dumps({"channel": "/event/Parcel_Ready__e", "payload": {"Shelf__c": shelf}}).encode()
        return source().parse(Incoming(source="crm", body=body))[0].id

    assert told("A7") == told("A7") != told("A8")
