"""Programs post events and read what became of them."""

from __future__ import annotations

from model.access import Permission
from tests.web.api.caller import ORDER, PHONE, Service


def test_an_event_is_texted_like_one_of_a_webhook(service: Service) -> None:
    program = service.program(name="shop")

    taken = program.event()

    assert taken["given_id"] == "evt-1"
    (text,) = program.get(f"/events/{taken['id']}").get_json()["messages"]
    assert text["text"] == "Hi Zoë, order A7 is confirmed."
    assert (text["state"], text["number"]) == ("accepted", PHONE)
    assert ("posted", "key:shop") in service.journal()


def test_an_event_posted_twice_is_texted_once(service: Service) -> None:
    program = service.program()

    first, second = program.event(), program.event()

    assert second == {**first, "duplicate": True}
    assert len(service.rows("select id from messages")) == 1


def test_a_batch_is_stored_as_a_whole_or_not_at_all(service: Service) -> None:
    program = service.program()
    good = {"id": "a", "type": "order.created", "data": ORDER}

    refused = program.post("/events/batch", {"events": [good, {**good, "type": "order.creatd"}]})
    taken = program.post("/events/batch", {"events": [good, {**good, "id": "b"}, good]})

    assert refused.status_code == 422
    (error,) = refused.get_json()["errors"]
    assert error["field"] == "events.1.type"
    assert error["message"].endswith("Did you mean order.created?")
    assert [one["duplicate"] for one in taken.get_json()["events"]] == [False, False, True]
    assert len(service.rows("select id from events")) == 2


def test_nobody_speaks_for_a_configured_source(service: Service) -> None:
    answer = service.program().post("/events", {"id": "1", "type": "order.created", "source": "shop"})

    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"] == "source"


def test_an_event_from_the_future_would_overtake_true_ones(service: Service) -> None:
    body = {"id": "1", "type": "order.created", "occurred_at": "2030-01-01T00:00:00Z"}

    assert service.program().post("/events", body).status_code == 422


def test_numbers_are_masked_for_keys_without_the_scope(service: Service) -> None:
    event_id = service.program().event(data={**ORDER, "note": "call +44 7700 900 123", "ref": 7})["id"]

    told = service.program(Permission.READ).get(f"/events/{event_id}")

    assert "900123" not in told.text.replace(" ", "")
    assert told.get_json()["data"]["note"] == "call +44••••••••23"
    assert told.get_json()["data"]["ref"] == 7


def test_a_code_is_nowhere_in_the_record(service: Service) -> None:
    program = service.program()

    taken = program.post(
        "/events", {"id": "1", "type": "verification.requested", "data": {"phone": PHONE, "code": "4711"}}
    )
    before = program.get(f"/events/{taken.get_json()['id']}").text
    service.works()
    after = program.get(f"/events/{taken.get_json()['id']}").text

    assert "4711" not in before + after
    assert "******" in after


def test_an_event_can_be_planned_again(service: Service) -> None:
    program = service.program(name="support")
    event_id = program.event(data={**ORDER, "total": 1})["id"]
    assert program.get(f"/events/{event_id}").get_json()["messages"] == []

    again = program.post(f"/events/{event_id}/replay")

    assert (again.status_code, again.get_json()) == (202, {"id": event_id, "events": 1})
    assert program.post(f"/events/{event_id}/replay").status_code == 409
    assert service.rows("select actor from journal where kind = 'replayed'") == [{"actor": "key:support"}]


def test_a_test_key_simulates_and_leaves_real_people_and_records_alone(service: Service) -> None:
    booking = {
        "type": "appointment.booked", "key": "v1",
        "data": {"appointment_id": "v1", "starts_at": "2026-11-26T10:00:00Z", "customer": {"phone": PHONE}},
    }  # fmt: skip
    service.program().event(id="real", **booking)

    told = service.program(kind="test").event(id="trial", **booking)
    service.passes(days=2, hours=1)

    states = service.rows("select gateways, gateway, state from messages order by id")
    assert states == [
        {"gateways": "", "gateway": "main", "state": "accepted"},
        {"gateways": "console", "gateway": "console", "state": "accepted"},
    ]
    assert service.rows("select test from events where id = ?", told["id"]) == [{"test": 1}]


def test_what_a_test_key_sent_does_not_keep_the_real_text_from_leaving(service: Service) -> None:
    service.program(kind="test").event(id="trial")

    real = service.program().event(id="real")

    (text,) = service.program().get(f"/events/{real['id']}").get_json()["messages"]
    assert (text["gateway"], text["state"]) == ("main", "accepted")


def test_an_unreadable_body_is_shown_and_cannot_be_replayed_without_its_source(service: Service) -> None:
    from werkzeug.test import Client

    Client(service.made.wsgi).post("/hooks/shop", data=b"{}", content_type="application/json")
    program = service.program()

    (row,) = program.get("/events?state=unreadable").get_json()["data"]
    again = program.post(f"/events/{row['id']}/replay")

    assert again.status_code == 409
    assert "still cannot be read" in again.get_json()["detail"]
