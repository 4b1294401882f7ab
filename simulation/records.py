"""What the checks read of a history that came to its end: the journal, the tables, the providers' own calls."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from simulation.disk import rows
from simulation.world import World


class Records:
    """What the checks read, read once."""

    def __init__(self, world: World) -> None:
        store = world.house.store
        self.journal = sorted(
            [*rows(store, "select * from journal"), *rows(store, "select * from sim_purged")], key=lambda row: row["id"]
        )
        self.by_id = {row["id"]: row for row in self.journal}
        self.messages = {row["id"]: row for row in rows(store, "select * from messages")}
        self.attempts = rows(store, "select * from sim_attempts order by row")
        self.moves = rows(store, "select * from sim_moves order by id")
        self.wishes = rows(store, "select * from sim_wishes order by id")
        self.came = rows(store, "select * from sim_came")
        self.calls = [(name, call) for name, carrier in world.carriers.items() for call in carrier.calls]
        self.of_message: dict[str, list[Any]] = defaultdict(list)
        for row in self.journal:
            self.of_message[row["message_id"]].append(row)

    def between(self, message: str, first: int, last: int) -> list[Any]:
        """Return the journal of a message between two rows."""
        return [row for row in self.of_message[message] if first < row["id"] < last]

    def by_hand(self, message: str) -> bool:
        """Tell whether a person let a message leave once more, and took the risk."""
        return any(row["kind"] == "operator" and row["reason"] == "retried" for row in self.of_message[message])
