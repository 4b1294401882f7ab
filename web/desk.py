"""What the pages need to know from the rest of the house, and nothing more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from audit.store import Store
from dispatch.route import Mode
from rules.book import Book


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Rules and mode are asked for anew on each page, because they change while the service runs.

    `rules_lines` gives the lines of a rules file by the name a decision calls it, [] for a file that is gone;
    `notices` are warnings for the operator as whole sentences, such as a refused reload.
    """

    store: Store
    book: Callable[[], Book]
    mode: Callable[[], Mode]
    clock: Callable[[], datetime]
    rules_lines: Callable[[str], list[str]]
    notices: Callable[[], list[str]]

    @property
    def region(self) -> str:
        """The country in which a number without + is looked for: the one the rules read such numbers by."""
        return next((rule.region for rule in self.book().rules if len(rule.region) == 2), "")
