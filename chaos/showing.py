"""The table of a run, as docs/reliability.md has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chaos.__main__ import Ended

TITLES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
HEAD = "| Episode | Faults | Events | Texts taken | Lost | Taken twice | Unknown, listed | Seconds | Promises |"


def show(ended: Iterable[Ended], seed: int) -> str:
    """Return a table for each engine, and below them what there is to say."""
    found = list(ended)
    broken = sum(one.is_broken for one in found)
    words = [f"Seed {seed}. {'All promises kept.' if not broken else f'{broken} episodes broke a promise.'}"]
    tables = [line for engine in dict.fromkeys(one.on for one in found) for line in _table(engine, found)]
    return "\n".join([*tables, *_remarks(found), *words])


def _table(engine: str, found: Iterable[Ended]) -> list[str]:
    rows = [_row(one) for one in found if one.on == engine]
    return [f"On {TITLES[engine]}:", "", HEAD, "|" + " --- |" * (HEAD.count("|") - 1), *rows, ""]


def _row(one: Ended) -> str:
    if one.balance is None:
        return f"| {one.name} | - | - | - | - | - | - | - | skipped |"
    book = one.balance
    cells = (one.name, one.faults, book.events, book.taken, book.lost, book.doubled, book.unknown, one.seconds,
             "BROKEN" if one.is_broken else "kept")  # fmt: skip
    return "| " + " | ".join(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in cells) + " |"


def _remarks(found: Iterable[Ended]) -> Iterator[str]:
    for one in found:
        if one.skipped:
            yield f"{one.name} on {TITLES[one.on]}: skipped, {one.skipped}"
        yield from (f"{one.name} on {TITLES[one.on]}: {note}" for note in one.notes)
        yield from (
            f"{one.name} on {TITLES[one.on]}: BROKEN  {line}" for line in (one.balance.broken if one.balance else ())
        )
