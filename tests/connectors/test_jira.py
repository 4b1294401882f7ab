"""What the contract over samples cannot express: Jira's signature, asking again, and a search free of time zones."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.jira import Jira
from inbound import conversations, samples
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from tests.connectors.fake_http import FakeHttp, raises, says
from wire.http import Forbidden, NotSent

NOW = datetime(2026, 11, 23, 9, 5, tzinfo=UTC)
KEYED = {"url": "https://acme.atlassian.example/", "email": "agent@acme.example", "api_token": "not-real"}


def event_of(case: str) -> Event:
    (event,) = samples.read(samples.ROOT / "jira" / f"{case}.json").events()
    return event


def test_the_signature_is_over_the_body_alone() -> None:
    proof = {"x-hub-signature": "sha256=03def589620c813f198fd03d7967e292b163ef0435ebf43071ce0e9519763cb7"}
    incoming = Incoming(source="jira", headers=proof, body=b'{"id":1}')

    Jira().verify(incoming, ["secret"], NOW)

    with pytest.raises(Refused) as refusal:
        Jira().verify(replace(incoming, body=b'{"id":1}\n'), ["secret"], NOW)
    assert refusal.value.reason is Reason.BAD_SIGNATURE


def test_a_resolved_issue_is_the_same_event_by_webhook_and_by_poll() -> None:
    talk = conversations.read(samples.ROOT / "jira" / "resolved-after-the-baseline.poll.yaml")

    assert event_of("issue-resolved-without-a-phone").id in {event.id for event in talk.events()}


def test_issues_of_another_project_give_no_event() -> None:
    sample = samples.read(samples.ROOT / "jira" / "issue-created.json")

    assert Jira({"project": "SALES"}).parse(sample.incoming) == []
    assert len(Jira({"project": "HELP"}).parse(sample.incoming)) == 1


@pytest.mark.parametrize(
    ("case", "category", "gone"),
    [("issue-created", "done", True), ("issue-in-progress", "new", False), ("comment-by-staff", "done", True),
     ("issue-resolved-without-a-phone", "indeterminate", True), ("issue-resolved-without-a-phone", "done", False)],
)  # fmt: skip
def test_asked_again_an_issue_that_stands_otherwise_cancels_the_text(case: str, category: str, gone: bool) -> None:
    status = {"id": "9", "name": "Now", "statusCategory": {"key": category}}
    http = FakeHttp(says({"id": "10021", "fields": {"status": status, "customfield_1": "+447700900149"}}))
    jira = Jira({**KEYED, "phone_fields": ["customfield_1"]})

    if gone:
        with pytest.raises(AskFailed) as failure:
            jira.refresh(event_of(case), http)
        assert failure.value.gone
    else:
        assert jira.refresh(event_of(case), http).data["customer"]["phone"] == "+447700900149"
    assert http.calls[0].url == "https://acme.atlassian.example/rest/api/3/issue/10021"
    assert http.calls[0].params["fields"].endswith(",customfield_1")


def test_the_search_says_how_long_ago_and_goes_on_by_token() -> None:
    issue = {"id": "1", "fields": {"status": {"id": "1"}, "updated": "2026-11-23T10:00:00.000+0100"}}
    cursor = Jira(KEYED).poll({}, FakeHttp(says({"issues": [issue]})), NOW).cursor
    http = FakeHttp(says({"issues": [issue], "nextPageToken": "next"}))

    page = Jira(KEYED).poll(cursor, http, NOW + timedelta(minutes=3))

    assert http.calls[0].params["jql"] == 'updated >= "-13m" ORDER BY updated ASC'
    assert page.more


@pytest.mark.parametrize(
    ("answer", "permanent"),
    [
        (says({}, 404), True),
        (says({}, 401), False),
        (says({}, 429), False),
        (says([]), False),
        (raises(NotSent("acme.atlassian.example: ConnectTimeout")), False),
        (raises(Forbidden("that is not a host this connection may reach")), True),
    ],
)
def test_a_failed_question_says_whether_asking_again_can_help(answer: Any, permanent: bool) -> None:
    with pytest.raises(AskFailed) as failure:
        Jira(KEYED).refresh(event_of("issue-created"), FakeHttp(answer))

    assert failure.value.permanent is permanent


def test_a_setting_that_could_change_the_search_is_refused() -> None:
    for wrong in ({"project": 'HELP" OR'}, {"phone_fields": ["a,b"]}):
        with pytest.raises(ValueError, match="no id of Jira"):
            Jira(wrong)
