"""My account: another password, a second factor, and the browsers I left signed in."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from model.access import Role
from tests.web.door import PASSWORD, Door, is_in, posts, sees, signs_in, token_in
from tests.web.house import House
from web import totp

HERE = "/console/account"
OTHER = "purple ladder whispers nightly"


@pytest.fixture
def door(house: House) -> Door:
    made = Door.of(house)
    made.adds("kim")
    return made


@pytest.fixture
def client(door: Door) -> FlaskClient:
    return door.browser_of(door.person("kim"))


def test_another_password_keeps_this_browser_and_ends_all_others(door: Door, client: FlaskClient) -> None:
    other = door.browser_of(door.person("kim"))

    answer = posts(client, f"{HERE}/password", page=HERE, current=PASSWORD, wanted=OTHER, again=OTHER)

    assert answer.status_code == 303
    assert "Your password is changed" in sees(client, answer.headers["Location"])
    assert not is_in(other)
    assert signs_in(door.browser(), password=PASSWORD).status_code == 401
    assert signs_in(door.browser(), password=OTHER).status_code == 303


@pytest.mark.parametrize(
    ("current", "wanted", "again", "said"),
    [
        ("not mine at all", OTHER, OTHER, "This is not your password."),
        (PASSWORD, "short", "short", "Too short: at least 12 characters"),
        (PASSWORD, "x" * 129, "x" * 129, "Too long: at most 128 characters"),
        (PASSWORD, "password1234", "password1234", "Too easy to guess. This is"),
        (PASSWORD, "kimkimkimkim", "kimkimkimkim", "Too easy to guess: it says little but names."),
        (PASSWORD, "tidings-tidings", "tidings-tidings", "Too easy to guess: it says little but names."),
        (PASSWORD, PASSWORD, PASSWORD, "This is the password you have."),
        (PASSWORD, OTHER, f"{OTHER}x", "The two are not the same."),
    ],
)
def test_a_password_that_cannot_be_taken_says_why(
    client: FlaskClient, current: str, wanted: str, again: str, said: str
) -> None:
    answer = posts(client, f"{HERE}/password", page=HERE, current=current, wanted=wanted, again=again)

    assert answer.status_code == 422
    assert said in html.unescape(answer.get_data(as_text=True))
    assert wanted not in answer.get_data(as_text=True) or wanted == "short"


def test_guessing_the_password_on_this_page_is_slow_as_well(client: FlaskClient) -> None:
    for _ in range(5):
        posts(client, f"{HERE}/password", page=HERE, current="wrong", wanted=OTHER, again=OTHER)

    answer = posts(client, f"{HERE}/password", page=HERE, current=PASSWORD, wanted=OTHER, again=OTHER)

    assert "Too many tries. Wait 1 s" in answer.get_data(as_text=True)


def test_a_password_somebody_else_made_up_is_changed_before_anything_else(door: Door) -> None:
    door.adds("new", Role.SENDER, new=True)
    client = door.browser()
    signs_in(client, "new")

    led = client.get("/console/audit")
    sent = posts(client, "/console/theme", page=HERE, theme="dark")
    page = sees(client, HERE)
    posts(client, f"{HERE}/password", page=HERE, current=PASSWORD, wanted=OTHER, again=OTHER)

    assert led.headers["Location"] == HERE
    assert sent.status_code == 303
    assert "Choose a password of your own" in page
    assert is_in(client)


def test_a_second_factor_is_set_up_with_a_code_and_gives_ten_recovery_codes(door: Door, client: FlaskClient) -> None:
    refused = posts(client, f"{HERE}/factor", page=HERE, do="start", password="wrong")
    shown = posts(client, f"{HERE}/factor", page=HERE, do="start", password=PASSWORD).get_data(as_text=True)
    secret = re.findall(r'class="once">([A-Z2-7]{32})<', shown)[0]
    wrong = posts(client, f"{HERE}/factor", page=HERE, do="confirm", code="abc")
    assert door.person("kim").totp == ""
    code = totp.code(secret, totp.step_of(door.house.now))
    done = posts(client, f"{HERE}/factor", page=HERE, do="confirm", code=code)

    codes = re.findall(r"<code>([a-z2-7]{4}(?:-[a-z2-7]{4}){3})</code>", done.get_data(as_text=True))
    assert refused.status_code == 422
    assert "<svg" in shown
    assert "The code does not fit" in wrong.get_data(as_text=True)
    assert len(set(codes)) == 10
    assert signs_in(door.browser()).status_code == 401
    assert signs_in(door.browser(), code=code).status_code == 401, "the code that set it up is used up"
    assert signs_in(door.browser(), code=codes[0]).status_code == 303
    assert "9 of your recovery codes are left" in sees(client, HERE)

    renewed = posts(client, f"{HERE}/factor", page=HERE, do="codes", password=PASSWORD).get_data(as_text=True)
    assert codes[1] not in renewed
    assert signs_in(door.browser(), code=codes[1]).status_code == 401

    gone = posts(client, f"{HERE}/factor", page=HERE, do="remove", password=PASSWORD)
    assert gone.headers["Location"] == "/console/sign-in"
    assert not is_in(client)
    door.house.now += timedelta(minutes=1)
    assert signs_in(door.browser()).status_code == 303


@pytest.mark.parametrize("do", ["confirm", "codes", "nonsense", ""])
def test_steps_out_of_their_order_do_nothing(door: Door, client: FlaskClient, do: str) -> None:
    answer = posts(client, f"{HERE}/factor", page=HERE, do=do, password=PASSWORD, code="123456")

    assert answer.status_code in {404, 422}
    assert door.person("kim").totp == ""


def test_where_a_second_factor_is_a_must_nothing_opens_without_one(house: House) -> None:
    door = Door.of(house, require_totp=True)
    client = door.browser_of(door.adds())

    assert client.get("/console/messages").headers["Location"] == HERE
    assert "Set up a second factor" in sees(client, HERE)
    posts(client, f"{HERE}/factor", page=HERE, do="start", password=PASSWORD)
    code = totp.code(door.person("kim").totp_new, totp.step_of(house.now))
    posts(client, f"{HERE}/factor", page=HERE, do="confirm", code=code)
    assert is_in(client)


def test_my_sessions_are_listed_and_ended_one_by_one_or_all(door: Door, client: FlaskClient) -> None:
    second, third, bo = _three(door)

    page = client.get(HERE).get_data(as_text=True)
    ids = re.findall(r'name="session" value="(\d+)"', page)
    posts(client, f"{HERE}/sessions", page=HERE, session=ids[-1])

    assert len(ids) == 2
    assert [is_in(one) for one in (second, third)].count(False) == 1
    posts(client, f"{HERE}/sessions", page=HERE, session="others")
    assert not is_in(second)
    assert not is_in(third)
    assert is_in(client)
    assert is_in(bo)


def _three(door: Door) -> tuple[FlaskClient, FlaskClient, FlaskClient]:
    kim = door.person("kim")
    return door.browser_of(kim), door.browser_of(kim), door.browser_of(door.adds("bo", Role.VIEWER))


@pytest.mark.parametrize("session", ["", "x", "0", "-1", "99999999999999999999"])
def test_nobody_ends_the_session_of_somebody_else(door: Door, client: FlaskClient, session: str) -> None:
    bo = door.browser_of(door.adds("bo", Role.VIEWER))
    theirs = re.findall(r"this one", bo.get(HERE).get_data(as_text=True))

    posts(client, f"{HERE}/sessions", page=HERE, session=session)
    posts(client, f"{HERE}/sessions", page=HERE, session="2")

    assert theirs
    assert is_in(bo)
    assert is_in(client)


def test_before_there_is_anybody_an_account_is_made_on_the_page_of_people(house: House) -> None:
    assert Door.of(house).browser().get(HERE).headers["Location"] == "/console/people"


@pytest.mark.parametrize("path", ["/password", "/factor", "/sessions"])
def test_forms_without_proof_change_nothing(client: FlaskClient, path: str) -> None:
    token_in(client, HERE)

    assert client.post(HERE + path, data={"do": "start", "password": PASSWORD, "session": "others"}).status_code == 400
