"""Programs send texts, in words of their own or by a rule, and follow them."""

from __future__ import annotations

from typing import Any

import pytest

from audit.consent import Consent, record
from model.access import Permission
from tests.web.api.caller import COLLEAGUE, PHONE, Service


def wish(service: Service, status: str, category: str = "") -> None:
    said = Consent(number=PHONE, category=category, status=status, source="form", at=service.now)
    service.made.store.write(lambda tx: record(tx, said, service.now))


def test_a_text_is_queued_sent_and_followed(service: Service) -> None:
    program = service.program(name="crm")

    made = program.post("/messages", {"to": "07700 900123", "region": "GB", "text": "Your key is ready.", "key": "k1"})
    service.works()
    told = program.get(made.headers["Location"].partition("/api/v1")[2]).get_json()

    assert made.status_code == 201
    assert (told["state"], told["number"], told["lane"], told["key"]) == ("accepted", PHONE, "normal", "k1")
    assert [row["kind"] for row in told["journal"]] == ["decision", "operator", "attempt", "outcome"]
    assert ("sent by API", "key:crm") in service.journal()


def test_a_text_by_rule_passes_all_checks_of_the_rule(service: Service) -> None:
    program, data = service.program(), {"number": "A7", "name": "Zoë", "total": 200}

    made = program.post("/messages", {"to": PHONE, "rule": "order-confirmed", "data": data})
    small = program.post("/messages", {"to": PHONE, "rule": "order-confirmed", "data": {**data, "total": 2}})

    text = program.get(f"/messages/{made.get_json()['id']}").get_json()
    assert (text["text"], text["rule"]) == ("Hi Zoë, order A7 is confirmed.", "order-confirmed")
    assert (small.status_code, small.get_json()["reason"]) == (422, "when[0]")
    assert "total is 2" in small.get_json()["detail"]
    refused = program.get(f"/events/{small.get_json()['event_id']}").get_json()
    assert [row["reason"] for row in refused["journal"] if row["kind"] == "decision"] == ["when[0]"]


def test_nobody_who_opted_out_is_texted(service: Service) -> None:
    wish(service, "out")

    answer = service.program().post("/messages", {"to": PHONE, "text": "Hello."})

    assert (answer.status_code, answer.get_json()["reason"]) == (422, "opted_out")
    assert service.rows("select id from messages") == []


def test_a_category_wants_an_opt_in_and_waits_for_the_hours_of_the_law(service: Service) -> None:
    program = service.program()
    offer = {"to": "+33 6 39 98 00 01", "text": "All half price.", "category": "offers"}

    without = program.post("/messages", offer)
    said = Consent(number="+33639980001", category="offers", status="in", source="form", at=service.now)
    service.made.store.write(lambda tx: record(tx, said, service.now))
    service.passes(hours=12)  # 22:58 in Paris: marketing is closed there until 8
    late = program.post("/messages", offer)

    assert without.get_json()["reason"] == "no_consent"
    assert late.get_json()["due_at"] == "2026-11-24T07:00:00Z"


def test_a_code_leaves_first_and_is_not_kept(service: Service) -> None:
    program = service.program()

    made = program.post("/messages", {"to": PHONE, "text": "Your code is 481516.", "lane": "otp"})
    kept = service.rows("select text, secret, expires_at - created_at as ttl from messages")
    service.works()

    assert made.status_code == 201
    assert kept == [{"text": "Your code is ******.", "secret": "Your code is 481516.", "ttl": 600_000}]
    assert "481516" not in program.get(f"/messages/{made.get_json()['id']}").text
    assert service.rows("select secret from messages") == [{"secret": ""}]


def test_what_is_to_be_hidden_is(service: Service) -> None:
    service.program().post("/messages", {"to": PHONE, "text": "Your word is tulip.", "hide": ["tulip"]})

    assert service.rows("select text from messages") == [{"text": "Your word is ******."}]


