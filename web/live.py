"""The live tail of the audit log: server-sent events, for as many readers as the service can spare threads.

Each open stream holds one thread of the HTTP server, so there are few of them, each ends by itself after some minutes
(the browser comes back), and a heartbeat shows a reader that went away. Without them the page is the same, only still.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

from flask import Blueprint, Response, render_template, request, stream_with_context

from audit import search
from audit.search import Filter, Page
from audit.store import StoreDown
from model.access import Permission
from web import access, asking, shell
from web.desk import Desk

MOST_READERS = 8
"""Of the server's 64 threads; webhooks need the others."""

LONGEST = timedelta(minutes=4)
EVERY, HEARTBEAT = 1.0, 15.0
"""Seconds between looks, and between signs of life where nothing happens."""

MOST_ROWS = 20
"""Rows told in one look. Where more come in a second nobody could read them, and the page is one click away."""

CURSOR = re.compile(r"[0-9]{1,18}")


@dataclass(slots=True)
class Readers:
    """Counts open streams."""

    most: int = MOST_READERS
    open: int = 0
    _gate: threading.Lock = field(default_factory=threading.Lock)

    def enter(self) -> bool:
        """Take a place; False when all are taken."""
        with self._gate:
            if self.open >= self.most:
                return False
            self.open += 1
            return True

    def leave(self) -> None:
        """Give the place back."""
        with self._gate:
            self.open -= 1


@dataclass(slots=True)
class Stream:
    """One reader. `pause` waits that many seconds; tests pass one that does not."""

    desk: Desk
    wanted: Filter
    after: str
    readers: Readers
    pause: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic

    def __iter__(self) -> Iterator[str]:
        """Yield rows as they are written, until the time is up, the reader goes or the service stops."""
        end, told = self.now() + LONGEST.total_seconds(), self.now()
        try:
            yield "retry: 3000\n\n"
            while self.now() < end and not self.desk.running.is_stopping():
                found = self._look()
                if found:
                    told = self.now()
                    yield "".join(found)
                elif self.now() - told >= HEARTBEAT:
                    told = self.now()
                    yield ": still here\n\n"
                self.pause(EVERY)
        except StoreDown:
            return
        finally:
            self.readers.leave()

    def _look(self) -> list[str]:
        listed = search.decisions(self.desk.store, self.wanted, after=self.after, limit=MOST_ROWS)
        rows = sorted(listed.rows, key=lambda row: int(row["id"]))
        if rows:
            self.after = str(rows[-1]["id"])
        return [f"id: {row['id']}\nevent: row\ndata: {_row(row, self.desk)}\n\n" for row in rows]


def register(pages: Blueprint) -> None:
    """Add the stream; each application has its own places."""
    readers = Readers()
    pages.add_url_rule(
        "/audit/live", "audit_live", access.needs(Permission.READ, lambda: live(readers)), methods=["GET"]
    )


def can_follow(wanted: Filter) -> bool:
    """Tell whether a filter can be followed: one over the journal itself, not over texts or words."""
    return not (wanted.states or wanted.number or wanted.words or wanted.until)


def live(readers: Readers) -> Response:
    """Answer with a stream, or 503 where every place is taken."""
    desk = shell.desk()
    asked = asking.read(request.args, desk)
    after = request.headers.get("Last-Event-ID", "") or request.args.get("after", "")
    if asked.wrong or not can_follow(asked.filter) or not CURSOR.fullmatch(after or "0"):
        return Response("this list cannot be followed", 400, mimetype="text/plain")
    if not readers.enter():
        return Response("all places are taken", 503, {"Retry-After": "60"}, mimetype="text/plain")
    wanted = replace(asked.filter, since=None)
    stream = Stream(desk=desk, wanted=wanted, after=after or _newest(desk), readers=readers)
    headers = {"X-Accel-Buffering": "no"}  # nginx would hold rows back until it has a bufferful
    return Response(stream_with_context(iter(stream)), mimetype="text/event-stream", headers=headers)


def _newest(desk: Desk) -> str:
    page: Page = search.decisions(desk.store, Filter(), limit=1)
    return str(page.rows[0]["id"]) if page.rows else "0"


def _row(row: object, desk: Desk) -> str:
    return " ".join(render_template("audit_row.html", row=row, now=desk.clock()).split())
