"""What goes wrong when a system is asked, and what it means for asking again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.kit import ask
from tests.connectors.fake_http import FakeHttp, raises, says
from wire.http import Call, Forbidden, NotSent, Reply, Unclear

CALL = Call(method="GET", url="https://shop.example/orders/1")


@pytest.mark.parametrize(
    ("answer", "permanent", "gone"),
    [
        (says({}, 404), True, True),
        (says({}, 410), True, True),
        (says({}, 400), True, False),
        (says({}, 401), False, False),  # a key can be repaired
        (says({}, 429), False, False),
        (says({}, 500), False, False),
        (says({}, 302), False, False),
        (says([1]), False, False),
        (lambda _: Reply(status=200, body=b"<html>"), False, False),
        (raises(NotSent("shop.example: ConnectTimeout")), False, False),
        (raises(Unclear("shop.example: ReadTimeout")), False, False),
        (raises(Forbidden("shop.example is not a host this connection may reach")), True, False),
    ],
)
def test_a_failure_says_whether_asking_again_can_help(answer: Any, permanent: bool, gone: bool) -> None:
    with pytest.raises(AskFailed) as failure:
        ask.for_object(FakeHttp(answer), CALL, "The shop")

    assert (failure.value.permanent, failure.value.gone) == (permanent, gone)


@pytest.mark.parametrize(
    ("status", "header", "wait"),
    [(429, "30", 30), (503, "7", 7), (429, "99999999", 86400), (429, "soon", None), (429, "", None), (500, "5", None)],
)
def test_a_system_that_wants_to_be_left_alone_says_for_how_long(status: int, header: str, wait: int | None) -> None:
    http = FakeHttp(lambda _: Reply(status=status, headers={"retry-after": header}))

    with pytest.raises(AskFailed) as failure:
        ask.send(http, CALL, "The shop")

    assert failure.value.retry_after == (wait and timedelta(seconds=wait))


def test_an_answer_without_a_body_is_nothing() -> None:
    assert ask.for_json(FakeHttp(lambda _: Reply(status=204)), CALL, "The shop", fine=(200, 204)) is None


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(AskFailed, match="No api_key and user_id set") as failure:
        ask.needs({"api_key": "", "user_id": "", "url": "x"}, "api_key", "user_id", "url")

    assert failure.value.permanent
    assert not failure.value.gone


def test_what_only_a_look_up_knew_is_kept_where_fresh_data_are_empty() -> None:
    known = {"status": "open", "due": None, "customer": {"phone": "07700 900142", "name": "Ida"}, "place": "Leeds"}

    fresh = ask.kept({"status": "paid", "due": None, "customer": {"phone": "", "name": "Ida M."}, "new": ""}, known)

    customer = {"phone": "07700 900142", "name": "Ida M."}
    assert fresh == {"status": "paid", "due": None, "customer": customer, "place": "Leeds", "new": ""}
