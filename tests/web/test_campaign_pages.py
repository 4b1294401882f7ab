"""Campaigns on the pages: from a file to a report, by people who see the count before they decide."""

from __future__ import annotations

import csv
import io
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from html import unescape
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from openpyxl import Workbook
from werkzeug.test import TestResponse

from audit import caps, consent, lists
from audit.consent import Consent
from model.access import Role
from rules.load import load
from tests.web.codes_asked import asked_for_codes
from tests.web.door import Door, posts
from tests.web.house import RULES, House
from web import list_upload, uploads
from web.app import build

XSS = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
GUESTS = "Handy;Vorname;locale\n0171 3920031;Zoë;de\n0171 3920032;Ben;en\ncall me;Eve;en\n0171 3920031;Zoë;de\n"


class Press:
    """A maker, an approver, a sender, a viewer and an admin, each at a browser of their own."""

    def __init__(self, folder: Path) -> None:
        self.house = House(folder)
        self.door = Door.of(self.house, replace(self.house.desk, new_id=self.house.new_id))
        roles = {"kim": Role.ADMIN, "olu": Role.SENDER, "mara": Role.APPROVER, "vic": Role.VIEWER}
        self.who: dict[str, FlaskClient] = {}
        for name, role in roles.items():
            self.who[name] = self.door.browser_of(self.door.adds(name, role))

    def get(self, path: str, who: str = "olu", status: int = 200) -> str:
        answer = self.who[who].get(f"/console/{path}")
        assert answer.status_code == status, (path, answer.status_code)
        return answer.get_data(as_text=True)

    def text(self, path: str, who: str = "olu") -> str:
        return words(self.get(path, who))

    def post(self, path: str, who: str = "olu", **fields: str) -> TestResponse:
        return posts(self.who[who], f"/console/{path}", page="/console/campaigns", **fields)

    def brings(self, body: str | bytes = GUESTS, name: str = "guests.csv", who: str = "olu") -> TestResponse:
        data = body.encode() if isinstance(body, str) else body
        return posts(
            self.who[who], "/console/lists/new", page="/console/campaigns", rule="spring-news",
            file=(io.BytesIO(data), name),
        )  # fmt: skip

    def reads(self, body: str | bytes = GUESTS, **chosen: str) -> TestResponse:
        """Bring a file and read it as proposed, with what is `chosen` otherwise."""
        path = place(self.brings(body))
        return self.post(path, **{**proposal(self.get(path)), **chosen})

    def list_of(self, body: str | bytes = GUESTS, **chosen: str) -> str:
        return place(self.reads(body, **chosen)).rpartition("/")[2]

    def wants_it(self, *numbers: str) -> None:
        for number in numbers:
            said = Consent(number=number, category="marketing", status="in", source="form", at=self.house.now)
            self.house.store.write(partial(consent.record, said=said, now=self.house.now))

    def campaign(self, body: str | bytes = GUESTS) -> str:
        self.wants_it("+491713920031", "+491713920032")
        made = self.post("campaigns/new", rule="spring-news", list=self.list_of(body))
        return place(made).split("/")[1]

    def decides(self, campaign: str, act: str, who: str = "olu", **fields: str) -> TestResponse:
        """Open the page that asks, and send its form."""
        asked = self.get(f"campaigns/{campaign}/{act}", who)
        version = re.search(r'name="version" value="(\d+)"', asked)
        assert version is not None, words(asked)
        return self.post(f"campaigns/{campaign}/{act}", who, **{"version": version[1], **fields})

    def runs(self, seconds: int = 3) -> None:
        for _ in range(seconds):
            self.house.campaigns.step(self.house.now)
            self.house.passes(seconds=1)

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with self.house.store.read() as tx:
            return [tuple(row) for row in tx.execute(sql)]


@pytest.fixture
def press(tmp_path: Path) -> Iterator[Press]:
    made = Press(tmp_path)
    yield made
    made.house.store.close()


