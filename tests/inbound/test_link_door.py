"""Short links over the front door: what goes over the wire, beside hooks and pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from audit.clicks import Clicks
from audit.store import StoreDown
from inbound.links import LinkDoor
from inbound.wsgi import FrontDoor
from tests.fakes.world import World

RULES = """
version: 1
defaults: {region: DE, quiet_hours: ignore, links: {domain: "https://t.example"}}
rules:
  - {id: order, event: order.created, to: [phone], text: "Pay: {{ pay_url|short }}"}
"""


class Wire:
    def __init__(self, world: World) -> None:
        self.world, self.clicks, self.status, self.headers = world, Clicks(), "", dict[str, str]()
        links = LinkDoor(store=world.store, clock=lambda: world.now, clicks=self.clicks)
        self.front = FrontDoor(
            door=world.door, receipt_door=cast("Any", None), pages=self._page, clock=lambda: world.now,
            public_url="https://tidings.example", link_door=links,
        )  # fmt: skip

    def _page(self, _: dict[str, Any], start: Any) -> Iterable[bytes]:
        start("200 OK", [("content-type", "text/plain")])
        return [b"the console"]

    def _start(self, status: str, headers: list[tuple[str, str]]) -> None:
        self.status, self.headers = status, dict(headers)

    def asks(self, path: str, method: str = "GET", **headers: str) -> bytes:
        environ = {"PATH_INFO": path, "REQUEST_METHOD": method, "HTTP_USER_AGENT": "Safari", **headers}
        return b"".join(self.front(environ, self._start))


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    with World(tmp_path, RULES) as world:
        yield Wire(world)


def texted(wire: Wire) -> str:
    wire.world.order("A7", pay_url="https://shop.example/pay?x=1")
    wire.world.step()
    return "/l/" + wire.world.phone.inbox[0].rpartition("/")[2]


def test_a_browser_is_led_on_and_told_to_keep_nothing(wire: Wire) -> None:
    path = texted(wire)

    assert wire.asks(path, QUERY_STRING="fbclid=abc") == b""
    assert wire.status == "302 Found"
    assert wire.headers["location"] == "https://shop.example/pay?x=1"
    assert wire.headers["x-robots-tag"] == "noindex, nofollow"
    assert wire.headers["content-length"] == "0"


def test_an_unknown_link_is_a_calm_page_without_anything_from_elsewhere(wire: Wire) -> None:
    body = wire.asks("/l/aaaaaaaaaaa").decode()

    assert wire.status == "404 Not Found"
    assert wire.headers["content-type"] == "text/html; charset=utf-8"
    assert "This link is not known" in body
    assert "http" not in body
    assert wire.asks("/l/aaaaaaaaaaa", "HEAD") == b""
    assert int(wire.headers["content-length"]) == len(body.encode())


def test_other_addresses_go_where_they_went(wire: Wire) -> None:
    assert [wire.asks(path) for path in ("/lists/x", "/")] == [b"the console"] * 2
    assert b"This link is not known" in wire.asks("/l/")


def test_a_link_is_opened_and_nothing_else(wire: Wire) -> None:
    body = wire.asks(texted(wire), "POST").decode()

    assert (wire.status, wire.headers["allow"]) == ("405 Method Not Allowed", "GET, HEAD")
    assert "It can be opened and nothing else." in body


def test_a_visit_counts_for_the_link_that_was_opened(wire: Wire) -> None:
    opened = texted(wire)
    wire.world.order("A8", pay_url="https://shop.example/pay?x=2")
    wire.world.step()

    wire.asks(opened)
    wire.clicks.flush(wire.world.store)

    counted = wire.world.rows("select code, clicks from links order by clicks")
    assert [row["clicks"] for row in counted] == [0, 1]
    assert counted[1]["code"] == opened.rpartition("/")[2]


class Down:
    def read(self) -> Any:
        raise StoreDown("disk full")


def test_a_store_that_is_down_asks_people_to_come_back(wire: Wire) -> None:
    path = texted(wire)
    cast("LinkDoor", wire.front.link_door).store = cast("Any", Down())

    body = wire.asks(path)

    assert wire.status == "503 Service Unavailable"
    assert wire.headers["retry-after"] == "30"
    assert b"<h1>Please try again in a minute</h1><p>The link is right; it cannot be opened just now.</p>" in body
