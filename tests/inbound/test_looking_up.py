"""Thin events and polls: the source is asked, its trouble is bounded, and nothing is texted twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from connectors.base import AskFailed, Connector, Http, Page
from inbound.lookups import Asking, Lookups
from inbound.polling import Polling
from inbound.sources import Source
from model.event import Event, Incoming
from model.reasons import Gone, Unreachable
from tests.fakes.world import PHONE, World


class Crm(Connector):
    """A system whose webhooks are thin and whose records can be polled."""

    name, title, category, event_types = "crm", "CRM", "crm", {"order.created": "-"}
    needs_secret = False
    poll_every = "1m"

    def __init__(self) -> None:
        super().__init__()
        self.phones: dict[str, str] = {}
        self.down = 0
        self.pages: list[Page] = []

    def parse(self, incoming: Incoming) -> list[Event]:
        return []

    def lookup(self, event: Event, http: Http) -> Event:
        if self.down:
            self.down -= 1
            raise AskFailed("the CRM does not answer")
        if event.type == "custom.touched":
            return replace(event, type="order.created", id=f"{event.key}/created", data={**event.data, "phone": PHONE})
        if event.key not in self.phones:
            raise AskFailed("there is no such record", permanent=True)
        return replace(event, data={**event.data, "phone": self.phones[event.key]})

    def refresh(self, event: Event, http: Http) -> Event:
        if event.key not in self.phones:
            raise AskFailed("there is no such record", gone=True)
        return replace(event, source="by its own name", data={**event.data, "phone": self.phones[event.key]})

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        if self.down:
            raise AskFailed("the CRM does not answer")
        return self.pages.pop(0)


def thin(world: World, key: str, **more: Any) -> Event:
    return Event(
        source="crm", type="order.created", native_type="x", id=f"{key}", key=key, occurred_at=world.now,
        data={"number": key, **more}, lookup=key,
    )  # fmt: skip


def asked(world: World, crm: Crm) -> Lookups:
    return Lookups(sources={"crm": Source(name="crm", connector=crm)}, store=world.store, on_done=lambda: None)


def test_a_thin_event_is_texted_once_its_phone_is_known(world: World) -> None:
    crm = Crm()
    crm.phones, crm.down = {"A7": PHONE}, 2
    lookups = asked(world, crm)
    world.tells(thin(world, "A7"))
    for _ in range(5):
        lookups.look_up_due(world.now)
        world.step()
        world.wait(seconds=40)

    assert world.phone.inbox == ["Order A7 is confirmed."]
    assert [reason for _, reason in world.journal("looked_up")] == ["retry", "retry", "found"]


def test_a_record_that_is_gone_ends_as_no_recipient_and_says_what_was_tried(world: World) -> None:
    lookups = asked(world, Crm())
    world.tells(thin(world, "A7"))
    lookups.look_up_due(world.now)
    world.step()

    assert world.reasons == ["no_recipient"]
    assert world.rows("select detail from journal where kind = 'looked_up'") == [{"detail": "there is no such record"}]


def test_a_source_that_never_answers_holds_an_event_for_an_hour_at_most(world: World) -> None:
    crm = Crm()
    crm.down = 99
    lookups = asked(world, crm)
    world.tells(thin(world, "A7"))
    for _ in range(12):
        lookups.look_up_due(world.now)
        world.step()
        world.wait(minutes=31)

    assert world.reasons == ["no_recipient"]


def test_a_thin_event_of_a_source_that_is_no_longer_set_up_says_so_and_is_not_tried_for_ever(world: World) -> None:
    world.tells(thin(world, "A7"))

    Lookups(sources={}, store=world.store, on_done=lambda: None).look_up_due(world.now)

    assert world.journal("looked_up") == [("looked_up", "failed")]
    assert world.rows("select state, error from events") == [
        {"state": "received", "error": "The source cannot be asked."}
    ]


def test_a_record_asked_for_again_comes_back_as_its_source_has_it_now(world: World) -> None:
    crm = Crm()
    crm.phones = {"A7": PHONE}
    ask = Asking({"crm": Source(name="crm", connector=crm)})

    fresh = ask(thin(world, "A7"))

    assert (fresh.source, fresh.data["phone"]) == ("crm", PHONE)
    with pytest.raises(Gone, match="there is no such record"):
        ask(thin(world, "A8"))
    with pytest.raises(Unreachable, match="till cannot be asked"):
        ask(replace(thin(world, "A7"), source="till"))


def test_a_poll_moves_its_cursor_with_the_events_it_stores_and_not_when_it_fails(world: World) -> None:
    crm = Crm()
    source = Source(name="crm", connector=crm)
    polling = Polling(store=world.store, new_id=world.ids, on_accepted=lambda: None)
    event = replace(thin(world, "A7", phone=PHONE), lookup="")
    crm.pages = [Page(events=[event], cursor={"at": 1}, more=True), Page(events=[event], cursor={"at": 2})]

    assert polling.poll(source, world.now) == 1
    crm.down = 1
    assert polling.poll(source, world.now + timedelta(minutes=1)) == 0

    assert world.rows("select cursor, error from cursors") == [
        {"cursor": '{"at":2}', "error": "the CRM does not answer"}
    ]
    world.step()
    assert world.phone.inbox == ["Order A7 is confirmed."]


def hint(world: World, key: str) -> Event:
    return replace(thin(world, key), type="custom.touched", id=f"{key}/touched/{world.now.isoformat()}")


def told(world: World, key: str) -> Event:
    return replace(thin(world, key, phone=PHONE), id=f"{key}/created", lookup="")


def test_a_hint_becomes_what_it_was_about_and_the_poll_tells_nothing_new(world: World) -> None:
    lookups = asked(world, Crm())
    world.tells(hint(world, "A7"))
    lookups.look_up_due(world.now)
    world.tells(told(world, "A7"))
    world.step()

    assert world.phone.inbox == ["Order A7 is confirmed."]
    assert world.rows("select type, state from events") == [{"type": "order.created", "state": "planned"}]


def test_a_hint_at_what_the_poll_told_before_ends_as_its_redelivery(world: World) -> None:
    lookups = asked(world, Crm())
    world.tells(told(world, "A7"))
    world.step()
    for _ in range(2):
        world.tells(hint(world, "A7"))
        lookups.look_up_due(world.now)
        world.step()
        world.wait(minutes=1)

    assert world.phone.inbox == ["Order A7 is confirmed."]
    assert world.journal("redelivered") == [("redelivered", ""), ("redelivered", "")]
    assert [row["state"] for row in world.rows("select state from events order by id")] == [
        "planned",
        "reread",
        "reread",
    ]
    assert world.faults() == []
