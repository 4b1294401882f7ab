"""Caps: what is over one is parked where everybody sees it, and leaves with the next day or when a person says so."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from audit import campaigns, caps, consent, steering
from audit.consent import Consent
from dispatch.accounts import Accounts
from dispatch.campaigning import Campaigns, CannotRun
from dispatch.prices import read
from dispatch.roads import Roads
from model.reasons import ConfigError
from settings import load
from tests.dispatch.test_campaigning import RULES, Office, people
from tests.fakes.world import World
from web.home_page import capped

STANZA = RULES.replace("      stop: 2026-11-23T20:00:00+01:00\n", "").replace("ttl: 24h", "ttl: 72h")
ORDERS = """
  - {id: order, event: order.created, to: [phone], text: "Order {{ number }}.", ttl: 72h}
  - {id: code, event: verification.requested, to: [phone], priority: otp, text: "Code {{ number }}."}
"""
PRICES, _ = read("gateway,to,price,currency,since\nmain,DE,0.10,EUR,\nmain,GB,0.05,EUR,\n", "prices.csv")


class Priced(Office):
    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.campaigns = Campaigns(
            store=world.store, book=lambda: world.worker.book, new_id=world.ids,
            roads=Roads(order=("main",), prices=PRICES),
        )  # fmt: skip

    def capped(self, stanza: str, count: int = 20) -> str:
        self.world.rules(STANZA.replace("      approve: 2\n", f"      approve: 2\n{stanza}"))
        campaign = self.ready(count)
        self.campaigns.start(campaign, "Ines", self.world.now)
        return campaign

    def installation(self, **most: int) -> None:
        wanted = {name.replace("_", "/"): (value, int(value * 0.9)) for name, value in most.items()}
        self.world.store.write(lambda tx: caps.put(tx, wanted, None, self.world.now))

    @property
    def sent(self) -> int:
        return len(self.world.phone.inbox)

    def later(self, **time: float) -> None:
        self.world.wait(**time)
        self.campaigns.step(self.world.now)
        self.world.worker.steer_due(self.world.now)
        self.runs(seconds=4)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Priced]:
    with World(tmp_path, STANZA) as world:
        yield Priced(world)


def test_a_campaign_over_its_texts_of_the_day_is_parked_and_goes_on_tomorrow(office: Priced) -> None:
    campaign = office.capped("      caps: {day: 8}\n")

    office.runs(seconds=3)
    seen = office.campaigns.progress(campaign, office.world.now)
    first = office.sent
    office.later(hours=14)
    second = office.sent
    office.later(hours=24)

    assert (first, second, office.sent) == (8, 16, 20)
    assert (seen.state, seen.parked) == ("running", {"cap_day": 12})
    assert seen.parked_until is not None
    assert seen.parked_until.isoformat() == "2026-11-24T00:00:00+00:00"
    assert ("limit", "nearly used up") in office.world.journal("limit")
    assert office.state == "done"


def test_an_operator_lets_a_parked_campaign_go_on_today(office: Priced) -> None:
    campaign = office.capped("      caps: {day: 8, country: {DE: 5}}\n")
    office.runs(seconds=3)
    assert office.sent == 5
    assert office.campaigns.progress(campaign, office.world.now).parked["cap_country"] >= 1

    office.campaigns.release(campaign, "Ines", office.world.now)
    office.runs(seconds=4)

    assert sorted(s.to for s in office.world.phone.got) == [f"+4917139200{n:02d}" for n in range(20)]


def test_people_of_a_country_over_its_cap_wait_and_the_others_do_not(office: Priced) -> None:
    office.world.rules(STANZA.replace("      approve: 2\n", "      approve: 2\n      caps: {country: {DE: 3}}\n")
                       .replace(""", when: ["country == 'DE'"]""", ""))  # fmt: skip
    british = "".join(f"+4477009001{n:02d},Rhys,GB\r\n" for n in range(4))
    campaign = office.campaigns.prepare("winter-sale", office.list_of(people(8) + british), "Olu", office.world.now)
    for name in ("Mara", "Ines"):
        office.campaigns.approve(campaign, name, office.world.now)
    office.campaigns.start(campaign, "Ines", office.world.now)

    office.runs(seconds=3)
    first = [s.to[:3] for s in office.world.phone.got]
    office.later(hours=14)

    assert (first.count("+49"), first.count("+44")) == (3, 4)
    assert [s.to[:3] for s in office.world.phone.got].count("+49") == 6


def test_money_of_the_day_parks_and_the_budget_stops(office: Priced) -> None:
    campaign = office.capped("      caps: {money: 0.55 EUR}\n      stop_on: {spent: 1.20 EUR}\n")

    office.runs(seconds=3)
    first = office.sent
    office.later(hours=14)
    office.later(hours=24)

    assert first == 5
    assert (office.sent, office.state) == (12, "stopped")
    row = office.world.rows("select reason from campaigns")[0]
    assert row["reason"] == "its budget of 1.20 EUR is used up"
    office.campaigns.change(campaign, "Mara", office.world.now, budget="9 EUR")
    office.campaigns.release(campaign, "Mara", office.world.now)
    office.campaigns.start(campaign, "Ines", office.world.now)
    office.runs(seconds=3)
    assert office.sent == 20


def test_money_that_nobody_can_count_makes_no_campaign(office: Priced) -> None:
    office.world.rules(STANZA.replace("      approve: 2\n", "      approve: 2\n      caps: {money: 5 USD}\n"))
    found = office.list_of(people(2))

    with pytest.raises(CannotRun, match=r"may cost 5.00 USD, and no price is in USD"):
        office.campaigns.prepare("winter-sale", found, "Olu", office.world.now)


def test_texts_over_the_cap_of_all_are_held_with_their_reason_and_codes_leave(office: Priced) -> None:
    office.world.rules(STANZA + ORDERS)
    office.installation(texts=5)
    for number in range(8):
        office.world.order(f"A{number}")

    office.world.step()
    held = office.world.rows("select held, count(*) as n from messages where state = 'queued' group by held")
    office.world.hears("verification.requested", {"id": "C1", "number": "1", "phone": "+491713920012"})
    office.world.step()

    assert held == [{"held": "cap:normal:texts", "n": 3}]
    assert office.world.phone.inbox[-1] == "Code 1."
    assert office.sent == 6

    office.world.wait(hours=14)
    office.world.worker.steer_due(office.world.now)
    office.world.step()
    assert office.sent == 9
    assert office.world.faults() == []


def test_bulk_texts_leave_a_part_of_each_cap_to_the_others(office: Priced) -> None:
    office.world.rules(STANZA + ORDERS)
    office.installation(texts_DE=10)
    campaign = office.ready(20)
    office.campaigns.start(campaign, "Ines", office.world.now)

    office.runs(seconds=3)
    bulk = office.sent
    for number in range(3):
        office.world.order(f"A{number}")
    office.world.step()

    assert (bulk, office.sent) == (9, 10)
    seen = office.campaigns.progress(campaign, office.world.now)
    assert seen.held == {"the texts of this day are used up (DE)": 11}


def test_an_operator_allows_more_for_today(office: Priced) -> None:
    office.world.rules(STANZA + ORDERS)
    office.installation(texts=5)
    for number in range(8):
        office.world.order(f"A{number}")
    office.world.step()
    accounts = Accounts(store=office.world.store, prices=PRICES)
    accounts.step(office.world.now)

    office.world.store.write(lambda tx: caps.release(tx, "texts", 2, "Ines", office.world.now))
    office.world.worker.steer_due(office.world.now)
    office.world.step()
    accounts.step(office.world.now)

    assert office.sent == 7
    told = [reason for _, reason in office.world.journal("limit")]
    assert told == ["used up", "raised for today", "used up"]


def test_money_of_the_day_is_counted_by_price_and_told_of_twice(office: Priced) -> None:
    office.world.rules(STANZA + ORDERS)
    office.installation(money_EUR=1_000_000)
    accounts = Accounts(store=office.world.store, prices=PRICES)
    accounts.step(office.world.now)
    for number in range(14):
        office.world.order(f"A{number}")
        office.world.step()
        accounts.step(office.world.now)

    with office.world.store.read() as tx:
        (cap,) = steering.current(tx, office.world.now).caps
    assert office.sent == 10
    assert cap.words == "1.00 of 1.00 EUR today"
    assert Decimal(cap.used) == 1_000_000
    told = office.world.journal("limit")
    assert told == [("limit", "nearly used up"), ("limit", "used up")]


def opt_in(office: Office, number: str) -> None:
    said = Consent(number=number, category="marketing", status="in", source="form", at=office.world.now)
    office.world.store.write(lambda tx: consent.record(tx, said, office.world.now))


def test_a_person_gets_so_many_marketing_texts_over_all_campaigns(office: Priced) -> None:
    office.world.rules(STANZA.replace("    priority: bulk", "    consent: marketing\n    priority: bulk"))
    week = int(timedelta(days=7).total_seconds() * 1000)
    office.world.store.write(lambda tx: caps.put(tx, {}, (2, week), office.world.now))
    for n in range(3):
        opt_in(office, f"+491713920{n:03d}")

    def campaign() -> None:
        file = io.BytesIO(people(3).encode())
        found = office.campaigns.read_list(file, "a.csv", "winter-sale", "Olu", office.world.now, again=True)
        made = office.campaigns.prepare("winter-sale", found, "Olu", office.world.now)
        for name in ("Mara", "Ines"):
            office.campaigns.approve(made, name, office.world.now)
        office.campaigns.start(made, "Ines", office.world.now)
        office.runs(seconds=2)

    for _ in range(3):
        campaign()
    assert office.sent == 6
    assert office.world.reasons.count("too_often") == 3
    report = office.campaigns.report("winter-sale.3", office.world.now)
    assert report.total.skipped == {"too_often": 3}

    office.world.wait(days=8)
    campaign()
    assert office.sent == 9


def test_the_first_page_names_campaigns_and_caps_that_need_a_person(office: Priced) -> None:
    campaign = office.capped("      caps: {day: 8}\n")
    office.installation(texts=10)
    office.runs(seconds=3)

    with office.world.store.read() as tx:
        steered, troubled = (
            steering.current(tx, office.world.now),
            campaigns.troubled(tx, caps.day_of(office.world.now)),
        )
    lines = [(one.words, one.advice) for one in capped(steered, troubled, caps.day_of(office.world.now))]

    assert lines == [
        ("8 of 10 texts today are used", "What is over the cap is kept for the next day; codes leave all the same."),
        (f"The campaign {campaign} waits", "The campaign's texts of this day are used up."),
    ]


def test_the_settings_say_what_the_caps_are(tmp_path: Path) -> None:
    (tmp_path / "tidings.toml").write_text(
        '[limits]\ntexts_per_day = 1000\ntexts_per_country = {DE = 500, "*" = 20}\nspend_per_day = {EUR = 12.5}\n'
        'bulk_share = 0.8\nmarketing_per_person = "3/7d"\n', "utf-8"
    )  # fmt: skip

    limits = load(tmp_path / "tidings.toml", {}).limits

    assert limits.caps == {
        "texts": (1000, 800), "texts/DE": (500, 400), "texts/*": (20, 16), "money/EUR": (12_500_000, 10_000_000),
    }  # fmt: skip
    assert limits.per_person == (3, 7 * 24 * 3600 * 1000)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('marketing_per_person = "often"', 'should be like "3/7d"'),
        ("texts_per_country = {Germany = 5}", "names 'Germany'; write DE, or *"),
        ("spend_per_day = {euro = 5}", "names 'euro'; write three letters such as EUR"),
        ("texts_per_country = {DE = 0}", "texts_per_country"),
    ],
)
def test_a_cap_that_is_none_is_refused(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "tidings.toml").write_text(f"[limits]\n{line}\n", "utf-8")

    with pytest.raises(ConfigError) as refusal:
        load(tmp_path / "tidings.toml", {})

    assert said in str(refusal.value)


def test_the_cap_of_other_countries_is_each_ones_own(office: Priced) -> None:
    office.world.rules(STANZA + ORDERS)
    office.world.store.write(lambda tx: caps.put(tx, {"texts/*": (2, 2), "texts/DE": (9, 9)}, None, office.world.now))
    for number in range(3):
        for phone in ("+491713920012", "+447700900142", "+12025550143"):
            office.world.order(f"{phone}-{number}", phone=phone)

    office.world.step()

    assert sorted(s.to[:3] for s in office.world.phone.got) == ["+12", "+12", "+44", "+44", "+49", "+49", "+49"]
