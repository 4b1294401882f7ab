"""What the contract over samples cannot express: asking again, paging, and settings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.servicenow import BUSINESS_RULE, COLUMNS, PERSON, SIZE, ServiceNow
from inbound import conversations, samples
from model.event import Event
from tests.connectors.fake_http import FakeHttp, raises, says
from wire.http import Forbidden, NotSent

NOW = datetime(2026, 11, 23, 9, 10, tzinfo=UTC)
KEYED = {"url": "https://acme.service-now.example/", "user": "tidings", "password": "not-real"}


def event_of(case: str) -> Event:
    (event,) = samples.read(samples.ROOT / "servicenow" / f"{case}.json").events()
    return event


def test_a_resolved_incident_is_the_same_event_by_business_rule_and_by_poll() -> None:
    talk = conversations.read(samples.ROOT / "servicenow" / "resolved-after-the-baseline.poll.yaml")

    assert event_of("resolved-without-a-phone").id in {event.id for event in talk.events()}


def test_the_business_rule_posts_every_field_that_is_read() -> None:
    assert " ".join(COLUMNS) in BUSINESS_RULE
    assert " ".join(PERSON) in BUSINESS_RULE


@pytest.mark.parametrize(
    ("case", "state", "gone"),
    [("created", "6", True), ("created", "7", True), ("created", "1", False), ("on-hold", "2", False),
     ("resolved-without-a-phone", "2", True), ("resolved-without-a-phone", "7", False)],
)  # fmt: skip
def test_asked_again_a_record_in_another_state_cancels_the_text(case: str, state: str, gone: bool) -> None:
    http = FakeHttp(says({"result": {"sys_id": "1", "state": state, "caller_id.mobile_phone": "+447700900147"}}))

    if gone:
        with pytest.raises(AskFailed) as failure:
            ServiceNow(KEYED).refresh(event_of(case), http)
        assert failure.value.gone
    else:
        assert ServiceNow(KEYED).refresh(event_of(case), http).data["customer"]["phone"] == "+447700900147"
    assert http.calls[0].url.endswith(f"/api/now/table/incident/{event_of(case).key}")
    assert http.calls[0].auth == ("tidings", "not-real")


def test_a_long_list_is_read_page_by_page() -> None:
    records = [{"sys_id": str(n), "state": "1", "sys_updated_on": "2026-11-23 09:00:00"} for n in range(SIZE)]
    first = ServiceNow(KEYED).poll({}, FakeHttp(says({"result": []})), NOW)

    page = ServiceNow(KEYED).poll(first.cursor, FakeHttp(says({"result": records})), NOW)

    assert page.more


@pytest.mark.parametrize(
    ("answer", "permanent"),
    [
        (says({}, 404), True),
        (says({}, 401), False),
        (says({}, 429), False),
        (says([]), False),
        (raises(NotSent("acme.service-now.example: ConnectTimeout")), False),
        (raises(Forbidden("that is not a host this connection may reach")), True),
    ],
)
def test_a_failed_question_says_whether_asking_again_can_help(answer: Any, permanent: bool) -> None:
    with pytest.raises(AskFailed) as failure:
        ServiceNow(KEYED).refresh(event_of("created"), FakeHttp(answer))

    assert failure.value.permanent is permanent


def test_states_of_ones_own_lead_to_other_events_and_a_wrong_setting_is_named() -> None:
    sample = samples.read(samples.ROOT / "servicenow" / "on-hold.json")

    (event,) = ServiceNow({"states": {"3": "custom.ticket.on_hold"}}).parse(sample.incoming)

    assert event.type == "custom.ticket.on_hold"
    assert ServiceNow({"states": {"3": ""}}).parse(sample.incoming) == []
    for wrong in ({"table": "incident?x"}, {"person": "Caller"}, {"states": {"3": "ticket.held"}}):
        with pytest.raises(ValueError, match="Setting"):
            ServiceNow(wrong)
