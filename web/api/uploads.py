"""Files that come as the body of a request: onto the disk piece by piece, so that none fills the memory."""

from __future__ import annotations

import hashlib
from typing import BinaryIO

from web.api.office import Environ

MAX_UPLOAD = 268_435_456
"""Bytes: a list of a million people with ten columns is about half of it."""
PIECE = 65_536
KINDS = ("text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "application/octet-stream")


def copied(environ: Environ, file: BinaryIO, limit: int) -> bytes | None:
    """Copy a body into a file and return its digest, None where it is longer than `limit`. Raises OSError."""
    stream, said = environ.get("wsgi.input"), str(environ.get("CONTENT_LENGTH") or "")
    stated = int(said[:15]) if said.isascii() and said.isdecimal() else None
    if stated is not None and stated > limit:
        return None
    digest, size, wanted = hashlib.sha256(), 0, limit + 1 if stated is None else stated
    while stream is not None and size < wanted and (piece := stream.read(min(wanted - size, PIECE))):
        size += len(piece)
        digest.update(piece)
        file.write(piece)
    if stated is not None and size < stated:
        raise ConnectionError("the body is shorter than it said")
    file.seek(0)
    return None if size > limit else digest.hexdigest().encode()
