"""What the contract over samples cannot express: the handshake, notifications that hasten the poll, subscriptions."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.microsoft_graph import MicrosoftGraph
from inbound import samples
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from tests.connectors.fake_http import FakeHttp
from wire.http import Call, Reply

NOW = datetime(2026, 11, 23, 8, 48, tzinfo=UTC)
KEYED = {"tenant": "t", "client_id": "c", "client_secret": "not-real", "mailbox": "salon@example.com"}
LINK = "https://graph.microsoft.com/v1.0/users/salon%40example.com/calendarView/delta?$deltatoken="


def entry(entry_id: str, at: str, **more: Any) -> dict[str, Any]:
    start = {"dateTime": f"2026-11-{at}:00.0000000", "timeZone": "UTC"}
    return {"id": entry_id, "type": "singleInstance", "subject": "Haircut", "start": start, **more}


class Graph:
    """A mailbox: what a window and a delta show, what single entries are, and who is subscribed."""

    def __init__(self) -> None:
        self.changes: list[dict[str, Any]] = []
        self.single: dict[str, dict[str, Any]] = {}
        self.spent = False
        self.subscribed: list[tuple[str, Any]] = []
        self.rounds = 0

    def __call__(self, call: Call) -> Reply:
        if call.url.endswith("/token"):
            return self.says({"access_token": "t"})
        assert call.headers["Authorization"] == "Bearer t"
        if "/subscriptions" in call.url:
            self.subscribed.append((call.method, call.json))
            return self.says({"id": "sub-1"}, 201 if call.method == "POST" else 200)
        if "/events/" in call.url:
            found = self.single.get(call.url.rpartition("/")[2])
            return self.says(found, 200 if found else 404)
        if "deltatoken" in call.url and self.spent:
            self.spent = False
            return self.says({}, 410)
        self.rounds += "startDateTime" in call.url
        return self.says({"value": self.changes, "@odata.deltaLink": f"{LINK}1"})

    def says(self, body: Any, status: int = 200) -> Reply:
        return Reply(status=status, body=json.dumps(body).encode())


def poll(calendar: MicrosoftGraph, graph: Graph, cursor: Any, now: datetime = NOW) -> tuple[list[Event], Any, int]:
    http = FakeHttp(graph)
    page = calendar.poll(cursor, http, now)
    return list(page.events), json.loads(json.dumps(page.cursor)), len(http.calls)


def began() -> tuple[MicrosoftGraph, Graph, Any]:
    calendar, graph = MicrosoftGraph(KEYED), Graph()
    graph.changes = [entry("A1", "24T09:00")]
    _, cursor, _ = poll(calendar, graph, {})
    graph.changes = []
    return calendar, graph, cursor


def test_the_validation_token_is_echoed_as_plain_text() -> None:
    hello = Incoming(source="g", query={"validationToken": "Validation: <b>1 & 2</b>"})

    answer = MicrosoftGraph().handshake(hello, [])

    assert answer
    assert (answer.status, answer.body) == (200, hello.query["validationToken"])
    assert answer.content_type.startswith("text/plain")
    assert MicrosoftGraph().handshake(replace(hello, query={"validationToken": "x" * 5000}), []) is None


def test_one_notification_with_another_secret_refuses_all() -> None:
    sample = samples.read(samples.ROOT / "microsoft_graph" / "notifications-give-no-event.json")
    body = sample.signed().body.replace(sample.secret.encode(), b"somebody-elses", 1)

    with pytest.raises(Refused) as refusal:
        MicrosoftGraph().verify(replace(sample.incoming, body=body), [sample.secret], NOW)

    assert refusal.value.reason is Reason.BAD_SIGNATURE
    assert MicrosoftGraph().answer([]).status == 202


def test_between_two_minutes_only_a_notification_makes_it_ask() -> None:
    calendar, graph, cursor = began()
    _, cursor, _ = poll(calendar, graph, cursor)
    graph.changes = [entry("A1", "24T10:00")]

    quiet = poll(calendar, graph, cursor, NOW + timedelta(seconds=20))
    calendar.parse(samples.read(samples.ROOT / "microsoft_graph" / "notifications-give-no-event.json").incoming)
    told, _, _ = poll(calendar, graph, cursor, NOW + timedelta(seconds=20))

    assert quiet[2] == 0
    assert [event.data["previous_starts_at"] for event in told] == ["2026-11-24T09:00:00Z"]


def test_an_entry_that_left_the_window_was_moved_far_away_or_is_gone() -> None:
    calendar, graph, cursor = began()
    graph.changes = [{"id": "A1", "@removed": {"reason": "deleted"}}]
    graph.single = {"A1": entry("A1", "28T09:00")}

    moved, _, _ = poll(calendar, graph, cursor)
    graph.single = {}
    gone, _, _ = poll(MicrosoftGraph(KEYED), graph, cursor)

    assert [event.type for event in (*moved, *gone)] == ["appointment.rescheduled", "appointment.cancelled"]


def test_a_spent_link_or_a_window_half_over_begins_a_new_round_without_telling_twice() -> None:
    calendar, graph, cursor = began()
    graph.changes, graph.spent = [entry("A1", "24T11:00")], True

    moved, cursor, _ = poll(calendar, graph, cursor)
    later, cursor, _ = poll(calendar, graph, cursor, NOW + timedelta(days=100))

    assert [event.type for event in moved] == ["appointment.rescheduled"]
    assert (later, graph.rounds) == ([], 3)


def test_one_of_a_series_gets_its_title_and_number_from_a_look_up() -> None:
    calendar, graph, cursor = began()
    graph.changes = [entry("S1.1", "27T08:00", type="occurrence", seriesMasterId="S1", subject=None)]
    graph.single = {"S1.1": entry("S1.1", "27T08:00", subject="Physio +49 171 3920073", seriesMasterId="S1")}
    (event,), _, _ = poll(calendar, graph, cursor)

    found = calendar.lookup(event, FakeHttp(graph))

    assert (event.lookup, found.lookup) == ("S1.1", "")
    assert found.data["customer"]["phone"] == "+49 171 3920073"
    assert found.data["starts_at"] == "2026-11-27T08:00:00Z"


def test_a_subscription_is_made_and_then_renewed() -> None:
    address = {"notification_url": "https://t.example/hooks/microsoft_graph", "client_state": "shared"}
    calendar, graph = MicrosoftGraph({**KEYED, **address}), Graph()
    _, cursor, _ = poll(calendar, graph, {})
    _, cursor, _ = poll(calendar, graph, cursor, NOW + timedelta(hours=2))
    _, cursor, _ = poll(calendar, graph, cursor, NOW + timedelta(hours=50))
    calendar.parse(samples.read(samples.ROOT / "microsoft_graph" / "lifecycle-missed-gives-no-event.json").incoming)
    poll(calendar, graph, cursor, NOW + timedelta(hours=51))

    assert [method for method, _ in graph.subscribed] == ["POST", "PATCH", "PATCH"]
    assert graph.subscribed[0][1]["clientState"] == "shared"
    assert graph.subscribed[1][1] == {"expirationDateTime": "2026-11-28T06:48:00Z"}


def test_asked_again_a_cancelled_entry_is_gone_and_without_keys_nothing_is_asked() -> None:
    calendar, graph, cursor = began()
    graph.changes = [entry("A1", "24T10:00")]
    (event,), _, _ = poll(calendar, graph, cursor)
    graph.single = {"A1": entry("A1", "24T10:00", isCancelled=True)}

    with pytest.raises(AskFailed) as failure:
        calendar.refresh(event, FakeHttp(graph))
    with pytest.raises(AskFailed) as missing:
        MicrosoftGraph().poll({}, FakeHttp(graph), NOW)

    assert failure.value.gone
    assert missing.value.permanent