def words(page: str) -> str:
    """A page as a person reads it."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def place(answer: TestResponse) -> str:
    assert answer.status_code == 303, words(answer.get_data(as_text=True))
    return answer.headers["Location"].removeprefix("/console/")


def proposal(page: str) -> dict[str, str]:
    """What the form of the columns would send if its person changed nothing."""
    found = {name: unescape(value) for name, value in re.findall(r'name="(called-\d+)"[^>]* value="([^"]*)"', page)}
    phone = re.search(r'name="phone" value="(\d+)" checked', page)
    found |= {"phone": phone[1]} if phone else {}
    found |= {
        name: unescape(value) for name, value in re.findall(r'name="(name|region|sheet)"[^>]* value="([^"]*)"', page)
    }
    return {**found, "wrong": "skip"}


def test_a_campaign_goes_from_a_file_to_its_report(press: Press) -> None:
    columns = press.text(place(press.brings()))
    assert "Which column of guests.csv holds the phone?" in columns
    assert "Handy phone 0171 3920031 | 0171 3920032 | call me but one" in columns
    assert "3 of 4" in columns
    list_id = press.list_of()
    listed = press.text(f"lists/{list_id}")
    assert "2 people are on guests.csv, 1 row cannot be texted" in listed
    assert "4 Handy call me" in listed
    press.wants_it("+491713920031", "+491713920032")

    seen = press.text(place(press.post("campaigns/new", rule="spring-news", list=list_id)))
    assert "spring-news would send 2 texts to 2 people on its list, for 0.2" in seen
    assert "Abmelden: Antwort STOP" in seen
    assert "waits until 1 more person approves it" in press.text("campaigns/spring-news")

    asked = press.text("campaigns/spring-news/approve", "mara")
    assert "Approve spring-news: 2 people on its list may be texted once it is started" in asked
    place(press.decides("spring-news", "approve", "mara"))
    assert "Start spring-news: texts to 2 people begin to leave, at most 10 a second" in press.text(
        "campaigns/spring-news/start"
    )
    place(press.decides("spring-news", "start"))
    press.runs()

    done = press.text("campaigns/spring-news", "vic")
    assert "spring-news is done. 2 texts sent" in done
    lines = list(csv.DictReader(io.StringIO(press.get("campaigns/spring-news/report.csv", "vic"))))
    assert (lines[0]["variant"], lines[0]["planned"], lines[0]["sent"]) == ("all", "2", "2")
    assert {line["variant"] for line in lines[1:]} <= {"plain", "friendly"}
    assert "by mara" in done


def test_whoever_made_a_campaign_is_told_kindly_that_somebody_else_has_to_approve_it(press: Press) -> None:
    press.wants_it("+491713920031")
    for who in ("kim", "olu"):
        list_id = press.list_of(GUESTS + f"0171 3920033;{who};en\n")
        press.post("campaigns/new", who, rule="spring-news", list=list_id)

    own = press.text("campaigns/spring-news/approve", "kim")
    refused = press.post("campaigns/spring-news/approve", "kim", version="1")

    assert "You made this campaign, so somebody else has to look at it" in own
    assert refused.status_code == 409
    assert "somebody else has to approve it" in words(refused.get_data(as_text=True))
    assert "This is for people in the role approver or admin." in press.text("campaigns/spring-news.2")
    press.get("campaigns/spring-news.2/approve", "olu", 403)
    assert press.rows("select * from approvals") == []


def test_a_second_person_who_decides_on_an_old_page_is_told_who_was_quicker(press: Press) -> None:
    campaign = press.campaign()
    place(press.decides(campaign, "approve", "mara"))
    version = re.search(r'name="version" value="(\d+)"', press.get(f"campaigns/{campaign}/start"))
    assert version is not None
    place(press.decides(campaign, "change", "kim", rate="5/s"))

    late = press.post(f"campaigns/{campaign}/start", version=version[1])

    assert late.status_code == 409
    assert "kim changed spring-news (changed) at" in words(late.get_data(as_text=True))
    assert "after you looked at it. Look again." in words(late.get_data(as_text=True))
    assert press.rows("select state from campaigns") == [("approved",)]
    assert press.post(f"campaigns/{campaign}/start").status_code == 400


def test_a_running_campaign_is_paused_slowed_let_go_on_and_ended(press: Press) -> None:
    numbers = [f"+49171392{n:04d}" for n in range(10, 90)]
    press.wants_it(*numbers)
    body = "phone,first_name\n" + "".join(f"{number},P{number[-2:]}\n" for number in numbers)
    list_id = press.list_of(body)
    campaign = place(press.post("campaigns/new", rule="spring-news", list=list_id)).split("/")[1]
    press.decides(campaign, "approve", "mara")
    press.decides(campaign, "start")
    press.runs(2)
    running = press.get(f"campaigns/{campaign}")
    assert 'data-refresh="3"' in running
    assert "is running" in words(running)

    held = press.text(f"campaigns/{campaign}/pause")
    assert re.search(r"Pause spring-news: \d+ texts that wait and \d+ people not planned yet stay where they are", held)
    place(press.decides(campaign, "pause"))
    gone = "select count(*) from messages where state <> 'queued'"
    sent = press.rows(gone)
    press.runs(3)
    assert press.rows(gone) == sent
    assert 'data-refresh="0"' in press.get(f"campaigns/{campaign}")

    wrong = press.decides(campaign, "change", rate="quick", budget="250 EUR")
    assert wrong.status_code == 422
    page = wrong.get_data(as_text=True)
    assert 'value="quick"' in page
    assert 'value="250 EUR"' in page
    assert "&#39;quick&#39; is not a rate. Write 20/s" in page.partition('id="e-rate"')[2]
    place(press.decides(campaign, "change", rate="2/s", budget="100 EUR"))
    assert "at most 2 a second" in press.text(f"campaigns/{campaign}")
    place(press.decides(campaign, "start"))
    press.runs(2)

    assert "get nothing, and it cannot be started again" in press.text(f"campaigns/{campaign}/cancel")
    place(press.decides(campaign, "cancel"))
    assert "was ended by hand" in press.text(f"campaigns/{campaign}")
    assert "It is cancelled, and this does not go then." in press.text(f"campaigns/{campaign}/start")


def test_people_over_a_cap_are_shown_with_their_reason_and_let_go_by_an_approver(press: Press) -> None:
    path = press.house.folder / "rules.yaml"
    path.write_text(RULES.replace("caps: {day: 500}", "caps: {day: 1}"), "utf-8")
    press.house.worker.book = load(path)
    campaign = press.campaign()
    assert "release" not in press.get(f"campaigns/{campaign}", "mara")
    press.decides(campaign, "approve", "mara")
    press.decides(campaign, "start")
    press.runs()

    shown = press.text(f"campaigns/{campaign}", "mara")
    assert "1 person waits: the campaign's texts of this day are used up." in shown
    assert "waits for a cap" in press.text("campaigns")
    assert "The campaign spring-news waits" in press.text("")
    assert f'href="/console/campaigns/{campaign}"' in press.get("")
    asked = press.text(f"campaigns/{campaign}/release", "mara")
    assert "1 person waiting for tomorrow go on today" in asked
    assert "Its budget and the caps of the settings hold all the same." in asked
    place(press.decides(campaign, "release", "mara"))
    press.runs()

    assert "spring-news is done. 2 texts sent" in press.text(f"campaigns/{campaign}")


def test_caps_of_the_day_are_shown_and_raised_for_today_by_who_may_steer(press: Press) -> None:
    press.house.store.write(
        lambda tx: caps.put(tx, {"texts": (100, 90), "money/EUR": (5_000_000, 4_000_000)}, None, press.house.now)
    )

    assert "0 of 100 texts today" in press.text("campaigns", "vic")
    assert "Allow more for today" not in press.text("campaigns", "olu")
    assert press.post("campaigns/caps", "kim", cap="texts", more="many").status_code == 422
    place(press.post("campaigns/caps", "kim", cap="texts", more="50"))
    place(press.post("campaigns/caps", "kim", cap="money/EUR", more="2.5"))

    assert "0 of 150 texts today" in press.text("campaigns")
    assert "0.00 of 7.50 EUR today" in press.text("campaigns")
    press.who["olu"].post("/console/campaigns/caps")
    assert press.post("campaigns/caps", "olu", cap="texts", more="50").status_code == 403


def test_one_text_is_tried_out_on_a_colleagues_phone(press: Press) -> None:
    campaign = press.campaign()

    empty = press.post(f"campaigns/{campaign}/test", row="x")
    bad = press.post(f"campaigns/{campaign}/test", number="nobody")
    sent = press.get(place(press.post(f"campaigns/{campaign}/test", number="0171 3920088", variant="friendly")))

    assert empty.status_code == bad.status_code == 422
    assert "Write the number of a colleague" in words(empty.get_data(as_text=True))
    assert "The number cannot be texted" in words(bad.get_data(as_text=True))
    assert 'value="nobody"' in bad.get_data(as_text=True)
    assert "Zoë, der erste Spargel ist da" in unescape(sent)
    assert "is done" not in press.text(f"campaigns/{campaign}")


def test_another_column_can_hold_the_phone_and_columns_get_the_names_that_texts_use(press: Press) -> None:
    path = place(press.brings("Office,Mobile,Called\n0301 1,+49 171 3920041,Ina\n,+44 7700 900123,Al\n"))
    page = press.get(path)
    assert proposal(page)["phone"] == "1"
    assert "2 of 2" in words(page)

    unsaid = press.post(path, wrong="skip")
    clash = press.post(path, **{**proposal(page), "called-0": "first_name", "called-2": "first_name"})
    assert unsaid.status_code == clash.status_code == 422
    assert "Choose the column that holds the phone." in words(unsaid.get_data(as_text=True))
    assert "Two columns would be called" in words(clash.get_data(as_text=True))
    assert 'value="first_name"' in clash.get_data(as_text=True)
    list_id = place(press.post(path, **{**proposal(page), "called-2": "first_name", "name": "Spring"})).rpartition("/")[
        2
    ]

    with press.house.store.read() as tx:
        rows = lists.after(tx, list_id, 0, 10)
    assert [(number, data["first_name"]) for _, number, data in rows] == [
        ("+491713920041", "Ina"),
        ("+447700900123", "Al"),
    ]
    assert "2 people are on Spring" in press.text(f"lists/{list_id}")


def test_reading_stops_at_the_first_wrong_row_where_that_is_wanted_and_the_row_can_be_mended(press: Press) -> None:
    path = place(press.reads(wrong="stop"))

    page = press.text(path)

    assert "guests.csv did not become a list" in page
    assert "Stopped at row 4: a row cannot be texted. Handy 'call me'" in page
    assert press.rows("select count(*) from list_rows") == [(0,)]
    mended = press.get(f"{path}/wrong.csv").lstrip("\ufeff").splitlines()
    assert mended[0].startswith("Handy,Vorname,locale,# row")
    assert mended[1].startswith("call me,Eve,en,4,Handy,")
    assert ("olu", f"wrong rows of list {path.rpartition('/')[2]} exported", "") in press.door.journal()
    press.get(f"{path}/wrong.csv", "vic", 403)


def test_the_same_file_is_read_twice_only_by_who_says_so(press: Press) -> None:
    press.list_of()
    path = place(press.brings())
    page = press.get(path)
    assert "The same file was uploaded on 23 November 2026" in words(page)

    refused = press.post(path, **proposal(page))
    assert refused.status_code == 422
    assert "Say that you mean it" in words(refused.get_data(as_text=True))
    place(press.post(path, **proposal(page), again="yes"))

    assert press.rows("select count(*) from lists where complete = 1") == [(2,)]


def test_a_workbook_is_read_by_the_sheet_that_is_chosen(press: Press) -> None:
    book, file = Workbook(), io.BytesIO()
    assert book.active is not None
    book.active.append(["phone", "first_name"])
    other = book.create_sheet("Guests")
    for row in (["phone", "first_name"], ["+491713920031", "Zoë"]):
        other.append(row)
    book.save(file)
    path = place(press.brings(file.getvalue(), "guests.xlsx"))

    page = press.get(f"{path}?sheet=Guests")

    assert "Guests" in page
    made = press.post(path, **proposal(page))
    assert "1 person is on guests.xlsx" in press.text(place(made))


@pytest.mark.parametrize(
    ("body", "name", "said"),
    [
        (b"%PDF-1.7", "guests.pdf", "This is a PDF, no table"),
        (b"", "empty.csv", "The first row must name the columns. There is none."),
        (b"phone,phone\n1,2\n", "twice.csv", "The column 'phone' stands twice."),
        (b"PK\x03\x04rubbish", "broken.xlsx", ""),
    ],
)
def test_a_file_that_is_no_list_is_refused_beside_its_field(press: Press, body: bytes, name: str, said: str) -> None:
    answer = press.brings(body, name)

    assert answer.status_code == 422
    assert said in words(answer.get_data(as_text=True)).replace("\u2018", "'")
    assert 'id="e-file"' in answer.get_data(as_text=True)
    assert press.rows("select * from lists") == []


def test_a_file_that_is_too_large_is_refused_before_it_is_read(press: Press, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_upload, "MAX_UPLOAD", 1_000)

    answer = press.brings(GUESTS + "0171 3920033;Al;en\n" * 100)

    assert answer.status_code == 413
    assert "MB. Split it." in words(answer.get_data(as_text=True))


def test_a_file_belongs_to_whoever_brought_it_and_waits_for_an_hour(press: Press) -> None:
    path = place(press.brings())

    press.get(path, "kim", 404)
    for _ in range(5):
        press.house.now += timedelta(minutes=13)
        press.get("lists")
    press.brings("phone\n+491713920031\n")
    gone = press.post(path, phone="0")

    assert gone.status_code == 404
    assert "The file is no longer here" in words(gone.get_data(as_text=True))


def test_a_long_list_is_read_in_the_background_with_its_progress(press: Press, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = press.door.app.extensions["tidings"]
    path = place(press.brings())
    word = path.rpartition("/")[2]

    told, go_on = threading.Event(), threading.Event()

    def slowly(_: object, tell: Callable[[int], object]) -> None:
        tell(1_000)
        told.set()
        go_on.wait(5)

    monkeypatch.setattr(uploads, "A_MOMENT", 0.0)
    desk.uploads.begin(word, "l-slow", slowly)
    assert told.wait(5)
    shown = press.get("lists/l-slow")

    assert "guests.csv is being read: 1,000 rows so far" in words(shown)
    assert 'data-refresh="2"' in shown
    go_on.set()


def test_a_list_is_taken_away_unless_a_campaign_still_needs_it(press: Press) -> None:
    list_id = press.list_of()
    press.post("campaigns/new", rule="spring-news", list=list_id)

    assert "The campaign spring-news still needs it" in press.text(f"lists/{list_id}/remove")
    assert press.post(f"lists/{list_id}/remove").status_code == 409
    place(press.decides("spring-news", "cancel"))
    assert "Erase 2 people and 1 wrong row" in press.text(f"lists/{list_id}/remove")
    place(press.post(f"lists/{list_id}/remove"))

    assert press.rows("select count(*) from list_rows") == [(0,)]
    assert "This list was taken away" in press.text(f"lists/{list_id}")
    assert ("olu", f"list {list_id} removed", "") in press.door.journal()
    assert "spring-news" in press.text("campaigns/spring-news")


def test_numbers_are_whole_only_for_who_may_see_them(press: Press) -> None:
    list_id = press.list_of()

    assert "+491713920031" in press.get(f"lists/{list_id}")
    for path in (f"lists/{list_id}", "lists", "campaigns"):
        assert "3920031" not in press.get(path, "vic"), path
    press.get("lists/new", "vic", 403)


def test_a_viewer_looks_at_campaigns_and_finds_nothing_to_decide(press: Press) -> None:
    campaign = press.campaign()

    for path in ("campaigns", "lists", f"campaigns/{campaign}", f"campaigns/{campaign}/preview"):
        page = press.get(path, "vic")
        assert "<button>" not in page.partition("<main")[2], path
        assert "Bring a list" not in page, path


def test_nothing_of_a_file_is_ever_markup(press: Press) -> None:
    press.wants_it("+491713920031")
    body = f"phone,first_name,{XSS.replace(',', '')}\n+491713920031,{XSS},{XSS}\n{XSS},x,y\n".replace('"', "")
    mark = XSS.replace('"', "")
    path = place(press.brings(body, f"{mark}.csv"))
    list_path = place(press.post(path, **proposal(press.get(path))))
    list_id = list_path.rpartition("/")[2]
    place(press.post("campaigns/new", rule="spring-news", list=list_id))
    clash = press.post(
        place(press.brings(body + "\n")), phone="0", region=XSS, name=XSS, again="yes", **{"called-1": XSS}
    )

    pages = [
        path,
        list_path,
        "lists",
        "campaigns",
        "campaigns/new",
        "campaigns/spring-news",
        "campaigns/spring-news/preview",
    ]
    shown = [press.get(one, status=404 if one == path else 200) for one in pages] + [clash.get_data(as_text=True)]

    for page in shown:
        assert "<script>alert" not in page
        assert "<img" not in page
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=\"", page)
    assert "&lt;script&gt;" in shown[1]


def test_a_list_page_shows_fifty_people_and_stays_small_and_quick(press: Press) -> None:
    body = "phone,first_name,note\n" + "".join(f"+4917139{n:05d},P{n},{'x' * 90}\n" for n in range(20_000, 20_100))
    body += "".join(f"nobody {n},P{n},{'y' * 90}\n" for n in range(60))
    list_id = press.list_of(body)
    campaign = place(press.post("campaigns/new", rule="spring-news", list=list_id)).split("/")[1]

    first = press.get(f"lists/{list_id}")
    assert first.count("+4917139200") >= 50
    assert re.search(r'href="\?after=(\d+)"', first)
    second = press.get(f"lists/{list_id}?after=51")
    assert "+491713920050" in second
    assert "+491713920049" not in second
    assert press.get(f"lists/{list_id}?wrong_after=151").count("nobody") == 10
    for path in (f"lists/{list_id}", "lists", "campaigns", f"campaigns/{campaign}", f"campaigns/{campaign}/preview"):
        assert len(press.get(path).encode()) < 150_000, path


def test_a_rule_that_was_changed_or_is_gone_leaves_its_campaign_to_be_looked_at(press: Press) -> None:
    campaign = press.campaign()
    path = press.house.folder / "rules.yaml"
    path.write_text(RULES.partition("  - id: spring-news")[0], "utf-8")
    press.house.worker.book = load(path)

    assert "spring-news waits until" in press.text(f"campaigns/{campaign}")
    assert "The rules have no campaign" in press.text(f"campaigns/{campaign}/preview")
    assert "The rules have no campaign" in words(
        press.post(f"campaigns/{campaign}/approve", "mara", version="1").get_data(as_text=True)
    )
    assert "No rule is a campaign yet" in press.text("lists/new")


def test_addresses_of_no_campaign_and_no_list_are_a_friendly_404(press: Press) -> None:
    for path in (
        "campaigns/nothing",
        "campaigns/nothing/preview",
        "campaigns/nothing/start",
        "lists/l0",
        "lists/l0/remove",
        "lists/new/x",
    ):
        page = press.get(path, "olu", 404)
        assert "There is nothing here" in page or "The file is no longer here" in page, path


def test_before_anybody_signs_in_the_name_that_is_typed_counts(house: House) -> None:
    browser = build(replace(house.desk, new_id=house.new_id)).test_client()

    def sends(path: str, **fields: object) -> TestResponse:
        return posts(browser, f"/console/{path}", page="/console/consent", **fields)

    bring = sends("lists/new", rule="spring-news", file=(io.BytesIO(GUESTS.encode()), "guests.csv"))
    columns = browser.get(bring.headers["Location"]).get_data(as_text=True)
    assert "3920031" not in columns
    assert sends(place(bring), **proposal(columns)).status_code == 422
    list_id = place(sends(place(bring), **proposal(columns), who="Olu")).rpartition("/")[2]
    assert sends("campaigns/new", rule="spring-news", list=list_id).status_code == 422
    place(sends("campaigns/new", rule="spring-news", list=list_id, who="Olu"))

    assert sends("campaigns/spring-news/approve", version="1").status_code == 422
    assert sends("campaigns/spring-news/approve", version="1", who="olu ").status_code == 409
    place(sends("campaigns/spring-news/approve", version="1", who="Mara"))


def test_codes_are_shown_with_the_evidence_and_ruled_on_by_who_may_steer(press: Press) -> None:
    assert "Nobody has asked for a code today" in press.text("codes", "vic")
    asked_for_codes(press.house)

    seen = press.get("codes", "vic")
    assert "1 prefix gets no more codes" in words(seen)
    assert "0 of 12 codes to its neighbours were entered" in words(seen)
    assert "<form" not in seen.partition("<main")[2]
    assert not re.search(r"\+4477009001\d\d", seen)
    assert "+447700900111" in press.get("codes", "olu")
    for page in (seen, press.get("codes", "kim")):
        assert not re.search(r">\s*\d{6}\s*<", page)
    assert press.post("codes", "olu", prefix="+44770090", do="block").status_code == 403

    wrong = press.post("codes", "kim", prefix="everybody", do="block")
    assert wrong.status_code == 422
    assert 'value="everybody"' in wrong.get_data(as_text=True)
    assert press.post("codes", "kim", prefix="+49171392", do="release").status_code == 422
    legend = press.text("codes?prefix=%2B44770090", "kim")
    assert "+44770090••••: 13 codes were asked for in a day, 0 of 12 sent were entered" in legend
    ruled = {"prefix": "+44 770090••••", "for": "24h", "reason": "a fair in Hull"}
    place(press.post("codes", "kim", do="allow", **ruled))
    assert "Allowed by kim until 2026-11-24" in press.text("codes", "vic")
    place(press.post("codes", "kim", do="block", **ruled))
    assert "Blocked by kim until" in press.text("codes", "vic")
    place(press.post("codes", "kim", do="release", **ruled))
    assert "0 of 12 codes" in press.text("codes", "vic")


def test_without_a_pepper_the_page_of_codes_says_what_is_missing(house: House) -> None:
    page = build(replace(house.desk, codes=None)).test_client().get("/console/codes").get_data(as_text=True)

    assert "Codes are not set up here" in page
    assert "<code>pepper</code>" in page
