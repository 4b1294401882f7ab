"""Lists that can be followed, taken along, kept by name, and told as one story."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from werkzeug.test import TestResponse

from audit import consent, views
from audit.consent import Consent
from audit.search import Filter
from tests.web.house import House
from tests.web.steering_office import Office
from tests.web.test_pages import XSS
from web.live import LONGEST, Readers, Stream, renderer

ANNA = "+491713920012"


@pytest.fixture
def office(house: House) -> Office:
    return Office(house)


class Reader:
    """Reads a stream step by step; the clock moves a second with each look."""

    def __init__(self, office: Office, wanted: Filter | None = None, *, stopping: bool = False) -> None:
        self.seconds = 0.0
        self.readers = Readers()
        place = self.readers.enter()
        desk = replace(office.desk, running=replace(office.desk.running, is_stopping=lambda: stopping))
        with office.client.application.test_request_context("/console/audit/live"):
            render = renderer(desk)
        self.stream = Stream(
            desk=desk, wanted=wanted or Filter(), after="0", leave=lambda: self.readers.leave(place), pause=self.pause,
            now=lambda: self.seconds, render=render,
        )  # fmt: skip
        self.told = list(self.stream)

    def pause(self, seconds: float) -> None:
        self.seconds += seconds


def lines(answer: TestResponse) -> Iterator[str]:
    return iter(answer.get_data(as_text=True).splitlines())


def test_decisions_are_told_as_rows_with_their_number_to_go_on_from(office: Office) -> None:
    office.house.order("1001")
    office.house.order("1002", 80)

    told = "".join(Reader(office).told)

    assert re.findall(r"event: (\w+)\ndata: (<tr data-row>)", told) == [("row", "<tr data-row>")] * 2
    assert [int(number) for number in re.findall(r"id: (\d+)", told)] == sorted(
        int(number) for number in re.findall(r"id: (\d+)", told)
    )
    assert ANNA not in told
    assert all(len(re.findall("data: ", chunk)) <= 2 for chunk in told.split("\n\n"))


def test_a_stream_ends_by_itself_shows_that_it_lives_and_gives_its_place_back(office: Office) -> None:
    reader = Reader(office)

    assert reader.seconds == LONGEST.total_seconds()
    assert reader.told[0] == "retry: 3000\n\n"
    assert reader.told[1:] == [": still here\n\n"] * 47
    assert reader.readers.open == 0


def test_a_stream_ends_with_the_service(office: Office) -> None:
    assert Reader(office, stopping=True).seconds == 0
    office.house.store.close()
    assert Reader(office).seconds == 0


def test_only_so_many_may_follow_and_a_place_that_was_left_is_free(office: Office) -> None:
    office.house.order("1001")
    open_ones = [office.client.get("/console/audit/live?after=0", buffered=False) for _ in range(8)]

    assert office.client.get("/console/audit/live").status_code == 503
    with closing(open_ones[0]) as first:
        assert first.mimetype == "text/event-stream"
    again = office.client.get("/console/audit/live?after=0", buffered=False)
    assert again.status_code == 200
    for answer in (*open_ones[1:], again):
        answer.close()


@pytest.mark.parametrize(
    "query", ["state=delivered", "q=anna", "number=%2B491713920012", "after=x", "until=2026-11-23"]
)
def test_what_cannot_be_followed_is_refused(office: Office, query: str) -> None:
    office.house.order("1001")

    assert office.client.get(f"/console/audit/live?{query}").status_code == 400


def test_the_first_page_of_the_log_offers_to_be_followed(office: Office) -> None:
    office.house.order("1001")

    assert 'data-live="/console/audit/live?' in office.get("audit?rule=order-confirmed")
    assert "data-live" not in office.get("audit?state=delivered")
    assert "data-live" not in office.get("audit?before=99")


def test_a_list_is_taken_along_with_its_filter_and_masked_numbers(office: Office) -> None:
    house = office.house
    for number in range(3):
        house.delivered(str(1000 + number))
    house.order("2000", 80)

    rows = list(csv.DictReader(lines(office.client.get("/console/audit.csv?reason=send"))))
    texts = [json.loads(line) for line in lines(office.client.get("/console/messages.jsonl"))]
    events = list(csv.DictReader(lines(office.client.get("/console/events.csv"))))

    assert [(row["rule"], row["state"]) for row in rows] == [("order-confirmed", "delivered")] * 3
    assert {text["number"] for text in texts} == {"+49••••••••12"}
    assert len(texts) == 3
    assert len(events) == 4
    assert rows[0]["at"].endswith("Z")
    assert ANNA not in office.client.get("/console/audit.csv").get_data(as_text=True)
    assert office.client.get("/console/audit.csv?since=nonsense").status_code == 400


def test_a_long_list_comes_whole_and_in_order(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.export.BATCH", 7)
    for number in range(23):
        office.house.order(str(number))

    rows = list(csv.DictReader(lines(office.client.get("/console/audit.csv"))))

    assert len({row["event_id"] for row in rows}) == 23
    assert [row["event_id"] for row in rows] == sorted((row["event_id"] for row in rows), reverse=True)


@pytest.mark.parametrize("evil", ["=cmd|' /C calc'!A0", "+1+1", "-2", "@SUM(A1)", "\t=1", "  =1"])
def test_no_cell_is_a_formula(office: Office, evil: str) -> None:
    office.house.comes("order.created", {"number": "1"}, key=evil, source=evil)
    office.house.works()

    for name in ("audit", "events"):
        rows = csv.reader(io.StringIO(office.client.get(f"/console/{name}.csv").get_data(as_text=True)))
        for row in rows:
            assert not any(cell.lstrip().startswith(("=", "+", "-", "@")) for cell in row)


def test_a_filter_is_kept_by_name_without_the_person_in_it(office: Office) -> None:
    kept = office.post(
        "views", page="audit", name="Refused orders", query="rule=order-confirmed&number=%2B491713920012&evil=1"
    )

    page = office.follow(kept)
    assert "/console/audit?rule=order-confirmed" in page
    assert "Refused orders" in office.get("audit")
    assert "Refused orders" not in office.get("messages")
    assert office.rows("select name, query from views") == [("Refused orders", "rule=order-confirmed")]

    office.follow(office.post("views/1", page="audit"))
    assert office.rows("select count(*) from views") == [(0,)]


def test_there_are_only_so_many_views(office: Office) -> None:
    store, now = office.house.store, office.house.now
    for number in range(52):
        store.write(partial(views.save, name=f"View {number}", page="audit", filters={"rule": "a"}, actor="", now=now))
    office.post("views", page="audit", name="View 1", query="rule=b")
    office.post("views", page="nowhere", name="x", query="rule=a")
    office.post("views", page="audit", name="", query="rule=a")

    assert office.rows("select count(*) from views") == [(50,)]
    assert office.rows("select query from views where name = 'View 1'") == [("rule=b",)]


def test_everything_that_happened_to_an_order_is_one_story(office: Office) -> None:
    house = office.house
    first = house.delivered("1001", key="K1")
    house.passes(hours=3)
    house.order("1001", 80, key="K1")
    house.order("1002", key="K2")

    story = office.text("timeline?key=K1")

    assert "Everything about Order 1001 from shop" in story
    assert "2 events" in story
    assert story.index("reports: delivered") < story.index("waited 3 h")
    assert "1002" not in story
    assert "/console/timeline?key=K1" in office.get(f"events/{first}")
    assert "/console/timeline?key=K1" in office.get("audit?q=K1")
    office.get("timeline?key=nothing", 404)
    office.get("timeline", 404)


def test_everything_about_a_phone_holds_texts_replies_and_wishes(office: Office) -> None:
    house = office.house
    text_id = house.text_of(house.delivered("1001"))
    house.passes(minutes=5)
    house.answers(ANNA, "Danke!")
    wish = Consent(
        number=ANNA, category="", status="out", source="letter", wording="No more", channel="console", actor="Kim",
        at=house.now + timedelta(minutes=2),
    )  # fmt: skip
    house.store.write(lambda tx: consent.record(tx, wish, wish.at))

    story = office.text(f"timeline?phone_of={text_id}")

    assert "Everything about the phone +49••••••••12" in story
    assert story.index("Reply from the phone") < story.index("The person wants no texts: everything")
    assert ANNA not in story
    assert f"timeline?phone_of={text_id}" in office.get(f"messages/{text_id}")


def test_the_page_of_health_says_how_everything_is_and_no_secret(office: Office) -> None:
    office.house.order("1001")

    page = office.text("status")

    assert "Sink: nothing leaves this machine" in page
    assert "No seal key is set" in page
    assert "Last sealed never" in page
    assert "Texts 180 days" in page
    assert "test-secret" not in page
    assert "normal nothing waits" in page


def test_nothing_from_outside_is_markup_on_the_pages_of_today(house: House) -> None:
    office = Office(house)
    event_id = house.order(XSS, name=XSS, key=XSS, source=XSS, native=XSS, transport=XSS)
    text_id = house.text_of(event_id)
    house.answers(ANNA, XSS)
    office.post("views", page="audit", name=XSS, query=f"rule={XSS}")
    office.post("gateways", do="pause", scope="all", reason=XSS, who=XSS)
    office.post("gateways/console", do="pin", reason=XSS, who=XSS, **{"for": "2h"})
    paths = [
        "", "audit", "sources", "sources/shop", "gateways", "gateways/console", "send", "status", "replay",
        f"replay?event={event_id}", f"replay?source={XSS}", f"replay?since={XSS}", f"timeline?key={XSS}",
        f"timeline?phone_of={text_id}", *(f"messages/{text_id}/{name}" for name in ("cancel", "retry", "resend")),
    ]  # fmt: skip
    shown = [office.client.get(f"/console/{path}").get_data(as_text=True) for path in paths]
    typed = {"number": XSS, "text": XSS, "reason": XSS, "who": XSS, "gateway": XSS, "region": XSS}
    shown += [office.post(path, **typed).get_data(as_text=True) for path in ("send", "gateways/console/test")]
    shown += [office.post("sources/shop", sample=XSS).get_data(as_text=True)]
    shown.append("".join(Reader(office).told))

    for path, page in zip([*paths, "send", "test", "sample", "live"], shown, strict=False):
        assert "<script>alert" not in page, path
        assert "<img" not in page, path
        assert "\"'>" not in page, path


@pytest.mark.parametrize(
    "path",
    [
        "sources/shop", "gateways", "gateways/console", "gateways/console/test", "send", "replay", "replay/1", "views",
        "views/1", "messages/m0000000000000/retry",
    ],
)  # fmt: skip
def test_forms_of_other_sites_do_nothing(office: Office, path: str) -> None:
    assert office.client.post(f"/console/{path}", data={"do": "pause", "who": "x"}).status_code == 400
