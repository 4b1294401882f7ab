"""People who sign in to the house of the tests, and browsers of theirs."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, replace
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from audit import passwords, people, sessions
from audit.people import Newcomer, Person
from model.access import Role
from tests.web.house import House
from web import access
from web.app import build
from web.desk import Desk, Entrance

PASSWORD = "green tractor sings loudly"


@functools.cache
def digest_of(password: str) -> str:
    return passwords.hashed(password)


@dataclass(slots=True)
class Door:
    """The console of a house with an entrance; one application, many browsers."""

    house: House
    app: Flask

    @classmethod
    def of(cls, house: House, desk: Desk | None = None, **entrance: Any) -> Door:
        return cls(house, build(replace(desk or house.desk, entrance=Entrance(**entrance))))

    def adds(
        self, name: str = "kim", role: Role = Role.ADMIN, *, new: bool = False, password: str = PASSWORD
    ) -> Person:
        """Add somebody; the first has to be an admin."""
        wish = Newcomer(name=name, role=role, password=digest_of(password) if password else "", new=new, actor="test")
        return self.house.store.write(lambda tx: people.add(tx, wish, self.house.now))

    def person(self, name: str) -> Person:
        with self.house.store.read() as tx:
            return people.named(tx, name)

    def browser(self) -> FlaskClient:
        return self.app.test_client()

    def browser_of(self, person: Person) -> FlaskClient:
        """A browser in which somebody is signed in already."""
        token = self.house.store.write(lambda tx: sessions.begin(tx, person, "127.0.0.1", "test", self.house.now))
        client = self.browser()
        self.carries(client, token)
        return client

    def carries(self, client: FlaskClient, token: str) -> None:
        client.set_cookie(self.cookie, token, path="/")

    @property
    def cookie(self) -> str:
        desk: Desk = self.app.extensions["tidings"]
        return access.cookie(desk.entrance)

    def journal(self) -> list[tuple[str, str, str]]:
        with self.house.store.read() as tx:
            rows = tx.execute("select actor, reason, detail from journal where kind = 'operator' order by id")
            return [(row["actor"], row["reason"], row["detail"]) for row in rows]


def token_in(client: FlaskClient, path: str) -> str:
    """The proof that the forms of a page carry."""
    found = re.search(r'name="token" value="([^"]+)"', client.get(path).get_data(as_text=True))
    assert found is not None, path
    return found[1]


def signs_in(client: FlaskClient, name: str = "kim", password: str = PASSWORD, **more: Any) -> TestResponse:
    data = {"token": token_in(client, "/console/sign-in"), "name": name, "password": password}
    headers = more.pop("headers", {})
    return client.post("/console/sign-in", data={**data, **more}, headers=headers)


def posts(client: FlaskClient, path: str, *, page: str = "", **data: Any) -> TestResponse:
    """Send a form of a page."""
    return client.post(path, data={"token": token_in(client, page or path), **data})


def sees(client: FlaskClient, path: str) -> str:
    """The words of a page that has to be there."""
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    plain = re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True))
    return re.sub(r"\s+", " ", plain)


def is_in(client: FlaskClient) -> bool:
    """Whether the first page opens."""
    return client.get("/console/").status_code == 200
