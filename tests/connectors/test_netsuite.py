"""What the contract over samples cannot express: NetSuite's two ways to sign in, and pages of its query."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from connectors.base import AskFailed
from connectors.netsuite import SIZE, NetSuite
from model.event import Event
from tests.connectors.fake_http import FakeHttp, every_page, raises, says
from wire.http import Call, Forbidden, NotSent, Reply, Unclear

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TOKENS = {
    "account": "1234567_SB1", "consumer_key": "ck~1", "consumer_secret": "cs/not real",
    "token_id": "tk", "token_secret": "ts+x",
}  # fmt: skip
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
OAUTH = {"account": "1234567_SB1", "client_id": "c1", "certificate_id": "cert1", "private_key": PEM}
HOST = "https://1234567-sb1.suitetalk.api.netsuite.com"


def test_a_request_is_signed_as_oauthlib_signs_it() -> None:
    call = Call(method="POST", url=f"{HOST}/services/rest/query/v1/suiteql", params={"limit": "500", "offset": "0"})

    header = NetSuite(TOKENS).authorization(call, 1795424400, "abc")["Authorization"]

    assert header.startswith('OAuth realm="1234567_SB1", oauth_consumer_key="ck~1"')
    assert 'oauth_signature="MrqJ%2BTILudlCPlTMxsdAvmiFLyNXIGusR3Fs3VmBeXE%3D"' in header  # by oauthlib 4.0.1


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


class Clocked(NetSuite):
    clock = staticmethod(NOW.timestamp)


def test_a_token_is_asked_for_with_the_certificates_key_and_kept_until_it_is_refused() -> None:
    given: list[Call] = []
    refused: list[str] = []

    def answers(call: Call) -> Reply:
        if call.url.endswith("/oauth2/v1/token"):
            given.append(call)
            return Reply(status=200, body=json.dumps({"access_token": f"t{len(given)}"}).encode())
        is_good = call.headers["Authorization"] == f"Bearer t{len(given)}" and not refused
        refused.clear()
        return Reply(status=200 if is_good else 401, body=b'{"items": []}')

    netsuite = Clocked(OAUTH)
    cursor = netsuite.poll({}, FakeHttp(answers), NOW).cursor
    netsuite.poll(cursor, FakeHttp(answers), NOW)
    refused.append("t1")
    netsuite.poll(cursor, FakeHttp(answers), NOW)

    assert len(given) == 2
    assert isinstance(given[0].form, dict)
    head, claims, signature = given[0].form["client_assertion"].split(".")
    assert json.loads(decoded(head)) == {"alg": "PS256", "typ": "JWT", "kid": "cert1"}
    assert json.loads(decoded(claims)) == {
        "iss": "c1", "scope": "rest_webservices", "aud": f"{HOST}/services/rest/auth/oauth2/v1/token",
        "iat": 1795424400, "exp": 1795425000,
    }  # fmt: skip
    padding = PSS(mgf=MGF1(SHA256()), salt_length=32)
    KEY.public_key().verify(decoded(signature), f"{head}.{claims}".encode(), padding, SHA256())


class Account:
    """SuiteQL over transactions, as far as the connector's query goes."""

    def __init__(self) -> None:
        self.rows: dict[int, dict[str, Any]] = {}

    def has(self, row_id: int, second: int, status: str, kind: str = "SalesOrd") -> None:
        at = (NOW + timedelta(seconds=second)).strftime("%Y-%m-%d %H:%M:%S")
        old = self.rows.get(row_id, {"id": str(row_id), "type": kind, "created": at})
        self.rows[row_id] = {**old, "status": status, "changed": at}

    def __call__(self, call: Call) -> Reply:
        query = call.json["q"]
        assert "'SalesOrd', 'CustInvc', 'ItemShip'" in query
        since = re.search(r">= TO_DATE\('([^']+)'", query)
        rows = sorted(self.rows.values(), key=lambda row: (row["changed"], int(row["id"])))
        rows = [row for row in rows if not since or row["changed"] >= since[1]]
        wanted = re.search(r"t\.id = ([0-9]+)", query)
        rows = [row for row in rows if not wanted or row["id"] == wanted[1]]
        if query.endswith("DESC"):
            rows.reverse()
        start, size = int(call.params["offset"]), int(call.params["limit"])
        body = {"items": rows[start : start + size], "hasMore": len(rows) > start + size}
        return Reply(status=200, body=json.dumps(body).encode())


