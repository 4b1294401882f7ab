"""A request with an Idempotency-Key is done once, whoever repeats it, at whatever moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from audit import idempotency
from audit.idempotency import Answered, Once, Standing
from tests.web.api.caller import PHONE, RULES, Service

TEXT = {"to": PHONE, "text": "Hello."}


def test_a_repeated_request_gets_the_first_answer(service: Service) -> None:
    program = service.program()

    first, again = (program.post("/messages", TEXT, Idempotency_Key='"a-1"') for _ in "ab")

    assert (again.status_code, again.text) == (first.status_code, first.text)
    assert again.headers["Location"] == first.headers["Location"]
    assert ("Idempotency-Replayed" in first.headers, again.headers["Idempotency-Replayed"]) == (False, "true")
    assert len(service.rows("select id from messages")) == 1


def test_thirty_at_once_make_one_text(service: Service) -> None:
    program = service.program()

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: program.post("/messages", TEXT, Idempotency_Key="a"), range(30)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert sum("Idempotency-Replayed" in answer.headers for answer in answers) == 29
    assert len(service.rows("select id from messages")) == 1


def test_the_name_of_another_request_is_refused(service: Service) -> None:
    program = service.program()
    program.post("/messages", TEXT, Idempotency_Key="a")

    other = program.post("/messages", {**TEXT, "text": "Bye."}, Idempotency_Key="a")

    assert (other.status_code, other.get_json()["type"].rpartition("/")[2]) == (422, "idempotency-key-reused")
    assert service.program().post("/messages", TEXT, Idempotency_Key="a").status_code == 201  # another key's own


def test_a_refused_text_is_refused_again_and_not_tried_anew(service: Service) -> None:
    program = service.program()

    answers = [program.post("/messages", {**TEXT, "to": "nobody"}, Idempotency_Key="a") for _ in "ab"]

    assert [answer.status_code for answer in answers] == [422, 422]
    assert answers[1].content_type == "application/problem+json"
    assert len(service.rows("select id from events")) == 1


def test_a_request_that_failed_the_checks_keeps_no_name(service: Service) -> None:
    program = service.program(kind="team")

    assert program.post("/messages", TEXT, Idempotency_Key="a").status_code == 403
    assert service.rows("select * from idempotency") == []


def test_after_a_day_a_name_is_free_again(service: Service) -> None:
    program = service.program()
    program.post("/messages", TEXT, Idempotency_Key="a")

    service.now += timedelta(hours=24)
    again = program.post("/messages", TEXT, Idempotency_Key="a")

    assert "Idempotency-Replayed" not in again.headers
    assert len(service.rows("select id from messages")) == 2
    service.now += timedelta(hours=24)
    assert service.made.store.write(lambda tx: idempotency.prune(tx, service.now)) == 1


def test_the_same_name_by_another_key_is_another_request(service: Service) -> None:
    def begin(key_id: int, name: str) -> Standing | Answered:
        once = Once(key_id=key_id, name=name, fingerprint=f"{key_id}{name}".encode())
        return service.made.store.write(lambda tx: idempotency.begin(tx, once, service.now))

    asked = [(1, "a"), (2, "a"), (2, "b"), (1, "b")]

    assert [begin(*one) for one in asked] == [Standing.FRESH] * 4
    assert [begin(*one) for one in asked] == [Standing.RUNNING] * 4


def test_work_in_steps_that_still_runs_is_not_begun_twice(service: Service) -> None:
    store, once = service.made.store, Once(key_id=1, name="a", fingerprint=b"f")

    def begin() -> Standing | Answered:
        return store.write(lambda tx: idempotency.begin(tx, once, service.now))

    assert [begin(), begin()] == [Standing.FRESH, Standing.RUNNING]
    store.write(lambda tx: idempotency.drop(tx, once))
    assert begin() is Standing.FRESH
    service.now += idempotency.RUNS_AT_MOST  # its process is gone
    assert begin() is Standing.FRESH
    store.write(lambda tx: idempotency.finish(tx, once, Answered(status=200, body="{}")))
    assert begin() == Answered(status=200, body="{}")


def test_publishing_twice_by_one_name_makes_one_version(service: Service) -> None:
    program = service.program()
    body = {"files": {"rules.yaml": RULES + "\n# more\n"}, "note": "more"}

    first, again = (program.post("/rules/publish", body, Idempotency_Key="a") for _ in "ab")

    assert again.text == first.text
    assert program.get("/rules").get_json()["version"] == first.get_json()["version"]


def test_publishing_that_was_refused_can_be_tried_again_by_the_same_name(service: Service) -> None:
    program = service.program()
    body = {"files": {"rules.yaml": "version: 1\n"}, "note": "more"}

    answers = [program.post("/rules/publish", body, Idempotency_Key="a") for _ in "ab"]

    assert [("Idempotency-Replayed" in answer.headers, answer.status_code) for answer in answers] == [(False, 422)] * 2
    assert service.rows("select * from idempotency") == []


@pytest.mark.parametrize("name", ["", " ", "a b", "a" * 256, "\xe4", '"'])
def test_a_name_that_is_none_is_refused(lasting: Service, name: str) -> None:
    answer = lasting.program().post("/messages", TEXT, Idempotency_Key=name)

    assert (answer.status_code, answer.get_json()["type"].rpartition("/")[2]) == (400, "bad-idempotency-key")
    assert lasting.rows("select * from messages") == []


def test_kept_answers_hold_neither_numbers_nor_texts(service: Service) -> None:
    program = service.program()
    program.post("/messages", TEXT, Idempotency_Key="a")
    program.post("/messages", {**TEXT, "to": "nobody 0900"}, Idempotency_Key="b")

    kept = "".join(row["body"] for row in service.rows("select body from idempotency"))

    assert PHONE not in kept
    assert "Hello" not in kept
