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
from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError, LocationValueError, NewConnectionError

from wire.guard import Forbidden, Guard
from wire.pools import pools
from wire.request import Call, Request, request_of

__all__ = ["Call", "Client", "Forbidden", "NotSent", "Reply", "Unclear"]
MAX_BODY = 1_000_000
CONNECT_SECONDS, READ_SECONDS = 5.0, 20.0
CHUNK = 65_536

NEVER_LEFT = (requests.RequestException, NewConnectionError, ConnectTimeoutError, LocationValueError, ValueError)
"""No such name, refused, no TLS, or no proper request: nothing of it was sent. (wire/pools.py sees to the TLS part.)"""

# urllib3 writes every address with its query at DEBUG, and some providers take their key in the query.
logging.getLogger("urllib3").setLevel(logging.INFO)


class NotSent(Exception):  # noqa: N818 - names the outcome
    """The request certainly did not reach the other side."""


class Unclear(Exception):  # noqa: N818 - names the outcome
    """The request left, and no usable answer came back."""


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
        trust: str = "",
    ) -> None:
        self._hosts = frozenset(host.lower() for host in hosts)
        self._timeout = Timeout(connect=connect, read=read)
        self._read_seconds, self._keep = read, keep
        # A session of `requests` would add cookies, proxies and passwords from the environment, and redirects; its
        # adapter alone takes three times as long as the connection it hands the request to.
        self._pools = pools(pool, guard=guard, trust=trust)

    def send(self, call: Call) -> Reply:
        """Send one request once. Raises NotSent, Unclear or Forbidden."""
        host = (urlsplit(call.url).hostname or "").lower()
        if self._hosts and host not in self._hosts:
            raise Forbidden(f"{host} is not a host this connection may reach")
        try:
            answer = self._ask(request_of(call))
        except UnicodeError:  # a lone surrogate in a form, a header outside Latin-1: nothing could be written
            raise NotSent(f"{host}: the request holds characters that cannot be sent") from None
        except NEVER_LEFT as error:
            raise NotSent(f"{host}: {type(error.__cause__ or error).__name__}") from None
        except HTTPError as error:
            raise Unclear(f"{host}: {type(error).__name__}") from None
        deadline = time.monotonic() + self._read_seconds
        return _glance(answer, deadline, self._keep) if self._keep else _read(answer, host, deadline)

    def _ask(self, request: Request) -> BaseHTTPResponse:
        pool = self._pools.connection_from_host(request.host, request.port, request.scheme)
        return pool.urlopen(
            request.method, request.path, request.body, request.headers, retries=False, redirect=False,
            assert_same_host=False, timeout=self._timeout, preload_content=False, decode_content=False,
        )  # fmt: skip


def _glance(answer: BaseHTTPResponse, deadline: float, keep: int) -> Reply:
    """Read the status and at most `keep` bytes of the body."""
    body = bytearray()
    with suppress(Exception):  # as below: a dozen classes, and the status is known already
        while len(body) < keep and time.monotonic() < deadline:
            chunk = answer.read1(keep - len(body), decode_content=True)
            if not chunk:
                break
            body += chunk
    _let_go(answer)  # what was not read goes with its connection, so that nothing of it is taken for the next answer
    return _reply(answer, bytes(body[:keep]))


def _read(answer: BaseHTTPResponse, host: str, deadline: float) -> Reply:
    """Read the body up to the cap. The read timeout bounds the whole body, not only the pause between two packets."""
    body = bytearray()
    try:
        while len(body) <= MAX_BODY and (chunk := answer.read1(CHUNK, decode_content=True)):
            body += chunk
            if time.monotonic() > deadline:
                raise TimeoutError
    except Exception as error:  # noqa: BLE001 - urllib3 raises a dozen classes here; all mean the same to us
        raise Unclear(f"{host}: {type(error).__name__} while reading the answer") from None
    finally:
        _let_go(answer)
    if len(body) > MAX_BODY:
        raise Unclear(f"{host}: the answer is larger than {MAX_BODY} bytes")
    return _reply(answer, bytes(body))


def _let_go(answer: BaseHTTPResponse) -> None:
    answer.close()
    answer.release_conn()


def _reply(answer: BaseHTTPResponse, body: bytes) -> Reply:
    headers = {name.lower(): value for name, value in answer.headers.itermerged()}
    return Reply(status=answer.status, headers=headers, body=body)
