"""Ten thousand receipts as fast as a provider can post them, doubled and out of order: each text ends as it should."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gateways.console import Console
from inbound.receipts import ReceiptDoor
from model.event import Incoming
from tests.fakes.world import World
from tests.scale import runs
from wire.http import Client

COUNT = runs(400, 5_000)
STATES = ("sent", "delivered")


def test_a_flood_of_receipts_leaves_every_text_delivered_once(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        provider = Console("main", {"show": False}, Client())
        door = ReceiptDoor(
            gateways={"main": provider}, store=world.store, clock=lambda: world.now, token_of=lambda name: "token"
        )
        world.phone.script = []
        for number in range(COUNT):
            world.order(f"A{number}", phone="+491713920012")
        world.step()
        ids = [row["provider_id"] for row in world.rows("select provider_id from messages")]
        posts = [(name, state) for name in ids for state in STATES] * 2
        random.Random(5).shuffle(posts)

        def post(one: tuple[str, str]) -> int:
            body = f'{{"id": "{one[0]}", "status": "{one[1]}"}}'.encode()
            return door.receipt(Incoming(source="main", body=body, received_at=world.now), "token").status

        with ThreadPoolExecutor(8) as pool:
            answers = set(pool.map(post, posts))

        assert answers == {200}
        assert set(world.states) == {"delivered"}
        assert world.rows("select count(*) as n from journal where kind = 'receipt' and reason = 'delivered'") == [
            {"n": COUNT}
        ]
        assert world.faults() == []
