"""Events that several nodes would plan: each takes what is still to be planned, in the order it was looked up."""

from __future__ import annotations

from typing import Any

from audit import plans
from audit.engines.base import Shared
from audit.store import Tx
from tests.fakes.world import World


class Beside(Shared):
    """A transaction beside which others write."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    def execute(self, sql: str, values: Any = ()) -> Any:
        return self.tx.execute(sql, values)

    def executemany(self, sql: str, values: Any) -> Any:
        return self.tx.executemany(sql, values)


def test_what_another_node_planned_meanwhile_is_not_taken_again(world: World) -> None:
    world.order("A1")
    world.plan()
    for name in ("A2", "A3"):
        world.order(name)
    one, two, three = (row["id"] for row in world.rows("select id from events order by id"))

    taken = world.store.write(lambda tx: plans.take(Beside(tx), [three, one, two]))

    assert taken == [three, two]
