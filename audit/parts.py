"""Long texts that the provider takes in parts: each part has an id and receipts of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from audit.store import Row, Tx, lock
from model.message import State
from model.sending import Result

STATES = {state.code: state for state in State}


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """What one part's receipt makes of the text: which part of how many it was, and the state of the whole."""

    message_id: str
    part: int
    total: int
    state: State


def save_sent(tx: Tx, gateway: str, message_id: str, result: Result) -> None:
    """Remember the parts of a text. A new handover makes those of the one before strangers."""
    if result.parts or result.provider_id:
        tx.execute("delete from parts where message_id = ?", (message_id,))
    tx.executemany(
        "insert into parts (gateway, provider_id, message_id, part, state, error_code) values (?, ?, ?, ?, ?, ?)",
        [
            (gateway, part.provider_id, message_id, number, part.state.code, part.code)
            for number, part in enumerate(result.parts, start=1)
        ],
    )


def reported(tx: Tx, gateway: str, provider_id: str, state: State) -> Whole | None:
    """Note what a receipt says about a part; None when no part has this id."""
    row: Row | None = tx.execute(
        "select message_id, part, state from parts where provider_id = ? and provider_id <> '' and gateway = ?",
        (provider_id, gateway),
    ).fetchone()
    if row is None:
        return None
    lock(tx, "message", row["message_id"])  # two parts reported at once would each take the other for waiting
    if STATES[row["state"]].yields_to(state):
        tx.execute(
            "update parts set state = ? where message_id = ? and part = ?",
            (state.code, row["message_id"], row["part"]),
        )
    rows = tx.execute("select state from parts where message_id = ?", (row["message_id"],)).fetchall()
    whole = worst(STATES[one["state"]] for one in rows)
    return Whole(message_id=row["message_id"], part=row["part"], total=len(rows), state=whole)


def worst(states: Iterable[State]) -> State:
    """Return what parts make of a text: failed when one failed, else as far as the slowest is."""
    known = list(states)
    failed = [state for state in known if state.final and state is not State.DELIVERED]
    return failed[0] if failed else min(known, key=lambda state: state.rank)
