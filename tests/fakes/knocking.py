"""Calling a WSGI callable as a server would, without a server."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from model.event import Incoming


@dataclass(slots=True)
class Got:
    """What the callable answered. `headers` has lower-case names."""

    status: int = 0
    text: str = ""
    headers: dict[str, str] = field(default_factory=dict)


def knock(
    wsgi: Callable[..., Any],
    path: str,
    body: bytes | io.RawIOBase = b"",
    headers: Mapping[str, str] | None = None,
    *,
    method: str = "POST",
    query: str = "",
    length: str | None = None,
) -> Got:
    """Make one request. `length` is what Content-Length claims; without it, the truth."""
    stream = io.BytesIO(body) if isinstance(body, bytes) else body
    stated = length if length is not None else str(len(body)) if isinstance(body, bytes) else ""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": stated,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": stream,
        "wsgi.input_terminated": True,
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in (headers or {}).items():
        key = name.upper().replace("-", "_")
        environ[key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"] = value
    got = Got()

    def start(status: str, pairs: list[tuple[str, str]], exc_info: Any = None) -> None:
        got.status = int(status.split(" ", 1)[0])
        got.headers = {name.lower(): value for name, value in pairs}

    got.text = b"".join(wsgi(environ, start)).decode()
    return got


def deliver(wsgi: Callable[..., Any], incoming: Incoming) -> Got:
    """Make the request that `incoming` records."""
    return knock(
        wsgi,
        f"/hooks/{incoming.source}",
        incoming.body,
        incoming.headers,
        method=incoming.method,
        query=urlencode(dict(incoming.query)),
    )
