"""Signing a visitor in by the API: start, check, send again, cancel; and nothing that tells a code or a number."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from model.access import Permission
from tests.web.api.caller import PHONE, Program, Service

PREMIUM = "+1 900 555 0100"
FRAUD = "+12025550123"


class Visit:
    """A program that signs visitors in, and the phone it texts to."""

    def __init__(self, service: Service) -> None:
        self.service, self.program = service, service.program(Permission.SEND)

    def starts(self, to: str = PHONE, **more: Any) -> TestResponse:
        answer = self.program.post("/verifications", {"to": to, **more})
        self.service.works()
        return answer

    def started(self, to: str = PHONE, **more: Any) -> str:
        found: str = self.starts(to, **more).get_json()["id"]
        return found

    def checks(self, verification: str, code: str, **headers: str) -> TestResponse:
        return self.program.post(f"/verifications/{verification}/check", {"code": code}, **headers)

    def code(self, verification: str) -> str:
        verifier = self.service.made.verifier
        assert verifier is not None
        return verifier.recipe.code(verification)

    def texts(self) -> list[Any]:
        return self.service.rows("select text, state from messages order by id")


@pytest.fixture
def visit(service: Service) -> Visit:
    return Visit(service)


def problem(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["type"].rpartition("/")[2]


def test_a_visitor_signs_in_with_the_code_that_was_sent(visit: Visit) -> None:
    answer = visit.starts(purpose="sign-in", ip="203.0.113.7", domain="shop.example")
    said = answer.get_json()

    assert (answer.status_code, said["state"]) == (201, "pending")
    assert (said["expires_at"], said["resend_at"]) == ("2026-11-23T10:08:14Z", "2026-11-23T09:58:44Z")
    assert answer.headers["Location"] == f"https://texts.example/api/v1/verifications/{said['id']}"
    assert visit.texts() == [{"text": "Your code is ******.", "state": "accepted"}]
    wrong = visit.checks(said["id"], "nope").get_json()
    right = visit.checks(said["id"], visit.code(said["id"])).get_json()
    assert wrong == {"id": said["id"], "approved": False, "state": "pending", "tries_left": 4}
    assert right == {"id": said["id"], "approved": True, "state": "approved", "tries_left": 0}
    assert visit.checks(said["id"], visit.code(said["id"])).get_json()["approved"] is False


def test_a_check_whose_answer_was_lost_is_asked_again_by_its_name(visit: Visit) -> None:
    verification = visit.started()

    answers = [visit.checks(verification, visit.code(verification), Idempotency_Key="a") for _ in "ab"]

    assert [answer.get_json()["approved"] for answer in answers] == [True, True]


@pytest.mark.parametrize("number", [PREMIUM, FRAUD, "hello", "+49 30 23125001"])
def test_a_number_that_gets_no_code_is_answered_like_one_that_does(visit: Visit, number: str) -> None:
    def life(to: str) -> list[Any]:
        answers = [visit.starts(to), visit.starts(to)]
        verification = answers[0].get_json()["id"]
        answers += [visit.program.post(f"/verifications/{verification}/resend", {})]
        answers += [visit.checks(verification, "123 457") for _ in range(6)]
        answers += [visit.program.post(f"/verifications/{verification}/{do}") for do in ("cancel",)]
        told = [(one.status_code, one.get_data(as_text=True).replace(verification, "ID")) for one in answers]
        return [*told, [name for one in answers for name, _ in one.headers]]

    assert life(number) == life(PHONE)


def test_the_back_office_sees_why_and_a_masked_number(visit: Visit) -> None:
    clerk, chief = visit.service.program(Permission.READ), visit.service.program(Permission.READ, Permission.NUMBERS)
    sent, refused = visit.started(), visit.started(FRAUD)

    seen = clerk.get(f"/verifications/{refused}").get_json()
    assert (seen["state"], seen["refusal"], seen["number"]) == ("refused", "country", "+1••••••••23")
    assert seen["evidence"] == "US is not among the countries for codes"
    assert clerk.get(f"/verifications/{sent}").get_json()["number"] == "+44••••••••23"
    assert chief.get(f"/verifications/{sent}").get_json()["number"] == PHONE
    assert problem(visit.program.get(f"/verifications/{sent}")) == (403, "forbidden")


def test_a_code_is_sent_again_after_a_while_and_is_the_same(visit: Visit) -> None:
    verification = visit.started()
    again = f"/verifications/{verification}/resend"

    soon = visit.program.post(again, {}).get_json()
    visit.service.passes(seconds=31)
    later = visit.program.post(again, {"ip": "2001:db8::1"}).get_json()
    visit.service.works()

    assert soon["resend_at"] == "2026-11-23T09:58:44Z"
    assert later["resend_at"] == "2026-11-23T09:59:15Z"
    assert len(visit.texts()) == 2
    assert visit.checks(verification, visit.code(verification)).get_json()["approved"] is True
    assert problem(visit.program.post(again, {})) == (409, "too-late")


def test_a_cancelled_code_is_wrong(visit: Visit) -> None:
    verification = visit.started()

    answer = visit.program.post(f"/verifications/{verification}/cancel")

    assert answer.get_json() == {"id": verification, "state": "cancelled"}
    assert visit.checks(verification, visit.code(verification)).get_json()["approved"] is False
    assert problem(visit.program.post(f"/verifications/{verification}/cancel")) == (409, "too-late")


def test_a_test_key_plays_with_a_code_everybody_knows_and_sees_no_real_one(visit: Visit) -> None:
    toy, real = visit.service.program(kind="test"), visit.started()

    played = toy.post("/verifications", {"to": PHONE}).get_json()["id"]

    assert played != real
    assert toy.post(f"/verifications/{played}/check", {"code": "000 000"}).get_json()["approved"] is True
    assert problem(toy.post(f"/verifications/{real}/check", {"code": "000000"})) == (404, "not-found")
    assert problem(visit.checks(played, "000000")) == (404, "not-found")
    assert toy.get(f"/verifications/{played}").get_json()["simulated"] is True
    assert len(visit.texts()) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "to"),
        ({"to": PHONE, "ip": "somewhere"}, "ip"),
        ({"to": PHONE, "domain": "shop.example #123456"}, "domain"),
        ({"to": PHONE, "domain": "shop.example\n@evil.example"}, "domain"),
        ({"to": PHONE, "locale": "../de"}, "locale"),
        ({"to": PHONE, "purpose": "x" * 65}, "purpose"),
        ({"to": PHONE, "code": "123456"}, "code"),
    ],
)
def test_what_does_not_fit_is_named(lasting: Service, body: dict[str, Any], field: str) -> None:
    answer = lasting.program().post("/verifications", body)

    assert problem(answer) == (422, "invalid")
    assert answer.get_json()["errors"][0]["field"] == field


def test_without_a_pepper_there_are_no_codes(service: Service) -> None:
    service.close()
    bare = Service(service.folder, settings={"verifications": {}})
    program = bare.program()

    for path, body in (("", {"to": PHONE}), ("/v1/check", {"code": "1"}), ("/v1/resend", {}), ("/v1/cancel", None)):
        assert problem(program.post(f"/verifications{path}", body)) == (409, "codes-not-set-up")
    assert problem(program.get("/verifications/v1")) == (409, "codes-not-set-up")
    bare.close()


def test_whoever_steers_a_code_is_in_the_journal(visit: Visit) -> None:
    verification = visit.started()
    visit.checks(verification, visit.code(verification))

    assert [reason for reason, _ in visit.service.journal()] == ["code asked by API", "code entered"]


def metrics(service: Service, program: Program) -> str:
    answer = Client(service.made.wsgi).get("/metrics", headers={"Authorization": f"Bearer {program.secret}"})
    assert answer.status_code == 200
    return answer.text


def everything_kept(service: Service) -> bytes:
    return b"".join(path.read_bytes() for path in service.folder.iterdir() if path.name.startswith("tidings.db"))


def test_no_byte_that_is_kept_logged_measured_or_answered_holds_a_code(
    visit: Visit, caplog: pytest.LogCaptureFixture
) -> None:
    """Started, sent, entered wrong and right, sent again, failed, cancelled: then everything is searched."""
    caplog.set_level(logging.DEBUG)
    service, answers = visit.service, list[str]()
    lives = {
        number: visit.started(number, ip="203.0.113.7", domain="shop.example")
        for number in ("+447700900124", "+447700900125", "+447700900126", "+447700900127")
    }
    entered, failed, cancelled, open_ = lives.values()
    codes = {verification: visit.code(verification) for verification in lives.values()}
    answers += [visit.checks(entered, "999 99", Idempotency_Key="a").text]
    answers += [visit.checks(entered, codes[entered], Idempotency_Key="b").text]
    service.passes(seconds=31)
    answers += [visit.program.post(f"/verifications/{open_}/resend", {}, Idempotency_Key="c").text]
    service.works()
    answers += [visit.checks(failed, "wrong").text for _ in range(6)]
    answers += [visit.program.post(f"/verifications/{cancelled}/cancel").text]
    unsent = visit.program.post("/verifications", {"to": "+447700900128"}).get_json()["id"]
    codes[unsent] = visit.code(unsent)
    everyone = service.program()
    answers += [everyone.get(f"/verifications/{one}").text for one in lives.values()]
    answers += [everyone.get(path).text for path in ("/events", "/messages", "/reports")]
    answers += [everyone.get(f"/messages/{row['id']}").text for row in service.rows("select id from messages")]
    answers += [everyone.get(f"/events/{row['id']}").text for row in service.rows("select id from events")]
    answers += [metrics(service, everyone)]
    service.made.verifier.tidy(service.now)  # type: ignore[union-attr]

    logged = "\n".join(str(vars(record)) for record in caplog.records)
    for code in codes.values():
        assert code not in "\n".join(answers)
        assert code not in logged
        assert code.encode() not in everything_kept(service)  # the write-ahead log as well
    assert b"******" in everything_kept(service)
