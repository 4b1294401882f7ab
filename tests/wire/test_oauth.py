"""Signing in to an API: one token for many requests, a new one when it is refused, the newest refresh token kept."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.fake_http import FakeHttp
from wire.http import Call, NotSent, Reply
from wire.oauth import Session

TOKENS = {"token_url": "https://id.example/token", "client_id": "app", "client_secret": "not-a-real-one"}
ASKED = Call(method="GET", url="https://api.example/things", headers={"Accept": "application/json"})


class Api:
    """Grants token-1, token-2 ... with refresh-1, refresh-2 ..., and takes the newest token only."""

    def __init__(self, status: int = 200) -> None:
        self.granted, self.status = 0, status
        self.grants: list[Any] = []

    def __call__(self, call: Call) -> Reply:
        if call.url == TOKENS["token_url"]:
            assert call.auth == ("app", "not-a-real-one")
            self.grants.append(call.form)
            self.granted += 1
            body = {"access_token": f"token-{self.granted}", "refresh_token": f"refresh-{self.granted}"}
            return Reply(status=self.status, body=json.dumps(body).encode())
        fits = call.headers["Authorization"] == f"Bearer token-{self.granted}"
        return Reply(status=200 if fits else 401, body=b"{}")


def test_one_token_serves_many_requests() -> None:
    api, session = Api(), Session.of({**TOKENS, "scope": "read"})

    answers = [session.over(FakeHttp(api)).send(ASKED).status for _ in range(3)]

    assert answers == [200, 200, 200]
    assert api.grants == [{"grant_type": "client_credentials", "scope": "read"}]


def test_a_token_that_is_refused_is_replaced_once() -> None:
    api, session = Api(), Session.of(TOKENS)
    http = FakeHttp(api)
    session.over(http).send(ASKED)
    api.granted = 7  # the API has forgotten token-1

    assert session.over(http).send(ASKED).status == 200
    assert len(api.grants) == 2


def test_an_api_that_refuses_every_token_is_not_asked_for_ever() -> None:
    api = Api()
    http = FakeHttp(lambda call: api(call) if call.url == TOKENS["token_url"] else Reply(status=401))

    assert Session.of(TOKENS).over(http).send(ASKED).status == 401
    assert len(http.calls) == 4


@pytest.mark.parametrize("answer", [Reply(status=400, body=b'{"error": "invalid_client"}'), Reply(status=200)])
def test_a_refused_sign_in_says_where_and_never_with_what(answer: Reply) -> None:
    with pytest.raises(NotSent) as failure:
        Session.of(TOKENS).over(FakeHttp(lambda _: answer)).send(ASKED)

    assert "id.example" in str(failure.value)
    assert "not-a-real-one" not in str(failure.value)
    assert "not-a-real-one" not in repr(Session.of(TOKENS))


def test_a_refresh_token_that_was_replaced_survives_a_restart(tmp_path: Path) -> None:
    kept = tmp_path / "token"
    settings = {**TOKENS, "refresh_token": "first", "token_file": str(kept)}
    api = Api()

    for _ in range(2):
        Session.of(settings).over(FakeHttp(api)).send(ASKED)

    assert [grant["refresh_token"] for grant in api.grants] == ["first", "refresh-1"]
    assert kept.read_text("utf-8") == "refresh-2"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_token_file_that_cannot_be_written_is_noticed_before_the_token_is_used_up(tmp_path: Path) -> None:
    http = FakeHttp(Api())
    settings = {**TOKENS, "refresh_token": "first", "token_file": str(tmp_path / "nowhere" / "token")}

    with pytest.raises(NotSent, match="token file"):
        Session.of(settings).over(http).send(ASKED)

    assert http.calls == []
