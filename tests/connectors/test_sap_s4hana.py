"""What the contract over samples cannot express: the handshake of Event Mesh, SAP's logins, and its look-ups."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.sap_s4hana import SapS4Hana
from inbound import samples
from inbound.conversations import read
from model.event import Event, Incoming
from model.reasons import Refused
from tests.connectors.fake_http import FakeHttp, says, serves
from wire.http import Call, Reply

HOME = samples.ROOT / "sap_s4hana"
TALK = read(HOME / "what-events-do-not-tell.poll.yaml")
KEYED = {"url": "https://my300000-api.s4hana.example", "username": "SMS", "password": "not_real"}
OAUTH = {
    "url": KEYED["url"], "token_url": "https://auth.s4hana.example/oauth/token",
    "client_id": "c", "client_secret": "not_real",
}  # fmt: skip
ORDER = {**TALK.expect["after"][0]["answer"]["d"]["results"][0], "SalesOrder": "4000042"}
LANDLINE = {"Country": "DE", "to_MobilePhoneNumber": {"results": []},
            "to_PhoneNumber": {"results": [{"PhoneNumber": "030 23125017"}]}}  # fmt: skip
PARTNER: dict[str, Any] = {
    "BusinessPartnerFullName": "Nils Aldermann", "FirstName": "Nils", "CorrespondenceLanguage": "DE",
    "to_BusinessPartnerAddress": {"results": [
        LANDLINE,
        {"Country": "DE", "to_MobilePhoneNumber": {"results": [{"InternationalPhoneNumber": "+491713920017"}]}},
    ]},
}  # fmt: skip
PATHS = {"A_SalesOrder('4000042')": {"d": ORDER}, "A_BusinessPartner('10100001')": {"d": PARTNER}}


def event_of(case: str) -> Event:
    return samples.read(HOME / f"{case}.json").events()[0]


def asks(**query: str) -> Incoming:
    headers = {"webhook-request-origin": "eventmesh.example", "webhook-request-rate": "120"}
    return Incoming(source="s4", method="OPTIONS", headers=headers, query=query)


def test_event_mesh_may_deliver_once_it_has_asked_with_the_token() -> None:
    answer = SapS4Hana().handshake(asks(token="secret"), ["secret"])

    assert answer is not None
    assert answer.headers["webhook-allowed-origin"] == "eventmesh.example"
    assert SapS4Hana().handshake(event_incoming(), ["secret"]) is None
    with pytest.raises(Refused):
        SapS4Hana().handshake(asks(token="other"), ["secret"])


def event_incoming() -> Incoming:
    return samples.read(HOME / "order-created.json").incoming


def test_the_mobile_is_found_among_the_partners_addresses() -> None:
    http = FakeHttp(serves(PATHS))

    event = SapS4Hana(KEYED).lookup(event_of("order-created"), http)

    assert event.lookup == ""
    assert (event.data["total"], event.data["delivery_date"], event.data["country"]) == ("149.90", "2026-11-26", "DE")
    assert event.data["customer"] == {
        "id": "10100001", "name": "Nils Aldermann", "first_name": "Nils", "email": "",
        "phone": "+491713920017", "locale": "DE",
    }  # fmt: skip
    assert http.calls[0].auth == ("SMS", "not_real")


def test_a_partner_without_a_mobile_has_the_other_number() -> None:
    landline = {
        **PARTNER,
        "to_BusinessPartnerAddress": {"results": PARTNER["to_BusinessPartnerAddress"]["results"][:1]},
    }
    http = FakeHttp(serves({"A_BusinessPartner('10100001')": {"d": landline}}))

    event = SapS4Hana(KEYED).lookup(event_of("partner-created"), http)

    assert (event.data["id"], event.data["customer"]["phone"]) == ("10100001", "030 23125017")


def test_with_oauth_a_token_is_asked_for_once() -> None:
    def answers(call: Call) -> Reply:
        if call.url == OAUTH["token_url"]:
            return Reply(status=200, body=b'{"access_token": "t1"}')
        assert call.headers["Authorization"] == "Bearer t1"
        return serves(PATHS)(call)

    http = FakeHttp(answers)
    SapS4Hana(OAUTH).lookup(event_of("order-created"), http)

    assert [call.method for call in http.calls] == ["POST", "GET", "GET"]
    assert list(SapS4Hana(OAUTH).hosts) == ["my300000-api.s4hana.example", "auth.s4hana.example"]


def test_a_text_about_an_order_that_was_rejected_or_deleted_meanwhile_is_held_back() -> None:
    event = event_of("order-created")

    assert SapS4Hana(KEYED).refresh(event, FakeHttp(serves(PATHS))).data["customer"]["phone"] == "+491713920017"
    for answer in (says({"d": {**ORDER, "OverallSDDocumentRejectionSts": "C"}}), says({}, 404)):
        with pytest.raises(AskFailed) as failure:
            SapS4Hana(KEYED).refresh(event, FakeHttp(answer))
        assert failure.value.gone


def test_an_order_told_by_an_event_and_by_the_poll_is_the_same_event() -> None:
    polled = next(event for event in TALK.events() if event.type == "order.created")
    pushed = event_of("order-created")

    assert (polled.id, polled.key, polled.lookup) == (pushed.id, pushed.key, pushed.lookup)


def test_a_poll_asks_for_what_changed_since_and_five_minutes_before() -> None:
    connector, system = TALK.build(), TALK.system("after")
    _, cursor = TALK.poll(connector, TALK.system("before"), {})

    TALK.poll(connector, system, cursor)

    assert system.asked[0].params["$filter"] == "LastChangeDateTime ge datetimeoffset'2026-11-23T07:55:00Z'"
    assert json.loads(json.dumps(cursor))["newest"] == "2026-11-23T08:00:00Z"


def behind_the_login(answer: Any) -> Any:
    """Answer a request for a token with one, and any other with `answer`."""
    token = Reply(status=200, body=b'{"access_token": "t1"}')
    return lambda call: token if call.url.endswith("/token") else answer(call)


def test_without_a_login_nothing_is_asked() -> None:
    http = FakeHttp(says({}))

    for settings in ({}, {"url": KEYED["url"]}):
        with pytest.raises(AskFailed):
            SapS4Hana(settings).poll({}, http, TALK.now)

    assert http.calls == []
