"""The front door as a bare WSGI callable: hooks and callbacks here, everything else to the pages behind it.

Flask costs more per request than the whole rest of the door; webhooks come in thousands, people in dozens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

from inbound.hooks import Door, refused
from inbound.links import LinkDoor
from inbound.receipts import MAX_BODY, ReceiptDoor
from model.event import Answer, Incoming
from model.links import PATH
from model.reasons import Reason

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Wsgi = Callable[[Environ, StartResponse], Iterable[bytes]]
LINKS = PATH.strip("/")


@dataclass(slots=True)
class FrontDoor:
    """Sends each request where it belongs. `public_url` is what senders were told to call."""

    door: Door
    receipt_door: ReceiptDoor
    pages: Wsgi
    clock: Callable[[], datetime]
    public_url: str
    link_door: LinkDoor | None = None

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path = str(environ.get("PATH_INFO", ""))
        kind, _, rest = path.lstrip("/").partition("/")
        if kind == LINKS and self.link_door is not None:
            method = str(environ.get("REQUEST_METHOD", "GET"))
            answer = self.link_door.follow(method, rest, _headers(environ))
        elif kind not in {"hooks", "receipts", "replies"} or not rest:
            return self.pages(environ, start_response)
        else:
            answer = self._answer(environ, kind, rest.rstrip("/"))
        headers = [("content-type", answer.content_type), ("content-length", str(len(answer.body.encode())))]
        start_response(f"{answer.status} {_phrase(answer.status)}", [*headers, *answer.headers.items()])
        return [] if kind == LINKS and environ.get("REQUEST_METHOD") == "HEAD" else [answer.body.encode()]

    def _answer(self, environ: Environ, kind: str, rest: str) -> Answer:
        name, _, token = rest.partition("/")
        limit = self.door.max_body(name) if kind == "hooks" else MAX_BODY
        if not limit:
            return refused(Reason.UNKNOWN_SOURCE)
        try:
            body = read_body(environ, limit)
        except OSError:  # the sender hung up: half a request is nobody's word, not even where no proof is asked for
            return refused(Reason.STORE_DOWN)
        if body is None:
            return refused(Reason.TOO_LARGE)
        incoming = self._incoming(environ, name, body)
        if kind == "hooks":
            return self.door.receive(incoming)
        take = self.receipt_door.receipt if kind == "receipts" else self.receipt_door.reply
        return take(incoming, token)

    def _incoming(self, environ: Environ, name: str, body: bytes) -> Incoming:
        query = str(environ.get("QUERY_STRING", ""))
        path = str(environ.get("PATH_INFO", ""))
        headers = _headers(environ)
        headers["content-type"] = str(environ.get("CONTENT_TYPE", ""))
        return Incoming(
            source=unquote(name),
            method=str(environ.get("REQUEST_METHOD", "POST")),
            url=self.public_url + path + (f"?{query}" if query else ""),
            query=_query(query),
            headers=headers,
            body=body,
            received_at=self.clock(),
        )


def _headers(environ: Environ) -> dict[str, str]:
    """Return the headers of a request by their names in small letters."""
    return {key[5:].replace("_", "-").lower(): str(value) for key, value in environ.items() if key.startswith("HTTP_")}


def read_body(environ: Environ, limit: int) -> bytes | None:
    """Read the body up to `limit` bytes, whatever Content-Length says; None when it is longer. Raises OSError."""
    stream = environ.get("wsgi.input")
    if stream is None:
        return b""
    stated = _length(str(environ.get("CONTENT_LENGTH") or ""))
    if stated is not None and stated > limit:
        return None
    wanted = limit + 1 if stated is None else stated
    pieces, size = [], 0
    while size < wanted and (piece := stream.read(min(wanted - size, 65536))):
        pieces.append(piece)
        size += len(piece)
    if stated is not None and size < stated:
        raise ConnectionError("the body is shorter than it said")
    return None if size > limit else b"".join(pieces)


def _length(text: str) -> int | None:
    """Read Content-Length; None where it is missing or no number. More digits than any body needs are cut."""
    return int(text[:15]) if text.isascii() and text.isdecimal() else None


def _query(text: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=100))
    except ValueError:
        return {}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Answer"
