"""Who decides what about a campaign: nobody approves their own, fifty at once are counted right, and nobody changes
what another has changed meanwhile without being told.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dispatch.campaigning import CannotRun, Changed
from model.sending import ErrorClass, Outcome, Result
from tests.dispatch.test_campaigning import RULES, Office, people
from tests.fakes.world import World


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with World(tmp_path, RULES) as world:
        yield Office(world)


def draft(office: Office, count: int = 20) -> str:
    return office.campaigns.prepare("winter-sale", office.list_of(people(count)), "Olu", office.world.now)


def test_who_made_a_campaign_does_not_approve_it(office: Office) -> None:
    campaign = draft(office)

    for name in ("Olu", " olu "):
        with pytest.raises(CannotRun, match="Olu made winter-sale; somebody else has to approve it"):
            office.campaigns.approve(campaign, name, office.world.now)
    assert office.campaigns.approve(campaign, "Mara", office.world.now) == 1


def test_fifty_people_who_approve_at_once_are_counted_and_move_it_once(office: Office) -> None:
    campaign = draft(office)
    names = [f"Person {n}" for n in range(25)] * 2

    with ThreadPoolExecutor(16) as pool:
        left = list(pool.map(lambda name: office.campaigns.approve(campaign, name, office.world.now), names))

    seen = office.campaigns.show(campaign, office.world.now)
    assert sorted(left, reverse=True)[:2] in ([1, 0], [1, 1])  # the first one, and perhaps the same person once more
    assert (office.state, len(seen.approvals), seen.progress.version) == ("approved", 25, 2)
    assert [reason for _, reason in office.world.journal("operator")].count("campaign approved") == 51


def test_a_change_of_something_that_another_has_changed_meanwhile_is_refused_and_says_so(office: Office) -> None:
    campaign = office.ready()
    seen = office.campaigns.progress(campaign, office.world.now).version
    office.campaigns.start(campaign, "Ines", office.world.now, seen)

    with pytest.raises(Changed, match=r"Ines changed winter-sale \(running\) at 11:00:00 UTC, after you looked at it"):
        office.campaigns.cancel(campaign, "Mara", office.world.now, seen)
    assert office.state == "running"
    office.campaigns.cancel(campaign, "Mara", office.world.now, seen + 1)
    assert office.state == "cancelled"


def test_of_two_people_who_act_on_the_same_sight_one_is_told(office: Office) -> None:
    campaign = office.ready()
    office.campaigns.start(campaign, "Ines", office.world.now)
    seen = office.campaigns.progress(campaign, office.world.now).version

    def change(rate: str) -> str:
        try:
            office.campaigns.change(campaign, rate, office.world.now, rate=rate, expected=seen)
        except Changed:
            return "told"
        return "done"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(change, ("5/s", "7/s"))) == ["done", "told"]


def test_planning_does_not_count_as_a_change(office: Office) -> None:
    campaign = office.ready()
    office.campaigns.start(campaign, "Ines", office.world.now)
    seen = office.campaigns.progress(campaign, office.world.now).version

    office.runs(seconds=2)

    office.campaigns.pause(campaign, "Mara", office.world.now, seen)
    assert office.state == "paused"


def test_another_rate_holds_for_what_waits_as_well(office: Office) -> None:
    campaign = office.ready(90)
    office.campaigns.start(campaign, "Ines", office.world.now)
    office.runs(seconds=1)
    before = len(office.world.phone.inbox)

    office.campaigns.change(campaign, "Mara", office.world.now, rate="2/s")
    office.runs(seconds=5)
    slow = len(office.world.phone.inbox) - before
    office.campaigns.change(campaign, "Mara", office.world.now, rate="1000/s")
    office.runs(seconds=2)

    assert 8 <= slow <= 12
    assert sorted(s.to for s in office.world.phone.got) == [f"+4917139200{n:02d}" for n in range(90)]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"rate": "fast"}, "'fast' is not a rate"),
        ({"budget": "much"}, "'much' is not an amount of money"),
        ({"budget": "5 EUR"}, "its rule sets none"),
    ],
)
def test_a_change_that_is_none_is_refused(office: Office, what: dict[str, str], said: str) -> None:
    campaign = draft(office)

    with pytest.raises(CannotRun, match=said):
        office.campaigns.change(campaign, "Mara", office.world.now, **what)  # type: ignore[arg-type]


def test_who_starts_a_stopped_campaign_again_has_seen_its_failures(office: Office) -> None:
    no = Result(outcome=Outcome.REJECTED, error=ErrorClass.PERMANENT, code="21211", text="not a mobile")
    office.world.phone.script = [no] * 60
    campaign = office.ready(90)
    office.campaigns.start(campaign, "Ines", office.world.now)
    office.runs(seconds=7)
    assert office.state == "stopped"

    office.world.phone.script = []
    office.campaigns.start(campaign, "Ines", office.world.now)
    office.runs(seconds=8)

    assert office.state == "done"


def test_a_marketing_text_without_a_way_out_makes_no_campaign(office: Office) -> None:
    office.world.rules(
        RULES.replace("    priority: bulk", "    consent: marketing").replace(" Text STOP to leave.", "")
    )
    found = office.list_of(people(2))

    with pytest.raises(CannotRun, match="does not say how to opt out"):
        office.campaigns.prepare("winter-sale", found, "Olu", office.world.now)


def test_the_way_out_is_written_in_the_language_of_the_text(office: Office) -> None:
    said = 'text: {en: "Sale. {{ opt_out }}", de: "Rabatt. {{ opt_out }}"}\n    locale: locale'
    office.world.rules(RULES.replace('text: "{{ first_name }}, 20% off until Sunday. Text STOP to leave."', said))
    rows = "phone,country,locale\r\n0171 3920001,DE,de\r\n0171 3920002,DE,en\r\n"
    campaign = office.campaigns.prepare("winter-sale", office.list_of(rows), "Olu", office.world.now)
    for name in ("Mara", "Ines"):
        office.campaigns.approve(campaign, name, office.world.now)
    office.campaigns.start(campaign, "Ines", office.world.now)

    office.runs(seconds=2)

    assert office.world.phone.inbox == ["Rabatt. Abmelden: Antwort STOP", "Sale. Reply STOP to opt out"]
