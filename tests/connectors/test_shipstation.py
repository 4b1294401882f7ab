"""What the contract over samples cannot express: ShipStation's pages and the zone of its times."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.shipstation import ShipStation
from tests.connectors.fake_http import FakeHttp, says
from tests.fakes.world import NOON
from wire.http import Call, Reply

KEYED = {"api_key": "not-a-real-key", "api_secret": "not-a-real-secret"}


def shipment(shipment_id: int, created: str, **more: Any) -> dict[str, Any]:
    return {"shipmentId": shipment_id, "createDate": created, "trackingNumber": f"9400{shipment_id}", **more}


def pages(*found: list[dict[str, Any]]) -> FakeHttp:
    def answer(call: Call) -> Reply:
        number = int(call.params["page"])
        return says({"shipments": found[number - 1], "page": number, "pages": len(found)})(call)

    return FakeHttp(answer)


def test_labels_on_several_pages_are_told_once_each() -> None:
    connector = ShipStation(KEYED)
    cursor = connector.poll({}, pages([shipment(1, "2026-11-23T01:00:00.0000000")]), NOON).cursor
    http = pages([shipment(1, "2026-11-23T01:00:00.0000000"), shipment(2, "2026-11-23T02:00:00.0000000")],
                 [shipment(3, "2026-11-23T02:10:00.0000000")])  # fmt: skip

    told = []
    for _ in range(4):
        page = connector.poll(cursor, http, NOON)
        told += [event.key for event in page.events]
        cursor = page.cursor

    assert told == ["2", "3"]
    assert http.calls[0].params["createDateStart"] == "2026-11-22 23:50:00"  # 70 minutes before, on the Pacific coast
    assert http.calls[0].auth == ("not-a-real-key", "not-a-real-secret")


def test_the_zone_of_the_settings_is_that_of_the_times() -> None:
    connector = ShipStation({**KEYED, "time_zone": "Europe/Berlin"})
    cursor = connector.poll({}, pages([]), NOON).cursor

    (event,) = connector.poll(cursor, pages([shipment(2, "2026-11-23T12:00:00")]), NOON).events

    assert event.occurred_at == NOON


def test_a_zone_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match="Setting time_zone: 'Mars/Olympus' is not a zone"):
        ShipStation({"time_zone": "Mars/Olympus"})


def test_without_keys_nothing_is_asked() -> None:
    http = pages([])

    with pytest.raises(AskFailed, match="No api_key and api_secret set"):
        ShipStation().poll({}, http, NOON)

    assert http.calls == []
