"""What the contract over samples cannot express: notifications that hasten the search, look-ups, privacy."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.fhir import FIELDS, Fhir
from inbound import conversations, samples
from model.event import Event
from tests.connectors.fake_http import FakeHttp
from wire.http import Call, Reply

NOW = datetime(2026, 11, 23, 8, 55, tzinfo=UTC)
KEYED = {"url": "https://fhir.praxis.example/r4/", "token": "not-real"}
PATIENT = {"resourceType": "Patient", "id": "p1", "name": [{"given": ["Jost"], "family": "Kalb"}],
           "telecom": [{"system": "sms", "value": "+491713920031"}]}  # fmt: skip


def visit(hour: str, status: str = "booked") -> dict[str, Any]:
    who = [{"actor": {"reference": "Patient/p1"}}]
    meta = {"lastUpdated": "2026-11-23T08:50:00Z", "versionId": hour}
    start = f"2026-11-24T{hour}:00:00Z"
    return {
        "resourceType": "Appointment",
        "id": "a1",
        "status": status,
        "start": start,
        "meta": meta,
        "participant": who,
    }


class Server:
    def __init__(self, *resources: dict[str, Any]) -> None:
        self.resources = resources

    def __call__(self, call: Call) -> Reply:
        if call.url.endswith("/token"):
            return self.says({"access_token": "granted"})
        assert call.headers["Authorization"] in {"Bearer not-real", "Bearer granted"}
        if call.url.endswith("/Appointment"):
            return self.says({"resourceType": "Bundle", "entry": [{"resource": one} for one in self.resources]})
        found = next((one for one in self.resources if call.url.endswith(f"/{one['resourceType']}/{one['id']}")), None)
        return self.says(found, 200 if found else 404)

    def says(self, body: Any, status: int = 200) -> Reply:
        return Reply(status=status, body=json.dumps(body).encode())


def poll(fhir: Fhir, server: Server, cursor: Any, now: datetime = NOW) -> tuple[list[Event], Any, int]:
    http = FakeHttp(server)
    page = fhir.poll(cursor, http, now)
    return list(page.events), json.loads(json.dumps(page.cursor)), len(http.calls)


def moved() -> Event:
    fhir = Fhir(KEYED)
    _, cursor, _ = poll(fhir, Server(visit("09")), {})
    (event,), _, _ = poll(fhir, Server(visit("11")), cursor)
    return event


@pytest.mark.parametrize("case", ["empty-notification-gives-no-event.txt", "bundle-notification-gives-no-event.json"])
def test_between_two_minutes_only_a_notification_makes_it_ask(case: str) -> None:
    fhir, server = Fhir(KEYED), Server(visit("09"))
    _, cursor, _ = poll(fhir, server, {})
    _, cursor, _ = poll(fhir, server, cursor)
    server.resources = (visit("11"),)

    quiet = poll(fhir, server, cursor, NOW + timedelta(seconds=20))
    fhir.parse(samples.read(samples.ROOT / "fhir" / case).incoming)
    told, cursor, _ = poll(fhir, server, cursor, NOW + timedelta(seconds=20))
    again, _, _ = poll(fhir, server, cursor, NOW + timedelta(minutes=2))

    assert quiet[2] == 0
    assert [event.data["previous_starts_at"] for event in told] == ["2026-11-24T09:00:00Z"]
    assert again == []


def test_a_patient_that_was_not_included_is_looked_up() -> None:
    event = Fhir(KEYED).lookup(moved(), FakeHttp(Server(PATIENT)))

    assert event.data["customer"]["phone"] == "+491713920031"
    told = {name for name in event.data if name != "customer"} | {f"customer.{n}" for n in event.data["customer"]}
    assert (event.lookup, told) == ("", set(FIELDS))


def test_nothing_says_what_an_appointment_is_about() -> None:
    talk = conversations.read(samples.ROOT / "fhir" / "booked-moved-and-cancelled.poll.yaml")

    for event in talk.events():
        assert "diagnosis" not in json.dumps([dict(event.data), dict(event.raw or {})])
        assert "Nobody needs" not in json.dumps([dict(event.data), dict(event.raw or {})])


@pytest.mark.parametrize("status", ["cancelled", "noshow", "entered-in-error"])
def test_asked_again_an_appointment_that_is_over_cancels_the_text(status: str) -> None:
    with pytest.raises(AskFailed) as failure:
        Fhir(KEYED).refresh(moved(), FakeHttp(Server(visit("11", status))))

    assert failure.value.gone


def test_asked_again_an_appointment_tells_its_new_time_and_keeps_the_patient() -> None:
    event = Fhir(KEYED).lookup(moved(), FakeHttp(Server(PATIENT)))

    fresh = Fhir(KEYED).refresh(event, FakeHttp(Server(visit("13"))))

    assert (fresh.data["starts_at"], fresh.data["customer"]["name"]) == ("2026-11-24T13:00:00Z", "Jost Kalb")


def test_it_signs_in_for_a_token_where_there_is_no_lasting_one() -> None:
    keys = {
        "url": KEYED["url"],
        "token_url": "https://login.praxis.example/token",
        "client_id": "c",
        "client_secret": "x",
    }
    http = FakeHttp(Server())

    Fhir(keys).poll({}, http, NOW)

    assert [call.url.rpartition("/")[2] for call in http.calls] == ["token", "Appointment"]
    assert list(Fhir(keys).hosts) == ["fhir.praxis.example", "login.praxis.example"]


def test_an_answer_that_is_no_bundle_or_no_address_is_said() -> None:
    with pytest.raises(AskFailed, match="no Bundle"):
        Fhir(KEYED).poll({}, FakeHttp(lambda _: Reply(status=200, body=b"{}")), NOW)
    with pytest.raises(AskFailed) as missing:
        Fhir().poll({}, FakeHttp(Server()), NOW)
    assert missing.value.permanent
    with pytest.raises(ValueError, match="search"):
        Fhir({"search": "actor=1"})
