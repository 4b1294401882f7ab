"""People and keys in the console: adding, changing, one-time secrets, and the record of what was done."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from audit import keys
from model.access import Permission, Role
from tests.web.door import Door, is_in, posts, sees, signs_in
from tests.web.house import House

HERE = "/console/people"


@pytest.fixture
def door(house: House) -> Door:
    made = Door.of(house)
    made.adds("kim")
    return made


@pytest.fixture
def client(door: Door) -> FlaskClient:
    return door.browser_of(door.person("kim"))


def once(answer: object) -> str:
    found = re.search(r'class="once">([^<]+)<', answer.get_data(as_text=True))  # type: ignore[attr-defined]
    assert found is not None
    return found[1]


def test_a_person_is_added_with_a_password_that_is_shown_once(door: Door, client: FlaskClient) -> None:
    answer = posts(client, HERE, name="bo@example.com", role="sender")
    password = once(answer)

    assert "bo@example.com signs in with" in answer.get_data(as_text=True)
    assert password not in client.get(HERE).get_data(as_text=True)
    assert signs_in(door.browser(), "bo@example.com", password).status_code == 303
    assert ("kim", "person added", "bo@example.com as sender") in door.journal()


@pytest.mark.parametrize(
    ("name", "role", "said"),
    [
        ("", "viewer", "A name has 1 to 100"),
        ("key:shop", "viewer", "A name has 1 to 100"),
        ("a\nb", "viewer", "A name has 1 to 100"),
        ("<b>", "viewer", "A name has 1 to 100"),
        ("KIM", "viewer", "There is already somebody called KIM."),
        ("bo", "boss", "Choose one."),
    ],
)
def test_who_cannot_be_added_is_said_beside_the_field(client: FlaskClient, name: str, role: str, said: str) -> None:
    answer = posts(client, HERE, name=name, role=role)

    assert answer.status_code == 422
    assert said in answer.get_data(as_text=True)


def test_a_role_is_changed_and_its_owner_signs_in_anew(door: Door, client: FlaskClient) -> None:
    bo = door.adds("bo", Role.SENDER)
    theirs = door.browser_of(bo)

    posts(client, f"{HERE}/{bo.id}", do="role", role="viewer")

    assert not is_in(theirs)
    assert door.person("bo").role is Role.VIEWER
    assert ("kim", "role changed", "bo: sender -> viewer") in door.journal()


def test_a_person_is_kept_out_let_in_given_a_password_and_removed(door: Door, client: FlaskClient) -> None:
    bo = door.adds("bo", Role.SENDER)
    page = f"{HERE}/{bo.id}"

    posts(client, page, do="disable")
    assert "disabled" in sees(client, page)
    assert signs_in(door.browser(), "bo").status_code == 401
    posts(client, page, do="enable")
    password = once(posts(client, page, do="password"))
    assert signs_in(door.browser(), "bo", password).status_code == 303
    assert posts(client, page, do="factor").status_code == 303
    assert posts(client, page, do="remove").status_code == 303
    assert client.get(page).status_code == 404
    assert [reason for actor, reason, detail in door.journal() if actor == "kim" and "bo" in detail] == [
        "person disabled", "person enabled", "password changed", "person removed",
    ]  # fmt: skip


@pytest.mark.parametrize("do", ["disable", "remove", "role"])
def test_the_last_admin_stays(door: Door, client: FlaskClient, do: str) -> None:
    kim = door.person("kim")

    answer = posts(client, f"{HERE}/{kim.id}", do=do, role="viewer")

    assert answer.status_code == 422
    assert "kim is the last admin" in answer.get_data(as_text=True)
    assert is_in(client)


@pytest.mark.parametrize("do", ["", "nonsense", "role"])
def test_a_wish_nobody_knows_is_not_found(door: Door, client: FlaskClient, do: str) -> None:
    kim = door.person("kim")

    assert posts(client, f"{HERE}/{kim.id}", do=do, role="boss").status_code == 404
    assert client.get(f"{HERE}/99999999999999999999").status_code == 404


def test_a_key_is_shown_once_opens_and_is_revoked(door: Door, client: FlaskClient, house: House) -> None:
    answer = posts(
        client, f"{HERE}/keys", page=HERE, key_name="the shop", kind="live", scope=["send", "read"], lasts="30"
    )
    secret = once(answer)
    key = keys.authenticate(house.store, secret, house.now)

    assert key is not None
    assert key.scopes == {Permission.SEND, Permission.READ}
    assert key.expires_at == house.now + timedelta(days=30)
    assert secret not in client.get(HERE).get_data(as_text=True)
    assert key.prefix in client.get(HERE).get_data(as_text=True)

    posts(client, f"{HERE}/keys/revoke", page=HERE, prefix=key.prefix)

    assert keys.authenticate(house.store, secret, house.now) is None
    assert "revoked" in sees(client, HERE)
    assert [(actor, reason) for actor, reason, _ in door.journal()][-2:] == [
        ("kim", "key made"),
        ("kim", "key revoked"),
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"key_name": ""}, "A name has 1 to 100"),
        ({"kind": "gold"}, "Choose one."),
        ({"scope": []}, "Choose what the key may do."),
        ({"scope": ["everything"]}, "Choose what the key may do."),
        ({"lasts": "12345"}, "Choose one."),
    ],
)
def test_a_key_that_cannot_be_made_says_why(client: FlaskClient, changes: dict, said: str) -> None:  # type: ignore[type-arg]
    given = {"key_name": "shop", "kind": "test", "scope": ["read"], "lasts": "90", **changes}

    answer = posts(client, f"{HERE}/keys", page=HERE, **given)

    assert answer.status_code == 422
    assert said in answer.get_data(as_text=True)


def test_what_people_did_is_listed_newest_first_page_by_page(door: Door, client: FlaskClient) -> None:
    for number in range(60):
        door.adds(f"person {number}", Role.VIEWER)

    first = client.get(f"{HERE}/journal").get_data(as_text=True)
    older = re.search(r'href="([^"]+before=\d+)" rel="next"', first)

    assert "person 59 as viewer" in first
    assert "person 3 as viewer" not in first
    assert older is not None
    assert "person 3 as viewer" in client.get(older[1]).get_data(as_text=True)
    assert client.get(f"{HERE}/journal?before=nonsense").status_code == 200


def test_taking_the_ledger_along_is_on_the_record(door: Door, client: FlaskClient) -> None:
    posts(client, "/console/consent/export", page="/console/consent")

    assert ("kim", "consent exported", "") in door.journal()
    assert "consent exported" in sees(client, f"{HERE}/journal")


@pytest.mark.parametrize("path", ["", "/1", "/keys", "/keys/revoke"])
def test_forms_of_other_sites_change_nothing(door: Door, client: FlaskClient, path: str) -> None:
    before = door.journal()

    answer = client.post(HERE + path, data={"name": "eve", "role": "admin", "do": "remove", "prefix": "x"})

    assert answer.status_code == 400
    assert door.journal() == before
