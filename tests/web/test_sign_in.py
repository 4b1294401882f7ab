"""Signing in and out: what lets somebody in, what never does, and what an attacker learns from it: nothing."""

from __future__ import annotations

import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from types import FrameType
from typing import Any

import pytest
from flask.testing import FlaskClient

from audit import factors, people, sessions, sign_ins
from audit.people import Person
from model.access import Role
from tests.fakes.stores import held
from tests.web.door import PASSWORD, Door, digest_of, is_in, posts, sees, signs_in, token_in
from tests.web.house import House
from web import totp

WRONG = "wrong tractor sings loudly"
NOT_RIGHT = "Name, password and code do not go together"


@pytest.fixture
def door(house: House) -> Door:
    made = Door.of(house)
    made.adds("kim")
    return made


def cookie_of(client: FlaskClient, door: Door) -> str:
    found = client.get_cookie(door.cookie, path="/")
    return str(found.value) if found else ""


def set_cookies(answer: Any, name: str) -> str:
    return str(next(line for line in answer.headers.getlist("Set-Cookie") if line.startswith(f"{name}=")))


def second_factor(door: Door, name: str = "kim") -> tuple[str, list[str]]:
    """Set up a second factor as the account page does; return its secret and the recovery codes."""
    person = door.person(name)
    secret = door.house.store.write(lambda tx: factors.propose(tx, person))
    codes = door.house.store.write(lambda tx: factors.confirm(tx, person, 1, door.house.now))
    return secret, codes


def test_name_and_password_open_the_page_that_was_wanted(door: Door) -> None:
    client = door.browser()

    answer = signs_in(client, "KIM", next="/console/audit?q=zoe")

    assert answer.status_code == 303
    assert answer.headers["Location"] == "/console/audit?q=zoe"
    assert "kim" in sees(client, "/console/")
    assert ("kim", "signed in", "password") in door.journal()


@pytest.mark.parametrize("onward", ["//evil.example", "https://evil.example/console/", "/console/\\evil", "/hooks/x"])
def test_signing_in_never_leads_out_of_the_console(door: Door, onward: str) -> None:
    assert signs_in(door.browser(), next=onward).headers["Location"] == "/console/"


def test_a_session_somebody_planted_before_is_worth_nothing_after(door: Door) -> None:
    planted = "planted-by-somebody-else"
    client, attacker = door.browser(), door.browser()
    for one in (client, attacker):
        door.carries(one, planted)
    word = client.get("/console/sign-in").headers["Set-Cookie"]

    answer = signs_in(client)

    assert cookie_of(client, door) not in {planted, ""}
    assert set_cookies(answer, "tidings_form") != word
    assert is_in(client)
    assert not is_in(attacker)


def test_signing_in_again_ends_the_session_this_browser_had(door: Door) -> None:
    client, thief = door.browser(), door.browser()
    signs_in(client)
    former = cookie_of(client, door)
    form = token_in(client, "/console/")

    client.post("/console/sign-in", data={"token": form, "name": "kim", "password": PASSWORD})
    door.carries(thief, former)

    assert is_in(client)
    assert not is_in(thief)


