"""The table of a run, as docs/reliability.md has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chaos.__main__ import Ended

HEAD = "| Episode | Faults | Events | Texts taken | Lost | Taken twice | Unknown, listed | Seconds | Promises |"


def show(ended: Iterable[Ended], seed: int) -> str:
    """Return the table, and below it what there is to say."""
    found = list(ended)
    broken = sum(one.is_broken for one in found)
    words = [f"Seed {seed}. {'All promises kept.' if not broken else f'{broken} episodes broke a promise.'}"]
    return "\n".join([HEAD, "|" + " --- |" * (HEAD.count("|") - 1), *map(_row, found), "", *_remarks(found), *words])


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
            yield f"{one.name}: skipped, {one.skipped}"
        yield from (f"{one.name}: {note}" for note in one.notes)
        yield from (f"{one.name}: BROKEN  {line}" for line in (one.balance.broken if one.balance else ()))
