"""What the contract over samples cannot express: Sendcloud's poll and its unsorted pages."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.sendcloud import PAGES, Sendcloud
from inbound import samples
from tests.connectors.fake_http import FakeHttp, says
from tests.fakes.world import NOON
from wire.http import Call, Reply

KEYED = {"public_key": "not-a-real-key", "secret_key": "not-a-real-secret"}
CURSOR = {
    "floor": "2026-11-23T07:00:00", "newest": "2026-11-23T07:00:00", "since": "2026-11-23T06:55:00", "place": "",
    "seen": {"331": "91"},
}  # fmt: skip
PARCEL: dict[str, Any] = {
    "id": 331,
    "status": {"id": 92, "message": "Driver en route"},
    "date_created": "2026-11-20T15:48:07",
    "date_updated": "2026-11-23T07:40:00",
}


def page(*parcels: dict[str, Any], following: str = "") -> dict[str, Any]:
    address = f"https://panel.sendcloud.sc/api/v2/parcels?cursor={following}&limit=100" if following else None
    return {"next": address, "previous": None, "parcels": list(parcels)}


def test_what_was_pushed_and_what_is_polled_is_the_same_event() -> None:
    (pushed,) = samples.read(samples.ROOT / "sendcloud" / "driver-en-route.json").events()

    polled = Sendcloud(KEYED).poll(CURSOR, FakeHttp(says(page(PARCEL))), NOON).events

    assert [(event.id, event.key, event.occurred_at) for event in polled] == [
        (pushed.id, pushed.key, pushed.occurred_at)
    ]


def test_pages_without_an_order_are_all_read_and_told_from_the_oldest() -> None:
    later = {**PARCEL, "id": 340, "date_updated": "2026-11-23T08:00:00"}
    pages = {"": page(later, following="bmV4dA%3D%3D"), "bmV4dA==": page(PARCEL)}

    def answer(call: Call) -> Reply:
        return says(pages[call.params.get("cursor", "")])(call)

    http = FakeHttp(answer)

    found = Sendcloud(KEYED).poll(CURSOR, http, NOON)

    assert [event.key for event in found.events] == ["331", "340"]
    assert [call.params["updated_after"] for call in http.calls] == ["2026-11-23T06:55:00"] * 2
    assert http.calls[0].auth == ("not-a-real-key", "not-a-real-secret")
    assert (found.more, found.cursor["newest"]) == (False, "2026-11-23T08:00:00")


def test_a_list_without_an_end_stops_the_poll_with_a_sentence() -> None:
    http = FakeHttp(says(page(PARCEL, following="again")))

    with pytest.raises(AskFailed, match="More than 20000 parcels changed since"):
        Sendcloud(KEYED).poll(CURSOR, http, NOON)

    assert len(http.calls) == PAGES


def test_without_keys_nothing_is_asked() -> None:
    http = FakeHttp(says(page()))

    with pytest.raises(AskFailed, match="No public_key and secret_key set"):
        Sendcloud().poll({}, http, NOON)

    assert http.calls == []


def test_a_key_that_is_refused_can_be_repaired() -> None:
    with pytest.raises(AskFailed) as failure:
        Sendcloud(KEYED).poll(CURSOR, FakeHttp(says({}, 401)), NOON)

    assert not failure.value.permanent
    assert "not-a-real-secret" not in str(failure.value)


def test_before_a_text_leaves_the_parcel_is_asked_for_again() -> None:
    (event,) = samples.read(samples.ROOT / "sendcloud" / "driver-en-route.json").events()
    http = FakeHttp(says({"parcel": {**PARCEL, "expected_delivery_date": "2026-11-23T16:00:00"}}))

    assert Sendcloud(KEYED).refresh(event, http).data["eta"] == "2026-11-23T16:00:00Z"
    assert http.calls[0].url == "https://panel.sendcloud.sc/api/v2/parcels/331"

    with pytest.raises(AskFailed) as failure:
        Sendcloud(KEYED).refresh(event, FakeHttp(says({"parcel": {**PARCEL, "status": {"id": 11}}})))
    assert failure.value.gone
