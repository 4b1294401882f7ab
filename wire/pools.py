"""Connections that are kept: one pool per host, for many threads.

A connection that could not be made is told apart from one that broke: only then did the other side see nothing. TLS
contexts are shared, because reading the list of authorities takes as long as sending a hundred texts.
"""

from __future__ import annotations

import socket
import ssl
from functools import lru_cache
from pathlib import Path
from typing import Any

from certifi import where
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError, SSLError
from urllib3.util.ssl_ import create_urllib3_context

from wire.guard import Guard, connect


def pools(size: int, *, guard: Guard | None, trust: str) -> PoolManager:
    """Return pools of at most `size` idle connections per host.

    `trust` names a file of certificates to believe, "" the usual ones.
    """
    manager = PoolManager(maxsize=size, retries=False)
    manager.pool_classes_by_scheme = _kinds(guard, trust or where())
    return manager


@lru_cache(maxsize=16)
def _context(trust: str, changed: float) -> ssl.SSLContext:  # noqa: ARG001 - a renewed file is another one
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    is_folder = Path(trust).is_dir()
    context.load_verify_locations(None if is_folder else trust, trust if is_folder else None)
    return context


def _kinds(guard: Guard | None, trust: str) -> dict[str, Any]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return connect(self, guard) if guard else super()._new_conn()

    class Tls(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return connect(self, guard) if guard else super()._new_conn()

        def connect(self) -> None:
            """Shake hands. What goes wrong here goes wrong before the request."""
            try:
                self.ssl_context = _context(trust, Path(trust).stat().st_mtime)
                super().connect()
            except (OSError, SSLError) as error:
                raise NewConnectionError(self, type(error).__name__) from error

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}
