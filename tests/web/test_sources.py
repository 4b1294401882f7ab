"""What people see of the systems that send us events."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit import cursors
from audit.refusals import Refusals
from inbound.hooks import Door
from model.event import Incoming
from tests.web.house import SOURCES, House
from tests.web.steering_office import Office
from web import health
from web.app import build


@pytest.fixture
def office(house: House) -> Office:
    return Office(house)


def test_a_source_shows_its_last_event_and_its_day(office: Office) -> None:
    office.house.order("1001")
    office.house.passes(hours=2)
    office.house.order("1002")
    office.house.unreadable()

    page = office.text("sources")

    assert "shop Shopify posts now 3 1 unreadable" in page
    assert "store BigCommerce posts and asked every 5 min nothing yet 0" in page


def test_a_source_that_falls_quiet_is_on_the_first_page_and_in_the_metrics(office: Office) -> None:
    office.busy_weeks()
    app = build(office.desk)
    health.register(app, office.desk)
    assert "is silent" not in office.text("")
    assert 'tidings_source_silent{source="shop"} 0.0' in app.test_client().get("/metrics").get_data(as_text=True)

    office.house.now += timedelta(days=2)

    assert "shop is silent The same hours of earlier weeks brought" in office.text("")
    assert "silent, although the same hours of earlier weeks brought" in office.text("sources/shop")
    assert "silent; usual are" in office.text("sources")
    assert 'tidings_source_silent{source="shop"} 1.0' in app.test_client().get("/metrics").get_data(as_text=True)


def test_wrong_signatures_are_counted_and_nothing_of_them_is_kept(office: Office) -> None:
    house, refusals = office.house, office.house.refusals
    door = Door(
        sources=SOURCES, store=house.store, new_id=house.new_id, clock=lambda: house.now,
        on_accepted=lambda: None, refusals=refusals,
    )  # fmt: skip
    for number in range(3):
        forged = Incoming(
            source="shop", body=f"{number}".encode(), headers={"x-shopify-hmac-sha256": "AAAA"}, received_at=house.now
        )
        assert door.receive(forged).status == 401
    assert door.receive(Incoming(source="elsewhere", body=b"", received_at=house.now)).status == 404

    before = office.text("sources/shop")
    refusals.flush(house.store, house.now)

    assert "Refused 3 The signature does not match." in before
    assert "Refused 3 The signature does not match." in office.text("sources/shop")
    assert "3 wrong signatures" in office.text("sources")
    assert office.rows("select source, reason, amount from refusals") == [("shop", "bad_signature", 3)]
    assert office.rows("select count(*) from events") == [(0,)]


def test_a_flood_of_forgeries_is_one_row(office: Office) -> None:
    refusals, now = Refusals(), office.house.now
    for _ in range(5_000):
        refusals.note("shop", "bad_signature", now)
    refusals.flush(office.house.store, now)
    refusals.note("shop", "bad_signature", now)
    refusals.flush(office.house.store, now)

    assert office.rows("select amount from refusals") == [(5_001,)]


def test_what_cannot_be_written_now_is_written_later(house: House) -> None:
    refusals = Refusals()
    refusals.note("shop", "bad_signature", house.now)
    house.store.close()

    assert refusals.flush(house.store, house.now) == 0
    assert refusals.totals() == {("shop", "bad_signature"): 1}


def test_a_poll_shows_its_cursor_its_lag_and_its_last_error(office: Office) -> None:
    store, now = office.house.store, office.house.now
    store.write(lambda tx: cursors.move(tx, "store", {"since": "2026-11-23T09:00:00Z"}, now))
    office.house.now += timedelta(minutes=12)
    store.write(lambda tx: cursors.trouble(tx, "store", "It answered 503.", office.house.now))

    page = office.text("sources/store")

    assert "Lag 12 min since it last answered" in page
    assert "Last error It answered 503." in page
    assert "Cursor: since 2026-11-23T09:00:00Z" in page
    assert "last poll failed" in office.text("sources")


def test_the_page_of_a_source_says_how_to_set_it_up(office: Office) -> None:
    page = office.text("sources/shop")

    assert "https://tidings.example/hooks/shop" in page
    assert SOURCES["shop"].connector.setup[0] in page
    assert "order.created" in page
    assert "test-secret" not in page


def test_a_recorded_request_is_tried_and_nothing_is_stored(office: Office) -> None:
    answer = office.post("sources/shop", do="sample", sample="orders-create")

    page = answer.get_data(as_text=True)
    assert "The signature made with this source&#39;s secret is right. It was read as order.created" in page
    assert office.rows("select count(*) from events") == [(0,)]
    assert office.post("sources/shop", do="sample", sample="../../pyproject").status_code == 422
    assert "It did not tell" in office.post("sources/store", do="ask").get_data(as_text=True)


def test_a_source_that_is_not_set_up_is_not_found(office: Office) -> None:
    office.get("sources/nowhere", 404)
    assert office.post("sources/nowhere", do="ask").status_code == 404
