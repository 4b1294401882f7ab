"""What the contract over samples cannot express: PrestaShop's look-ups, its states, and its local clock."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.prestashop import SIZE, PrestaShop
from inbound import samples
from inbound.conversations import read
from model.event import Event
from tests.connectors.fake_http import FakeHttp, every_page, raises, says
from wire.http import Call, Forbidden, NotSent, Reply, Unclear

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TALK = read(samples.ROOT / "prestashop" / "states-with-flags.poll.yaml")
KEYED = {**TALK.settings, "key": "not_real"}
ORDER: dict[str, Any] = TALK.expect["after"][0]["answer"]["orders"][3]
STATES = TALK.expect["after"][1]["answer"]["order_states"]
THINGS: dict[str, Any] = {
    "addresses/11": {"address": {"id": 11, "phone": "", "phone_mobile": "", "id_country": "8", "firstname": "Nils"}},
    "addresses/12": {"address": {"id": 12, "phone": "030 23125017", "phone_mobile": "0171 3920017"}},
    "customers/7": {"customer": {"id": 7, "firstname": "Nils", "lastname": "Aldermann", "email": "nils@example.com"}},
    "countries/8": {"country": {"id": 8, "iso_code": "DE"}},
    "languages/2": {"language": {"id": 2, "iso_code": "de", "language_code": "de-de", "locale": "de-DE"}},
    "currencies/1": {"currency": {"id": 1, "iso_code": "EUR"}},
    "order_carriers": {"order_carriers": [{"id": 3, "tracking_number": "00340434292135100220"}]},
    "order_states": {"order_states": STATES},
}


class Shop:
    """The shop's web service, in its own zone, an hour before UTC's clock."""

    def __init__(self) -> None:
        self.orders: dict[int, dict[str, Any]] = {10: ORDER}
        self.things = dict(THINGS)

    def has(self, order_id: int, second: int, state: int) -> None:
        at = (NOW + timedelta(hours=1, seconds=second)).strftime("%Y-%m-%d %H:%M:%S")
        old = self.orders.get(order_id, {**ORDER, "id": order_id, "date_add": at})
        self.orders[order_id] = {**old, "current_state": str(state), "date_upd": at}

    def __call__(self, call: Call) -> Reply:
        assert call.auth == ("not_real", "")
        assert call.params["output_format"] == "JSON"
        path = call.url.partition("https://bougies.example/api/")[2]
        if path.startswith("orders/"):
            order = self.orders.get(int(path[7:]))
            return self.says({"order": order} if order else {"errors": [{"code": 12}]}, 200 if order else 404)
        if path != "orders":
            return self.says(self.things.get(path), 200 if path in self.things else 404)
        rows = sorted(self.orders.values(), key=lambda one: (one["date_upd"], one["id"]))
        since = re.fullmatch(r">\[(.*)\]", call.params.get("filter[date_upd]", ">[]"))
        rows = [row for row in rows if since and row["date_upd"] > since[1]]
        if "DESC" in call.params["sort"]:
            rows.reverse()
        start, size = map(int, call.params["limit"].split(","))
        rows = rows[start : start + size]
        return self.says({"orders": rows} if rows else [])

    def says(self, body: Any, status: int = 200) -> Reply:
        return Reply(status=status, body=json.dumps(body).encode())


def fulfilled() -> Event:
    return next(event for event in TALK.events() if event.type == "order.fulfilled")


def poll_all(prestashop: PrestaShop, shop: Shop, cursor: Any) -> tuple[list[Event], Any]:
    return every_page(prestashop, shop, cursor, NOW)


def test_everything_an_order_points_at_is_fetched() -> None:
    event = PrestaShop(KEYED).lookup(fulfilled(), FakeHttp(Shop()))

    assert event.lookup == ""
    assert (event.data["phone"], event.data["country"], event.data["currency"]) == ("0171 3920017", "DE", "EUR")
    assert (event.data["status"], event.data["tracking_number"]) == ("Shipped", "00340434292135100220")
    assert event.data["shipping_address"] == {"phone": ""}
    assert event.data["customer"] == {
        "id": "7", "first_name": "Nils", "last_name": "Aldermann", "email": "nils@example.com",
        "phone": "0171 3920017", "locale": "de-DE",
    }  # fmt: skip


def test_a_customer_who_was_deleted_leaves_the_rest_readable_and_languages_are_asked_for_once() -> None:
    shop, prestashop = Shop(), PrestaShop(KEYED)
    del shop.things["customers/7"]
    http = FakeHttp(shop)

    first = prestashop.lookup(fulfilled(), http)
    prestashop.lookup(fulfilled(), http)

    assert first.data["customer"]["first_name"] == "Nils"
    assert sum(call.url.endswith("/languages/2") for call in http.calls) == 1
    assert sum(call.url.endswith("/addresses/11") for call in http.calls) == 2


def test_a_text_about_an_order_that_was_cancelled_meanwhile_is_held_back() -> None:
    shop, prestashop = Shop(), PrestaShop(KEYED)

    assert prestashop.refresh(fulfilled(), FakeHttp(shop)).data["status_id"] == "4"

    shop.has(10, 60, 6)
    with pytest.raises(AskFailed) as failure:
        prestashop.refresh(fulfilled(), FakeHttp(shop))
    assert failure.value.gone


def test_what_an_order_reaches_after_the_first_poll_is_told_once() -> None:
    shop, prestashop = Shop(), PrestaShop({**KEYED, "states": {"15": "order.cancelled"}})
    shop.has(1, -60, 1)
    shop.has(2, -50, 2)
    past, cursor = poll_all(prestashop, shop, {})
    shop.has(1, 10, 1)
    shop.has(2, 20, 4)
    shop.has(3, 30, 15)

    told, cursor = poll_all(prestashop, shop, cursor)
    again, _ = poll_all(prestashop, shop, cursor)

    assert (past, again) == ([], [])
    assert [event.id for event in told] == ["order/2/shipped", "order/3/created", "order/3/state-15"]
    assert told[0].occurred_at == NOW + timedelta(seconds=20)


def test_after_a_long_outage_and_in_the_hour_the_clock_goes_back_nothing_is_left_out() -> None:
    shop, prestashop = Shop(), PrestaShop(KEYED)
    shop.orders.clear()
    _, cursor = poll_all(prestashop, shop, {})
    for number in range(100, 100 + SIZE * 2):
        shop.has(number, number // 70, 1)
    told, cursor = poll_all(prestashop, shop, cursor)
    shop.has(999, -3000, 1)
    late, _ = poll_all(prestashop, shop, cursor)

    assert len({event.key for event in told}) == SIZE * 2
    assert [event.key for event in late] == ["999"]


@pytest.mark.parametrize(
    ("answer", "permanent"),
    [
        (says({"errors": []}, 404), True),
        (says({"errors": []}, 401), False),
        (says({"errors": []}, 500), False),
        (says({"order": []}), False),
        (lambda _: Reply(status=200, body=b"<prestashop/>"), False),
        (raises(NotSent("bougies.example: ConnectTimeout")), False),
        (raises(Unclear("bougies.example: ReadTimeout")), False),
        (raises(Forbidden("not a host this connection may reach")), True),
    ],
)
def test_a_failed_look_up_says_whether_asking_again_can_help(answer: Any, permanent: bool) -> None:
    with pytest.raises(AskFailed) as failure:
        PrestaShop(KEYED).lookup(fulfilled(), FakeHttp(answer))

    assert failure.value.permanent is permanent
    assert "not_real" not in str(failure.value)


@pytest.mark.parametrize("settings", [{"states": {"9": "invoice.paid"}}, {"time_zone": "Mars/Phobos"}])
def test_a_setting_that_means_nothing_is_refused_at_the_start(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Setting"):
        PrestaShop(settings)


def test_without_a_key_nothing_is_asked_and_only_the_shop_may_be_reached() -> None:
    http = FakeHttp(says([]))

    with pytest.raises(AskFailed):
        PrestaShop().poll({}, http, NOW)

    assert http.calls == []
    assert list(PrestaShop(KEYED).hosts) == ["bougies.example"]
