"""Our requests are those of `requests`, byte for byte: addresses, bodies and headers."""

from __future__ import annotations

import pytest
import requests

from wire import request
from wire.request import HEADERS, Call, request_of

CALLS = {
    "a form": Call(method="POST", url="https://a.example/x", form=[("To", "+491713920012"), ("Body", "Grüße & 你好")]),
    "a form with its type": Call(method="POST", url="https://a.example", form={"a": "b"}, headers={"content-type": "x/y"}),  # noqa: E501 - a row of the table
    "json": Call(method="put", url="https://a.example/ä?x=1", json={"text": "Grüße", "n": [1, None]}),
    "bytes": Call(method="PATCH", url="http://a.example:8080/x", body=b"\x00\xff", headers={"Content-Type": "x/y"}),
    "nothing": Call(method="POST", url="https://a.example/x"),
    "an empty form": Call(method="POST", url="https://a.example/x", form={}),
    "a question": Call(method="GET", url="https://a.example/x?a=1", params={"To": "+49 171", "DateSent>": "ü"}),
    "a removal": Call(method="DELETE", url="https://a.example/x/1"),
    "a name and password": Call(method="POST", url="https://a.example/x", auth=("Zoë", "pass:word"), form={"a": "b"}),
    "a password in the address": Call(method="GET", url="https://us:p%40ss@a.example/x"),
    "headers of its own": Call(method="GET", url="https://a.example", headers={"accept": "text/plain", "X-Key": "k"}),
    "an international name": Call(method="GET", url="https://bücher.example/ä b"),
    "a doubled slash": Call(method="GET", url="https://a.example//x//y"),
    "an address by numbers": Call(method="GET", url="https://[2001:db8::1]:8443/x"),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_a_request_is_what_the_library_would_have_sent(name: str) -> None:
    call = CALLS[name]
    theirs = requests.PreparedRequest()
    theirs.prepare(
        method=call.method, url=call.url, params=call.params, headers={**HEADERS, **call.headers},
        data=call.body if call.form is None else call.form, json=call.json, auth=call.auth,
    )  # fmt: skip

    ours = request_of(call)

    port = f":{ours.port}" if ours.port else ""
    host = f"[{ours.host}]" if ":" in ours.host else ours.host
    assert ours.method == theirs.method
    assert f"{ours.scheme}://{host}{port}" in (theirs.url or "").replace("us:p%40ss@", "")
    assert ours.path == theirs.path_url.replace("//x", "/x")  # as its adapter writes it: two would be a host's name
    assert ours.body == (theirs.body.encode() if isinstance(theirs.body, str) else theirs.body)
    assert {name.lower(): value for name, value in ours.headers.items()} == {
        name.lower(): value for name, value in theirs.headers.items()
    }


def test_an_address_with_a_question_is_not_kept() -> None:
    before = request._kept_address.cache_info().currsize
    request_of(Call(method="GET", url="https://kept.example/x?to=%2B491713920012"))
    request_of(Call(method="GET", url="https://kept.example/x", params={"to": "+491713920012"}))

    assert request._kept_address.cache_info().currsize == before
