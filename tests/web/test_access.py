"""Who may open what: every route of the application, every role, and the time before there is anybody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from audit import keys
from audit.keys import KeyWish
from model.access import Permission, Role
from tests.web.desk_for_rules import Office
from tests.web.door import Door, posts, sees
from tests.web.house import House
from web import access, health

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
OPEN = {
    "console.static", "start", "service_level", "healthz", "readyz", "console.theme", "console.sign_in",
    "console.sign_in_try", "console.sign_in_provider", "console.sign_in_answer",
}  # fmt: skip
"""Routes that open without a sign-in. A longer list is a decision: change it knowingly."""


@dataclass(frozen=True)
class Way:
    """One address of the application and one way to ask it."""

    endpoint: str
    method: str
    path: str


def ways(app: Flask) -> list[Way]:
    return [
        Way(rule.endpoint, method, filled(rule))
        for rule in app.url_map.iter_rules()
        for method in METHODS
        if method in (rule.methods or ())
    ]


def filled(rule: Rule) -> str:
    values = {name: "console.css" if name == "filename" else 1 for name in rule.arguments}
    with_values = rule.build(values)
    assert with_values is not None, rule
    return with_values[1]


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    house = House(tmp_path_factory.mktemp("house"))
    made = Door.of(house, Office(house).desk)
    health.register(made.app, made.app.extensions["tidings"])
    for role in (Role.ADMIN, *(one for one in Role if one is not Role.ADMIN)):
        made.adds(role.code, role)
    yield made
    house.store.close()


def asks(client: FlaskClient, way: Way) -> TestResponse:
    answer = client.open(way.path, method=way.method, buffered=False)
    answer.close()
    return answer


def outcome(answer: TestResponse) -> str:
    if answer.status_code in {401, 403}:
        return str(answer.status_code)
    if answer.status_code == 302 and answer.headers["Location"].startswith("/console/sign-in"):
        return "sign in"
    assert answer.status_code < 500
    return "passes"


def test_every_route_says_who_may_come(door: Door) -> None:
    undeclared = [way for way in ways(door.app) if access.who_may(door.app, way.endpoint) is None]
    opened = {way.endpoint for way in ways(door.app) if access.who_may(door.app, way.endpoint) == for_all(door, way)}

    assert undeclared == []
    assert opened == OPEN


def for_all(door: Door, way: Way) -> access.Guarded | None:
    found = access.who_may(door.app, way.endpoint)
    return found if found is not None and found.who == "all" else None


def test_nobody_gets_in_anywhere_without_a_session(door: Door) -> None:
    for way in ways(door.app):
        found = access.who_may(door.app, way.endpoint)
        assert found is not None
        if found.who in {"role", "signed in"}:
            client = door.browser()
            door.carries(client, "forged")
            assert outcome(asks(client, way)) == ("sign in" if way.method == "GET" else "401"), way


@pytest.mark.parametrize("role", list(Role), ids=lambda role: role.code)
def test_each_role_passes_where_it_may_and_nowhere_else(door: Door, role: Role) -> None:
    client = door.browser_of(door.person(role.code))
    seen = set()
    for way in ways(door.app):
        found = access.who_may(door.app, way.endpoint)
        assert found is not None
        if way.endpoint == "console.sign_out":
            continue
        expected = found.who != "role" or (found.permission is not None and role.may(found.permission))
        assert outcome(asks(client, way)) == ("passes" if expected else "403"), (role, way)
        seen.add(expected)

    assert seen == ({True} if role is Role.ADMIN else {True, False})


def test_a_route_that_says_nothing_is_closed_to_everybody(house: House) -> None:
    door = Door.of(house)
    door.app.add_url_rule("/console/new", "new", lambda: "secret")
    admin = door.browser_of(door.adds())

    assert admin.get("/console/new").status_code == 403
    assert door.browser().get("/console/new").status_code == 403


def test_who_is_sent_to_sign_in_comes_back_to_the_page_they_wanted(house: House) -> None:
    door = Door.of(house)
    door.adds()

    answer = door.browser().get("/console/audit?q=zoe&state=sent")

    assert answer.headers["Location"] == "/console/sign-in?next=%2Fconsole%2Faudit%3Fq%3Dzoe%26state%3Dsent"


def test_the_navigation_shows_only_what_the_role_may_see(house: House) -> None:
    door = Door.of(house)
    admin = door.browser_of(door.adds("kim"))
    viewer = door.browser_of(door.adds("bo", Role.VIEWER))

    assert "People" in sees(admin, "/console/")
    assert "People" not in sees(viewer, "/console/")
    assert "Publish" not in sees(viewer, "/console/audit")


@pytest.mark.parametrize(("role", "shown"), [(Role.VIEWER, False), (Role.EDITOR, False), (Role.SENDER, True)])
def test_whole_numbers_are_for_roles_that_may_see_them(house: House, role: Role, shown: bool) -> None:
    door = Door.of(house)
    door.adds()
    event = house.delivered("1001", phone="+49 171 3920012")
    house.answers("+491713920012", "Danke")
    client = door.browser_of(door.adds("bo", role))

    for path in (f"events/{event}", f"messages/{house.text_of(event)}", "audit", "messages", "conversations/1"):
        page = client.get(f"/console/{path}").get_data(as_text=True)
        assert ("+491713920012" in page) == shown, path
        assert shown or "171 3920012" not in page, path


def test_before_there_is_anybody_numbers_stay_masked_and_the_page_says_how_to_begin(house: House) -> None:
    house.delivered("1001", phone="+49 171 3920012")
    client = Door.of(house).browser()

    assert "+491713920012" not in client.get("/console/messages").get_data(as_text=True)
    assert "tidings users add NAME --role admin" in sees(client, "/console/")


@pytest.mark.parametrize(
    ("entrance", "asked"),
    [
        ({"host": "192.0.2.1"}, {}),
        ({}, {"environ_overrides": {"REMOTE_ADDR": "203.0.113.9"}}),
        ({}, {"headers": {"X-Forwarded-For": "203.0.113.9"}}),
        ({}, {"headers": {"Host": "rebound.example"}}),
        ({}, {"headers": {"Host": "["}}),
    ],
)
def test_before_there_is_anybody_only_this_machine_is_answered(house: House, entrance: dict, asked: dict) -> None:  # type: ignore[type-arg]
    answer = Door.of(house, **entrance).browser().get("/console/", **asked)

    assert answer.status_code in {400, 403}
    if answer.status_code == 403:
        assert "tidings users add NAME --role admin" in answer.get_data(as_text=True)


def test_the_first_person_is_added_in_the_console_and_then_everybody_signs_in(house: House) -> None:
    door = Door.of(house)
    client = door.browser()

    refused = posts(client, "/console/people", name="bo", role="viewer")
    made = posts(client, "/console/people", name="kim", role="admin")

    assert "has to be an admin" in refused.get_data(as_text=True)
    assert "kim can sign in" in made.get_data(as_text=True)
    assert client.get("/console/").status_code == 302


def test_figures_are_for_this_machine_for_keys_and_for_people(door: Door, house: House) -> None:
    far = {"environ_overrides": {"REMOTE_ADDR": "203.0.113.9"}}
    client = door.browser()
    reading, sending = (key_for(door, name, scope) for name, scope in (("r", Permission.READ), ("s", Permission.SEND)))

    def asked(**more: object) -> int:
        return client.get("/metrics", **{**far, **more}).status_code

    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 302
    assert asked() == 302
    assert asked(headers={"Authorization": f"Bearer {reading}"}) == 200
    assert asked(headers={"Authorization": f"Bearer {sending}"}) == 403
    assert asked(headers={"Authorization": "Bearer nonsense"}) == 401


def key_for(door: Door, name: str, scope: Permission) -> str:
    wish = KeyWish(name=name, kind="live", scopes=[scope], actor="test")
    return door.house.store.write(lambda tx: keys.create(tx, wish, door.house.now))[1]


def test_addresses_that_lead_elsewhere_lead_to_the_first_page() -> None:
    for bad in ("", "//evil.example", "/\\evil", "https://evil.example/console/", "/console/../x", "/console/%2e%2e/x",
                "/console/\n/x", "/consoleevil", "/console/%5cevil", "javascript:alert(1)"):  # fmt: skip
        assert access.inside(bad) == "/console/", bad
    assert access.inside("/console/audit?q=..%2F&x=1") == "/console/audit?q=..%2F&x=1"


def test_only_proxies_of_ours_are_believed_about_addresses(tmp_path: Path) -> None:
    from flask import Request
    from werkzeug.test import EnvironBuilder

    from web.desk import Entrance

    def seen(trusted: set[str], remote: str, listed: str) -> str:
        environ = EnvironBuilder(headers=[("X-Forwarded-For", listed)], environ_base={"REMOTE_ADDR": remote})
        return access.client_address(Request(environ.get_environ()), Entrance(trusted_proxies=frozenset(trusted)))

    assert seen(set(), "198.51.100.1", "203.0.113.9") == "198.51.100.1"
    assert seen({"198.51.100.1"}, "198.51.100.1", "192.0.2.66, 203.0.113.9") == "203.0.113.9"
    assert seen({"198.51.100.1", "10.0.0.2"}, "198.51.100.1", "203.0.113.9, 10.0.0.2") == "203.0.113.9"
    assert seen({"198.51.100.1"}, "192.0.2.66", "203.0.113.9") == "192.0.2.66"
    assert seen({"198.51.100.1"}, "198.51.100.1", "") == "198.51.100.1"
