"""What the contract over samples cannot express: the keys, tokens, look-ups and paging of Dynamics 365."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.dynamics import Dynamics
from inbound import samples
from inbound.conversations import read
from model.event import Event
from model.reasons import Reason, Refused
from tests.connectors.fake_http import FakeHttp, says
from wire import dataverse
from wire.http import Call, Reply

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HOME = samples.ROOT / "dynamics"
KEYED = dict(read(HOME / "states-reached-after-the-baseline.poll.yaml").settings)
CONTACT, ACCOUNT = "9b2c1de0-1234-4c9a-8f00-000000000001", "9b2c1de0-1234-4c9a-8f00-000000000009"
PERSON = {"firstname": "Imogen", "mobilephone": "07700 900142", "donotphone": True}
LEADS_TO = dataverse.LOGICAL


def event_of(case: str) -> Event:
    return samples.read(HOME / f"{case}.json").events()[0]


class Environment:
    """Records by their address, and the token server before them."""

    def __init__(self, records: dict[str, Any] | None = None) -> None:
        self.token = ""
        self.given = 0
        self.records = records or {}

    def __call__(self, call: Call) -> Reply:
        if call.url == "https://login.microsoftonline.com/t-1/oauth2/v2.0/token":
            self.given += 1
            self.token = f"token{self.given}"
            assert call.form is not None
            return says({"access_token": self.token, "scope": dict(call.form)["scope"]})(call)
        if call.headers["Authorization"] != f"Bearer {self.token}":
            return Reply(status=401)
        found = self.records.get(call.url.partition("/api/data/v9.2/")[2])
        return says(found, 200 if found else 404)(call)


def looked_up(case: str, records: dict[tuple[str, str], Any]) -> Event:
    there = Environment({f"{plural}({ident})": record for (plural, ident), record in records.items()})
    return Dynamics(KEYED).lookup(event_of(case), FakeHttp(there))


def test_the_record_is_fetched_and_the_contact_it_names_first() -> None:
    event = event_of("opportunity-won")
    deal = {"name": "New boiler", "actualvalue": 4200.5, "transactioncurrencyid": {"isocurrencycode": "GBP"},
            "_parentcontactid_value": CONTACT, f"_parentcontactid_value{LEADS_TO}": "contact",
            "_customerid_value": ACCOUNT, f"_customerid_value{LEADS_TO}": "account"}  # fmt: skip

    found = looked_up("opportunity-won", {("opportunities", event.data["id"]): deal, ("contacts", CONTACT): PERSON})

    assert (found.data["title"], found.data["total"], found.data["currency"]) == ("New boiler", "4200.5", "GBP")
    assert found.data["customer"]["phone"] == "07700 900142"
    assert found.data["customer"]["do_not_phone"] is True
    assert found.lookup == ""


@pytest.mark.parametrize(("named", "phone"), [(CONTACT, "07700 900142"), (None, "07700 900143")])
def test_of_a_company_the_person_it_names_is_texted_or_else_its_own_number(named: str | None, phone: str) -> None:
    event = event_of("invoice-created")
    bill = {"_customerid_value": ACCOUNT, f"_customerid_value{LEADS_TO}": "account"}
    company = {"name": "Hale Ltd", "telephone1": "07700 900143", "_primarycontactid_value": named}

    found = looked_up(
        "invoice-created",
        {("invoices", event.data["id"]): bill, ("accounts", ACCOUNT): company, ("contacts", CONTACT): PERSON},
    )

    assert found.data["customer"]["phone"] == phone


def test_a_person_deleted_meanwhile_does_not_make_the_bill_gone() -> None:
    event = event_of("invoice-created")
    bill = {"statecode": 0, "_customerid_value": CONTACT, f"_customerid_value{LEADS_TO}": "contact"}

    fresh = Dynamics(KEYED).refresh(event, FakeHttp(Environment({f"invoices({event.data['id']})": bill})))

    assert fresh.data["customer"]["phone"] == ""


def test_a_token_that_ended_is_asked_for_anew() -> None:
    dynamics, event = Dynamics(KEYED), event_of("contact-updated-above-256-kb")
    there = Environment({f"contacts({event.data['id']})": PERSON})
    dynamics.lookup(event, FakeHttp(there))
    there.token = "ended"

    dynamics.lookup(event, FakeHttp(there))

    assert there.given == 2


@pytest.mark.parametrize(
    ("case", "state", "is_gone"),
    [
        ("invoice-created", 0, False),
        ("invoice-created", 2, True),
        ("order-created", 1, False),
        ("order-created", 2, True),
        ("case-created", 1, True),
        ("appointment-booked", 3, False),
        ("appointment-moved", 2, True),
        ("appointment-cancelled", 2, False),
        ("appointment-booked", None, True),
    ],
)
def test_a_text_that_is_wrong_by_now_is_held_back(case: str, state: int | None, is_gone: bool) -> None:
    event = event_of(case)
    record = {f"{event.native_type}s({event.data['id']})": {"statecode": state}}
    there = Environment(record if state is not None else {})

    if not is_gone:
        assert Dynamics(KEYED).refresh(event, FakeHttp(there)).type == event.type
        return
    with pytest.raises(AskFailed) as failure:
        Dynamics(KEYED).refresh(event, FakeHttp(there))
    assert failure.value.gone


def test_the_next_page_is_asked_for_as_dynamics_wrote_it_and_nowhere_else() -> None:
    def answer(call: Call) -> Reply:
        if call.method == "POST":
            return says({"access_token": "t"})(call)
        if "skiptoken" in call.url:
            return says({"value": []})(call)
        link = "https://evil.example/api/data/v9.2/incidents?$select=title&$skiptoken=%3Ccookie%3E"
        return says({"value": [{"incidentid": CONTACT}], "@odata.nextLink": link})(call)

    http = FakeHttp(answer)
    Dynamics({**KEYED, "tables": ["incident"]}).poll({}, http, NOW)

    asked = [call for call in http.calls if call.method == "GET"]
    assert asked[0].params["$orderby"] == "modifiedon desc,incidentid desc"
    assert "odata.maxpagesize=100" in asked[0].headers["Prefer"]
    assert asked[1].url == f"{KEYED['url']}/api/data/v9.2/incidents?$select=title&$skiptoken=%3Ccookie%3E"
    assert len(asked) == 2


def test_the_next_poll_asks_for_what_changed_since_and_overlaps() -> None:
    record = {"incidentid": CONTACT, "modifiedon": "2026-11-23T08:10:00Z"}

    def answer(call: Call) -> Reply:
        return says({"access_token": "t"} if call.method == "POST" else {"value": [record]})(call)

    http, dynamics = FakeHttp(answer), Dynamics({**KEYED, "tables": ["incident"]})
    dynamics.poll(dynamics.poll({}, http, NOW).cursor, http, NOW)

    first, second = (call for call in http.calls if call.method == "GET")
    assert "$filter" not in first.params
    assert second.params["$filter"] == "modifiedon ge 2026-11-23T08:05:00Z"
    assert second.params["$orderby"] == "modifiedon asc,incidentid asc"


def test_what_is_pushed_and_polled_is_one_event() -> None:
    polled = {event.id for event in read(HOME / "states-reached-after-the-baseline.poll.yaml").events()}
    pushed = {event_of(case).id for case in ("opportunity-won", "appointment-moved", "case-waits-for-details")}

    assert pushed < polled


def test_the_key_is_believed_in_the_place_it_was_agreed_on_alone() -> None:
    incoming = samples.read(HOME / "contact-deleted.json").incoming
    in_query = replace(incoming, query={"code": "s"})
    in_header = replace(incoming, headers={"x-tidings-key": "s"})

    Dynamics().verify(in_query, ["old", "s"], NOW)
    Dynamics({"key_header": "x-tidings-key"}).verify(in_header, ["s"], NOW)
    for dynamics, told in ((Dynamics(), in_header), (Dynamics({"key_header": "x-tidings-key"}), in_query)):
        with pytest.raises(Refused) as refusal:
            dynamics.verify(told, ["s"], NOW)
        assert refusal.value.reason is Reason.NO_SIGNATURE


def test_without_keys_nothing_is_asked_and_an_unknown_table_is_named() -> None:
    with pytest.raises(AskFailed, match="No url and tenant and client_id and client_secret set"):
        Dynamics().lookup(event_of("order-created"), FakeHttp(says({})))
    with pytest.raises(ValueError, match="Setting tables: 'task'"):
        Dynamics({"tables": ["task"]})


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("/Date(1795424391000)/", "2026-11-23T08:59:51+00:00"),
        ("/Date(1795424391000+0100)/", "2026-11-23T08:59:51+00:00"),
        ("/Date(99999999999999999)/", None),
        ("2026-11-23", None),
        (5, None),
    ],
)
def test_a_time_is_read_as_plug_ins_write_it(written: Any, read_as: str | None) -> None:
    assert dataverse.moment(written) == (datetime.fromisoformat(read_as) if read_as else None)
    json.dumps(dataverse.attributes({"Attributes": [{"key": "k", "value": written}]}))
