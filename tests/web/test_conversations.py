"""The pages on which people see what phones wrote, answer it, and keep what people wish."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from audit import consent
from dispatch.replying import Replying
from inbound.receipts import Inbox
from model.sending import Reply
from tests.web.house import RULES, House
from web.app import build

ANNA, BEN = "+491713920012", "+447700900123"

CODE = '    text: "Your code is {{ code }}."\n'


class Office:
    """A house whose phones write back, and a browser that fills in forms."""

    def __init__(self, house: House) -> None:
        self.house, self.count = house, 0
        desk = replace(house.desk, new_id=house.new_id, on_queued=house.works)
        self.client: FlaskClient = build(desk).test_client()
        self.replying = Replying(store=house.store, book=lambda: house.worker.book, new_id=house.new_id)

    def writes(self, number: str, text: str) -> None:
        self.count += 1
        self.house.now += timedelta(minutes=1)
        reply = Reply(id=f"r{self.count}", number=number, to="+493023125001", text=text)
        Inbox(store=self.house.store, clock=lambda: self.house.now).replies("console", [reply])
        self.replying.answer_due(self.house.now)

    def get(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200
        return unescape(answer.get_data(as_text=True))

    def post(self, path: str, **fields: object) -> tuple[int, str]:
        page = self.client.get("/console/consent").get_data(as_text=True)
        token = re.search(r'name="token" value="([^"]+)"', page)
        assert token
        data = {"token": token[1], **fields}
        answer = self.client.post(path, data=data, content_type="multipart/form-data")
        return answer.status_code, unescape(answer.get_data(as_text=True))

    def states(self) -> list[str]:
        with self.house.store.read() as tx:
            return [row["text"] for row in tx.execute("select text from messages order by id")]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    house = House(tmp_path, rules=RULES.replace(CODE, CODE + "    replies: {confirm: [ok], cancel: [c]}\n"))
    yield Office(house)
    house.store.close()


def test_who_waits_for_a_person_comes_first_and_numbers_are_masked(office: Office) -> None:
    office.house.order("1001")
    office.writes(ANNA, "Where is my order?")
    office.writes(BEN, "STOP")

    page = office.get("/console/conversations")

    assert page.index("Where is my order?") < page.index("STOP")
    assert "1 for a person" in page
    assert "3920012" not in page
    assert "900123" not in page
    assert 'title="Needs a person">1<' in page
    assert "1 conversation to look after" in office.get("/console/")


def test_a_thread_shows_both_sides_and_what_each_text_was_taken_for(office: Office) -> None:
    office.house.order("1001")
    office.writes(ANNA, "Where is it? <b>")

    page = office.client.get("/console/conversations/1").get_data(as_text=True)

    assert page.index("order #1001") < page.index("Where is it? &lt;b&gt;")
    assert "No text of the last 14 days asked this phone for an answer." in page
    assert ANNA not in page


def test_an_answer_is_previewed_and_then_sent_once_even_when_pressed_twice(office: Office) -> None:
    office.writes(ANNA, "Where is my order?")
    answer = {"text": "On its way – tomorrow.", "who": "Kim", "once": "n1"}

    _, preview = office.post("/console/conversations/1", do="preview", **answer)
    assert "1 segment, GSM-7" in preview
    assert "On its way – tomorrow." in preview
    assert office.states() == []

    assert office.post("/console/conversations/1", do="send", **answer)[0] == 303
    assert office.post("/console/conversations/1", do="send", **answer)[0] == 303

    assert office.states() == ["On its way - tomorrow."]
    assert "nothing" in office.get("/console/conversations")
    assert "On its way - tomorrow." in office.get("/console/conversations/1")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"text": "Hi", "who": ""}, "Write your name"),
        ({"text": "", "who": "Kim"}, "Not sent: The text could not be written."),
        ({"text": "Card 4111 1111 1111 1111", "who": "Kim"}, "Not sent: The text holds something"),
    ],
)
def test_an_answer_that_cannot_be_sent_says_why_and_keeps_what_was_typed(
    office: Office, fields: dict[str, str], said: str
) -> None:
    office.writes(ANNA, "Where is my order?")

    status, page = office.post("/console/conversations/1", do="send", **fields)

    assert (status, said in page, fields["text"] in page) == (422, True, True)


def test_nobody_can_answer_a_person_who_opted_out(office: Office) -> None:
    office.writes(ANNA, "please stop texting me")

    page = office.get("/console/conversations/1")
    status, refused = office.post("/console/conversations/1", do="send", text="Sorry", who="Kim")

    assert "Nothing can be sent: opted out by reply by console" in page
    assert "Send the answer" not in page
    assert (status, office.states()) == (422, [])
    assert "Not sent: The person asked to receive no more texts." in refused


def test_what_somebody_looked_after_no_longer_waits(office: Office) -> None:
    office.writes(ANNA, "Hello?")

    assert office.post("/console/conversations/1", do="done", who="Kim")[0] == 303

    assert "for a person" not in office.get("/console/conversations")
    with office.house.store.read() as tx:
        rows = tx.execute("select actor, reason from journal where kind = 'operator'").fetchall()
    assert [tuple(row) for row in rows] == [("Kim", "looked after")]


@pytest.mark.parametrize("path", ["/console/conversations/9", "/console/conversations/99999999999999999999"])
def test_a_conversation_that_never_was_is_not_found(office: Office, path: str) -> None:
    assert office.client.get(path).status_code == 404


def test_a_long_list_is_read_page_by_page(office: Office) -> None:
    for index in range(60):
        office.writes(f"+120255501{index:02}", f"text {index}")
    first = office.get("/console/conversations")
    older = re.search(r'href="(/console/conversations\?before=[^"]+)" rel="next"', first)
    assert older

    second = office.get(older[1])

    shown = re.findall(r">text (\d+)<", first + second)
    assert sorted(map(int, shown)) == list(range(60))
    assert "before=" in office.get("/console/conversations?before=nonsense")


def test_consent_shows_a_wish_its_proof_and_takes_a_change_with_a_reason(office: Office) -> None:
    office.writes(ANNA, "Stop!")

    page = office.get("/console/consent?number=0171%203920012&region=DE")
    assert "wants none" in page
    assert "Stop!" in page
    assert "What +49" in page

    status, refused = office.post("/console/consent", number=ANNA, status="in")
    assert (status, "Write how you know" in refused, "Write your name" in refused) == (422, True, True)
    assert office.post("/console/consent", number=ANNA, status="in", wording="called us", who="Kim")[0] == 303

    with office.house.store.read() as tx:
        kept = [(row["status"], row["wording"], row["channel"], row["actor"]) for row in consent.history(tx, ANNA)]
    assert kept == [("in", "called us", "console", "Kim"), ("out", "Stop!", "reply", "the person")]


def test_a_conversation_leads_to_the_wishes_without_the_number_in_the_address(office: Office) -> None:
    office.writes(ANNA, "Stop!")

    assert "wants none" in office.get("/console/consent?phone_of=1")
    assert "Nothing is known" not in office.get("/console/consent?phone_of=x")


def test_a_list_of_wishes_goes_in_with_its_mistakes_told_and_out_again(office: Office) -> None:
    rows = (
        "number,category,status,wording,at\n+447700900145,news,in,I agree to get news,2026-01-02T10:00:00+01:00\n"
        "abc,,out,,\n+12025550123,,maybe,,\n+12025550124,,out,,2031-01-01\n"
    )

    status, page = office.post(
        "/console/consent/import", who="old system", list=(io.BytesIO(rows.encode()), "wishes.csv")
    )
    _, exported = office.post("/console/consent/export")

    assert (status, "1 written down, 3 rows left out." in page) == (200, True)
    assert "Row 4: status must be in or out, not 'maybe'" in page
    assert "Row 5: at lies in the future" in page
    assert exported.splitlines() == [
        "number,category,status,source,wording,channel,actor,at",
        "+447700900145,news,in,old system,I agree to get news,import,old system,2026-01-02T09:00:00+00:00",
    ]


@pytest.mark.parametrize(
    "content", [b"", b"nonsense\n1\n", b"\xff\xfe\x00", b'number,status\n"+447700900145', b"a" * 5000]
)
def test_a_file_that_is_no_list_is_refused_in_words(office: Office, content: bytes) -> None:
    status, page = office.post("/console/consent/import", who="x", list=(io.BytesIO(content), "wishes.csv"))

    assert (status, "0 written down" in page) == (200, True)


@pytest.mark.parametrize(
    "path", ["/console/conversations/1", "/console/consent", "/console/consent/import", "/console/consent/export"]
)
def test_forms_of_other_sites_change_nothing(office: Office, path: str) -> None:
    office.writes(ANNA, "Hello?")

    assert office.client.post(path, data={"do": "done", "who": "x"}).status_code == 400


def test_the_page_of_a_text_tells_what_the_reply_led_to(office: Office) -> None:
    office.house.comes("verification.requested", {"phone": "+491713920012", "code": "123456"}, key="V1")
    office.house.works()
    office.writes(ANNA, "ok")
    office.writes(ANNA, "which code?")
    with office.house.store.read() as tx:
        message_id = tx.execute("select id from messages").fetchone()["id"]

    page = office.get(f"/console/messages/{message_id}")

    assert "The person confirms" in page
    assert "The rule asked, and the text is none of the answers it knows." in page
