"""A copy of the database while the service runs, and putting one back."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

PAGES = 2_000
"""Pages copied before others may write again."""


class BadCopy(Exception):  # noqa: N818 - names what is wrong
    """The file is no sound database of ours."""


def backup(database: Path, copy: Path, progress: Callable[[int, int], object] = max) -> int:
    """Copy the database to a new file and check the copy; return its size in bytes. Raises BadCopy, FileExistsError.

    The copy is that of one moment. `progress` is told (pages left, pages in all).
    """
    if copy.exists():
        raise FileExistsError(copy)
    source, target = sqlite3.connect(f"file:{database}?mode=ro", uri=True), sqlite3.connect(copy)
    try:
        source.backup(target, pages=PAGES, progress=lambda _, left, total: progress(left, total))
        target.execute("pragma journal_mode = delete")  # one file, nothing beside it
    finally:
        source.close()
        target.close()
    check(copy)
    return copy.stat().st_size


def check(file: Path) -> int:
    """See that a file is a sound database of ours; return how many events it holds. Raises BadCopy."""
    try:
        connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        try:
            found = connection.execute("pragma integrity_check(1)").fetchone()[0]
            if found != "ok":
                raise BadCopy(f"{file} is damaged: {found}")
            return int(connection.execute("select count(*) from events").fetchone()[0])
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise BadCopy(f"{file} is no database of Tidings: {error}") from None


def restore(copy: Path, database: Path) -> Path | None:
    """Put a copy in the place of the database; the one there is kept beside it under the name that is returned.

    Nothing may have the database open. Raises BadCopy before anything is moved.
    """
    check(copy)
    kept = None
    if database.exists():
        kept = database.with_name(f"{database.name}.before-restore")
        for ending in ("", "-wal", "-shm"):
            part = Path(f"{database}{ending}")
            if part.exists():
                part.replace(f"{kept}{ending}")
    partial = database.with_name(f"{database.name}.restoring")
    shutil.copyfile(copy, partial)
    partial.replace(database)
    return kept


def in_use(database: Path) -> bool:
    """Tell whether anybody has the database open: only the one alone with it may take it out of its log's mode."""
    if not database.exists():
        return False
    connection = sqlite3.connect(database, timeout=0.2, isolation_level=None)
    try:
        return str(connection.execute("pragma journal_mode = delete").fetchone()[0]) != "delete"
    except sqlite3.OperationalError:
        return True
    except sqlite3.DatabaseError:  # no database any more: that is why it is to be replaced
        return False
    finally:
        connection.close()
