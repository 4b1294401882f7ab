"""Programs see how gateways, sources and webhooks do, pin gateways, and read reports."""

from __future__ import annotations

from audit.conservation import report
from tests.web.api.caller import PHONE, Service


def test_a_gateway_can_be_kept_away_for_a_time(service: Service) -> None:
    program = service.program(name="watch")

    pinned = program.put("/gateways/main/pin", {"way": "away", "lasts": "2h", "reason": "it is down"}).get_json()
    ended = [program.delete("/gateways/main/pin").get_json()["was_pinned"] for _ in range(2)]

    assert pinned["pin"] == {
        "way": "away", "until": "2026-11-23T11:58:14Z", "reason": "it is down", "by": "key:watch",
    }  # fmt: skip
    assert ended == [True, False]
    assert [reason for reason, _ in service.journal()] == ["pinned away", "unpinned"]
    assert program.put("/gateways/mian/pin", {"reason": "x"}).status_code == 404


def test_gateways_tell_how_they_do(service: Service) -> None:
    program = service.program()
    program.event()

    told = {one["name"]: one for one in program.get("/gateways").get_json()["data"]}

    assert (told["main"]["kind"], told["main"]["state"]) == ("console", "working")
    assert program.get("/gateways/main").get_json() == told["main"]


def test_sources_tell_when_they_last_spoke_and_webhooks_hide_their_address(service: Service) -> None:
    program = service.program()

    (source,) = program.get("/sources").get_json()["data"]

    assert source["hook"] == "https://texts.example/hooks/shop"
    assert source["last_event_at"] is None
    assert program.get("/webhooks").get_json() == {"data": []}


def test_a_report_counts_what_the_store_holds(service: Service) -> None:
    program = service.program()
    program.event()
    program.event(id="evt-2", data={"total": 1})

    told = program.get("/reports?by=rule").get_json()
    days = program.get("/reports?by=day&since=2026-11-22&until=2026-11-23").get_json()

    (line,) = told["lines"]
    assert (line["what"], line["sent"], line["skipped_by_reason"]) == ("order-confirmed", 1, {"when": 1})
    assert (told["since"], told["until"]) == ("2026-10-25", "2026-11-23")
    assert [one["what"] for one in days["lines"]] == ["2026-11-23"]


def test_a_report_wants_days_in_order(service: Service) -> None:
    program = service.program()

    for query in ("since=2026-11-24&until=2026-11-23", "since=2020-01-01", "since=yesterday", "by=phase"):
        assert program.get(f"/reports?{query}").status_code == 422, query


def test_a_webhook_is_shown_without_what_may_be_secret_in_its_address(service: Service) -> None:
    service.close()
    told = {"url": "https://crm.example/hooks?token=abc", "secret": f"whsec_{'A' * 32}", "events": ["event.failed"]}
    other = Service(service.folder, settings={"webhooks": {"crm": told}})

    (webhook,) = other.program().get("/webhooks").get_json()["data"]

    assert (webhook["name"], webhook["state"], webhook["address"]) == ("crm", "new", "https://crm.example")
    other.close()


def test_whatever_programs_do_everything_is_accounted_for(service: Service) -> None:
    data = {"number": "A7", "name": "Zoë", "total": 200}
    for kind in ("live", "test"):
        program = service.program(kind=kind)
        program.event(id=f"{kind}-1")
        program.event(id=f"{kind}-2", data={})
        for body in ({"text": "Hello."}, {"rule": "order-confirmed", "data": data}, {"rule": "code", "data": {}}):
            program.post("/messages", {"to": PHONE, **body})
    service.works()

    found = report(service.made.store)

    assert (found.faults, found.waiting) == ([], 0)
    assert found.events == found.decided == 10
