"""Programs write down wishes, and answer people who wrote."""

from __future__ import annotations

from audit import receipts
from model.access import Permission
from model.sending import Reply
from tests.web.api.caller import COLLEAGUE, PHONE, Program, Service
from wire import keywords


def writes(service: Service, text: str, number: str = PHONE, reply_id: str = "r1") -> int:
    """A phone writes to us; return the conversation."""
    reply = Reply(id=reply_id, number=number, to="+447700900999", text=text)
    service.made.store.write(lambda tx: receipts.record_reply(tx, "main", reply, keywords.OTHER, service.now))
    (row,) = service.rows("select id from conversations where number = ?", number)
    return int(row["id"])


def test_a_wish_holds_with_its_proof(service: Service) -> None:
    program = service.program(name="crm")

    done = program.put(f"/consent/{PHONE}", {"status": "out", "source": "call", "wording": "No more, please."})
    told = program.get(f"/consent/{PHONE}").get_json()

    assert done.get_json() == {"holds": True}
    (wish,) = told["wishes"]
    assert (wish["status"], wish["source"], wish["channel"], wish["actor"]) == ("out", "call", "api", "key:crm")
    assert program.post("/messages", {"to": PHONE, "text": "Hello."}).get_json()["reason"] == "opted_out"
    assert ("", "key:crm") in service.journal()


def test_an_older_wish_goes_into_the_history_only(service: Service) -> None:
    program = service.program()
    program.put(f"/consent/{PHONE}", {"status": "out", "source": "call"})

    older = program.put(f"/consent/{PHONE}", {"status": "in", "source": "form", "at": "2026-01-01T00:00:00Z"})
    future = program.put(f"/consent/{PHONE}", {"status": "in", "source": "form", "at": "2027-01-01T00:00:00Z"})

    assert older.get_json()["holds"] is False
    assert future.status_code == 422
    changes = program.get(f"/consent/{PHONE}/history").get_json()["changes"]
    assert [change["status"] for change in changes] == ["in", "out"]


def test_a_list_is_written_down_but_for_its_bad_rows(service: Service) -> None:
    rows = [
        {"number": PHONE, "status": "in", "category": "offers", "source": "form"},
        {"number": "nobody", "status": "in", "source": "form"},
        {"number": COLLEAGUE, "status": "out", "source": "form", "at": "2030-01-01T00:00:00Z"},
    ]

    done = service.program().post("/consent/import", {"rows": rows}).get_json()

    assert done["written"] == 1
    assert [one["row"] for one in done["left_out"]] == [1, 2]
    assert len(service.rows("select * from consent")) == 1


def test_what_is_no_number_has_no_wishes(service: Service) -> None:
    assert service.program().get("/consent/nobody").status_code == 404


def test_who_wrote_is_listed_and_can_be_answered_once(service: Service) -> None:
    place = writes(service, "Where is my parcel?")
    service.passes(minutes=1)
    program = service.program(name="desk")

    (row,) = program.get("/conversations").get_json()["data"]
    first, second = (
        program.post(f"/conversations/{place}/answer", {"text": "At the door."}, Idempotency_Key="a") for _ in "ab"
    )
    service.works()
    lines = program.get(f"/conversations/{place}").get_json()["lines"]

    assert (row["number"], row["text"]) == (PHONE, "Where is my parcel?")
    assert (first.status_code, second.get_json()) == (201, first.get_json())
    assert [(line["by"], line["text"]) for line in lines] == [("them", "Where is my parcel?"), ("us", "At the door.")]
    assert service.rows("select sender, gateway from messages") == [{"sender": "+447700900999", "gateway": "main"}]


def test_a_conversation_can_be_put_aside_without_an_answer(service: Service) -> None:
    program = service.program()
    program.event()
    place = writes(service, "Hm?")
    service.made.replying.answer_due(service.now)

    done = program.post(f"/conversations/{place}/done")

    assert done.get_json() == {"id": place, "looked_after": 1}


def test_a_team_key_answers_colleagues_only(service: Service) -> None:
    customer, colleague = writes(service, "Hi"), writes(service, "Hi", COLLEAGUE, "r2")
    team = service.program(kind="team")

    def answer(place: int) -> int:
        return team.post(f"/conversations/{place}/answer", {"text": "Hi."}).status_code

    assert (answer(customer), answer(colleague)) == (403, 201)


def test_numbers_in_conversations_are_masked_without_the_scope(service: Service) -> None:
    place = writes(service, "Call me at +44 7700 900 123")
    reader = service.program(Permission.READ)

    def all_of(program: Program) -> str:
        paths = ("/conversations", f"/conversations/{place}", f"/consent/{PHONE}")
        return "".join(program.get(path).text for path in paths)

    assert "900123" not in all_of(reader).replace(" ", "")
    assert all_of(service.program()).count(PHONE) == 3


def test_conversations_that_are_none_are_not_found(service: Service) -> None:
    for place in ("0", "99", "x", "9" * 30, "-1"):
        assert service.program().get(f"/conversations/{place}").status_code == 404
