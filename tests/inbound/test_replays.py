"""A body that could not be read is kept, and read again once the connector can."""

from __future__ import annotations

import json

import pytest

from connectors.generic import Generic
from inbound.replays import CannotReplay, reread
from inbound.sources import Source
from model.event import Incoming
from tests.fakes.world import PHONE, SECRET, World


def test_an_unreadable_body_is_read_again_after_the_source_was_set_up_properly(world: World) -> None:
    body = json.dumps({"kind": "order.created", "no": 7, "data": {"id": 7, "number": "7", "phone": PHONE}}).encode()
    request = Incoming(source="shop", headers={"webhook-id": "m1"}, body=body, received_at=world.now)
    world.door.receive(world.sources["shop"].connector.sign(request, SECRET, world.now))
    unreadable = world.rows("select id from events where state = 'unreadable'")[0]["id"]
    with pytest.raises(CannotReplay, match="still cannot be read"):
        reread(world.store, world.sources, unreadable, world.ids, "Kim", world.now)

    better = Generic({"verify": "standard_webhooks", "type": "kind", "id": "no"})
    fixed = {"shop": Source(name="shop", connector=better, secrets=[SECRET])}
    assert reread(world.store, fixed, unreadable, world.ids, "Kim", world.now) == 1
    world.step()

    assert world.phone.inbox == ["Order 7 is confirmed."]
    assert world.faults() == []
    with pytest.raises(CannotReplay):
        reread(world.store, fixed, unreadable, world.ids, "Kim", world.now)


def test_a_source_that_is_gone_is_named(world: World) -> None:
    request = Incoming(source="shop", headers={"webhook-id": "m1"}, body=b"[", received_at=world.now)
    world.door.receive(world.sources["shop"].connector.sign(request, SECRET, world.now))
    unreadable = world.rows("select id from events")[0]["id"]

    with pytest.raises(CannotReplay, match="shop is not configured"):
        reread(world.store, {}, unreadable, world.ids, "Kim", world.now)
