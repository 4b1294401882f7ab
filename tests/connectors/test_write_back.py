"""What somebody answered is written into the record of the system that asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import responses

from connectors.base import AskFailed, Connector, WriteBack
from connectors.generic import Generic
from connectors.hubspot import HubSpot
from connectors.pipedrive import Pipedrive
from connectors.salesforce import Salesforce
from inbound.sources import Source
from inbound.writing import Writing
from model.event import Event, Incoming
from model.reasons import Gone, Refused, Unreachable
from model.sending import Change
from tests.connectors.fake_http import FakeHttp, raises, says
from wire.http import Call, NotSent, Unclear
from wire.signatures import STANDARD_WEBHOOKS

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SECRET = "whsec_YW5zd2VycyBhcmUgc2lnbmVkIHdpdGggdGhpcw=="
CHANGE = Change(id="tidings-7", intent="confirm", fields={"status": "confirmed"}, note="Anna wrote: <ok>", at=NOW)
HOST = "https://acme.my.salesforce.com"


def event(key: str, **data: Any) -> Event:
    return Event(
        source="crm", type="ticket.updated", native_type="x", id="1", key=key, occurred_at=NOW, data={"id": "1", **data}
    )


def told(connector: WriteBack, about: Event, change: Change = CHANGE, status: int = 200) -> list[Call]:
    http = FakeHttp(says({"data": {}}, status))
    connector.write_back(about, change, http, NOW)
    return http.calls


@pytest.mark.parametrize(
    ("kind", "plural", "tie"), [("contact", "contacts", 202), ("deal", "deals", 214), ("ticket", "tickets", 228)]
)
def test_hubspot_gets_properties_and_a_note_on_the_record(kind: str, plural: str, tie: int) -> None:
    patch, note = told(HubSpot({"access_token": "token"}), event(f"{kind}/501"), status=201)

    assert (patch.method, patch.url) == ("PATCH", f"https://api.hubapi.com/crm/v3/objects/{plural}/501")
    assert patch.json == {"properties": {"status": "confirmed"}}
    assert (note.method, note.url) == ("POST", "https://api.hubapi.com/crm/v3/objects/notes")
    assert note.json["properties"] == {"hs_timestamp": "1795424400000", "hs_note_body": "Anna wrote: &lt;ok&gt;"}
    assert note.json["associations"][0]["to"] == {"id": "501"}
    assert note.json["associations"][0]["types"][0]["associationTypeId"] == tie


@pytest.mark.parametrize(
    ("key", "plural", "holder"),
    [
        ("deal/31", "deals", {"deal_id": 31}),
        ("person/44", "persons", {"person_id": 44}),
        ("activity/9", "activities", {"person_id": 44}),
    ],
)
def test_pipedrive_gets_fields_and_a_note(key: str, plural: str, holder: dict[str, int]) -> None:
    connector = Pipedrive({"api_token": "token", "api_url": "https://acme.pipedrive.com"})

    patch, note = told(connector, event(key, customer={"id": "44"}))

    assert (patch.method, patch.url) == ("PATCH", f"https://acme.pipedrive.com/api/v2/{plural}/{key.split('/')[1]}")
    assert (patch.json, patch.headers["x-api-token"]) == ({"status": "confirmed"}, "token")
    assert (note.method, note.url) == ("POST", "https://acme.pipedrive.com/api/v1/notes")
    assert note.json == {"content": "Anna wrote: &lt;ok&gt;", **holder}


def test_an_activity_without_a_person_cannot_hold_a_note() -> None:
    connector = Pipedrive({"api_token": "token", "api_url": "https://acme.pipedrive.com"})

    with pytest.raises(AskFailed, match="no person") as failed:
        told(connector, event("activity/9", customer={"id": ""}))

    assert failed.value.permanent


def test_an_address_of_ones_own_gets_a_signed_request_with_a_lasting_id() -> None:
    connector = generic()
    about = event("A7")

    (call,) = told(connector, about, status=204)

    request = Incoming(source="x", headers=dict(call.headers), body=call.body or b"", received_at=NOW)
    STANDARD_WEBHOOKS.check(request, [SECRET], NOW)
    with pytest.raises(Refused):
        STANDARD_WEBHOOKS.check(replace(request, body=request.body + b" "), [SECRET], NOW)
    assert call.headers["webhook-id"] == "tidings-7"
    assert json.loads(request.body)["data"] == {
        "event": {"id": "1", "type": "ticket.updated", "native": "x", "key": "A7"},
        "intent": "confirm", "fields": {"status": "confirmed"}, "note": "Anna wrote: <ok>",
    }  # fmt: skip


def generic(**more: str) -> Generic:
    given = {"write_back_url": "https://shop.example/answers", "write_back_secret": SECRET}
    return Generic({"verify": "bearer", **given, **more})


@pytest.mark.parametrize(
    ("given", "word"),
    [({"write_back_url": "shop.example"}, "write_back_url"), ({"write_back_secret": ""}, "write_back_secret"),
     ({"write_back_secret": "whsec_?"}, "write_back_secret")],
)  # fmt: skip
def test_a_write_back_that_could_not_be_signed_is_refused_at_the_start(given: dict[str, str], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        generic(**given)


@pytest.fixture
def org() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


def salesforce() -> Salesforce:
    return Salesforce({"session_id": "session", "instance_url": HOST})


@pytest.mark.parametrize(("name", "about"), [("Case", "WhatId"), ("Contact", "WhoId")])
def test_salesforce_gets_fields_and_a_finished_task(org: responses.RequestsMock, name: str, about: str) -> None:
    changed = org.patch(f"{HOST}/services/data/v59.0/sobjects/{name}/500000000000001", status=204)
    task = org.post(f"{HOST}/services/data/v59.0/sobjects/Task/", json={"id": "00T1", "success": True}, status=201)

    salesforce().write_back(
        event("500000000000001", id="500000000000001", object=name), CHANGE, FakeHttp(says({})), NOW
    )

    assert json.loads(changed.calls[0].request.body or b"") == {"status": "confirmed"}
    sent = json.loads(task.calls[0].request.body or b"")
    assert (sent["Description"], sent[about], sent["Status"]) == ("Anna wrote: <ok>", "500000000000001", "Completed")


@pytest.mark.parametrize(
    ("status", "code", "permanent"),
    [(404, "NOT_FOUND", True), (400, "INVALID_FIELD", True), (503, "SERVER_UNAVAILABLE", False),
     (403, "REQUEST_LIMIT_EXCEEDED", False)],
)  # fmt: skip
def test_a_no_of_salesforce_says_whether_trying_again_helps(
    org: responses.RequestsMock, status: int, code: str, permanent: bool
) -> None:
    answer = [{"errorCode": code, "message": "no"}]
    org.patch(f"{HOST}/services/data/v59.0/sobjects/Case/500000000000001", json=answer, status=status)

    with pytest.raises(AskFailed, match=code) as failed:
        salesforce().write_back(
            event("500000000000001", id="500000000000001", object="Case"), CHANGE, FakeHttp(says({})), NOW
        )

    assert failed.value.permanent is permanent


WRITERS: list[tuple[Any, Event]] = [
    (HubSpot({"access_token": "token"}), event("deal/31")),
    (Pipedrive({"api_token": "token", "api_url": "https://acme.pipedrive.com"}), event("deal/31")),
    (generic(), event("A7")),
]


@pytest.mark.parametrize(("connector", "about"), WRITERS, ids=lambda value: getattr(value, "name", ""))
@pytest.mark.parametrize(
    ("answer", "permanent"),
    [(says({}, 404), True), (says({}, 400), True), (says({}, 429), False), (says({}, 401), False),
     (says({}, 503), False),
     (raises(NotSent("x: refused")), False), (raises(Unclear("x: ReadTimeout")), False)],
)  # fmt: skip
def test_a_no_says_whether_trying_again_helps(connector: WriteBack, about: Event, answer: Any, permanent: bool) -> None:
    with pytest.raises(AskFailed) as failed:
        connector.write_back(about, CHANGE, FakeHttp(answer), NOW)

    assert failed.value.permanent is permanent


@pytest.mark.parametrize(
    ("connector", "key"),
    [(HubSpot({"access_token": "t"}), "company/1"), (HubSpot({"access_token": "t"}), "deal"),
     (Pipedrive({"api_token": "t", "api_url": "https://acme.pipedrive.com"}), "deal/../1"), (HubSpot({}), "deal/1"),
     (Salesforce({}), "x")],
)  # fmt: skip
def test_what_cannot_be_written_is_given_up_at_once(connector: WriteBack, key: str) -> None:
    with pytest.raises(AskFailed) as failed:
        told(connector, event(key, id="../x", object="Case"))

    assert failed.value.permanent


def writing(connector: Connector) -> Writing:
    return Writing({"crm": Source(name="crm", connector=connector, secrets=())})


def test_a_source_that_cannot_be_written_to_says_so() -> None:
    with pytest.raises(Gone, match="crm cannot be written to"):
        Writing({})(event("deal/31"), CHANGE, NOW)


def test_a_write_back_reaches_the_hosts_of_its_connector_and_no_other() -> None:
    class Straying(HubSpot):
        def write_back(self, event: Event, change: Change, http: Any, now: datetime) -> None:
            http.send(Call(method="GET", url="https://elsewhere.example/"))

    with pytest.raises(Gone, match=r"elsewhere.example is not a host"):
        writing(Straying({"access_token": "token"}))(event("deal/31"), CHANGE, NOW)


def test_a_defect_in_a_connector_is_no_reason_to_try_for_ever() -> None:
    class Broken(HubSpot):
        def write_back(self, event: Event, change: Change, http: Any, now: datetime) -> None:
            raise RuntimeError("a defect")

    with pytest.raises(Gone, match="RuntimeError in the connector"):
        writing(Broken({"access_token": "token"}))(event("deal/31"), CHANGE, NOW)


def test_a_silent_source_is_asked_again() -> None:
    class Silent(HubSpot):
        def write_back(self, event: Event, change: Change, http: Any, now: datetime) -> None:
            raise AskFailed("HubSpot answered 503.")

    with pytest.raises(Unreachable):
        writing(Silent({"access_token": "token"}))(event("deal/31"), CHANGE, NOW)
