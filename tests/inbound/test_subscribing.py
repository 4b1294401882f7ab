"""A system keeps telling us: what is missing is made, what was switched off or ends goes on, the rest is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import connectors
from audit import subscriptions as record
from audit.store import Store
from inbound.sources import Source
from inbound.subscribing import Looked, Subscribing, remove
from tests.fakes.answering import Answer, Asked, System, answering
from tests.fakes.stores import open_store

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ADDRESS = "https://tidings.example"
OURS = f"{ADDRESS}/hooks/shop"
# connector -> its settings without the address, the option that holds it, and how one of its hooks is written
SYSTEMS: Mapping[str, tuple[dict[str, Any], str, Callable[[Any], dict[str, Any]]]] = {
    "woocommerce": (
        {"consumer_key": "k", "consumer_secret": "s"}, "shop_url",
        lambda body: {"delivery_url": body["delivery_url"], "topic": body["topic"], "status": "active"},
    ),
    "pipedrive": (
        {"api_token": "t"}, "api_url",
        lambda body: {**{name: body[name] for name in ("subscription_url", "event_action", "event_object")},
                      "is_active": 1},
    ),
    "bigcommerce": (
        {"store_hash": "h", "access_token": "t"}, "api_url",
        lambda body: {name: body[name] for name in ("scope", "destination", "is_active")},
    ),
    "calendly": (
        {"token": "t", "organization": "https://api.calendly.com/organizations/O1"}, "api_url",
        lambda body: {"callback_url": body["url"], "events": body["events"], "state": "active"},
    ),
    "square": (
        {"access_token": "t"}, "api_url",
        lambda body: {**{name: body["subscription"][name] for name in ("notification_url", "event_types")},
                      "enabled": True, "signature_key": "made-up-by-them"},
    ),
    "easypost": ({"api_key": "k"}, "api_url", lambda body: {"url": body["webhook"]["url"], "disabled_at": None}),
    "shopify": (
        {"access_token": "t"}, "shop_url",
        lambda body: {name: body["webhook"][name] for name in ("address", "topic")},
    ),
    "stripe": (
        {"api_key": "k"}, "api_url",
        lambda body: {"url": dict(body)["url"], "status": "enabled", "secret": "made-up-by-them",
                      "enabled_events": [value for name, value in body if name == "enabled_events[]"]},
    ),
}  # fmt: skip
LISTED = {"pipedrive": "data", "bigcommerce": "data", "calendly": "collection", "square": "subscriptions",
          "easypost": "webhooks", "shopify": "webhooks", "stripe": "data"}  # fmt: skip
MADE = {"pipedrive": "data", "bigcommerce": "data", "calendly": "resource", "square": "subscription",
        "shopify": "webhook"}  # fmt: skip
OFF: Mapping[str, dict[str, Any]] = {
    "woocommerce": {"status": "disabled"}, "pipedrive": {"is_active": 0}, "bigcommerce": {"is_active": False},
    "calendly": {"state": "disabled"}, "square": {"enabled": False}, "easypost": {"disabled_at": "2026-11-22"},
    "stripe": {"status": "disabled"},
}  # fmt: skip


class There:
    """The hooks of one system, as its own API shows them."""

    def __init__(self, name: str) -> None:
        self.name, self.hooks, self.trouble = name, dict[str, dict[str, Any]](), 0

    def __call__(self, asked: Asked) -> Answer:
        if self.trouble:
            return self.trouble, {"message": "no"}
        last = asked.path.rpartition("/")[2].removesuffix(".json")
        if asked.method == "GET":
            found = list(self.hooks.values())
            return 200, {LISTED[self.name]: found} if self.name in LISTED else found
        if asked.method == "DELETE":
            return (204 if self.hooks.pop(last, None) else 404), None
        if last in self.hooks:
            on = {name: {"status": "active"}.get(name, not value) for name, value in OFF[self.name].items()}
            self.hooks[last] |= {**on, **({"status": "enabled"} if self.name == "stripe" else {})}
            self.hooks[last] |= {"disabled_at": None} if self.name == "easypost" else {}
            return 200, self.hooks[last]
        return 201, self._made(self._body(asked))

    def _body(self, asked: Asked) -> Any:
        from urllib.parse import parse_qsl

        form = asked.headers["content-type"].startswith("application/x-www-form")
        return parse_qsl(asked.body.decode()) if form else asked.json()

    def _made(self, body: Any) -> Any:
        number = str(len(self.hooks) + 1)
        names = {"calendly": {"uri": f"https://api.calendly.com/webhook_subscriptions/{number}"}}
        hook = {**names.get(self.name, {"id": number}), **SYSTEMS[self.name][2](body)}
        self.hooks[number] = hook
        return {MADE[self.name]: hook} if self.name in MADE else hook


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = open_store(tmp_path / "tidings.db")
    yield made
    made.close()


def source(name: str, system: System, secrets: Sequence[str] = ("user:a-long-secret",)) -> Source:
    settings, option, _ = SYSTEMS[name]
    kind = connectors.load(name)({**settings, option: system.address})
    return Source(name="shop", connector=kind, secrets=list(secrets), subscribe=True)


def look(name: str, system: System, store: Store, *, by_hand: bool = False) -> tuple[Looked, Subscribing]:
    shop = source(name, system)
    care = Subscribing({"shop": shop}, store, ADDRESS)
    return care.look_after(shop, NOW, by_hand=by_hand), care


@pytest.mark.parametrize("name", sorted(SYSTEMS))
def test_missing_subscriptions_are_made_once_kept_and_removed(name: str, store: Store) -> None:
    there = There(name)
    with answering(there) as system:
        first, _ = look(name, system, store, by_hand=True)
        again, _ = look(name, system, store)
        removed = remove(source(name, system), ADDRESS)
    with store.read() as tx:
        kept = record.of(tx, "shop")

    assert (first.trouble, again.trouble, again.made, again.renewed) == ("", "", [], [])
    assert len(first.made) == len(kept) == removed > 0
    assert there.hooks == {}
    assert bool(first.secrets) == (name in {"stripe", "square"})


@pytest.mark.parametrize("name", sorted(OFF))
def test_a_subscription_that_was_switched_off_goes_on(name: str, store: Store) -> None:
    there = There(name)
    with answering(there) as system:
        look(name, system, store, by_hand=True)
        for hook in there.hooks.values():
            hook.update(OFF[name])
        mended, _ = look(name, system, store)
        again, _ = look(name, system, store)

    assert mended.renewed
    assert (mended.trouble, again.renewed, again.trouble) == ("", [], "")


def test_a_secret_that_the_system_makes_up_needs_somebody_who_writes_it_down(store: Store) -> None:
    with answering(There("stripe")) as system:
        looked, care = look("stripe", system, store)

    assert looked.made == []
    assert "run tidings sources subscribe shop" in care.notices()[0]


@pytest.mark.parametrize(("secrets", "told"), [(["", "newest", "older"], "newest"), ([""], ""), ([], "")])
def test_a_subscription_is_made_with_the_first_secret_there_is(secrets: list[str], told: str, store: Store) -> None:
    with answering(There("woocommerce")) as system:
        shop = source("woocommerce", system, secrets)
        Subscribing({"shop": shop}, store, ADDRESS).look_after(shop, NOW)

    assert {asked.json()["secret"] for asked in system.asked if asked.method == "POST"} == {told}


def test_what_cannot_be_kept_is_shown_until_it_can(store: Store) -> None:
    there = There("woocommerce")
    with answering(there) as system:
        shop = source("woocommerce", system)
        care = Subscribing({"shop": shop}, store, ADDRESS)
        there.trouble = 403
        care.look_after_all(NOW)
        shown = care.notices()
        there.trouble = 0
        care.look_after_all(NOW)

    assert shown == ["shop may not tell us any more: WooCommerce answered 403."]
    assert care.notices() == []


def test_subscriptions_of_others_are_left_alone(store: Store) -> None:
    there = There("bigcommerce")
    other = {"id": "9", "scope": "store/order/created", "destination": "https://other.example/x", "is_active": False}
    there.hooks["9"] = dict(other)
    with answering(there) as system:
        looked, _ = look("bigcommerce", system, store)
        remove(source("bigcommerce", system), ADDRESS)

    assert "9" not in looked.renewed
    assert there.hooks == {"9": other}
