"""Signing in through an identity provider, against one on this machine that can be made to lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse
from werkzeug.wrappers import Response

import settings
from model.access import Role
from model.reasons import ConfigError
from tests.fakes.issuer import CLIENT, SECRET, Issuer
from tests.web.door import Door, is_in, sees, signs_in
from tests.web.house import House
from web.desk import Provider

MINA: dict[str, Any] = {"email": "mina@shop.example", "email_verified": True}


@pytest.fixture(scope="module")
def running() -> Iterator[Issuer]:
    made = Issuer()
    yield made
    made.close()


@pytest.fixture
def issuer(running: Issuer) -> Issuer:
    running.breaks, running.algorithm, running.kid, running.published = {}, "ES256", "one", True
    return running


def door_of(house: House, issuer: Issuer, **more: Any) -> Door:
    provider = Provider(issuer=issuer.address, client_id=CLIENT, client_secret=SECRET, title="Shop", **more)
    door = Door.of(house, provider=provider)
    door.adds("kim")
    return door


def comes(door: Door, issuer: Issuer, client: FlaskClient | None = None, **claims: Any) -> TestResponse:
    """Go to the provider, sign in there, and come back."""
    client = client or door.browser()
    away = client.get("/console/sign-in/provider?next=/console/audit")
    assert away.status_code == 302, away.get_data(as_text=True)
    return client.get(issuer.lets_in(away.headers["Location"], door.house.now, **claims))


def refusal(answer: TestResponse) -> str:
    assert answer.status_code == 403
    text = answer.get_data(as_text=True)
    return text.split("<h1>")[1].split("</h1>")[0].replace("&#39;", "'")


def test_somebody_added_without_a_password_comes_in_and_goes_on(house: House, issuer: Issuer) -> None:
    door = door_of(house, issuer)
    door.adds("mina@shop.example", Role.SENDER, password="")
    client = door.browser()

    assert "Sign in through Shop" in sees(client, "/console/sign-in")
    answer = comes(door, issuer, client, **MINA)

    assert answer.headers["Location"] == "/console/audit"
    assert is_in(client)
    assert ("mina@shop.example", "signed in", "identity provider") in door.journal()
    assert "It keeps your password and second factor" in sees(client, "/console/account")


def test_the_way_out_asks_for_a_code_with_proof(house: House, issuer: Issuer) -> None:
    way = door_of(house, issuer).browser().get("/console/sign-in/provider").headers["Location"]

    assert way.startswith(f"{issuer.address}/authorize?response_type=code&client_id={CLIENT}")
    for asked in ("redirect_uri=http%3A%2F%2F127.0.0.1%3A8080%2Fconsole%2Fsign-in%2Fanswer", "scope=openid",
                  "code_challenge_method=S256", "code_challenge=", "state=", "nonce="):  # fmt: skip
        assert asked in way


def test_groups_give_roles_and_take_them(house: House, issuer: Issuer) -> None:
    door = door_of(house, issuer, roles={"shop-staff": "viewer", "shop-desk": "sender"})
    client = door.browser()

    comes(door, issuer, client, **MINA, groups=["else", "shop-staff", "shop-desk"])
    first = door.person("mina@shop.example").role
    comes(door, issuer, door.browser(), **MINA, groups=["shop-staff"])

    assert first is Role.SENDER
    assert door.person("mina@shop.example").role is Role.VIEWER
    assert not is_in(client), "a role that changed ends the sessions of before"
    assert refusal(comes(door, issuer, **MINA, groups=["else"])) == "None of your groups has a role here"
    assert refusal(comes(door, issuer, **MINA)) == "None of your groups has a role here"


def test_the_last_admin_stays_admin_whatever_the_groups_say(house: House, issuer: Issuer) -> None:
    door = door_of(house, issuer, roles={"all": "viewer", "boss": "admin"})
    comes(door, issuer, **MINA, groups=["boss"])
    house.store.write(lambda tx: tx.execute("delete from users where name = 'kim'"))

    assert "is the last admin" in refusal(comes(door, issuer, **MINA, groups=["all"]))


def test_once_known_a_person_is_known_by_the_providers_own_name_for_them(house: House, issuer: Issuer) -> None:
    door = door_of(house, issuer)
    door.adds("mina@shop.example", Role.SENDER, password="")
    comes(door, issuer, **MINA)
    client = door.browser()

    other = comes(door, issuer, **MINA, sub="s-2")
    renamed = comes(door, issuer, client, sub="s-1", email="new@shop.example", email_verified=True)

    assert "Nobody of that name may come in this way" in refusal(other)
    assert renamed.status_code == 303
    assert "mina@shop.example" in sees(client, "/console/")


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"email": "kim", "email_verified": True}, "Nobody of that name may come in this way"),
        ({"email": "eve@shop.example", "email_verified": True}, "Nobody of that name may come in this way"),
        ({"email": "mina@shop.example", "email_verified": False}, "has not verified your address"),
        ({"email": "mina@shop.example"}, "has not verified your address"),
        ({"email": ["mina@shop.example"], "email_verified": True}, "does not say your email"),
        ({}, "does not say your email"),
        ({**MINA, "aud": "another"}, "does not hold: InvalidAudienceError"),
        ({**MINA, "aud": [CLIENT, "another"], "azp": "another"}, "given to another program"),
        ({**MINA, "iss": "https://evil.example"}, "does not hold: InvalidIssuerError"),
        ({**MINA, "nonce": "other"}, "belongs to another sign-in"),
        ({**MINA, "exp": 1}, "out of date"),
        ({**MINA, "iat": 4_000_000_000}, "out of date"),
        ({**MINA, "exp": "soon"}, "no proper time"),
        ({**MINA, "sub": None}, "does not hold"),
    ],
)
def test_a_word_that_does_not_hold_lets_nobody_in(
    house: House, issuer: Issuer, claims: dict[str, Any], said: str
) -> None:
    door = door_of(house, issuer)
    door.adds("mina@shop.example", Role.SENDER, password="")
    client = door.browser()

    assert said in refusal(comes(door, issuer, client, **claims))
    assert not is_in(client)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"algorithm": "HS256"}, "does not hold: InvalidAlgorithmError"),
        ({"algorithm": "none"}, "does not hold"),
        ({"kid": "two"}, "signed with a key it does not publish"),
        ({"published": False}, "signed with a key it does not publish"),
        ({"breaks": {"/token": Response("{}", status=400)}}, "answer cannot be read (status 400)"),
        ({"breaks": {"/token": Response("junk")}}, "answer cannot be read (status 200)"),
        ({"breaks": {"/token": Response("{}")}}, "does not hold: DecodeError"),
        ({"breaks": {"/keys": Response('{"keys": 7}')}}, "signed with a key it does not publish"),
        ({"breaks": {"/keys": Response('{"keys": [{"kid": "one", "kty": "EC"}]}')}}, "does not hold"),
    ],
)
def test_a_provider_that_is_broken_or_played_by_somebody_else_lets_nobody_in(
    house: House, issuer: Issuer, changes: dict[str, Any], said: str
) -> None:
    door = door_of(house, issuer)
    door.adds("mina@shop.example", Role.SENDER, password="")
    client = door.browser()
    away = client.get("/console/sign-in/provider")
    back = issuer.lets_in(away.headers["Location"], house.now, **MINA)
    for name, value in changes.items():
        setattr(issuer, name, value)

    assert said in refusal(client.get(back))


def test_a_provider_that_does_not_answer_or_is_another_is_said(house: House, issuer: Issuer) -> None:
    door = door_of(house, issuer)
    issuer.breaks = {"/.well-known/openid-configuration": Response('{"issuer": "https://evil.example"}')}

    assert "calls itself by another name" in refusal(door.browser().get("/console/sign-in/provider"))
    issuer.breaks = {"/.well-known/openid-configuration": Response("", status=503)}
    assert "cannot be read (status 503)" in refusal(door.browser().get("/console/sign-in/provider"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda back: back.replace("state=", "state=x"), "This answer belongs to another sign-in"),
        (lambda back: back.replace("code=c0de", "error=access_denied"), "did not let you in"),
        (lambda back: back.replace("c0de", "guessed"), "answer cannot be read (status 400)"),
    ],
)
def test_an_answer_somebody_else_made_up_lets_nobody_in(
    house: House, issuer: Issuer, change: Callable[[str], str], said: str
) -> None:
    door = door_of(house, issuer)
    client = door.browser()
    back = issuer.lets_in(client.get("/console/sign-in/provider").headers["Location"], house.now, **MINA)

    assert said in refusal(client.get(change(back)))


def test_an_answer_is_taken_only_by_the_browser_that_asked_and_for_ten_minutes(house: House, issuer: Issuer) -> None:
    door = door_of(house, issuer)
    client, other = door.browser(), door.browser()
    back = issuer.lets_in(client.get("/console/sign-in/provider").headers["Location"], house.now, **MINA)
    other.set_cookie("tidings_errand", "bm9uc2Vuc2U=.00", path="/console/sign-in")

    assert "did not begin to sign in here" in refusal(other.get(back))
    assert "did not begin to sign in here" in refusal(door.browser().get(back))
    house.now += timedelta(minutes=10)
    assert "took longer than ten minutes" in refusal(client.get(back))


def test_who_has_no_password_here_cannot_sign_in_with_one(house: House, issuer: Issuer) -> None:
    door = door_of(house, issuer)
    door.adds("mina@shop.example", Role.SENDER, password="")

    assert signs_in(door.browser(), "mina@shop.example", "").status_code == 401
    assert Door.of(house).browser().get("/console/sign-in/provider").status_code == 404


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('issuer = "http://login.example"', "console.oidc.issuer has to begin with https://"),
        ('issuer = "https://login.example"\nroles = {staff = "boss"}', "the role 'boss', which is none"),
    ],
)
def test_settings_that_cannot_be_are_told(tmp_path: Path, lines: str, said: str) -> None:
    file = tmp_path / "tidings.toml"
    file.write_text(f'[console.oidc]\nclient_id = "a"\nclient_secret = "b"\n{lines}\n', encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        settings.load(file, {})

    assert said in str(caught.value.problems[0])


def test_settings_become_an_entrance(tmp_path: Path) -> None:
    file = tmp_path / "tidings.toml"
    file.write_text(
        'public_url = "https://tidings.example/"\n[console]\nrequire_totp = true\nidle = "15m"\n'
        'trusted_proxies = "127.0.0.1"\n[console.oidc]\nissuer = "https://login.example"\nclient_id = "a"\n'
        'client_secret = "env:OIDC_SECRET"\n', encoding="utf-8",
    )  # fmt: skip

    found = settings.load(file, {"OIDC_SECRET": "x"}).entrance

    assert found.is_secure
    assert found.require_totp
    assert (found.lengths.idle, found.lengths.most) == (timedelta(minutes=15), timedelta(hours=12))
    assert found.trusted_proxies == {"127.0.0.1"}
    assert found.provider is not None
    assert found.provider.client_secret == "x"
