"""What the contract over samples cannot express: Business Central's handshake, tokens, look-ups and subscriptions."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.business_central import BusinessCentral
from inbound import samples
from inbound.conversations import read
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from tests.connectors.fake_http import FakeHttp, says
from wire.http import Call, Reply

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HOME = samples.ROOT / "business_central"
TALK = read(HOME / "invoice-posted-paid-and-cancelled.poll.yaml")
KEYED = {
    **TALK.settings, "entities": ["salesOrders", "salesInvoices", "salesShipments"],
    "notification_url": "https://tidings.example/hooks/bc", "client_state": "state_not_real",
}  # fmt: skip
COMPANY = str(KEYED["company_id"])
CUSTOMER = "9e0f5c9c-44e3-ea11-bb43-000000000007"


def event_of(case: str) -> Event:
    return samples.read(HOME / f"{case}.json").events()[0]


class Tenant:
    """A company and the token server before it: a token lasts as long as `token` says."""

    def __init__(self) -> None:
        self.token = ""
        self.given = 0
        self.records: dict[str, Any] = {}
        self.subscriptions: list[dict[str, Any]] = []
        self.made: list[Call] = []

    def __call__(self, call: Call) -> Reply:
        if call.url == "https://login.microsoftonline.com/t-1/oauth2/v2.0/token":
            self.given += 1
            self.token = f"token{self.given}" + "x" * 3000
            return self.says({"access_token": self.token})
        if call.headers["Authorization"] != f"Bearer {self.token}":
            return Reply(status=401)
        path = call.url.partition("/production/api/v2.0/")[2]
        if path.startswith("subscriptions"):
            if call.method != "GET":
                self.made.append(call)
            return self.says({"value": self.subscriptions}, 200 if call.method != "POST" else 201)
        if path.endswith(("salesOrders", "salesInvoices", "salesShipments")):
            return self.says({"value": []})
        found = self.records.get(path.rpartition("/")[2])
        return self.says(found, 200 if found else 404)

    def says(self, body: Any, status: int = 200) -> Reply:
        return Reply(status=status, body=json.dumps(body).encode())


def test_making_a_subscription_is_answered_with_the_token_as_plain_text() -> None:
    asked = Incoming(source="bc", query={"validationToken": "4d6c<b>\u00e9"})

    answer = BusinessCentral().handshake(asked, ["secret"])

    assert answer is not None
    assert (answer.status, answer.body) == (200, "4d6c<b>\u00e9")
    assert answer.content_type.startswith("text/plain")


@pytest.mark.parametrize("token", ["", "x" * 5000, "a\r\nset-cookie: b"])
def test_nothing_else_is_a_handshake(token: str) -> None:
    assert BusinessCentral().handshake(Incoming(source="bc", query={"validationToken": token}), ["s"]) is None


def test_one_forged_notification_among_genuine_ones_refuses_them_all() -> None:
    body = {"value": [{"clientState": "secret"}, {"clientState": "other"}]}

    for value, reason in (
        (body, Reason.BAD_SIGNATURE),
        ({"value": [{}]}, Reason.NO_SIGNATURE),
        ([], Reason.NO_SIGNATURE),
    ):
        with pytest.raises(Refused) as refusal:
            BusinessCentral().verify(Incoming(source="bc", body=json.dumps(value).encode()), ["secret"], NOW)
        assert refusal.value.reason is reason


def test_the_record_is_fetched_and_the_phone_from_the_customer_where_it_has_none() -> None:
    tenant, event = Tenant(), event_of("order-created")
    order = {"id": event.data["id"], "number": "S-ORD1042", "customerId": CUSTOMER, "phoneNumber": "", "status": "Open"}
    tenant.records = {f"salesOrders({order['id']})": order, f"customers({CUSTOMER})": {"phoneNumber": "07700 900242"}}

    found = BusinessCentral(KEYED).lookup(event, FakeHttp(tenant))

    assert (found.data["number"], found.data["customer"]["phone"], found.lookup) == ("S-ORD1042", "07700 900242", "")
    assert tenant.given == 1


def test_a_token_that_ended_is_asked_for_anew() -> None:
    tenant, central, event = Tenant(), BusinessCentral(KEYED), event_of("order-created")
    tenant.records = {f"salesOrders({event.data['id']})": {"phoneNumber": "07700 900242"}}
    central.lookup(event, FakeHttp(tenant))
    tenant.token = "ended"

    central.lookup(event, FakeHttp(tenant))

    assert tenant.given == 2


def test_a_text_about_an_invoice_that_was_paid_or_deleted_meanwhile_is_held_back() -> None:
    tenant, central = Tenant(), BusinessCentral(KEYED)
    event = next(event for event in TALK.events() if event.type == "invoice.issued")
    key = event.key.replace("/", "(") + ")"
    tenant.records = {key: {"id": event.data["id"], "status": "Open", "phoneNumber": "07700 900242"}}

    assert central.refresh(event, FakeHttp(tenant)).data["status"] == "Open"

    for record in ({"status": "Paid"}, None):
        tenant.records = {key: record}
        with pytest.raises(AskFailed) as failure:
            central.refresh(event, FakeHttp(tenant))
        assert failure.value.gone


def test_polling_makes_missing_subscriptions_and_renews_those_about_to_end() -> None:
    tenant, central = Tenant(), BusinessCentral(KEYED)
    old = {"subscriptionId": "s1", "notificationUrl": KEYED["notification_url"], "@odata.etag": 'W/"1"',
           "resource": f"/api/v2.0/companies({COMPANY})/salesOrders",
           "expirationDateTime": "2026-11-24T09:00:00Z"}  # fmt: skip
    tenant.subscriptions = [old, {**old, "notificationUrl": "https://else.example/", "subscriptionId": "s2"}]

    central.poll({}, FakeHttp(tenant), NOW)
    central.poll({}, FakeHttp(tenant), NOW + timedelta(minutes=2))

    assert [(call.method, call.url.rpartition("/")[2]) for call in tenant.made] == [
        ("PATCH", "subscriptions('s1')"),
        ("POST", "subscriptions"),
    ]
    assert tenant.made[0].headers["If-Match"] == 'W/"1"'
    assert tenant.made[1].json == {
        "notificationUrl": KEYED["notification_url"],
        "resource": f"api/v2.0/companies({COMPANY})/salesInvoices",
        "clientState": "state_not_real",
    }


def test_a_subscription_that_cannot_be_made_does_not_stop_the_poll(caplog: pytest.LogCaptureFixture) -> None:
    tenant = Tenant()

    def refuses(call: Call) -> Reply:
        return Reply(status=400) if "subscriptions" in call.url else tenant(call)

    assert BusinessCentral(KEYED).poll({}, FakeHttp(refuses), NOW).cursor
    assert [record.message for record in caplog.records] == ["subscription not renewed"]


def behind_the_login(answer: Any) -> Any:
    """Answer a request for a token with one, and any other with `answer`."""
    token = Reply(status=200, body=b'{"access_token": "t1"}')
    return lambda call: token if call.url.endswith("/token") else answer(call)


def test_a_login_that_gives_no_token_is_said() -> None:
    with pytest.raises(AskFailed, match="gave no access token"):
        BusinessCentral(KEYED).lookup(event_of("order-created"), FakeHttp(says({"access_token": 7})))


def test_without_a_key_nothing_is_asked_and_two_hosts_may_be_reached() -> None:
    http = FakeHttp(says({}))

    with pytest.raises(AskFailed):
        BusinessCentral().poll({}, http, NOW)

    assert http.calls == []
    assert list(BusinessCentral().hosts) == ["api.businesscentral.dynamics.com", "login.microsoftonline.com"]
    with pytest.raises(ValueError, match="Setting entities"):
        BusinessCentral({"entities": ["items"]})
