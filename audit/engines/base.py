"""What the rest of Tidings knows of an engine: transactions, rows, and the few things two engines do differently.

The SQL in `audit/` is written once, in words both engines understand; what is left differs here and in the engine's own
module. A hint for PostgreSQL stands in the SQL as a comment (`/* for update */`), which SQLite reads past.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol, TypeVar

Values = Sequence[Any] | Mapping[str, Any]
T = TypeVar("T")


class StoreDown(Exception):  # noqa: N818 - names the state
    """The store cannot take anything now (disk full, locked, read-only, stopped). Nothing was lost or half done."""


class InDoubt(StoreDown):
    """The server went away in the middle of a commit and cannot be asked: what was written may be there or not."""


class Again(StoreDown):
    """Two transactions stood in each other's way and this one was undone; it is run once more."""


class Lost(Again):
    """The connection broke before the commit: nothing was kept, and another connection may do."""


class Mistake(Exception):  # noqa: N818 - names what it is
    """A statement was not given the values it wants. SQLite says it as `sqlite3.ProgrammingError`."""


class NotUnique(Exception):  # noqa: N818 - names what is wrong
    """A row like this is there already, or one it refers to is not. SQLite says it as `sqlite3.IntegrityError`."""


class Row(Protocol):
    """A row: by name, by place, and as `dict(row)`."""

    def __getitem__(self, key: Any, /) -> Any: ...
    def keys(self) -> Any:
        """Return the names of the columns."""

    def __iter__(self) -> Iterator[Any]: ...
    def __len__(self) -> int: ...


class Cursor(Protocol):
    """What came of a statement."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""

    @property
    def lastrowid(self) -> int | None:
        """The number the new row got, where the table counts."""

    def fetchone(self) -> Any:
        """Return the next row, None when there is none."""

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""

    def __iter__(self) -> Iterator[Any]: ...


class Tx(Protocol):
    """A transaction: everything in it happens, or nothing. Parameters are `?` or `:name`."""

    def execute(self, sql: str, parameters: Any = ..., /) -> Cursor:
        """Run one statement."""

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Cursor:
        """Run one statement for each set of values."""


class Shared:
    """A transaction beside which others write: SQLite's one writer needs none of this."""

    def lock(self, *key: str) -> None:
        """Wait until no other transaction holds this key, and hold it to the end. Nothing in one that only reads."""
        raise NotImplementedError

    def settled(self) -> int:
        """Return the newest row of the journal before which none can appear any more."""
        raise NotImplementedError


class Writer(Protocol):
    """One connection that writes, in the hands of one thread."""

    @property
    def tx(self) -> Tx:
        """The transaction between `begin` and `commit`."""

    def begin(self, *, beside: bool, single: bool) -> None:
        """Begin, `beside` others of its kind or alone, for a `single` job or for several. Raises StoreDown."""

    def commit(self) -> None:
        """Bring it to disk. Raises what the engine has against it."""

    def rollback(self) -> None:
        """Undo it, if there is one."""

    def close(self) -> None:
        """Let go."""


class Engine(Protocol):
    """Where the rows are."""

    name: str
    writers: int
    """How many transactions may write at once."""

    alone: bool
    """Whether nobody else works with these rows: what is half done after a start is then left by a crash."""

    def open(self) -> Sequence[Writer]:
        """Connect and bring the schema up to date. Raises StoreDown."""

    def read(self) -> AbstractContextManager[Tx]:
        """Give a transaction that only reads: one moment for as long as the block runs. Raises StoreDown."""

    def tidy(self, writer: Any) -> None:
        """See that what was removed is gone from the files as well, as far as the engine can."""

    def named(self, error: Exception) -> Exception:
        """Tell trouble of the store itself (StoreDown) from a mistake in what it was asked."""

    def time(self) -> datetime:
        """Return what time it is for the engine; only a server has a clock of its own. Raises StoreDown."""

    def node(self) -> int | None:
        """Return a number for the ids made in this process that no other process has; None where any will do."""

    def aside(self, job: Callable[[Tx], T]) -> T:
        """Run `job` past all transactions; each of its statements commits by itself. Raises StoreDown."""

    def announce(self) -> None:
        """Tell other processes that there is something to do."""

    def listen(self, heard: Callable[[], None]) -> None:
        """Call `heard` when another process announced something."""

    def leader(self, name: str) -> AbstractContextManager[bool]:
        """Try to be the only one who does something, for as long as the block runs."""

    def close(self) -> None:
        """Let go of what readers hold."""
