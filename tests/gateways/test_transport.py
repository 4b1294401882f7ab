"""The way out itself: what left, what did not, and what must not be written down."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import pytest

from certify.provider import Provider, closed_port, provider
from wire.http import MAX_BODY, Call, Client, Forbidden, NotSent, Unclear


@pytest.fixture
def stub() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture
def http() -> Client:
    return Client(connect=0.3, read=0.3)


def post(url: str) -> Call:
    return Call(method="POST", url=f"{url}/x", params={"key": "SECRET"}, form={"a": "b"})


@pytest.mark.parametrize("fault", ["hang", "close", "reset", "trickle", "garbage", "huge"])
def test_once_bytes_left_a_failure_is_unclear(fault: str, stub: Provider, http: Client) -> None:
    getattr(stub, fault)()

    with pytest.raises(Unclear) as failure:
        http.send(post(stub.url))

    assert "SECRET" not in str(failure.value)
    assert failure.value.__cause__ is None
    assert stub.count == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}", "ftp://127.0.0.1", "x", "http://"])
def test_what_never_left_was_not_sent(url: str, http: Client) -> None:
    with pytest.raises(NotSent):
        http.send(post(url.format(port=closed_port())))


def test_a_plain_server_behind_an_https_address_saw_nothing(stub: Provider, http: Client) -> None:
    with pytest.raises(NotSent):
        http.send(post(stub.url.replace("http:", "https:")))

    assert stub.count == 0


@pytest.mark.parametrize("headers", [{"X-A": "a\nb"}, {"X-A": "日本"}, {"X\n": "a"}])
def test_a_header_that_cannot_be_written_was_not_sent(headers: dict[str, str], stub: Provider, http: Client) -> None:
    with pytest.raises(NotSent):
        http.send(Call(method="POST", url=stub.url, headers=headers))

    assert stub.count == 0


def test_a_text_without_utf_8_form_was_not_sent(stub: Provider, http: Client) -> None:
    with pytest.raises(NotSent):
        http.send(Call(method="POST", url=stub.url, form={"a": "\ud83d"}))

    assert stub.count == 0


def test_a_trickling_answer_ends_with_the_read_timeout_not_with_the_provider_s_patience(
    stub: Provider, http: Client
) -> None:
    stub.trickle()
    begun = time.monotonic()

    with pytest.raises(Unclear):
        http.send(post(stub.url))

    assert time.monotonic() - begun < 3


@pytest.mark.parametrize(("size", "fits"), [(MAX_BODY, True), (MAX_BODY + 1, False)])
def test_the_size_cap_is_exact(size: int, fits: bool, stub: Provider) -> None:
    stub.answer(200, b"x" * size)

    if fits:
        assert len(Client().send(post(stub.url)).body) == size
    else:
        with pytest.raises(Unclear):
            Client().send(post(stub.url))


def test_redirects_cookies_and_other_hosts_are_left_alone(stub: Provider, http: Client) -> None:
    stub.redirect(307)
    stub.answer(200, "ok", {"Set-Cookie": "a=b"})
    stub.answer(200, "ok")

    assert http.send(post(stub.url)).status == 307
    http.send(post(stub.url))
    http.send(post(stub.url))
    assert [seen.headers.get("cookie") for seen in stub.seen] == [None, None, None]
    with pytest.raises(Forbidden):
        Client(hosts=["api.example"]).send(post(stub.url))
    assert stub.count == 3


def test_the_log_never_shows_an_address_with_its_query(
    stub: Provider, http: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    http.send(post(stub.url))

    assert stub.seen[0].query == {"key": "SECRET"}
    assert "SECRET" not in caplog.text