def test_a_text_about_what_was_cancelled_meanwhile_is_held_back() -> None:
    account, netsuite = Account(), NetSuite(TOKENS)
    _, cursor = poll_all(account, {})
    account.has(2, 20, "B")
    (event,), _ = poll_all(account, cursor)

    assert netsuite.refresh(event, FakeHttp(account)).data["status"] == "B"

    account.has(2, 30, "C")
    with pytest.raises(AskFailed) as failure:
        netsuite.refresh(event, FakeHttp(account))
    assert failure.value.gone
    account.rows.clear()
    with pytest.raises(AskFailed) as failure:
        netsuite.refresh(event, FakeHttp(account))
    assert failure.value.gone


def poll_all(account: Account, cursor: Any) -> tuple[list[Event], Any]:
    return every_page(NetSuite(TOKENS), account, cursor, NOW)


def test_what_a_transaction_reaches_after_the_first_poll_is_told_once() -> None:
    account = Account()
    account.has(1, -60, "B")
    account.has(2, -50, "A")
    past, cursor = poll_all(account, {})
    account.has(1, 10, "D")
    account.has(2, 20, "B")
    account.has(3, 30, "B", "CustInvc")

    told, cursor = poll_all(account, cursor)
    again, _ = poll_all(account, cursor)

    assert (past, again) == ([], [])
    assert [event.id for event in told] == ["SalesOrd/2/confirmed", "CustInvc/3/issued", "CustInvc/3/paid"]


@pytest.mark.parametrize("apart", [0, 1])
def test_after_a_long_outage_nothing_is_left_out(apart: int) -> None:
    account = Account()
    _, cursor = poll_all(account, {})
    for number in range(1, SIZE + 50):
        account.has(number, number * apart, "B")

    told, _ = poll_all(account, cursor)

    assert len({event.key for event in told}) == SIZE + 49


@pytest.mark.parametrize("settings", [TOKENS, OAUTH])
@pytest.mark.parametrize(
    "answer",
    [
        says({"title": "Invalid login attempt."}, 401),
        says({"o:errorDetails": []}, 429),
        says(["no object"]),
        lambda _: Reply(status=200, body=b"<html>"),
        raises(NotSent("1234567-sb1.suitetalk.api.netsuite.com: ConnectTimeout")),
        raises(Unclear("1234567-sb1.suitetalk.api.netsuite.com: ReadTimeout")),
        raises(Forbidden("not a host this connection may reach")),
    ],
)
def test_a_poll_that_gets_no_answer_fails_and_keeps_its_place(settings: Any, answer: Any) -> None:
    with pytest.raises(AskFailed) as failure:
        NetSuite(settings).poll({}, FakeHttp(answer), NOW)

    assert "not real" not in str(failure.value)


@pytest.mark.parametrize(
    "settings", [{"types": ["VendBill"]}, {"account": "evil.example/"}, {"private_key": "x"}, {"time_zone": "Mars"}]
)
def test_a_setting_that_means_nothing_is_refused_at_the_start(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Setting"):
        NetSuite(settings)


def test_without_keys_nothing_is_asked_and_only_the_account_may_be_reached() -> None:
    http = FakeHttp(says({}))

    for settings in ({}, {"account": "1234567"}, {"account": "1234567", "private_key": PEM}):
        with pytest.raises(AskFailed):
            NetSuite(settings).poll({}, http, NOW)

    assert http.calls == []
    assert list(NetSuite(TOKENS).hosts) == ["1234567-sb1.suitetalk.api.netsuite.com"]
