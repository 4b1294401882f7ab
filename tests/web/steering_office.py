"""The house with everything a person can do by hand, and a browser that fills in forms."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from inbound.replaying import Replaying
from tests.web.house import SOURCES, House
from web.app import build
from web.desk import Desk


class Office:
    """Nobody has signed in: the name in the journal is the one that is typed."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.client: FlaskClient = build(self.desk).test_client()
        self.replaying = Replaying(
            store=house.store, sources=SOURCES, new_id=house.new_id, on_accepted=house.works
        )  # fmt: skip

    @property
    def desk(self) -> Desk:
        return replace(self.house.desk, new_id=self.house.new_id, on_queued=lambda: None)

    def get(self, path: str, status: int = 200) -> str:
        answer = self.client.get(f"/console/{path}")
        assert answer.status_code == status, path
        return unescape(re.sub(r"\s+", " ", answer.get_data(as_text=True)))

    def text(self, path: str) -> str:
        """The page as a person reads it: no tags, single spaces."""
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", self.get(path)))

    def post(self, path: str, **fields: str) -> TestResponse:
        token = re.search(r'name="token" value="([^"]+)"', self.get("consent"))
        assert token
        return self.client.post(f"/console/{path}", data={"token": token[1], **fields})

    def follow(self, answer: TestResponse) -> str:
        assert answer.status_code == 303, answer.get_data(as_text=True)
        return self.get(answer.headers["Location"].removeprefix("/console/"))

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with self.house.store.read() as tx:
            return [tuple(row) for row in tx.execute(sql)]

    def busy_weeks(self, source: str = "shop", each: int = 6) -> None:
        """Let a source send `each` events in the same hour of every day of four weeks, up to yesterday."""
        end = self.house.now
        for day in range(29, 0, -1):
            self.house.now = end - timedelta(days=day)
            for _ in range(each):
                self.house.comes("contact.updated", {"name": "Ines"}, source=source)
        self.house.now = end
