"""A campaign by API from the file to the report: uploaded, previewed, approved by another key, run, held, ended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from model.access import Permission
from tests.web.api.caller import Program, Service

RULES = """\
version: 1
defaults: {region: DE, locale: en, tz: Europe/Berlin, quiet_hours: ignore}
rules:
  - id: opening
    to: [phone]
    campaign: {audience: {from: lists/guests.csv}, start: 2026-11-23T09:00:00Z, rate: 1/s, approve: 1}
    priority: bulk
    ttl: 24h
    text: "Hi {{ name }}, our shop in Bonn opens on Monday."
"""
FILE = "phone,name\n+491713920031,Zo\u00eb\n+491713920032,Ben\nnobody,Eve\n+491713920031,Zo\u00eb\n".encode()


class Press:
    """A program that prepares campaigns and another that approves them."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.maker = service.program(Permission.SEND, Permission.READ, Permission.NUMBERS, name="maker")
        self.second = service.program(Permission.APPROVE, name="second")

    def uploads(self, body: bytes = FILE, query: str = "?rule=opening&name=guests", **headers: str) -> TestResponse:
        return self.maker.call("POST", f"/lists{query}", body, Content_Type="text/csv", **headers)

    def prepared(self) -> str:
        list_id = self.uploads().get_json()["id"]
        answer = self.maker.post("/campaigns", {"rule": "opening", "list_id": list_id})
        assert answer.status_code == 201, answer.text
        found: str = answer.get_json()["progress"]["id"]
        return found

    def does(self, campaign: str, what: str, body: Any = None, by: Program | None = None) -> TestResponse:
        return (by or self.maker).post(f"/campaigns/{campaign}/{what}", body or {})

    def works(self) -> None:
        self.service.made.campaigns.step(self.service.now)
        self.service.works()


@pytest.fixture
def press(tmp_path: Path) -> Iterator[Press]:
    opened = Service(tmp_path, rules=RULES)
    yield Press(opened)
    opened.close()


def problem(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["type"].rpartition("/")[2]


def test_a_campaign_goes_from_a_file_to_its_report(press: Press) -> None:
    campaign = press.prepared()
    seen = press.maker.get(f"/campaigns/{campaign}/preview?sample=10").get_json()
    assert (seen["people"], seen["texts"], seen["doubles"], seen["wrong"]) == (2, 2, 1, 1)
    assert seen["examples"][0]["text"] == "Hi Zo\u00eb, our shop in Bonn opens on Monday."
    assert seen["examples"][0]["number"] == "+49••••••••31"

    assert problem(press.does(campaign, "start")) == (409, "campaign-cannot")
    assert press.does(campaign, "approve", by=press.second).get_json() == {"id": campaign, "missing": 0}
    started = press.does(campaign, "start").get_json()
    press.works()
    press.service.passes(seconds=5)
    press.works()

    assert started["approvals"][0]["by"] == "key:second"
    assert started["progress"]["state"] == "running"
    report = press.maker.get(f"/campaigns/{campaign}/report").get_json()
    assert (report["total"]["planned"], report["total"]["sent"], report["progress"]["to_go"]) == (2, 2, 0)
    assert [one["id"] for one in press.maker.get("/campaigns").get_json()["data"]] == [campaign]


def test_who_made_it_does_not_approve_it(press: Press) -> None:
    both = press.service.program(Permission.SEND, Permission.APPROVE, Permission.READ, name="both")
    list_id = press.uploads().get_json()["id"]
    campaign = both.post("/campaigns", {"rule": "opening", "list_id": list_id}).get_json()["progress"]["id"]

    answer = press.does(campaign, "approve", by=both)

    assert problem(answer) == (409, "campaign-cannot")
    assert "somebody else has to approve it" in answer.get_json()["detail"]


def test_it_is_held_changed_and_ended_and_a_stale_hand_is_told(press: Press) -> None:
    campaign = press.prepared()
    press.does(campaign, "approve", by=press.second)
    version = press.does(campaign, "start").get_json()["progress"]["version"]

    paused = press.does(campaign, "pause", {"version": version}).get_json()
    stale = press.does(campaign, "cancel", {"version": version})
    faster = press.does(campaign, "rate", {"rate": "20/s"}).get_json()
    ended = press.does(campaign, "cancel").get_json()

    assert paused["progress"]["state"] == "paused"
    assert problem(stale) == (409, "changed-meanwhile")
    assert faster["progress"]["rate"] == 20.0
    assert ended == {"id": campaign, "ended": 0}
    assert problem(press.does(campaign, "start")) == (409, "campaign-cannot")
    assert problem(press.does(campaign, "rate", {})) == (422, "invalid")


def test_what_cannot_be_texted_is_told_by_row(press: Press) -> None:
    answer = press.uploads()
    said = answer.get_json()

    assert answer.headers["Location"].endswith(f"/api/v1/lists/{said['id']}")
    assert (said["people"], said["doubles"], said["wrong"], said["made_by"]) == (2, 1, 1, "key:maker")
    assert [(one["row"], one["column"], one["cell"]) for one in said["wrong_rows"]] == [(4, "phone", "nobody")]
    assert press.maker.get(f"/lists/{said['id']}").get_json() == said
    reader = press.service.program(Permission.READ)
    assert reader.get(f"/lists/{said['id']}").get_json()["wrong_rows"][0]["cell"] != "nobody"
    assert [one["id"] for one in reader.get("/lists?limit=1").get_json()["data"]] == [said["id"]]


def test_the_same_file_twice_is_told_and_the_same_request_twice_answered(press: Press) -> None:
    first, repeated = (press.uploads(Idempotency_Key="a") for _ in "ab")

    assert repeated.text == first.text
    assert problem(press.uploads()) == (409, "same-file")
    assert press.uploads(query="?rule=opening&again=true").status_code == 201
    assert problem(press.uploads(FILE + b"\n", Idempotency_Key="a")) == (422, "idempotency-key-reused")
    assert problem(press.uploads(query="?rule=other", Idempotency_Key="a")) == (422, "idempotency-key-reused")


@pytest.mark.parametrize(
    ("body", "query", "told"),
    [
        (b"", "?rule=opening", (422, "no-list")),
        (b"name\nZoe\n", "?rule=opening", (422, "no-list")),
        (b"PK\x03\x04 not a spreadsheet", "?rule=opening", (422, "no-list")),
        (FILE, "", (422, "invalid")),
        (FILE, "?rule=none", (422, "invalid")),
        (FILE, "?rule=opening&again=perhaps", (422, "invalid")),
        (FILE, "?rule=opening&stop_after=1", (422, "no-list")),
    ],
)
def test_a_file_that_is_no_list_is_refused_in_words(
    press: Press, body: bytes, query: str, told: tuple[int, str]
) -> None:
    answer = press.uploads(body, query)

    assert problem(answer) == told
    assert len(answer.get_json()["detail"]) > 10


def test_a_file_that_is_too_large_is_refused_before_it_is_read(press: Press, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.api.door.MAX_UPLOAD", len(FILE) - 1)

    assert problem(press.uploads()) == (413, "too-large")
    assert press.service.rows("select * from lists") == []


def test_what_is_not_there_is_not_found(press: Press) -> None:
    for path in ("/campaigns/none", "/campaigns/none/preview", "/campaigns/none/report", "/lists/none"):
        assert problem(press.maker.get(path)) == (404, "not-found")
    assert problem(press.does("none", "pause")) == (404, "not-found")
    answer = press.maker.post("/campaigns", {"rule": "opening", "list_id": "none"})
    assert problem(answer) == (409, "campaign-cannot")