def test_a_team_key_reaches_the_allow_list_only(service: Service) -> None:
    team = service.program(kind="team")

    other = team.post("/messages", {"to": PHONE, "text": "Hello."})
    ours = team.post("/messages", {"to": COLLEAGUE, "text": "Hello."})
    by_rule = team.post(
        "/messages",
        {"to": PHONE, "rule": "order-confirmed", "data": {"number": "A7", "name": "Zoë", "total": 200}},
    )

    assert (other.status_code, ours.status_code, by_rule.status_code) == (403, 201, 403)
    assert other.get_json()["type"].endswith("/not-on-the-allow-list")
    assert len(service.rows("select id from messages")) == 1


def test_a_text_of_a_test_key_never_leaves(service: Service) -> None:
    made = service.program(kind="test").post("/messages", {"to": PHONE, "text": "Hello."}).get_json()
    service.works()

    assert service.rows("select gateway from messages where id = ?", made["id"]) == [{"gateway": "console"}]


def test_a_text_can_be_cancelled_until_it_leaves(service: Service) -> None:
    program = service.program(name="crm")
    first, second = (program.post("/messages", {"to": PHONE, "text": text}).get_json()["id"] for text in ("A", "B"))

    stopped = program.post(f"/messages/{first}/cancel")
    service.works()
    late = program.post(f"/messages/{second}/cancel")

    assert stopped.get_json() == {"id": first, "state": "cancelled"}
    assert (late.status_code, late.get_json()["state"]) == (409, "accepted")
    ended = service.rows("select actor from journal where kind = 'ended'")
    assert ended == [{"actor": "key:crm"}]


def test_a_test_key_cancels_only_what_test_keys_made(service: Service) -> None:
    live, test = service.program(), service.program(kind="test")
    real, trial = (who.post("/messages", {"to": PHONE, "text": "A"}).get_json()["id"] for who in (live, test))

    assert test.post(f"/messages/{real}/cancel").status_code == 403
    assert test.post(f"/messages/{trial}/cancel").status_code == 200


def test_texts_are_found_by_number_state_rule_and_time(service: Service) -> None:
    program = service.program(Permission.READ, Permission.SEND)
    program.event()
    program.post("/messages", {"to": COLLEAGUE, "text": "Hello."})

    def found(query: str) -> list[str]:
        return [row["rule"] for row in program.get(f"/messages?{query}").get_json()["data"]]

    assert found("") == ["", "order-confirmed"]
    assert found("number=%2B447700900123") == found("state=accepted") == found("rule=order-confirmed")
    assert found("since=2026-11-24T00:00:00Z") == []
    assert program.get("/messages?number=abc").status_code == 422
    assert PHONE not in program.get("/messages").text


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({"to": PHONE}, "", "Give either text or rule."),
        ({"to": PHONE, "text": "a", "rule": "code"}, "", "Give either text or rule."),
        ({"to": PHONE, "rule": "code", "lane": "otp"}, "", "Lane is for the rule to decide."),
        ({"to": PHONE, "rule": "cod"}, "rule", "There is no such rule. Did you mean code?"),
        ({"to": PHONE, "txt": "a"}, "txt", "There is no such field. Did you mean text?"),
        ({"text": "a"}, "to", "It is missing."),
        ({"to": PHONE, "text": "a", "ttl": "5"}, "ttl", "Must be a length of time such as 30s, 5m, 24h or 2d."),
        ({"to": 447700900123, "text": "a"}, "to", "Input should be a valid string."),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_field(lasting: Service, body: Any, field: str, message: str) -> None:
    answer = lasting.program().post("/messages", body)

    assert answer.status_code == 422
    assert answer.get_json()["errors"][0] == {"field": field, "message": message}


def test_a_number_that_is_none_is_on_record(service: Service) -> None:
    answer = service.program().post("/messages", {"to": "nobody", "text": "Hello."})

    assert (answer.status_code, answer.get_json()["reason"]) == (422, "no_recipient")
