"""People who sign in to the console: who they are, what they may do, and that somebody stays who can run the place.

Every change is a row of the journal with the name of whoever made it. What changes what somebody may do ends their
sessions, so that the next page they open is one of a new session.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from audit import journal
from audit.rows import at, ms
from audit.store import Row, Tx
from model.access import ROLES, Role

NAME = re.compile(r"[^\W_][\w.@+ -]{0,98}\w|[^\W_]")
NEW_FOR = timedelta(days=3)
"""How long a password that somebody else made up opens the door."""

COLUMNS = (
    "id, name, role, password, password_at, password_new, subject, totp, totp_new, totp_step, disabled_at, "
    "signed_in_at, created_at"
)
ONE = f"select {COLUMNS} from users where name = ?"  # noqa: S608 - our own columns, here and below
BY_ID = f"select {COLUMNS} from users where id = ?"  # noqa: S608 - our own words
BY_SUBJECT = f"select {COLUMNS} from users where subject = ?"  # noqa: S608 - our own words
ALL = f"select {COLUMNS} from users order by disabled_at > 0, name"  # noqa: S608 - our own words
OTHER_ADMINS = "select 1 from users where role = ? and disabled_at = 0 and id <> ?"


class Unfit(Exception):  # noqa: N818 - names the state
    """A change that must not be: a name that is taken, the last admin. Its text is a sentence for people."""


class Unknown(Unfit):
    """Nobody has this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One person. `password` is a digest; `totp` the secret of a second factor, "" without one."""

    id: int
    name: str
    role: Role
    password: str
    password_at: datetime
    password_new: bool
    subject: str
    totp: str
    totp_new: str
    totp_step: int
    created_at: datetime
    disabled_at: datetime | None
    signed_in_at: datetime | None

    @property
    def state(self) -> str:
        """Say how the account stands, in one word."""
        return "disabled" if self.disabled_at else "invited" if self.signed_in_at is None else "active"


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """Somebody to add. `password` is a digest, "" for who comes through an identity provider; `new` as in Person."""

    name: str
    role: Role
    password: str
    new: bool
    actor: str


def anybody(tx: Tx) -> bool:
    """Tell whether there is anybody: from the first person on, the console wants to know who comes."""
    return tx.execute("select 1 from users limit 1").fetchone() is not None


def find(tx: Tx, name: str) -> Person | None:
    """Return a person by name, however it is capitalised."""
    return _person(tx.execute(ONE, (name,)).fetchone())


def get(tx: Tx, person_id: int) -> Person | None:
    """Return a person by number."""
    return _person(tx.execute(BY_ID, (person_id,)).fetchone())


def with_subject(tx: Tx, subject: str) -> Person | None:
    """Return who an identity provider means."""
    return _person(tx.execute(BY_SUBJECT, (subject,)).fetchone()) if subject else None


def everyone(tx: Tx) -> list[Person]:
    """Return everybody, those who can sign in first."""
    return [person for row in tx.execute(ALL) if (person := _person(row))]


def add(tx: Tx, wish: Newcomer, now: datetime) -> Person:
    """Add somebody. Raises Unfit."""
    if not NAME.fullmatch(wish.name):
        raise Unfit("A name has 1 to 100 letters, digits, spaces and . @ + - _, and begins with a letter or digit.")
    if find(tx, wish.name):
        raise Unfit(f"There is already somebody called {wish.name}.")
    if wish.role is not Role.ADMIN and not anybody(tx):
        raise Unfit("The first person has to be an admin: nobody else could add the next one.")
    tx.execute(
        "insert into users (name, role, password, password_at, password_new, created_at) values (?, ?, ?, ?, ?, ?)",
        (wish.name, wish.role.code, wish.password, ms(now), int(wish.new), ms(now)),
    )
    _note(tx, now, "person added", wish.actor, f"{wish.name} as {wish.role.code}")
    return named(tx, wish.name)


def set_role(tx: Tx, name: str, role: Role, actor: str, now: datetime) -> Person:
    """Give somebody another role. Raises Unfit."""
    person = named(tx, name)
    if role is person.role:
        return person
    if role is not Role.ADMIN:
        _not_last(tx, person, "has to stay admin")
    tx.execute("update users set role = ? where id = ?", (role.code, person.id))
    _end_sessions(tx, person)
    _note(tx, now, "role changed", actor, f"{person.name}: {person.role.code} -> {role.code}")
    return named(tx, name)


def disable(tx: Tx, name: str, actor: str, now: datetime) -> Person:
    """Keep somebody out, and end their sessions. Raises Unfit."""
    person = named(tx, name)
    _not_last(tx, person, "cannot be disabled")
    if person.disabled_at is None:
        tx.execute("update users set disabled_at = ? where id = ?", (ms(now), person.id))
        _end_sessions(tx, person)
        _note(tx, now, "person disabled", actor, person.name)
    return person


def enable(tx: Tx, name: str, actor: str, now: datetime) -> Person:
    """Let somebody in again. Raises Unknown."""
    person = named(tx, name)
    if person.disabled_at is not None:
        tx.execute("update users set disabled_at = 0 where id = ?", (person.id,))
        _note(tx, now, "person enabled", actor, person.name)
    return person


def remove(tx: Tx, name: str, actor: str, now: datetime) -> Person:
    """Take somebody out; what they did stays in the journal under their name. Raises Unfit."""
    person = named(tx, name)
    _not_last(tx, person, "cannot be removed")
    tx.execute("delete from users where id = ?", (person.id,))
    _note(tx, now, "person removed", actor, person.name)
    return person


def set_password(tx: Tx, name: str, password: str, actor: str, now: datetime, *, new: bool) -> Person:
    """Keep another password (a digest), and end every session. Raises Unknown."""
    person = named(tx, name)
    tx.execute(
        "update users set password = ?, password_at = ?, password_new = ? where id = ?",
        (password, ms(now), int(new), person.id),
    )
    _end_sessions(tx, person)
    _note(tx, now, "password changed", actor, person.name)
    return named(tx, name)


def work_harder(tx: Tx, person: Person, password: str) -> None:
    """Keep the same password with more work; nobody changed anything."""
    tx.execute("update users set password = ? where id = ? and password = ?", (password, person.id, person.password))


def bind(tx: Tx, person: Person, subject: str, now: datetime) -> None:
    """Remember whom the identity provider means by a person: from now on its name for them decides, not theirs."""
    tx.execute("update users set subject = ? where id = ?", (subject, person.id))
    _note(tx, now, "identity provider bound", person.name, person.name)


def came_in(tx: Tx, person: Person, way: str, now: datetime) -> None:
    """Write down that somebody signed in."""
    tx.execute("update users set signed_in_at = ? where id = ?", (ms(now), person.id))
    _note(tx, now, "signed in", person.name, way)


def named(tx: Tx, name: str) -> Person:
    """Return who has this name. Raises Unknown."""
    person = find(tx, name)
    if person is None:
        raise Unknown(f"There is nobody called {name}.")
    return person


def _not_last(tx: Tx, person: Person, sentence: str) -> None:
    if person.role is not Role.ADMIN or person.disabled_at is not None:
        return
    if tx.execute(OTHER_ADMINS, (Role.ADMIN.code, person.id)).fetchone() is None:
        raise Unfit(f"{person.name} is the last admin and {sentence}. Make somebody else an admin first.")


def _end_sessions(tx: Tx, person: Person) -> None:
    tx.execute("delete from sessions where user_id = ?", (person.id,))


def _note(tx: Tx, now: datetime, reason: str, actor: str, detail: str) -> None:
    journal.note(tx, ms(now), "operator", reason=reason, actor=actor, detail=detail)


def _person(row: Row | None) -> Person | None:
    if row is None:
        return None
    return Person(
        id=row["id"], name=row["name"],
        role=ROLES.get(row["role"], Role.VIEWER),  # a role that a newer program wrote may look and no more
        password=row["password"], password_at=at(row["password_at"]), password_new=bool(row["password_new"]),
        subject=row["subject"], totp=row["totp"], totp_new=row["totp_new"], totp_step=row["totp_step"],
        created_at=at(row["created_at"]), disabled_at=_time(row["disabled_at"]),
        signed_in_at=_time(row["signed_in_at"]),
    )  # fmt: skip


def _time(value: int) -> datetime | None:
    return at(value) if value else None
