"""Programs read, check, explain and publish the rules."""

from __future__ import annotations

from model.access import Permission
from tests.web.api.caller import ORDER, PHONE, RULES, Service

DEARER = {"rules.yaml": RULES.replace("total > 100", "total > 500")}


def test_the_rules_in_force_can_be_read_and_asked_for_again(service: Service) -> None:
    program = service.program(Permission.READ)

    rules = program.get("/rules")
    again = program.get("/rules", If_None_Match=rules.headers["ETag"])

    assert rules.get_json()["files"] == {"rules.yaml": RULES}
    assert [rule["id"] for rule in rules.get_json()["rules"]] == ["order-confirmed", "appointment-reminder", "code"]
    assert (again.status_code, again.text) == (304, "")


def test_a_check_tells_every_problem_with_its_place(service: Service) -> None:
    program = service.program(Permission.RULES)

    broken = program.post("/rules/check", {"files": {"rules.yaml": "version: 1\nruls: []\n"}}).get_json()
    fine = program.post("/rules/check", {"files": DEARER}).get_json()
    failing = program.post("/rules/check", {"files": {"rules.yaml": with_test("Hello")}}).get_json()

    assert broken["ok"] is False
    assert [(one["line"], one["hint"]) for one in broken["problems"]][-1] == (2, "Did you mean rules?")
    assert (fine["ok"], fine["failed"]) == (True, [])
    assert (failing["ok"], failing["tests"], failing["failed"][0]["test"]) == (False, 1, "the text")


def with_test(text: str) -> str:
    return (
        "version: 1\nrules:\n  - id: one\n    event: custom.one\n    to: [phone]\n    text: Hi\n"
        f"    tests:\n      - name: the text\n        payload: {{phone: '{PHONE}'}}\n        expect: {{text: {text}}}\n"
    )


def test_names_that_lead_out_of_the_folder_are_refused(service: Service) -> None:
    program = service.program()

    for name in ("../rules.yaml", "/etc/rules.yaml", "a/../../b.yaml", ".hidden.yaml", "rules.yaml\n", "x.py"):
        assert program.post("/rules/check", {"files": {name: "a: 1"}}).status_code == 422, name
    clash = program.post("/rules/check", {"files": {"a.yaml": "a: 1", "a.yaml/b.yaml": "a: 1"}})
    assert clash.status_code == 422


def test_an_event_is_explained_without_being_kept(service: Service) -> None:
    program = service.program(Permission.READ)

    told = program.post("/rules/explain", {"type": "order.created", "data": ORDER}).get_json()
    dearer = program.post("/rules/explain", {"type": "order.created", "data": ORDER, "files": DEARER}).get_json()

    assert told["decisions"][0]["message"]["text"] == "Hi Zoë, order A7 is confirmed."
    assert told["decisions"][0]["message"]["number"] == "+44••••••••23"
    assert dearer["decisions"][0]["result"] == "when[0]"
    assert service.rows("select id from events") == []


def test_an_event_of_the_record_is_explained_as_of_then(service: Service) -> None:
    program = service.program()
    event_id = program.event()["id"]

    told = program.post("/rules/explain", {"event_id": event_id}).get_json()

    assert told["decisions"][0]["result"] == "send"
    assert program.post("/rules/explain", {"event_id": "e0000000000000"}).status_code == 404
    assert program.post("/rules/explain", {"event_id": "shopify/orders-create.json"}).status_code == 404
    assert program.post("/rules/explain", {}).status_code == 422


def test_publishing_puts_another_version_in_force(service: Service) -> None:
    program = service.program(name="pipeline")
    base = program.get("/rules").get_json()["hash"]

    done = program.post("/rules/publish", {"files": DEARER, "note": "dearer", "base": base})
    stale = program.post("/rules/publish", {"files": DEARER, "note": "again", "base": base})

    assert done.get_json()["version"] == 2
    rules = program.get("/rules").get_json()
    assert (rules["by"], rules["note"], rules["files"]) == ("key:pipeline", "dearer", DEARER)
    assert service.made.worker.book.hash == rules["hash"] == done.get_json()["hash"]
    assert (stale.status_code, stale.get_json()["type"].rpartition("/")[2]) == (409, "stale-base")


def test_waiting_texts_want_a_choice_before_their_rule_changes(service: Service) -> None:
    program = service.program()
    program.post("/events", {"id": "1", "type": "order.created", "data": ORDER})
    service.made.worker.plan_due(service.now)

    asked = program.post("/rules/publish", {"files": DEARER, "note": "dearer"})
    done = program.post("/rules/publish", {"files": DEARER, "note": "dearer", "pending": "cancel"})

    assert asked.status_code == 422
    assert asked.get_json()["errors"][0]["field"] == "pending"
    assert (done.get_json()["waiting"], done.get_json()["cancelled"]) == (1, 1)


def test_broken_rules_and_failing_tests_are_not_published(service: Service) -> None:
    program = service.program()

    for text in ("version: 1\n", with_test("Hello")):
        answer = program.post("/rules/publish", {"files": {"rules.yaml": text}, "note": "try"})
        assert (answer.status_code, answer.get_json()["title"]) == (422, "These rules cannot be put in force")
    assert program.get("/rules").get_json()["version"] == 1
