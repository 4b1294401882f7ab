"""Campaigns: a list is read, two people approve, texts leave at a rate, and nobody gets one twice or is missed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit import consent, lists
from audit.consent import Consent
from dispatch.audience import BadList
from dispatch.campaigning import Campaigns, CannotRun
from dispatch.campaigns import running
from model.sending import ErrorClass, Outcome, Result
from tests.fakes.world import World

RULES = """
version: 1
defaults: {region: DE, tz: Europe/Berlin, quiet_hours: ignore}
rules:
  - id: winter-sale
    campaign:
      audience: {from: lists/newsletter.csv, when: ["country == 'DE'"]}
      start: 2026-11-23T12:00:00+01:00
      stop: 2026-11-23T20:00:00+01:00
      rate: 10/s
      approve: 2
    to: [phone]
    priority: bulk
    ttl: 24h
    text: "{{ first_name }}, 20% off until Sunday. Text STOP to leave."
"""


def people(count: int, country: str = "DE") -> str:
    rows = [f"0171 39200{n:02d},Person{n},{country}" for n in range(count)]
    return "\r\n".join(["phone,first_name,country", *rows]) + "\r\n"


class Office:
    def __init__(self, world: World) -> None:
        self.world = world
        self.campaigns = Campaigns(store=world.store, book=lambda: world.worker.book, new_id=world.ids)

    def list_of(self, text: str | bytes, *, again: bool = False) -> str:
        file = io.BytesIO(text if isinstance(text, bytes) else text.encode())
        return self.campaigns.read_list(file, "news.csv", "winter-sale", "Mara", self.world.now, again=again)

    def ready(self, count: int = 20) -> str:
        found = self.campaigns.prepare("winter-sale", self.list_of(people(count)), "Olu", self.world.now)
        self.campaigns.approve(found, "Mara", self.world.now)
        self.campaigns.approve(found, "Ines", self.world.now)
        return found

    def runs(self, seconds: int = 1) -> None:
        for _ in range(seconds):
            self.campaigns.step(self.world.now)
            self.world.step()
            self.world.wait(seconds=1)

    @property
    def state(self) -> str:
        return str(self.world.rows("select state from campaigns order by id desc")[0]["state"])


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with World(tmp_path, RULES) as world:
        yield Office(world)


def test_everybody_on_the_list_gets_one_text_at_the_rate_that_was_asked_for(office: Office) -> None:
    campaign = office.ready(35)
    office.campaigns.start(campaign, "Ines", office.world.now)

    office.runs(seconds=2)
    early = len(office.world.phone.inbox)
    office.runs(seconds=5)

    assert 10 <= early <= 21
    assert sorted(s.to for s in office.world.phone.got) == [f"+4917139200{n:02d}" for n in range(35)]
    assert office.world.phone.inbox[0] == "Person0, 20% off until Sunday. Text STOP to leave."
    assert office.state == "done"
    assert office.world.faults() == []


def test_two_people_have_to_approve_and_one_cannot_do_it_alone(office: Office) -> None:
    campaign = office.campaigns.prepare("winter-sale", office.list_of(people(3)), "Olu", office.world.now)

    assert [office.campaigns.approve(campaign, "Mara", office.world.now) for _ in range(50)] == [1] * 50
    with pytest.raises(CannotRun, match="winter-sale is draft"):
        office.campaigns.start(campaign, "Mara", office.world.now)
    assert office.campaigns.approve(campaign, "Ines", office.world.now) == 0
    assert office.state == "approved"


def test_a_pause_holds_everything_and_goes_on_where_it_was(office: Office) -> None:
    campaign = office.ready(60)
    office.campaigns.start(campaign, "Ines", office.world.now)
    office.runs(seconds=2)
    office.campaigns.pause(campaign, "Ines", office.world.now)
    before = len(office.world.phone.inbox)

    office.runs(seconds=5)
    assert len(office.world.phone.inbox) == before
    office.campaigns.start(campaign, "Ines", office.world.now)
    office.world.worker.steer_due(office.world.now)
    office.runs(seconds=1)
    assert len(office.world.phone.inbox) - before <= 21
    office.runs(seconds=8)

    assert sorted(s.to for s in office.world.phone.got) == [f"+4917139200{n:02d}" for n in range(60)]


def test_a_cancelled_campaign_sends_no_more_and_cannot_be_started(office: Office) -> None:
    campaign = office.ready(50)
    office.campaigns.start(campaign, "Ines", office.world.now)
    office.runs(seconds=1)
    sent = len(office.world.phone.inbox)

    ended = office.campaigns.cancel(campaign, "Mara", office.world.now)
    office.runs(seconds=5)

    assert len(office.world.phone.inbox) == sent
    assert sent + ended == 50
    with pytest.raises(CannotRun, match="winter-sale is cancelled"):
        office.campaigns.start(campaign, "Ines", office.world.now)


def test_whoever_opted_out_or_is_not_meant_is_left_out_and_the_record_says_why(office: Office) -> None:
    stop = Consent(number="+491713920001", status="out", source="reply", at=office.world.now)
    office.world.store.write(lambda tx: consent.record(tx, stop, office.world.now))
    text = people(2) + "07700 900142,Imogen,GB\r\n+447700900143,Rhys,GB\r\n"
    campaign = office.campaigns.prepare("winter-sale", office.list_of(text), "Olu", office.world.now)
    for person in ("Mara", "Ines"):
        office.campaigns.approve(campaign, person, office.world.now)

    seen = office.campaigns.preview(campaign, office.world.now)
    office.campaigns.start(campaign, "Ines", office.world.now)
    office.runs(seconds=2)

    assert (seen.people, seen.opted_out) == (4, 1)
    assert [s.to for s in office.world.phone.got] == ["+491713920000"]
    assert sorted(office.world.reasons) == ["opted_out", "send", "when[0]", "when[0]"]
    assert office.world.rows("select planned, skipped from campaigns") == [{"planned": 1, "skipped": 3}]


def test_a_crash_between_two_chunks_repeats_nobody_and_misses_nobody(office: Office) -> None:
    campaign = office.ready(90)
    office.campaigns.start(campaign, "Ines", office.world.now)
    running.run(office.campaigns, campaign, office.world.now)
    again = Campaigns(store=office.world.store, book=lambda: office.world.worker.book, new_id=office.world.ids)

    for _ in range(12):
        again.step(office.world.now)
        office.world.step()
        office.world.wait(seconds=1)

    assert sorted(s.to for s in office.world.phone.got) == [f"+4917139200{n:02d}" for n in range(90)]


def test_a_campaign_whose_texts_fail_stops_by_itself(office: Office) -> None:
    no = Result(outcome=Outcome.REJECTED, error=ErrorClass.PERMANENT, code="21211", text="not a mobile")
    office.world.phone.script = [no] * 80
    campaign = office.ready(90)
    office.campaigns.start(campaign, "Ines", office.world.now)

    office.runs(seconds=8)

    assert office.state == "stopped"
    assert office.world.rows("select reason from campaigns")[0]["reason"].endswith("texts failed")


def test_a_campaign_ends_with_its_time(office: Office) -> None:
    campaign = office.ready(30)
    office.world.wait_until("2026-11-23T19:59:59+01:00")
    office.campaigns.start(campaign, "Ines", office.world.now)

    office.runs(seconds=5)

    assert len(office.world.phone.inbox) <= 11
    assert office.state == "done"


def test_a_campaign_whose_rule_was_changed_after_the_approval_does_not_run(office: Office) -> None:
    campaign = office.ready(3)
    office.world.rules(RULES.replace("20% off", "90% off"))

    with pytest.raises(CannotRun, match="was changed since"):
        office.campaigns.start(campaign, "Ines", office.world.now)


def test_a_rule_that_changes_while_it_runs_stops_it(office: Office) -> None:
    campaign = office.ready(50)
    office.campaigns.start(campaign, "Ines", office.world.now)
    office.runs(seconds=1)

    office.world.rules(RULES.replace("20% off", "90% off"))
    office.runs(seconds=1)

    assert office.state == "stopped"
    assert not any("90%" in text for text in office.world.phone.inbox)


def test_a_step_says_how_many_people_it_looked_at(office: Office) -> None:
    campaign = office.ready(7)
    office.campaigns.start(campaign, "Ines", office.world.now)

    assert office.campaigns.step(office.world.now) == 7
    assert office.campaigns.step(office.world.now) == 0


def test_the_same_file_twice_is_said_to_be_that(office: Office) -> None:
    first = office.list_of(people(3))

    with pytest.raises(CannotRun, match=f"This is the file that {first} was made from"):
        office.list_of(people(3))
    assert office.list_of(people(3), again=True) != first


def test_bad_rows_keep_the_number_the_spreadsheet_shows(office: Office) -> None:
    text = "phone,first_name\r\n4.9151E+12,Ada\r\n,Bob\r\nhello,Cleo\r\n"
    text += '0171 3920001,"Dora, of\r\nBonn"\r\n0171 3920001,Dora\r\n'

    found = office.list_of(text)

    with office.world.store.read() as tx:
        faults = [(row["row"], row["cell"]) for row in lists.faults(tx, found)]
        why = [row["why"] for row in lists.faults(tx, found)]
        kept = lists.get(tx, found)
    assert faults == [(2, "4.9151E+12"), (3, ""), (4, "hello")]
    assert "its last digits are lost" in why[0]
    assert kept is not None
    assert (kept["rows"], kept["doubles"], kept["wrong"]) == (1, 1, 3)


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", "The first row must name the columns."),
        (b"name,city\nAda,Bonn\n", "No column is called 'phone'; there are name, city."),
        (b"phone,phone\n1,2\n", "The column 'phone' stands twice."),
        (b"PK\x03\x04rest of a workbook", "The workbook is broken"),
        (b"\x00\x01\x02", "This is no text file."),
    ],
)
def test_a_file_that_is_no_list_is_refused_in_a_sentence(office: Office, raw: bytes, sentence: str) -> None:
    with pytest.raises(BadList) as refusal:
        office.list_of(raw)

    assert sentence in str(refusal.value)


@pytest.mark.parametrize(
    "raw",
    [
        "phone;first_name\n0171 3920007;Zoë\n".encode(),
        "phone;first_name\n0171 3920007;Zoë\n".encode("utf-8-sig"),
        "phone\tfirst_name\n0171 3920007\tZoë\n".encode("utf-16"),
        "phone;first_name\n0171 3920007;Zoë\n".encode("cp1252"),
        'phone;first_name\n="01713920007";Zoë\n'.encode(),
        "phone;first_name\n'01713920007;Zoë\n".encode(),
    ],
)
def test_files_are_read_as_spreadsheets_write_them(office: Office, raw: bytes) -> None:
    found = office.list_of(raw)

    with office.world.store.read() as tx:
        assert lists.after(tx, found, 0, 5) == [(2, "+491713920007", lists.after(tx, found, 0, 5)[0][2])]
        assert lists.after(tx, found, 0, 5)[0][2]["first_name"] == "Zoë"
