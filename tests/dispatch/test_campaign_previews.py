"""What a campaign would do is what it does: preview, test send, variants, the hour of each recipient, the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from audit import consent, receipts
from audit.consent import Consent
from dispatch.campaigning import CannotRun
from dispatch.route import CONSOLE, Mode
from model.message import State
from model.sending import Reply
from tests.dispatch.test_campaign_caps import Priced, opt_in
from tests.dispatch.test_campaigning import RULES, people
from tests.fakes.world import World, delivered

OPEN_END = RULES.replace("      stop: 2026-11-23T20:00:00+01:00\n", "")
TEXT = '    text: "{{ first_name }}, 20% off until Sunday. Text STOP to leave."\n'
VARIANTS = OPEN_END.replace("      approve: 2\n", "      approve: 2\n      variants: {short: 75, long: 25}\n").replace(
    TEXT,
    "    locale: locale\n    text:\n      short: {en: Sale. STOP to leave, de: Rabatt. Ende mit STOP}\n"
    "      long: A long text about the sale → with a sign that costs. STOP to leave\n",
)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Priced]:
    with World(tmp_path, OPEN_END) as world:
        yield Priced(world)


def begun(office: Priced, text: str) -> str:
    campaign = office.campaigns.prepare("winter-sale", office.list_of(text), "Olu", office.world.now)
    for name in ("Mara", "Ines"):
        office.campaigns.approve(campaign, name, office.world.now)
    office.campaigns.start(campaign, "Ines", office.world.now)
    return campaign


def opt_out(office: Priced, number: str) -> None:
    stop = Consent(number=number, status="out", source="reply", at=office.world.now)
    office.world.store.write(lambda tx: consent.record(tx, stop, office.world.now))


def wrote(office: Priced, reply: Reply, intent: str) -> None:
    office.world.store.write(lambda tx: receipts.record_reply(tx, "main", reply, intent, office.world.now))


def test_the_preview_says_who_gets_what_at_what_cost_and_the_sending_agrees(office: Priced) -> None:
    opt_out(office, "+491713920001")
    text = people(12) + "07700 900142,Imogen,GB\r\n+447700900143,Rhys,GB\r\n"
    campaign = begun(office, text)

    seen = office.campaigns.preview(campaign, office.world.now)
    office.runs(seconds=4)
    report = office.campaigns.report(campaign, office.world.now)

    assert (seen.people, seen.planned, seen.is_sample, seen.texts, seen.segments) == (14, 14, False, 11, 11)
    assert seen.skipped == {"opted_out": 1, "when[0]": 2} == report.total.skipped
    assert (seen.costs, seen.unpriced) == ({"EUR": Decimal("1.1")}, 0)
    assert report.estimated == seen.costs
    (said,) = seen.wordings
    assert (said.text, said.encoding, said.segments, said.people) == (office.world.phone.inbox[0], "gsm7", 1, 11)
    assert [one.code for one in seen.examples[:3]] == ["send", "opted_out", "send"]
    assert seen.examples[0].text == office.world.phone.inbox[0]
    assert seen.examples[0].number.endswith("00")
    assert "3920000" not in seen.examples[0].number
    last = office.world.rows("select max(due_at) as at from messages")[0]["at"] / 1000
    assert seen.ends_at is not None
    assert abs(seen.ends_at.timestamp() - last) < 0.2


def test_nothing_is_written_by_a_preview(office: Priced) -> None:
    campaign = begun(office, people(5))
    before = office.world.rows("select (select count(*) from events) as e, (select count(*) from journal) as j")

    office.campaigns.preview(campaign, office.world.now)

    assert office.world.rows("select (select count(*) from events) as e, (select count(*) from journal) as j") == before


def test_a_large_list_is_judged_by_a_sample_from_all_over_it(office: Priced) -> None:
    rows = "".join(f"+49171392{n:04d},P{n},{'DE' if n < 600 else 'GB'}\r\n" for n in range(1200))
    campaign = begun(office, "phone,first_name,country\r\n" + rows)

    seen = office.campaigns.preview(campaign, office.world.now, sample=200)

    assert (seen.people, seen.planned, seen.is_sample) == (1200, 200, True)
    assert (seen.texts, seen.skipped) == (600, {"when[0]": 600})
    assert seen.ends_at is not None
    assert 55 <= (seen.ends_at - office.world.now).total_seconds() <= 62


def test_a_test_send_is_the_planned_text_and_counts_nowhere(office: Priced) -> None:
    campaign = office.campaigns.prepare("winter-sale", office.list_of(people(3)), "Olu", office.world.now)

    made = office.campaigns.try_out(campaign, "0171 3920077", "Olu", office.world.now, row=3)
    office.world.step()

    assert made.message is not None
    assert [(s.to, s.text) for s in office.world.phone.got] == [
        ("+491713920077", "Person1, 20% off until Sunday. Text STOP to leave.")
    ]
    assert ("operator", "campaign test") in office.world.journal()
    assert office.world.rows("select type, native_type from events") == [
        {"type": "custom.campaign.test", "native_type": "Olu"}
    ]
    assert office.campaigns.report(campaign, office.world.now).total.sent == 0
    assert office.world.faults() == []


def test_a_test_send_honours_an_opt_out_and_the_mode(office: Priced) -> None:
    campaign = office.campaigns.prepare("winter-sale", office.list_of(people(3)), "Olu", office.world.now)
    opt_out(office, "+491713920077")
    office.world.worker.mode = Mode(name="sink")

    with pytest.raises(CannotRun, match="opted out by reply"):
        office.campaigns.try_out(campaign, "0171 3920077", "Olu", office.world.now)
    office.campaigns.try_out(campaign, "0171 3920078", "Olu", office.world.now)
    office.world.step()

    assert office.world.phone.got == []
    assert office.world.rows("select gateway from messages") == [{"gateway": CONSOLE}]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"row": 99}, "there is no row 99"),
        ({"variant": "b"}, "has no variant 'b'"),
        ({"to": "hello"}, "The number cannot be texted"),
    ],
)
def test_a_test_send_that_cannot_be_says_why(office: Priced, what: dict[str, str], said: str) -> None:
    campaign = office.campaigns.prepare("winter-sale", office.list_of(people(3)), "Olu", office.world.now)

    with pytest.raises(CannotRun, match=said):
        office.campaigns.try_out(campaign, **{"to": "0171 3920077", "actor": "Olu", "now": office.world.now, **what})  # type: ignore[arg-type]


def test_everybody_gets_one_variant_the_same_one_whenever_it_is_asked(office: Priced) -> None:
    office.world.rules(VARIANTS)
    rows = "".join(f"+49171392{n:04d},{'de' if n % 2 else 'en'},DE\r\n" for n in range(400))
    campaign = begun(office, "phone,locale,country\r\n" + rows)

    before = office.campaigns.preview(campaign, office.world.now, sample=0)
    again = office.campaigns.preview(campaign, office.world.now, sample=0)
    office.runs(seconds=45)
    report = office.campaigns.report(campaign, office.world.now)

    assert before.variants == again.variants == {line.variant: line.planned for line in report.variants}
    assert 250 <= before.variants["short"] <= 350
    assert [(said.variant, said.locale, said.encoding) for said in before.wordings] == [
        ("long", "de", "ucs2"), ("long", "en", "ucs2"), ("short", "de", "gsm7"), ("short", "en", "gsm7"),
    ]  # fmt: skip
    assert Counter(len(text) > 30 for text in office.world.phone.inbox)[True] == before.variants["long"]


def test_the_report_tells_receipts_replies_and_opt_outs_of_each_variant(office: Priced) -> None:
    office.world.rules(VARIANTS)
    rows = "".join(f"+491713920{n:03d},en,DE\r\n" for n in range(30))
    campaign = begun(office, "phone,locale,country\r\n" + rows)
    office.runs(seconds=5)

    office.world.receipt(delivered("main-1"))
    office.world.receipt(delivered("main-2"))
    first = office.world.rows("select number, step from messages where provider_id = 'main-1'")[0]
    other = office.world.rows("select number from messages where provider_id = 'main-2'")[0]
    for row, text, intent in ((first, "STOP", "stop"), (other, "Thanks", "other")):
        wrote(office, Reply(id=intent, number=row["number"], to="", text=text), intent)
    report = office.campaigns.report(campaign, office.world.now)

    total = report.total
    assert (total.planned, total.sent, total.delivered, total.reported) == (30, 30, 2, 2)
    assert total.coverage == pytest.approx(2 / 30)
    assert total.delivery_rate == 1.0
    assert (total.replied, total.opted_out) == (1, 1)
    mine = next(line for line in report.variants if line.variant == first["step"])
    assert mine.opted_out == 1
    assert sum(line.sent for line in report.variants) == 30
    assert sum(line.segments for line in report.variants) == total.segments


def test_at_a_local_time_each_person_is_texted_when_their_own_clock_shows_it(office: Priced) -> None:
    start = OPEN_END.replace("start: 2026-11-23T12:00:00+01:00", "start: 2026-11-24 10:00 recipient")
    office.world.rules(start.replace(""", when: ["country == 'DE'"]""", ""))
    text = "phone,first_name,country\r\n0171 3920001,Ada,DE\r\n07700 900142,Imogen,GB\r\n+12025550143,Rhys,US\r\n"
    campaign = begun(office, text)
    seen = office.campaigns.preview(campaign, office.world.now)
    office.runs(seconds=1)
    office.world.wait_until("2026-11-23T23:00:00+00:00")
    office.runs(seconds=2)
    assert office.world.phone.got == []
    assert office.campaigns.progress(campaign, office.world.now).parked == {"local_start": 3}

    left = []
    for moment in ("2026-11-24T08:59:58+00:00", "2026-11-24T09:59:58+00:00", "2026-11-24T14:59:58+00:00"):
        office.world.wait_until(moment)
        office.runs(seconds=1)
        left.append(len(office.world.phone.got))
        office.runs(seconds=4)

    assert left == [0, 1, 2]
    assert [s.to[:3] for s in office.world.phone.got] == ["+49", "+44", "+12"]
    assert [one.leaves_at and one.leaves_at.isoformat() for one in seen.examples] == [
        "2026-11-24T09:00:00+00:00", "2026-11-24T10:00:00+00:00", "2026-11-24T15:00:00+00:00",
    ]  # fmt: skip
    assert office.state == "done"


def test_at_once_means_when_it_is_started(office: Priced) -> None:
    office.world.rules(OPEN_END.replace("start: 2026-11-23T12:00:00+01:00", "start: now"))
    office.world.wait(days=3)
    begun(office, people(3))

    office.runs(seconds=2)

    assert len(office.world.phone.got) == 3


def test_closed_hours_hold_for_campaigns_and_the_rate_holds_when_they_open(office: Priced) -> None:
    quiet = OPEN_END.replace(
        "quiet_hours: ignore", "quiet_hours: {from: '21:00', to: '08:00', tz: recipient, then: defer}"
    )
    office.world.rules(quiet)
    office.world.wait_until("2026-11-23T22:00:00+01:00")
    campaign = begun(office, people(50))
    seen = office.campaigns.preview(campaign, office.world.now)

    office.runs(seconds=3)
    assert office.world.phone.got == []
    assert office.campaigns.progress(campaign, office.world.now).parked == {"closed_hours": 50}
    office.world.wait_until("2026-11-24T08:00:00+01:00")
    office.runs(seconds=2)
    early = len(office.world.phone.got)
    office.runs(seconds=6)

    assert 10 <= early <= 21
    assert sorted(s.to for s in office.world.phone.got) == [f"+4917139200{n:02d}" for n in range(50)]
    assert seen.examples[0].leaves_at == datetime.fromisoformat("2026-11-24T08:00:00+01:00")


def test_marketing_keeps_to_the_hours_of_the_law_of_each_country(office: Priced) -> None:
    office.world.rules(OPEN_END.replace("    priority: bulk", "    consent: marketing\n    priority: bulk")
                       .replace(""", when: ["country == 'DE'"]""", ""))  # fmt: skip
    for number in ("+12025550143", "+491713920001"):
        opt_in(office, number)
    begun(office, "phone,first_name,country\r\n+12025550143,Rhys,US\r\n0171 3920001,Ada,DE\r\n")

    office.runs(seconds=2)  # noon in Berlin, six in Washington
    first = [s.to for s in office.world.phone.got]
    office.world.wait_until("2026-11-23T13:00:01+00:00")
    office.runs(seconds=2)

    assert first == ["+491713920001"]
    assert [s.to for s in office.world.phone.got] == ["+491713920001", "+12025550143"]


def test_whoever_its_end_comes_too_early_for_is_told_as_not_reached(office: Priced) -> None:
    office.world.rules(RULES.replace("rate: 10/s", "rate: 60/h"))
    campaign = begun(office, people(9))

    office.runs(seconds=3)
    office.world.wait_until("2026-11-23T20:00:01+01:00")
    office.runs(seconds=2)
    seen = office.campaigns.progress(campaign, office.world.now)

    assert (office.state, seen.reason) == ("done", "its time is over")
    assert seen.to_go + seen.planned == 9
    assert seen.to_go > 0
    assert {State.EXPIRED.code, State.ACCEPTED.code} >= set(office.world.states)
