"""The live tail of the audit log: server-sent events, for as many readers as the service can spare threads.

Each open stream holds one thread of the HTTP server, so there are few of them, each ends by itself after some minutes
(the browser comes back), and a heartbeat shows a reader that went away. Without them the page is the same, only still.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, copy_current_request_context, g, render_template, request

from audit import search
from audit.paging import Page
from audit.search import Filter
from audit.store import StoreDown
from model.access import Permission
from web import access, asking, shell
from web.desk import Desk

MOST_READERS = 8
"""Of the server's 64 threads; webhooks need the others."""

LONGEST = timedelta(minutes=4)
EVERY, HEARTBEAT = 1.0, 5.0
"""Seconds between looks, and between signs of life where nothing happens."""

MOST_ROWS = 20
"""Rows told in one look. Where more come in a second nobody could read them, and the page is one click away."""

CURSOR = re.compile(r"[0-9]{1,18}")


class Readers:
    """Hands out the places that there are for open streams."""

    def __init__(self, most: int = MOST_READERS) -> None:
        self.most = most
        self._gate = threading.Lock()
        self._taken: set[object] = set()

    @property
    def open(self) -> int:
        """How many places are taken."""
        return len(self._taken)

    def enter(self) -> object | None:
        """Take a place; None when all are taken."""
        with self._gate:
            if len(self._taken) >= self.most:
                return None
            place = object()
            self._taken.add(place)
            return place

    def leave(self, place: object) -> None:
        """Give a place back; whoever gets there first, the stream or the server, and then once more."""
        with self._gate:
            self._taken.discard(place)


@dataclass(slots=True)
class Stream:
    """One reader. `render` writes a decision as the page does; `pause` waits that many seconds."""

    desk: Desk
    wanted: Filter
    after: str
    leave: Callable[[], None]
    render: Callable[[Mapping[str, Any]], str]
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
            self.leave()

    def _look(self) -> list[str]:
        listed = search.decisions(self.desk.store, self.wanted, after=self.after, limit=MOST_ROWS)
        rows = sorted(listed.rows, key=lambda row: int(row["id"]))
        if rows:
            self.after = str(rows[-1]["id"])
        return [f"id: {row['id']}\nevent: row\ndata: {self.render(row)}\n\n" for row in rows]


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
    if request.method == "HEAD":
        return Response(mimetype="text/event-stream")
    place = readers.enter()
    if place is None:
        return Response("all places are taken", 503, {"Retry-After": "60"}, mimetype="text/plain")
    wanted = replace(asked.filter, since=None)
    stream = Stream(
        desk=desk, wanted=wanted, after=after or _newest(desk), render=renderer(desk),
        leave=lambda: readers.leave(place),
    )  # fmt: skip
    headers = {"X-Accel-Buffering": "no"}  # nginx would hold rows back until it has a bufferful
    answer = Response(iter(stream), mimetype="text/event-stream", headers=headers)
    answer.call_on_close(stream.leave)  # a reader that goes before the first row never starts the stream
    return answer


def renderer(desk: Desk) -> Callable[[Mapping[str, Any]], str]:
    """Return what writes rows for who asks now, long after the request itself was answered.

    The request is not held open meanwhile: streams end in any order, and in whatever thread lets go of them.
    """
    visitor = access.known()

    @copy_current_request_context
    def row_of(row: Mapping[str, Any]) -> str:
        g.visitor = visitor
        return " ".join(render_template("audit_row.html", row=row, now=desk.clock()).split())

    return row_of


def _newest(desk: Desk) -> str:
    page: Page = search.decisions(desk.store, Filter(), limit=1)
    return str(page.rows[0]["id"]) if page.rows else "0"
