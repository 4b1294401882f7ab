"""What the contract over samples cannot express: Zoho CRM's tokens, look-ups, channel, and its two kinds of webhook."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.zoho import Zoho
from inbound import samples
from inbound.conversations import read
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from tests.connectors.fake_http import FakeHttp, raises, says
from wire.http import Call, Forbidden, NotSent, Reply, Unclear

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HOME = samples.ROOT / "zoho"
TALK = read(HOME / "stages-reached-after-the-baseline.poll.yaml")
KEYED = dict(TALK.settings)
WATCHED = {**KEYED, "notification_url": "https://tidings.example/hooks/zoho", "channel_token": "state_not_real"}
DEAL = {"id": "5725767000000524157", "Stage": "Closed Won", "Contact_Name": {"id": "77"}}
PERSON = {"id": "77", "First_Name": "Imogen", "Phone": "07700 900199", "Mobile": "07700 900142"}


def event_of(case: str) -> Event:
    return samples.read(HOME / f"{case}.json").events()[0]


class Organisation:
    """Some records and the token server before them: a token lasts as long as `token` says."""

    def __init__(self, **records: Any) -> None:
        self.token = ""
        self.given: list[Call] = []
        self.records: dict[str, Any] = records
        self.watched: list[Call] = []
        self.knows_channel = True

    def __call__(self, call: Call) -> Reply:
        if call.url == "https://accounts.zoho.com/oauth/v2/token":
            self.given.append(call)
            self.token = f"token{len(self.given)}"
            return says({"access_token": self.token})(call)
        if call.headers["Authorization"] != f"Zoho-oauthtoken {self.token}":
            return Reply(status=401)
        path = call.url.partition("/crm/v8/")[2]
        if path == "actions/watch":
            self.watched.append(call)
            is_fine = self.knows_channel or call.method == "POST"
            return says({"watch": [{"status": "success" if is_fine else "error"}]})(call)
        found = self.records.get(path.replace("/", "_"))
        return says({"data": [found]})(call) if found else Reply(status=204)


def test_the_deal_is_fetched_and_the_person_it_is_about() -> None:
    there = Organisation(Deals_5725767000000524157={**DEAL, "Amount": 4200.5, "Currency": "GBP"}, Contacts_77=PERSON)

    found = Zoho(KEYED).lookup(event_of("deal-created"), FakeHttp(there))

    assert (found.data["total"], found.data["currency"], found.lookup) == ("4200.5", "GBP", "")
    assert (found.data["customer"]["id"], found.data["customer"]["phone"]) == ("77", "07700 900142")


def test_a_meeting_with_a_lead_is_texted_to_the_lead() -> None:
    meeting = {"Start_DateTime": "2026-11-26T10:15:00+01:00", "$se_module": "Leads", "What_Id": {"id": "88"}}
    there = Organisation(Events_5725767000000524157=meeting, Leads_88={"Mobile": "07700 900143"})

    found = Zoho(KEYED).lookup(event_of("meeting-booked"), FakeHttp(there))

    assert found.data["customer"]["phone"] == "07700 900143"


def test_a_person_deleted_meanwhile_does_not_make_the_deal_gone() -> None:
    there = Organisation(Deals_5725767000000524157=DEAL)

    fresh = Zoho(KEYED).refresh(event_of("deals-won-lost-and-moved"), FakeHttp(there))

    assert (fresh.data["stage"], fresh.data["customer"]["phone"]) == ("Closed Won", "")


def test_the_keys_go_in_the_form_and_a_token_that_ended_is_asked_for_anew() -> None:
    there, zoho = Organisation(Contacts_5725767000000524157=PERSON), Zoho(KEYED)
    zoho.lookup(event_of("contacts-created"), FakeHttp(there))
    there.token = "ended"

    zoho.lookup(event_of("contacts-created"), FakeHttp(there))

    assert len(there.given) == 2
    assert there.given[0].auth is None
    assert there.given[0].form == {
        "grant_type": "refresh_token",
        "refresh_token": "not-a-real-one",
        "client_id": "app",
        "client_secret": "not-a-real-secret",
    }


@pytest.mark.parametrize(
    ("case", "record", "is_gone"),
    [
        ("deal-created", {"Stage": "Negotiation"}, False),
        ("deal-created", {"Stage": "Closed Lost"}, True),
        ("case-created", {"Status": "On Hold"}, False),
        ("case-created", {"Status": "Closed"}, True),
        ("sales-order-created", {"Status": "Cancelled"}, True),
        ("meeting-booked", {"Start_DateTime": "2026-11-27T14:00:00+01:00"}, False),
        ("meeting-booked", None, True),
    ],
)
def test_a_text_that_is_wrong_by_now_is_held_back(case: str, record: dict[str, Any] | None, is_gone: bool) -> None:
    event = event_of(case)
    there = Organisation(**{event.key.replace("/", "_"): record})

    if not is_gone:
        assert Zoho(KEYED).refresh(event, FakeHttp(there)).type == event.type
        return
    with pytest.raises(AskFailed) as failure:
        Zoho(KEYED).refresh(event, FakeHttp(there))
    assert failure.value.gone


def test_polling_renews_the_channel_twice_a_day_or_opens_it() -> None:
    there, zoho = Organisation(), Zoho(WATCHED)

    for wait in (timedelta(), timedelta(minutes=5), timedelta(hours=13)):
        zoho.poll({}, FakeHttp(there), NOW + wait)
    there.knows_channel = False
    zoho.poll({}, FakeHttp(there), NOW + timedelta(hours=26))

    assert [call.method for call in there.watched] == ["PUT", "PUT", "PUT", "POST"]
    assert there.watched[0].json["watch"][0] == {
        "channel_id": "77001",
        "events": ["Contacts.all", "Deals.all", "Cases.all", "Events.all"],
        "channel_expiry": "2026-11-29T09:00:00+00:00",
        "token": "state_not_real",
        "notify_url": "https://tidings.example/hooks/zoho",
        "return_affected_field_values": True,
    }


def test_more_pages_than_ten_are_asked_for_by_their_mark() -> None:
    pages = [{"data": [PERSON], "info": {"more_records": True, "next_page_token": "mark" * 9}}] * 11

    def answer(call: Call) -> Reply:
        if call.method == "POST":
            return says({"access_token": "t"})(call)
        return says(pages.pop() if pages else {"data": []})(call)

    http, zoho = FakeHttp(answer), Zoho({**KEYED, "modules": ["Contacts"]})
    page = zoho.poll({}, http, NOW)
    for _ in range(12):
        page = zoho.poll(page.cursor, http, NOW)

    asked = [call.params for call in http.calls if call.method == "GET"]
    assert [params.get("page") for params in asked[:10]] == [str(number) for number in range(1, 11)]
    assert not page.more


def test_the_next_poll_asks_for_what_changed_since_and_overlaps() -> None:
    record = {"id": "1", "Modified_Time": "2026-11-23T09:10:00+01:00"}

    def answer(call: Call) -> Reply:
        return says({"access_token": "t"} if call.method == "POST" else {"data": [record], "info": {}})(call)

    http, zoho = FakeHttp(answer), Zoho({**KEYED, "modules": ["Contacts"]})
    zoho.poll(zoho.poll({}, http, NOW).cursor, http, NOW)

    first, second = (call for call in http.calls if call.method == "GET")
    assert (first.params["sort_order"], second.params["sort_order"]) == ("desc", "asc")
    assert "If-Modified-Since" not in first.headers
    assert second.headers["If-Modified-Since"] == "2026-11-23T08:05:00+00:00"


def test_what_is_pushed_and_polled_is_one_event() -> None:
    pushed = next(event for event in samples.read(HOME / "deals-won-lost-and-moved.json").events())

    assert pushed.id in {event.id for event in TALK.events()}


def test_a_workflow_is_believed_by_the_token_in_its_address_alone() -> None:
    workflow = samples.read(HOME / "workflow-deal-won.txt").incoming

    Zoho().verify(replace(workflow, query={"token": "s"}), ["s"], NOW)
    for told, reason in (
        (replace(workflow, query={"token": "x"}), Reason.BAD_SIGNATURE),
        (workflow, Reason.NO_SIGNATURE),
        (Incoming(source="z", query={"token": "s"}, body=json.dumps({"token": "x"}).encode()), Reason.BAD_SIGNATURE),
    ):
        with pytest.raises(Refused) as refusal:
            Zoho().verify(told, ["s"], NOW)
        assert refusal.value.reason is reason


@pytest.mark.parametrize(
    ("answer", "permanent"),
    [
        (says({}, 400), True),
        (says({}, 401), False),
        (says({}, 429), False),
        (says({}, 500), False),
        (says({"data": []}), True),
        (raises(NotSent("www.zohoapis.com: ConnectTimeout")), False),
        (raises(Unclear("www.zohoapis.com: ReadTimeout")), False),
        (raises(Forbidden("www.zohoapis.com is not a host this connection may reach")), True),
    ],
)
def test_a_failed_look_up_says_whether_asking_again_can_help(answer: Any, permanent: bool) -> None:
    def served(call: Call) -> Reply:
        reply: Reply = says({"access_token": "t"})(call) if call.url.endswith("/token") else answer(call)
        return reply

    with pytest.raises(AskFailed) as failure:
        Zoho(KEYED).lookup(event_of("deal-created"), FakeHttp(served))

    assert failure.value.permanent is permanent
    assert "not-a-real" not in str(failure.value)


def test_without_keys_nothing_is_asked_and_an_unknown_module_is_named() -> None:
    http = FakeHttp(says({}))

    with pytest.raises(AskFailed, match="client_id and client_secret and refresh_token"):
        Zoho().lookup(event_of("deal-created"), http)
    assert http.calls == []
    with pytest.raises(ValueError, match="Setting modules: 'Vendors'"):
        Zoho({"modules": ["Vendors"]})
