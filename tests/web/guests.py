"""Guests of a restaurant for the campaigns of the tests and of the pictures: invented people, reserved numbers."""

from __future__ import annotations

import io

from audit import consent
from audit.consent import Consent
from model.message import State
from tests.web.house import House

NAMES = ("Anna", "Björn", "Zoë", "Mehmet", "Ines", "Paul", "Chloé", "Tomasz", "Lena", "Aoife")
STOPS = "+491713920017"


def guests(first: int = 10, count: int = 60) -> bytes:
    """Write a file as people keep it: columns of their own, a double, a row of nobody, a number a spreadsheet took."""
    rows = [
        f"{NAMES[n % 10]};0171 39200{n};{'en' if n % 4 == 0 else 'de'};Table {n % 7 + 1}"
        for n in range(first, first + count)
    ]
    rows[3:3] = ["Kim;ask at the desk;de;Table 2", rows[1], "Sam;4.9171E+12;de;Table 4"]
    return "\r\n".join(["Vorname;Handynummer;Sprache;Notiz", *rows, ""]).encode()


def opt_in(house: House, first: int = 10, count: int = 60) -> None:
    """Let the guests have asked for news, and one of them have changed their mind."""
    for n in range(first, first + count):
        number = f"+4917139200{n}"
        wish = Consent(
            number=number, category="marketing", status="out" if number == STOPS else "in", source="form",
            wording="newsletter at the door", at=house.now,
        )  # fmt: skip
        house.store.write(lambda tx, wish=wish: consent.record(tx, wish, house.now))  # type: ignore[misc]


def campaign_of(house: House, maker: str, body: bytes) -> str:
    """Make a campaign of a file, as the pages would."""
    office = house.campaigns
    columns = body.replace(b"Handynummer", b"phone").replace(b"Vorname", b"first_name").replace(b"Sprache", b"locale")
    found = office.read_list(io.BytesIO(columns), "regulars.csv", "spring-news", maker, house.now)
    return office.prepare("spring-news", found, maker, house.now)


def runs(house: House, seconds: int) -> None:
    """Let time go by for campaigns, too."""
    for _ in range(seconds):
        house.campaigns.step(house.now)
        house.worker.steer_due(house.now)
        house.passes(seconds=1)


def arrive(house: House, campaign: str) -> None:
    """Let the provider say what became of its texts: most arrive, every ninth does not, and the newest say nothing."""
    with house.store.read() as tx:
        sent = tx.execute(
            "select event_id from messages where campaign = ? and state = 'accepted' order by id", (campaign,)
        ).fetchall()
    for place, row in enumerate(sent[:-3]):
        missed = place % 9 == 8
        house.reports(row["event_id"], State.UNDELIVERED if missed else State.DELIVERED, "30005" if missed else "")
