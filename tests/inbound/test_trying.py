"""What a system answers when a source is tried, told to whoever sets it up."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from inbound.trying import Tracing, words_of
from tests.connectors.fake_http import FakeHttp, says
from wire.http import Call, Reply

SECRET = "not-a-real-key"


@pytest.mark.parametrize(
    "body",
    [
        {"error_description": "No.", "error": "invalid"},
        {"message": "No.", "title": "Refused"},
        {"detail": "No."},
        {"errorMessage": "No."},
        {"error": {"message": "No."}},
        {"errors": [{"message": "No.", "detail": "Because."}]},
        {"errors": [{"detail": "No."}]},
        [{"message": "No."}],
        {"error": "No."},
        {"title": "No."},
    ],
)
def test_what_is_wrong_is_found_wherever_apis_write_it(body: Any) -> None:
    assert words_of(Reply(status=400, body=json.dumps(body).encode()), ()) == "No."


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (401, "it does not take the key, or the sign-in was refused; "),
        (402, "the account's plan does not include this; "),
        (403, "the key is known and may not do this: a permission is missing; "),
        (404, "there is nothing at this address: see the api address and the ids in the settings; "),
        (407, "a proxy in between wants a sign-in; "),
        (429, "it wants to be asked less often; "),
        (500, ""),
    ],
)
def test_a_refusal_is_told_with_what_to_do_and_without_secrets(status: int, meaning: str) -> None:
    http = Tracing(cast("Any", FakeHttp(says({"message": f"{SECRET} is wrong"}, status))), [SECRET])

    http.send(Call(method="GET", url=f"https://api.shop.example/{SECRET}/orders?since=1"))

    (step,) = http.steps
    assert (step.asked, step.answered) == ("GET api.shop.example/***/orders", str(status))
    assert step.trouble == f"{meaning}it says: *** is wrong"


def test_an_answer_as_it_should_be_is_no_trouble() -> None:
    http = Tracing(cast("Any", FakeHttp(says({"message": "fine"}))), ())

    http.send(Call(method="GET", url="https://api.shop.example/orders"))

    assert http.steps[0].trouble == ""
