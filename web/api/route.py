"""One route of the API as a declaration: who may call it, what comes in, what goes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, Literal, TypeVar

from audit import journal
from audit.keys import Key, Kind
from audit.rows import dump, ms
from audit.store import Store, Tx
from dispatch.recipient import mask
from model.access import Permission
from model.event import Incoming
from web.api import cursors, masking
from web.api.office import Office
from web.api.problems import Problem, Trouble
from web.api.shapes import Given, Paged, Taken

T = TypeVar("T")
EVERY_KIND: tuple[Kind, ...] = ("live", "team", "test")
LIVE: tuple[Kind, ...] = ("live",)
NOT_TEST: tuple[Kind, ...] = ("live", "team")
NOT_TEAM: tuple[Kind, ...] = ("live", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a view answers. `location` is where what it made can be read."""

    answer: Given | Problem
    status: int = 0
    location: str = ""


Job = Callable[[Tx], Done]
"""The work of a view that creates something: all of it in one transaction, with its Idempotency-Key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request that may be answered: by whom, when, and what its address names. `file` is what was uploaded."""

    office: Office
    key: Key
    now: datetime
    path: str
    names: Mapping[str, str]
    incoming: Incoming
    file: BinaryIO | None = None

    @property
    def store(self) -> Store:
        """The store."""
        return self.office.desk.store

    @property
    def is_test(self) -> bool:
        """Whatever a test key makes is simulated."""
        return self.key.kind == "test"

    @property
    def sees_numbers(self) -> bool:
        """Tell whether the caller may see whole numbers."""
        return self.key.may(Permission.NUMBERS)

    def number(self, number: str) -> str:
        """Return a phone number as the caller may see it."""
        return number if self.sees_numbers else mask(number)

    def text(self, text: str) -> str:
        """Return a text with its numbers as the caller may see them."""
        return text if self.sees_numbers else masking.in_text(text)

    def reaches(self, number: str) -> None:
        """See that this key may text a number. Raises Problem."""
        if self.key.kind == "team" and number not in self.office.desk.mode().allowed:
            raise Problem(Trouble.NOT_LISTED)

    def note(self, tx: Tx, reason: str, **columns: str) -> None:
        """Write into the journal what was done with this key."""
        journal.note(tx, ms(self.now), "operator", reason=reason, actor=self.key.actor, **columns)

    def place(self, asked: Paged) -> str:
        """Return where the asked page begins, "" for the first. Raises Problem."""
        return cursors.read(self.office.cursor_key, self._listed(asked), asked.cursor)

    def next(self, asked: Paged, place: str) -> str | None:
        """Return the cursor of the page that begins at `place`, None where there is none."""
        return cursors.write(self.office.cursor_key, self._listed(asked), place) if place else None

    def _listed(self, asked: Paged) -> str:
        return self.path + dump(sorted(asked.model_dump(mode="json", exclude={"cursor", "limit"}).items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """`takes` is the body of a POST or PUT and the query of a GET or DELETE.

    `way` says how it is answered: `reads`, `creates` (the view returns a Job) or `acts` (in steps of its own).
    `names` says what each name in the path is; `wakes` that there may be something to do afterwards. One that `uploads`
    takes a file as its body, and `takes` is its query.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"] = "GET"
    path: str
    view: Callable[[Call, Any], Any]
    needs: Permission | None
    takes: type[Taken] = Taken
    gives: type[Given]
    status: int = 200
    way: Literal["reads", "creates", "acts"] = "reads"
    kinds: tuple[Kind, ...] = EVERY_KIND
    names: Mapping[str, str] = field(default_factory=dict)
    troubles: Sequence[Trouble] = ()
    example: Mapping[str, Any] | None = None
    wakes: bool = False
    uploads: bool = False
    tagged: bool = False

    @property
    def name(self) -> str:
        """What programs made from the description call it."""
        return self.view.__name__

    @property
    def says(self) -> str:
        """What it does, in a sentence."""
        return (self.view.__doc__ or "").strip().splitlines()[0]

    @property
    def has_body(self) -> bool:
        """Tell whether a body comes with it."""
        return (
            not self.uploads
            and self.method in {"POST", "PUT"}
            and bool(self.takes.model_fields or self.takes is not Taken)
        )

    def names_in(self, steps: Sequence[str]) -> dict[str, str] | None:
        """Return what a path names by the route's own words, None when it is another path."""
        own = self.path.strip("/").split("/")
        if len(own) != len(steps):
            return None
        found = {}
        for mine, theirs in zip(own, steps, strict=True):
            if mine.startswith("{"):
                found[mine[1:-1]] = theirs
            elif mine != theirs:
                return None
        return found


def found(value: T | None, what: str = "") -> T:
    """Return what was looked for. Raises Problem where there is nothing."""
    if value is None:
        raise Problem(Trouble.NOT_FOUND, what)
    return value
