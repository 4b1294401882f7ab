"""What the pages need to know from the rest of the house, and nothing more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from audit.store import Store
from dispatch.route import Mode
from model.reasons import Problem
from rules.book import Book


@dataclass(frozen=True, slots=True, kw_only=True)
class Editing:
    """What changing the rules needs besides: where the main file lies, and two things only the whole house can do.

    `advise` names what could be understood and would still go wrong; `follow` takes up what lies on disk, on behalf
    of a person, and tells whether it could be loaded.
    """

    path: Path
    advise: Callable[[Book], Sequence[Problem]]
    follow: Callable[[str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Rules and mode are asked for anew on each page, because they change while the service runs.

    `rules_lines` gives the lines of a rules file by the name a decision calls it, [] for a file that is gone;
    `notices` are warnings for the operator as whole sentences, such as a refused reload. Without `editing` the rules
    can be looked at and not changed; without `new_id` nobody can be answered; `on_queued` hears of a new text.
    """

    store: Store
    book: Callable[[], Book]
    mode: Callable[[], Mode]
    clock: Callable[[], datetime]
    rules_lines: Callable[[str], list[str]]
    notices: Callable[[], list[str]]
    editing: Editing | None = None
    new_id: Callable[[str], str] | None = None
    on_queued: Callable[[], None] = lambda: None

    @property
    def region(self) -> str:
        """The country in which a number without + is looked for: the one the rules read such numbers by."""
        return next((rule.region for rule in self.book().rules if len(rule.region) == 2), "")
