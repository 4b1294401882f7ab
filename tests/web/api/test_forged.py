"""Whatever is posted, the answer is JSON and says what is wrong; nothing breaks."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from werkzeug.test import Client

from tests.web.api.caller import PHONE, Program, Service

BODIES: dict[str, Any] = {
    "nothing": b"", "no json": b"{", "no object": b"[]", "a text": b'"a"', "twins": b'{"id":"a","id":"b"}',
    "no utf-8": b"\xff\xfe", "nan": b'{"id": NaN}', "deep": b"[" * 5_000 + b"]" * 5_000,
    "many digits": b'{"id": ' + b"9" * 5_000 + b"}", "a form": b"id=a&type=b",
}  # fmt: skip


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_that_is_none_is_refused(lasting: Service, body: bytes) -> None:
    answer = lasting.program().post("/events", body)

    assert answer.status_code in {400, 422}
    assert answer.content_type == "application/problem+json"
    assert set(answer.get_json()) >= {"type", "title", "status", "detail"}


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json", ""])
def test_only_json_is_taken(lasting: Service, kind: str) -> None:
    program = lasting.program()

    answer = Client(lasting.made.wsgi).post(
        "/api/v1/messages", data=json.dumps({"to": PHONE, "text": "Hello."}), content_type=kind,
        headers={"Authorization": f"Bearer {program.secret}"},
    )  # fmt: skip

    assert answer.status_code == 415


def test_a_body_is_capped_whatever_it_says_of_itself(service: Service) -> None:
    program = service.program()
    large = json.dumps({"to": PHONE, "text": "x" * 1_100_000}).encode()

    assert program.post("/messages", large).status_code == 413
    assert program.post("/messages", large, Content_Length="999999999999").status_code == 413
    assert program.post("/messages", b"{}", Content_Length="50").status_code in {400, 422}


def test_odd_values_are_kept_or_refused_and_break_nothing(service: Service) -> None:
    program = service.program()
    odd = ["\u0000", "\ud800", "a" * 5_000, "\u202e", "🎈" * 100, "' or 1=1 --", "%s", "{{ 7*7 }}", "-1", "null"]

    for value in odd:
        event = {"id": value, "type": "custom.odd", "key": value, "data": {value: {"deep": [value, 1e308, -0.0]}}}
        assert program.post("/events", json.dumps(event).encode()).status_code in {202, 422}, value
        for path in ("/events", "/messages", "/reports", "/conversations"):
            from urllib.parse import quote

            word = quote(value.encode("utf-8", "replace"))
            answer = program.get(f"{path}?source={word}&rule={word}&number={word}&cursor={word}")
            assert answer.status_code in {400, 422}, (path, value)
    service.works()
    for row in program.get("/events?limit=200").get_json()["data"]:
        assert program.get(f"/events/{row['id']}").status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/api/", "/api/v1", "/api/v1/", "/api/v2/events", "/api/v1/event", "/api/v1/events/a/b", "/api/v1/events/",
     "/api/v1//events", "/api/v1/events/%00", "/api/v1/events/..%2f..", "/api/v1/gateways/%ff/pin",
     "/api/v1/messages/" + "m" * 5_000],
)  # fmt: skip
def test_addresses_that_are_none_are_answered_as_json(lasting: Service, path: str) -> None:
    program = lasting.program()

    answer = Client(lasting.made.wsgi).get(path, headers={"Authorization": f"Bearer {program.secret}"})

    assert answer.content_type in {"application/problem+json", "application/json"}
    assert answer.status_code in {200, 404, 405}


def test_another_method_is_told_which_there_are(service: Service) -> None:
    answer = service.program().call("PATCH", "/events", None)

    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, POST")


def test_a_head_is_a_get_without_its_body(service: Service) -> None:
    answer = service.program().call("HEAD", "/events", None)

    assert (answer.status_code, answer.data) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 0


def test_a_store_that_is_down_is_told_as_such(service: Service) -> None:
    program = service.program()
    service.made.store.close()

    answer = program.get("/events")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_neither_keys_nor_numbers_nor_texts_are_logged(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    program = service.program()
    with caplog.at_level(logging.DEBUG):
        program.post("/messages", {"to": PHONE, "text": "A secret word."})
        program.get(f"/consent/{PHONE}")
        Program(service, program.secret[:-1] + "x").get("/events")

    said = "".join(str(vars(record)) for record in caplog.records)
    assert "'route': 'post_message'" in said
    assert not [word for word in (program.secret[20:], PHONE, "900123", "secret word") if word in said]
