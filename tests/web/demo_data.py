"""A day of a small shop, for looking at the pages: python -m tests.web.demo_data [port]"""

from __future__ import annotations

import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from model.message import State
from tests.web.house import MORNING, House

PEOPLE = ("Anna", "Björn", "Zoë", "Mehmet", "Ines", "Paul", "Chloé", "Tomasz", "李雷", "Aoife")


def a_day(folder: Path) -> House:
    """Fill a store with last week and today."""
    house = House(folder, now=MORNING - timedelta(days=7, hours=3))
    for index in range(60):
        _one(house, 900 + index)
        house.passes(minutes=3)
    house.now = MORNING - timedelta(hours=11)
    house.comes(
        "shipment.updated",
        {"tracking_number": "JD0146000", "status": "out_for_delivery", "recipient": {"phone": "0171 3920012"}},
        key="JD0146000",
        source="carrier",
    )
    house.works()
    house.now = MORNING.replace(hour=0, minute=20)
    for index in range(70):
        _one(house, 1000 + index)
        house.passes(minutes=7)
    with house.store.read() as tx:
        parcel = tx.execute("select id from events where key = 'JD0146000'").fetchone()["id"]
    house.reports(parcel, State.DELIVERED)
    house.passes(minutes=6)
    house.answers("+491713920012", "Danke! Kann ich die Adresse noch ändern?")
    house.unreadable()
    house.comes(
        "appointment.booked",
        {
            "appointment_id": "A77",
            "starts_at": (house.now + timedelta(days=2)).isoformat(),
            "customer": {"phone": "+447700900123"},
        },
        key="A77",
        source="salon",
    )
    house.comes("contact.updated", {"name": "Ines"}, source="crm")
    house.works()
    house.passes(seconds=40)
    return house


def _one(house: House, number: int) -> None:
    name, kind = PEOPLE[number % len(PEOPLE)], number % 11
    phone = f"+49 171 39200{number % 90 + 10}"
    if kind == 3:
        house.order(str(number), 80, name=name, phone=phone)
    elif kind == 5 and number % 2:
        house.order(str(number), 220, name=name, phone="call my office")
    elif kind == 7:
        house.order(str(number), 220, name=name, phone="+1 415 555 0190")
    elif kind == 8 and number % 3 == 0:
        house.order(str(number), 220, name=name, phone="+1 415 555 0193")
    elif kind == 9:
        house.reports(house.order(str(number), 130, name=name, phone=phone), State.UNDELIVERED, "30005")
    else:
        house.delivered(str(number), name=name, phone=phone, total=100 + number / 10)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        a_day(Path(place)).app().run(port=int(sys.argv[1]) if len(sys.argv) > 1 else 8765)
