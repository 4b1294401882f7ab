"""A polled HTTP API: what its settings may say, how lists page, and what is new in them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.http_poll import HttpPoll
from connectors.kit.scan import REMEMBERED
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from tests.connectors.fake_http import FakeHttp, says
from wire.http import Call, Reply

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PLAIN = {"url": "https://erp.example/orders", "key": "id", "status": "state"}
SORTED = {**PLAIN, "updated": "at", "oldest_first": {"sort": "at"}, "newest_first": {"sort": "-at"}}


class Erp:
    """A system with a list; it answers pages of two where it is asked to."""

    def __init__(self, **settings: Any) -> None:
        self.source = HttpPoll({**PLAIN, **settings})
        self.rows: list[dict[str, Any]] = []
        self.cursor: Any = {}
        self.http = FakeHttp(self._answer)

    def poll(self) -> list[str]:
        """Poll until there is no more; return the ids of the events."""
        return [event.id for event in self.events()]

    def events(self) -> list[Event]:
        told: list[Event] = []
        for _ in range(20):
            page = self.source.poll(self.cursor, self.http, NOW)
            told += page.events
            self.cursor = json.loads(json.dumps(page.cursor))
            if not page.more:
                return told
        raise AssertionError("the poll never ends")

    def _answer(self, call: Call) -> Reply:
        rows = sorted(self.rows, key=lambda row: row.get("at", ""), reverse=call.params.get("sort") == "-at")
        rows = [row for row in rows if row.get("at", "") >= call.params.get("since", "")]
        start = (
            int(call.params.get("offset", 0)) if "offset" in call.params else 2 * int(call.params.get("page", 1)) - 2
        )
        size = 2 if {"offset", "page"} & set(call.params) else len(rows)
        return Reply(status=200, body=json.dumps(rows[start : start + size]).encode())


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"url": None}, "url is missing. Address of the list"),
        ({"url": "erp.example"}, "url: expected an address"),
        ({"url": "file:///etc/passwd"}, "url: expected an address"),
        ({"key": None}, "key is missing. Path of the record's id"),
        ({"key": []}, "key: the list must hold paths"),
        ({"status": ""}, "status: name the field whose change is told"),
        ({"new": "order.neu"}, "new: 'order.neu' is not an event type"),
        ({"headers": "x"}, "headers: expected a table, found a text"),
        ({"size": "10"}, "size: expected a number, found a text"),
        ({"paging": "pages"}, "paging: 'pages' is not one of none, page"),
        ({"paging": "cursor"}, "cursor: paging = cursor needs"),
        ({"overlap": "soon"}, "overlap: 'soon' is not a time"),
        ({"since_format": "epoch"}, "since_format: expected iso, number"),
        ({"oldest_first": {"sort": "at"}}, "newest_first: oldest_first and newest_first belong together"),
    ],
)
def test_a_bad_setting_is_named_in_a_sentence(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^Setting {re.escape(sentence)}"):
        HttpPoll({**PLAIN, **settings})


@pytest.mark.parametrize("paging", [{"paging": "none"}, {"paging": "page", "size": 2}, {"paging": "offset", "size": 2}])
@pytest.mark.parametrize("order", [{}, SORTED])
def test_every_change_of_a_long_list_is_told_once(paging: dict[str, Any], order: dict[str, Any]) -> None:
    where = {"page_param": "offset"} if paging["paging"] == "offset" else {}
    erp = Erp(**{**order, **paging, **where, "updated": "at", "since": "since", "new": "order.created"})
    erp.rows = [{"id": n, "state": "open", "at": f"2026-11-23T08:0{n}:00Z"} for n in range(5)]
    assert erp.poll() == []

    for row in erp.rows[:3]:
        row |= {"state": "paid", "at": "2026-11-23T08:30:00Z"}
    erp.rows.append({"id": 9, "state": "open", "at": "2026-11-23T08:31:00Z"})

    assert sorted(erp.poll()) == ["0/status/paid", "1/status/paid", "2/status/paid", "9/new", "9/status/open"]
    assert erp.poll() == []


def test_the_next_poll_reaches_back_for_what_was_committed_late() -> None:
    erp = Erp(**SORTED, since="since", overlap="10m")
    erp.rows = [{"id": 1, "state": "open", "at": "2026-11-23T08:30:00Z"}]
    erp.poll()
    erp.rows.append({"id": 2, "state": "open", "at": "2026-11-23T08:21:00Z"})

    assert erp.poll() == ["2/status/open"]
    assert erp.http.calls[-1].params["since"] == "2026-11-23T08:20:00Z"


def test_an_edit_that_leaves_the_status_tells_nothing() -> None:
    erp = Erp(**SORTED)
    erp.rows = [{"id": 1, "state": "open", "at": "2026-11-23T08:30:00Z"}]
    erp.poll()
    erp.rows[0] |= {"note": "call first", "at": "2026-11-23T08:31:00Z"}

    assert erp.poll() == []


def test_an_old_record_of_a_list_too_long_to_remember_is_not_taken_for_a_new_one() -> None:
    erp = Erp(new="order.created")
    erp.rows = [{"id": n, "state": "open"} for n in range(REMEMBERED + 10)]
    erp.poll()
    erp.poll()

    erp.rows[0]["state"] = "paid"

    assert erp.poll() == []


def test_a_record_made_after_the_baseline_is_new_in_a_list_of_any_length() -> None:
    erp = Erp(new="order.created", created="made", status="")
    erp.rows = [{"id": n, "made": n} for n in range(REMEMBERED + 10)]
    erp.poll()
    erp.rows.append({"id": 9000, "made": 9000})

    assert erp.poll() == ["9000/new"]


def test_a_growing_number_is_not_taken_for_a_time_of_1970() -> None:
    erp = Erp(new="order.created", created="id")
    erp.poll()
    erp.rows.append({"id": 7, "state": "open"})

    assert {event.occurred_at for event in erp.events()} == {NOW}


def test_the_key_goes_to_no_other_host() -> None:
    link = '<https://elsewhere.example/orders?page=2>; rel="next"'
    source = HttpPoll({**PLAIN, "paging": "link", "token": "not-a-real-token"})

    with pytest.raises(AskFailed, match="another host") as failed:
        source.poll({}, FakeHttp(lambda _: Reply(status=200, headers={"link": link}, body=b"[]")), NOW)
    assert failed.value.permanent
    assert source.hosts == ("erp.example",)


def test_a_list_that_never_ends_is_given_up_with_a_sentence() -> None:
    def answer(call: Call) -> Reply:
        after = int(call.params.get("cursor", 0)) + 1
        return Reply(status=200, body=json.dumps({"rows": [], "next": after}).encode())

    source = HttpPoll({**PLAIN, "records": "rows", "paging": "cursor", "cursor": "next"})

    with pytest.raises(AskFailed, match="more than 50 pages: set oldest_first"):
        source.poll({}, FakeHttp(answer), NOW)


def test_a_system_that_wants_a_rest_gets_it() -> None:
    def busy(_: Call) -> Reply:
        return Reply(status=429, headers={"retry-after": "120"})

    with pytest.raises(AskFailed) as failed:
        HttpPoll(PLAIN).poll({}, FakeHttp(busy), NOW)
    assert failed.value.retry_after == timedelta(minutes=2)


def test_an_answer_without_the_list_says_where_it_was_looked_for() -> None:
    source = HttpPoll({**PLAIN, "records": "data.rows"})

    with pytest.raises(AskFailed, match=r"no list at data\.rows"):
        source.poll({}, FakeHttp(says({"data": {}})), NOW)


def test_what_somebody_posts_is_refused() -> None:
    with pytest.raises(Refused) as refusal:
        HttpPoll(PLAIN).verify(Incoming(source="erp", body=b"[]"), ["x"], NOW)
    assert refusal.value.reason is Reason.BAD_SIGNATURE
