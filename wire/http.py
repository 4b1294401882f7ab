"""The one way out: plain HTTP with time limits and a size cap, without retries, redirects or environment proxies.

Whether a request left at all decides whether a text may be sent again, so the two kinds of failure are two classes:
`NotSent` (name not found, refused, TLS or connect timeout: the other side saw nothing) and `Unclear` (anything after
the first byte left). Errors carry the host only, never a URL with its query, a header or a body.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from wire.guard import Forbidden, Guard, GuardedAdapter

__all__ = ["Call", "Client", "Forbidden", "NotSent", "Reply", "Unclear"]
MAX_BODY = 1_000_000
CONNECT_SECONDS, READ_SECONDS = 5.0, 20.0
CHUNK = 65_536
HEADERS = {"User-Agent": "tidings", "Accept-Encoding": "gzip, deflate", "Accept": "*/*"}

# urllib3 writes every address with its query at DEBUG, and some providers take their key in the query.
logging.getLogger("urllib3").setLevel(logging.INFO)


class NotSent(Exception):  # noqa: N818 - names the outcome
    """The request certainly did not reach the other side."""


class Unclear(Exception):  # noqa: N818 - names the outcome
    """The request left, and no usable answer came back."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the other side answered. `headers` has lower-case names."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 become replacement characters."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON, None when it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class Client:
    """A keep-alive session for one purpose. `hosts` empty allows every host; requests to others are Forbidden.

    One client serves many threads: the connection pool is thread-safe, and there are no cookies to share.
    `trust` names a file of certificates to believe instead of the usual ones.
    A `guard` looks at the addresses behind a host before a connection is made. `keep` bytes are read of an answer of
    which only the status matters: whatever goes wrong after its head is no failure.
    """

    def __init__(
        self,
        *,
        hosts: Sequence[str] = (),
        connect: float = CONNECT_SECONDS,
        read: float = READ_SECONDS,
        pool: int = 64,
        guard: Guard | None = None,
        keep: int = 0,
        trust: str | bool = True,
    ) -> None:
        self._hosts = frozenset(host.lower() for host in hosts)
        self._timeout = (connect, read)
        self._keep, self._trust = keep, trust
        # A session would add cookies, proxies and passwords from the environment, redirects, and 200 us to each call.
        self._adapter: HTTPAdapter = (
            GuardedAdapter(guard, pool) if guard else HTTPAdapter(pool_maxsize=pool, max_retries=0)
        )

    def send(self, call: Call) -> Reply:
        """Send one request once. Raises NotSent, Unclear or Forbidden."""
        host = (urlsplit(call.url).hostname or "").lower()
        if self._hosts and host not in self._hosts:
            raise Forbidden(f"{host} is not a host this connection may reach")
        try:
            answer = self._adapter.send(_prepared(call), stream=True, timeout=self._timeout, verify=self._trust)
        except requests.RequestException as error:
            raise (NotSent if _never_left(error) else Unclear)(f"{host}: {type(error).__name__}") from None
        except UnicodeError:  # a lone surrogate in a form, a header outside Latin-1: nothing could be written
            raise NotSent(f"{host}: the request holds characters that cannot be sent") from None
        deadline = time.monotonic() + self._timeout[1]
        return _glance(answer, deadline, self._keep) if self._keep else _read(answer, host, deadline)


def _prepared(call: Call) -> requests.PreparedRequest:
    request = requests.PreparedRequest()
    request.prepare(
        method=call.method,
        url=call.url,
        params=call.params,
        headers={**HEADERS, **call.headers},
        data=call.body if call.form is None else call.form,
        json=call.json,
        auth=call.auth,
    )
    if urlsplit(request.url or "").scheme not in {"http", "https"}:
        raise requests.exceptions.InvalidSchema(call.method)
    return request


def _glance(answer: requests.Response, deadline: float, keep: int) -> Reply:
    """Read the status and at most `keep` bytes of the body."""
    body = bytearray()
    with suppress(Exception):  # as below: a dozen classes, and the status is known already
        while len(body) < keep and time.monotonic() < deadline:
            chunk = answer.raw.read1(keep - len(body), decode_content=True)
            if not chunk:
                break
            body += chunk
    answer.close()  # what was not read goes with its connection, so that nothing of it is taken for the next answer
    return _reply(answer, bytes(body[:keep]))


def _read(answer: requests.Response, host: str, deadline: float) -> Reply:
    """Read the body up to the cap. The read timeout bounds the whole body, not only the pause between two packets."""
    body = bytearray()
    try:
        while len(body) <= MAX_BODY and (chunk := answer.raw.read1(CHUNK, decode_content=True)):
            body += chunk
            if time.monotonic() > deadline:
                raise TimeoutError
    except Exception as error:  # noqa: BLE001 - urllib3 raises a dozen classes here; all mean the same to us
        raise Unclear(f"{host}: {type(error).__name__} while reading the answer") from None
    finally:
        answer.close()
    if len(body) > MAX_BODY:
        raise Unclear(f"{host}: the answer is larger than {MAX_BODY} bytes")
    return _reply(answer, bytes(body))


def _reply(answer: requests.Response, body: bytes) -> Reply:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Reply(status=answer.status_code, headers=headers, body=body)


def _never_left(error: requests.RequestException) -> bool:
    """Connect timeouts, refused connections, unknown names and TLS failures: nothing of the request was sent."""
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.SSLError | requests.exceptions.InvalidURL):
        return True
    if isinstance(error, requests.exceptions.InvalidHeader):
        return True
    if not isinstance(error, requests.ConnectionError):
        return isinstance(error, requests.exceptions.MissingSchema | requests.exceptions.InvalidSchema)
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    return type(reason).__name__ in {"NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "SSLError"}
