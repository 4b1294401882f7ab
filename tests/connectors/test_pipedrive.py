"""What the contract over samples cannot express: Pipedrive's password, its look-ups, and its poll."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.pipedrive import SIZE, Pipedrive
from inbound import samples
from model.event import Event, Incoming
from model.reasons import Refused
from tests.connectors.fake_http import FakeHttp, every_page, raises, says, serves
from wire.http import Call, Forbidden, NotSent, Reply, Unclear

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
KEYED = {"api_token": "token_not_real", "api_url": "https://gartenbau.pipedrive.com/"}


def body_of(case: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((samples.ROOT / "pipedrive" / f"{case}.json").read_text("utf-8"))
    return found


def event_of(case: str) -> Event:
    (event,) = samples.read(samples.ROOT / "pipedrive" / f"{case}.json").events()
    return event


PERSON = body_of("person-created")["data"]
DEAL = body_of("deal-created")["data"]


def test_user_and_password_are_the_proof() -> None:
    proof = "Basic " + base64.b64encode(b"tidings:a-long-one").decode()
    delivery = Incoming(source="pipedrive", headers={"authorization": proof}, body=b"{}")

    Pipedrive().verify(delivery, ["tidings:older", "tidings:a-long-one"], NOW)

    with pytest.raises(Refused):
        Pipedrive().verify(delivery, ["a-long-one"], NOW)


@pytest.mark.parametrize("case", ["deal-won", "meeting-created", "meeting-deleted"])
def test_the_phone_behind_a_deal_or_meeting_is_the_persons(case: str) -> None:
    http = FakeHttp(serves({"/api/v2/persons/5117": {"success": True, "data": PERSON}}))
    thin = event_of(case)

    event = Pipedrive(KEYED).lookup(thin, http)

    assert event.lookup == ""
    assert event.data["customer"]["phone"] == "0171 3920061"
    assert event.data["customer"]["first_name"] == "Greta"
    assert {**event.data, "customer": {}} == {**thin.data, "customer": {}}
    assert http.calls[0].url == "https://gartenbau.pipedrive.com/api/v2/persons/5117"
    assert http.calls[0].headers == {"x-api-token": "token_not_real"}


def test_a_person_of_version_1_is_read_too() -> None:
    person = body_of("person-changed-version-1")["current"]

    event = Pipedrive(KEYED).lookup(event_of("deal-won"), FakeHttp(says({"data": person})))

    assert event.data["customer"]["phone"] == "0171 3920061"


@pytest.mark.parametrize(
    ("answer", "permanent"),
    [
        (says({"success": False}, 404), True),
        (says({"success": True, "data": None}), True),
        (says({}, 401), False),
        (says({}, 429), False),
        (says({}, 500), False),
        (lambda _: Reply(status=200, body=b"<html>"), False),
        (raises(NotSent("gartenbau.pipedrive.com: ConnectTimeout")), False),
        (raises(Unclear("gartenbau.pipedrive.com: ReadTimeout")), False),
        (raises(Forbidden("gartenbau.pipedrive.com is not a host this connection may reach")), True),
    ],
)
def test_a_failed_look_up_says_whether_asking_again_can_help(answer: Any, permanent: bool) -> None:
    with pytest.raises(AskFailed) as failure:
        Pipedrive(KEYED).lookup(event_of("deal-won"), FakeHttp(answer))

    assert failure.value.permanent is permanent
    assert "not_real" not in str(failure.value)


def test_without_a_token_nothing_is_asked() -> None:
    http = FakeHttp(says({}))

    with pytest.raises(AskFailed):
        Pipedrive().lookup(event_of("deal-won"), http)

    assert http.calls == []


def test_only_the_configured_host_may_be_reached_whatever_a_delivery_names() -> None:
    assert list(Pipedrive(KEYED).hosts) == ["gartenbau.pipedrive.com"]


class Company:
    """Pipedrive's lists of persons and deals as version 2 of its API gives them."""

    def __init__(self) -> None:
        self.records: dict[str, dict[int, dict[str, Any]]] = {"persons": {}, "deals": {}}

    def has(self, name: str, record_id: int, second: int, /, **changed: Any) -> None:
        at = (NOW + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%SZ")
        fresh = {**(PERSON if name == "persons" else DEAL), "id": record_id, "add_time": at}
        record = {**self.records[name].get(record_id, fresh), "update_time": at, **changed}
        self.records[name][record_id] = record

    def __call__(self, call: Call) -> Reply:
        name = call.url.removeprefix("https://gartenbau.pipedrive.com/api/v2/")
        listed = sorted(self.records[name].values(), key=lambda record: (record["update_time"], record["id"]))
        listed = [record for record in listed if record["update_time"] >= call.params.get("updated_since", "")]
        if call.params["sort_direction"] == "desc":
            listed.reverse()
        start, size = int(call.params.get("cursor", "0")), int(call.params["limit"])
        after = str(start + size) if len(listed) > start + size else None
        body = {"success": True, "data": listed[start : start + size], "additional_data": {"next_cursor": after}}
        return Reply(status=200, body=json.dumps(body).encode())


def poll_all(company: Company, cursor: Any) -> tuple[list[Event], Any]:
    return every_page(Pipedrive(KEYED), company, cursor, NOW)


def ids(events: list[Event]) -> list[str]:
    return [event.id for event in events]


def test_the_first_poll_texts_nobody_about_the_past() -> None:
    company = Company()
    company.has("persons", 1, -60)
    company.has("deals", 1, -60, status="won")

    first, cursor = poll_all(company, {})

    assert first == []
    assert poll_all(company, cursor)[0] == []


def test_what_happens_after_the_first_poll_is_told_once() -> None:
    company = Company()
    company.has("persons", 1, -60)
    company.has("deals", 1, -60)
    _, cursor = poll_all(company, {})
    company.has("persons", 1, 10)
    company.has("persons", 2, 20)
    company.has("deals", 1, 30, stage_id=12)
    company.has("deals", 2, 40)
    company.has("deals", 3, 50, status="won")

    told, cursor = poll_all(company, cursor)
    again, _ = poll_all(company, cursor)

    assert ids(told) == [
        f"person/1/updated-{int(NOW.timestamp()) + 10}",
        "person/2/created",
        "deal/1/stage-12",
        "deal/2/created",
        "deal/3/created",
        "deal/3/won",
    ]
    assert again == []


def test_an_edited_deal_and_an_old_one_that_is_not_remembered_tell_nothing() -> None:
    company = Company()
    company.has("deals", 1, -60)
    _, cursor = poll_all(company, {})
    company.has("deals", 1, 10, value=7000)
    company.has("deals", 9, 20, status="lost", add_time="2025-01-01T00:00:00Z")

    assert poll_all(company, cursor)[0] == []


def test_a_deal_that_shows_up_late_is_still_found() -> None:
    company = Company()
    _, cursor = poll_all(company, {})
    company.has("deals", 2, 200)
    _, cursor = poll_all(company, cursor)
    company.has("deals", 3, 100)

    assert ids(poll_all(company, cursor)[0]) == ["deal/3/created"]


def test_after_a_long_outage_nothing_is_left_out() -> None:
    company = Company()
    _, cursor = poll_all(company, {})
    for number in range(1, SIZE * 2 + 10):
        company.has("deals", number, number)

    told, _ = poll_all(company, cursor)

    assert ids(told) == [f"deal/{number}/created" for number in range(1, SIZE * 2 + 10)]


@pytest.mark.parametrize("case", ["deal-moved-to-another-stage", "deal-won", "deal-lost", "person-changed"])
def test_a_polled_event_is_the_same_as_the_pushed_one(case: str) -> None:
    pushed, body, company = event_of(case), body_of(case), Company()
    name = "persons" if case.startswith("person") else "deals"
    company.has(name, int(body["meta"]["entity_id"]), -3600)
    _, cursor = poll_all(company, {})
    company.has(name, int(body["meta"]["entity_id"]), 60, **body["data"])

    (told,), _ = poll_all(company, cursor)

    assert (told.id, told.type, told.key, told.lookup) == (pushed.id, pushed.type, pushed.key, pushed.lookup)
    assert told.data == pushed.data
    assert told.raw == body["data"]


def test_a_poll_that_gets_no_answer_fails_and_keeps_its_place() -> None:
    with pytest.raises(AskFailed):
        Pipedrive(KEYED).poll({}, FakeHttp(says({}, 503)), NOW)


def test_records_nobody_can_read_do_not_stop_the_others() -> None:
    pipedrive = Pipedrive(KEYED)
    cursor = pipedrive.poll({}, FakeHttp(says({"data": []})), NOW).cursor

    page = pipedrive.poll(cursor, FakeHttp(says({"data": [None, {}, {"id": [], "phones": 5}, PERSON]})), NOW)

    assert "person/5117/created" in ids(list(page.events))
