"""One request as bytes: address, headers and body, as the library `requests` writes them.

Its address rules (IDNA, quoting, parameters) are used as they are, once per address; its bodies and headers cost ten
times what these few lines do, and a text is one request.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import requests
from requests.utils import check_header_validity, get_auth_from_url

HEADERS = {"User-Agent": "tidings", "Accept-Encoding": "gzip, deflate", "Accept": "*/*"}
WITHOUT_BODY = {"GET", "HEAD"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One HTTP request, as data. Exactly one of `form`, `json` and `body` is used, or none."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | list[tuple[str, str]] | None = None
    json: Any = None
    body: bytes | None = None
    auth: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What goes over the connection, and where to. `path` has its query with it."""

    method: str
    scheme: str
    host: str
    port: int | None
    path: str
    headers: dict[str, str]
    body: bytes | None


class _Address(NamedTuple):
    scheme: str
    host: str
    port: int | None
    path: str
    auth: tuple[str, str] | None


def request_of(call: Call) -> Request:
    """Write a call. Raises requests.RequestException or ValueError where it cannot be one."""
    is_plain = not call.params and "?" not in call.url  # a query may hold a phone and a text: it is not kept
    to = _kept_address(call.url) if is_plain else _address(call.url, call.params)
    body, kind = _body(call)
    headers = _headers(call, call.auth or to.auth, len(body or b""), kind)
    return Request(call.method.upper(), to.scheme, to.host, to.port, to.path, headers, body)


def _address(url: str, params: Mapping[str, str]) -> _Address:
    """Read an address as `requests` does."""
    request = requests.PreparedRequest()
    request.prepare_url(url, params)
    parts = urlsplit(request.url or "")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise requests.exceptions.InvalidSchema("not an address to call")
    path, auth = request.path_url, get_auth_from_url(request.url or "")
    shown = "/" + path.lstrip("/") if path.startswith("//") else path  # two would name a host
    return _Address(parts.scheme, parts.hostname, parts.port, shown, auth if any(auth) else None)


@lru_cache(maxsize=256)
def _kept_address(url: str) -> _Address:
    return _address(url, {})


def _body(call: Call) -> tuple[bytes | None, str]:
    """Write the body and its type, "" where the call names it itself."""
    if call.form:
        pairs = call.form.items() if isinstance(call.form, Mapping) else call.form
        return urlencode(list(pairs)).encode(), "application/x-www-form-urlencoded"
    if call.json is not None and not call.body:
        return json.dumps(call.json, allow_nan=False).encode(), "application/json"
    return call.body or None, ""


def _headers(call: Call, auth: tuple[str, str] | None, size: int, kind: str) -> dict[str, str]:
    for header in call.headers.items():
        check_header_validity(header)
    ours = dict(HEADERS)
    if kind:
        ours["Content-Type"] = kind
    given = {name.lower(): (name, value) for name, value in call.headers.items()}
    found = {name: value for name, value in ours.items() if name.lower() not in given}
    if size or call.method.upper() not in WITHOUT_BODY:
        given["content-length"] = ("Content-Length", str(size))
    if auth is not None:
        given["authorization"] = ("Authorization", "Basic " + b64encode(":".join(auth).encode("latin-1")).decode())
    return found | dict(given.values())