def test_the_cookie_is_kept_from_scripts_other_sites_and_plain_connections(house: House) -> None:
    plain, safe = Door.of(house), Door.of(house, address="https://tidings.example")
    plain.adds()

    open_one = set_cookies(signs_in(plain.browser()), "tidings")
    safe_client = safe.app.test_client()
    page = safe_client.get("/console/sign-in", base_url="https://tidings.example")
    token = page.get_data(as_text=True).split('name="token" value="')[1][:64]
    data = {"name": "kim", "password": PASSWORD, "token": token}
    safe_answer = safe_client.post("/console/sign-in", base_url="https://tidings.example", data=data)
    closed_one = set_cookies(safe_answer, "__Host-tidings")

    assert "HttpOnly" in open_one
    assert "SameSite=Lax" in open_one
    assert "Secure" not in open_one
    assert all(word in closed_one for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"))
    assert "Domain" not in closed_one
    assert all(word in set_cookies(safe_answer, "tidings_form") for word in ("Secure", "HttpOnly", "SameSite=Strict"))
    assert safe_answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_only_a_digest_of_the_cookie_is_stored(door: Door) -> None:
    client = door.browser()
    signs_in(client)
    token = cookie_of(client, door)

    assert len(token) >= 43
    door.house.store.checkpoint()
    stored = held(door.house.folder / "tidings.db")
    assert token.encode() not in stored
    assert PASSWORD.encode() not in stored


@pytest.mark.parametrize("token", ["", "x", "ü" * 40, "A" * 43, "0" * 3000])
def test_forged_cookies_open_nothing(door: Door, token: str) -> None:
    client = door.browser()
    signs_in(client)
    door.carries(client, token)

    assert client.get("/console/").status_code == 302


@pytest.mark.parametrize(
    ("name", "password"),
    [("kim", WRONG), ("nobody", PASSWORD), ("", ""), ("kim", ""), ("kim" * 500, PASSWORD), ("kim\x00", PASSWORD)],
)
def test_whatever_is_wrong_the_answer_is_the_same(door: Door, name: str, password: str) -> None:
    answer = signs_in(door.browser(), name, password)

    assert answer.status_code == 401
    assert f"<h1>{NOT_RIGHT}</h1>" in answer.get_data(as_text=True)


def test_an_account_that_is_closed_dated_or_of_a_provider_answers_the_same(door: Door) -> None:
    door.adds("bo")
    door.adds("new", Role.VIEWER, new=True)
    door.adds("far", Role.VIEWER, password="")
    door.house.store.write(lambda tx: people.disable(tx, "bo", "test", door.house.now))
    door.house.now += timedelta(days=3, minutes=1)

    for name in ("bo", "new", "far"):
        answer = signs_in(door.browser(), name, headers={"User-Agent": name})
        assert answer.status_code == 401, name
        assert NOT_RIGHT in answer.get_data(as_text=True)


def work(client: FlaskClient, name: str, **more: str) -> Counter[str]:
    """The costly steps that one try takes, by name; counted, because times differ from machine to machine."""
    token, found = token_in(client, "/console/sign-in"), Counter[str]()

    def count(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_name in {"verify_secret", "verify", "code", "matching_step"}:
            found[frame.f_code.co_name] += 1

    sys.setprofile(count)
    try:
        client.post("/console/sign-in", data={"token": token, "name": name, "password": WRONG, **more})
    finally:
        sys.setprofile(None)
    return found


def test_a_name_nobody_has_costs_the_same_work_as_any_other(door: Door) -> None:
    door.adds("bo", Role.VIEWER)
    second_factor(door, "bo")
    client = door.browser()

    known, unknown, guarded = (work(client, name, code="123456") for name in ("kim", "nobody", "bo"))

    assert known == unknown == guarded
    assert known["verify_secret"] == 1
    assert known["matching_step"] == 1


def test_each_wrong_password_makes_the_next_try_wait_longer_also_after_a_restart(door: Door) -> None:
    client, waits = door.browser(), []
    for _ in range(5):
        assert signs_in(client, password=WRONG).status_code == 401
    for _ in range(4):
        refused = signs_in(client)
        assert refused.status_code == 429
        assert f"Too many tries. Wait {refused.headers['Retry-After']} s" in refused.get_data(as_text=True)
        waits.append(int(refused.headers["Retry-After"]))
        door.house.now += timedelta(seconds=waits[-1])
        assert signs_in(client, password=WRONG).status_code == 401

    again = Door.of(door.house).browser()

    assert waits == [1, 2, 4, 8]
    assert signs_in(again).status_code == 429
    door.house.now += timedelta(seconds=16)
    assert signs_in(again).status_code == 303


@pytest.mark.parametrize("name", ["kim", "nobody"])
def test_a_minute_is_the_longest_an_account_waits_and_no_more_than_a_hundred_tries_fit_an_hour(
    house: House, name: str
) -> None:
    end, tries = house.now + timedelta(hours=1), 0
    while house.now < end:
        tried = partial(sign_ins.begin, name=name, address=f"10.0.0.{tries % 250}", now=house.now)
        wait = house.store.write(tried)
        tries += 0 if wait else 1
        house.now += max(wait, timedelta(milliseconds=50))
        assert wait <= timedelta(minutes=1)

    assert 50 < tries < 100


def test_an_address_that_tries_many_names_waits_as_well_and_its_neighbours_count(house: House) -> None:
    waits = [
        house.store.write(partial(sign_ins.begin, name=f"name{one}", address=f"2001:db8::{one:x}", now=house.now))
        for one in range(30)
    ]
    elsewhere = house.store.write(lambda tx: sign_ins.begin(tx, "name99", "2001:db8:1::1", house.now))

    assert not any(waits[:20])
    assert all(waits[20:])
    assert not elsewhere


def test_tries_are_forgotten_after_a_day_and_hold_no_name(house: House) -> None:
    house.store.write(lambda tx: sign_ins.begin(tx, "my secret typed as a name", "198.51.100.7", house.now))
    house.store.checkpoint()
    stored = held(house.folder / "tidings.db")

    gone = house.store.write(lambda tx: sign_ins.prune(tx, house.now + timedelta(days=1, seconds=1)))

    assert b"my secret typed" not in stored
    assert b"198.51.100.7" not in stored
    assert gone == 2


def test_many_at_once_are_no_way_around_the_pause(door: Door) -> None:
    forms = [(client, token_in(client, "/console/sign-in")) for client in (door.browser() for _ in range(12))]

    def guess(form: tuple[FlaskClient, str]) -> int:
        client, token = form
        return client.post("/console/sign-in", data={"token": token, "name": "kim", "password": WRONG}).status_code

    with ThreadPoolExecutor(12) as pool:
        answers = Counter(pool.map(guess, forms))

    assert answers == {401: 5, 429: 7}


def test_a_code_of_the_app_is_asked_for_and_works_once(door: Door) -> None:
    secret, _ = second_factor(door)
    now = door.house.now
    code = totp.code(secret, totp.step_of(now))

    assert signs_in(door.browser()).status_code == 401
    assert signs_in(door.browser(), code="000000" if code != "000000" else "111111").status_code == 401
    assert signs_in(door.browser(), password=WRONG, code=code).status_code == 401
    assert signs_in(door.browser(), code=f"{code[:3]} {code[3:]}").status_code == 303
    assert signs_in(door.browser(), code=code).status_code == 401


def test_a_recovery_code_signs_in_once(door: Door) -> None:
    _, codes = second_factor(door)

    assert signs_in(door.browser(), code=codes[3].upper()).status_code == 303
    assert signs_in(door.browser(), code=codes[3]).status_code == 401
    assert signs_in(door.browser(), code=codes[4].replace("-", "")).status_code == 303
    assert ("kim", "recovery code used", "kim") in door.journal()


def test_a_form_without_its_proof_signs_nobody_in(door: Door) -> None:
    client, other = door.browser(), door.browser()
    theirs = token_in(other, "/console/sign-in")
    client.get("/console/sign-in")

    for token in ("", "x", theirs):
        data = {"token": token, "name": "kim", "password": PASSWORD}
        assert client.post("/console/sign-in", data=data).status_code == 400


def test_a_form_of_one_session_is_no_good_in_another(door: Door) -> None:
    client = door.browser()
    signs_in(client)
    former = token_in(client, "/console/account")
    posts(client, "/console/sign-out", page="/console/account")
    signs_in(client)

    assert client.post("/console/theme", data={"token": former, "theme": "dark"}).status_code == 400


def test_signing_out_ends_the_session_also_for_whoever_kept_the_cookie(door: Door) -> None:
    client, thief = door.browser(), door.browser()
    signs_in(client)
    door.carries(thief, cookie_of(client, door))
    assert is_in(thief)

    answer = posts(client, "/console/sign-out", page="/console/")

    assert answer.headers["Location"] == "/console/sign-in"
    assert answer.headers["Clear-Site-Data"] == '"cache"'
    assert not is_in(client)
    assert not is_in(thief)


@pytest.mark.parametrize(
    ("steps", "minutes", "still"),
    [(1, 29, True), (1, 31, False), (24, 29, True), (25, 29, False)],
    ids=["used", "left alone", "used for 11 h 36", "used for 12 h 05"],
)
def test_a_session_ends_when_left_alone_and_after_half_a_day(door: Door, steps: int, minutes: int, still: bool) -> None:
    client = door.browser()
    signs_in(client)

    for _ in range(steps):
        door.house.now += timedelta(minutes=minutes)
        last = is_in(client)

    assert last == still


def test_sessions_that_are_over_are_dropped(door: Door) -> None:
    signs_in(door.browser())
    lengths = sessions.Lengths()

    kept = door.house.store.write(lambda tx: sessions.prune(tx, lengths, door.house.now + timedelta(minutes=29)))
    gone = door.house.store.write(lambda tx: sessions.prune(tx, lengths, door.house.now + timedelta(minutes=30)))

    assert (kept, gone) == (0, 1)


@pytest.mark.parametrize("change", ["disable", "role", "password", "factor", "remove"])
def test_what_changes_an_account_ends_its_sessions_at_once(door: Door, change: str) -> None:
    bo = door.adds("bo", Role.SENDER)
    client = door.browser_of(bo)
    second_factor(door, "bo")
    now = door.house.now
    jobs: dict[str, Any] = {
        "disable": lambda tx: people.disable(tx, "bo", "kim", now),
        "role": lambda tx: people.set_role(tx, "bo", Role.VIEWER, "kim", now),
        "password": lambda tx: people.set_password(tx, "bo", digest_of(WRONG), "kim", now, new=False),
        "factor": lambda tx: factors.reset(tx, people.named(tx, "bo"), "kim", now),
        "remove": lambda tx: people.remove(tx, "bo", "kim", now),
    }
    assert is_in(client)

    door.house.store.write(jobs[change])

    assert client.get("/console/").status_code == 302


def test_a_post_after_the_session_ended_changes_nothing_and_says_so(door: Door) -> None:
    client = door.browser()
    signs_in(client)
    token = token_in(client, "/console/consent?number=%2B491713920012")
    door.house.now += timedelta(hours=1)

    answer = client.post(
        "/console/consent", data={"token": token, "number": "+491713920012", "status": "out", "wording": "said so"}
    )

    assert answer.status_code == 401
    assert "You are not signed in" in answer.get_data(as_text=True)
    with door.house.store.read() as tx:
        assert tx.execute("select count(*) from consent").fetchone()[0] == 0


def test_who_signed_in_is_the_name_in_the_journal_whatever_a_form_says(door: Door) -> None:
    client = door.browser()
    signs_in(client)

    page = sees(client, "/console/consent?number=%2B491713920012")
    posts(
        client, "/console/consent", page="/console/consent?number=%2B491713920012", number="+491713920012",
        status="out", wording="said so", who="somebody else",
    )  # fmt: skip

    assert "Your name" not in page
    with door.house.store.read() as tx:
        assert [row["actor"] for row in tx.execute("select actor from consent_history")] == ["kim"]


def test_a_password_kept_with_less_work_is_kept_with_more_after_signing_in(door: Door) -> None:
    from argon2 import PasswordHasher

    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    door.house.store.write(lambda tx: tx.execute("update users set password = ?", (weak,)))

    assert signs_in(door.browser()).status_code == 303
    assert "m=19456,t=2,p=1" in door.person("kim").password


def test_a_person_has_twenty_sessions_at_most(door: Door) -> None:
    person: Person = door.person("kim")
    clients = [door.browser_of(person) for _ in range(21)]

    assert not is_in(clients[0])
    assert is_in(clients[1])
    assert is_in(clients[20])
