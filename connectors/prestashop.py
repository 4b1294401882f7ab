"""PrestaShop: a poll of orders over the web service. The core sends no webhooks.

Facts: PrestaShop/docs web service pages, traffic recorded in OCA/connector-prestashop, read 2026-11. Not confirmed: the
numbers of the states a fresh shop has (6 cancelled, 7 refunded, 8 payment error), hence the option `states`.
Times are in the shop's own zone without saying so, the phone is on the address, and country, language and currency are
numbers to be looked up. What a state means is told by its flags paid and shipped.
Long because what a state means, whose phone it is and in which currency are look-ups of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from connectors.base import AskFailed, Http, Option, Page, PolledOnly
from connectors.kit import ask, mapping
from connectors.kit.scan import Listing, Sight, Window, scan, steps
from model.event import Event
from wire import reading
from wire.http import Call

EARLIEST = "1970-01-01 00:00:00"
OVERLAP = timedelta(minutes=65)  # stamps are local: once a year the clock goes back by an hour
SIZE = 100
STATES = {"6": "order.cancelled", "7": "order.refunded", "8": "payment.failed"}
ENDED = frozenset({"order.cancelled", "order.refunded"})
COLUMNS = (
    *("id", "reference", "current_state", "id_customer", "id_address_delivery", "id_address_invoice", "id_currency"),
    *("id_lang", "total_paid", "payment", "date_add", "date_upd"),
)

ORDER_FIELDS = {
    "id": ("text", "The order's id in the shop."),
    "number": ("text", "The reference the customer knows, nine letters."),
    "status_id": ("text", "The number of the state."),
    "status": ("text", "The state's name, in the shop's first language."),
    "total": ("money", "The order's total in major units."),
    "currency": ("text", "ISO 4217 code (looked up)."),
    "payment_method": ("text", "How it is paid, in the customer's words."),
    "tracking_number": ("text", "The parcel's number, once the shop has entered it (looked up)."),
    "country": ("text", "Country of delivery, ISO 3166 code (looked up)."),
    "phone": ("phone", "The number on the parcel, or else on the invoice (looked up)."),
    "shipping_address.phone": ("phone", "The number on the parcel (looked up)."),
    "billing_address.phone": ("phone", "The number on the invoice (looked up)."),
    "customer.id": ("text", "The customer's id."),
    "customer.first_name": ("text", "First name (looked up)."),
    "customer.last_name": ("text", "Last name (looked up)."),
    "customer.email": ("text", "Mail address (looked up)."),
    "customer.phone": ("phone", "The same as `phone` (looked up)."),
    "customer.locale": ("text", "The language of the order, such as de-DE (looked up)."),
}


class PrestaShop(PolledOnly):
    """Shops made with PrestaShop."""

    name = "prestashop"
    title = "PrestaShop"
    category = "e-commerce"
    docs_url = "https://devdocs.prestashop-project.org/9/webservice/"
    event_types: ClassVar[Mapping[str, str]] = {
        "order.created": "an order, new",
        "order.paid": "an order whose state has the flag paid",
        "order.fulfilled": "an order whose state has the flag shipped",
        "order.cancelled": "an order with state 6",
        "order.refunded": "an order with state 7",
        "payment.failed": "an order with state 8",
        "order.updated": "an order with any other state, once per state",
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = dict.fromkeys(event_types, ORDER_FIELDS)
    options: ClassVar[Mapping[str, Option]] = {
        "shop_url": Option(text="The shop's address, such as https://shop.example.", default=""),
        "key": Option(text="A key of the web service.", default="", secret=True),
        "time_zone": Option(text="The shop's zone, such as Europe/Paris.", default=""),
        "shop_id": Option(text="The shop's number, where one address serves several.", default=""),
        "states": Option(text="More or other states: number -> order type, such as 12 -> order.cancelled.", default={}),
    }
    asks: ClassVar[Sequence[str]] = ("shop_url",)
    setup: ClassVar[Sequence[str]] = (
        "In the shop open Advanced Parameters > Webservice, enable it and add a key that may GET orders, order_states,",
        "order_carriers, addresses, customers, countries, languages and currencies.",
        "Set `shop_url`, `key` and `time_zone`.",
        "Where Apache runs PHP as CGI, the web service needs the option that passes the Authorization header on.",
    )
    limits: ClassVar[Sequence[str]] = (
        "What happens is told at the next poll; states passed between two polls are told by the last one only.",
        "An order that reaches the same state again is told once; edits that leave the state are not told.",
        "A tracking number entered after the order was marked as shipped is not told.",
    )
    poll_every: ClassVar[str] = "2m"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        self._types = {**STATES, **{str(one): str(kind) for one, kind in dict(self.settings["states"]).items()}}
        for kind in self._types.values():
            if kind not in self.event_types:
                raise ValueError(f"Setting states: {kind!r} is no type of this connector.")
        self._zone = mapping.zone(str(self.settings["time_zone"]))
        self._states: dict[str, dict[str, Any]] = {}
        self._known: dict[str, dict[str, Any]] = {}

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the order and what it points at: addresses, customer, country, language, currency, parcel."""
        return self._complete(event, self._order(event.key, http), http)

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch all of it again; an order that was cancelled or refunded is gone."""
        order = self._order(event.key, http)
        if event.type not in ENDED and self._types.get(reading.text(order, "current_state")) in ENDED:
            raise AskFailed("The order was cancelled or refunded in the shop.", gone=True)
        return self._complete(event, order, http)

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read one page of changed orders and tell what is new about each."""
        listing = Listing(
            read=lambda window: self._changed(http, window),
            identity=lambda order: reading.text(order, "id"),
            changed=_stamp,
            created=lambda order: _stamp(order, "date_add"),
            standing=lambda order: [tag for tag, _ in self._reached(order, is_new=False)],
            news=lambda sight: self._news(now, sight),
            back=lambda stamp: _earlier(stamp, OVERLAP),
            start=EARLIEST,
        )
        return scan(listing, cursor)

    def _news(self, now: datetime, sight: Sight) -> Iterable[Event]:
        """Yield what is new about a record: each state it had not reached at the last sight."""
        order_id = reading.text(sight.record, "id")
        for tag, event_type in steps(self._reached(sight.record, is_new=sight.is_new), sight):
            yield Event(
                source=self.name,
                type=event_type,
                native_type="order",
                id=f"order/{order_id}/{tag}",
                key=order_id,
                occurred_at=reading.moment(sight.record.get("date_upd"), zone=self._zone) or now,
                version=_stamp(sight.record),
                data=self._data(sight.record),
                raw=sight.record,
                lookup=order_id,
            )

    def _reached(self, order: Mapping[str, Any], *, is_new: bool) -> Iterator[tuple[str, str]]:
        """Yield what an order tells: the word that names the event, and our type."""
        number = reading.text(order, "current_state")
        if is_new:
            yield "created", "order.created"
        if number in self._types:
            yield f"state-{number}", self._types[number]
            return
        flags = [name for name in ("paid", "shipped") if reading.flag(self._states.get(number), name)]
        for name in flags:
            yield name, "order.paid" if name == "paid" else "order.fulfilled"
        if number not in {"", "0"} and "shipped" not in flags and not is_new:
            yield f"state-{number}", "order.updated"

    def _data(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Read what the order itself tells; the rest is empty until it is looked up."""
        number = reading.text(order, "current_state")
        return {
            "id": reading.text(order, "id"),
            "number": reading.text(order, "reference"),
            "status_id": number,
            "status": _worded(self._states.get(number, {}).get("name")),
            "total": reading.amount(order.get("total_paid")),
            "currency": "",
            "payment_method": reading.text(order, "payment"),
            "tracking_number": "",
            "country": "",
            "phone": "",
            "shipping_address": {"phone": ""},
            "billing_address": {"phone": ""},
            "customer": {
                "id": reading.text(order, "id_customer"),
                **dict.fromkeys(("first_name", "last_name", "email", "phone", "locale"), ""),
            },
        }

    def _complete(self, event: Event, order: dict[str, Any], http: Http) -> Event:
        parcel, bill = (self._one(http, "addresses", order, f"id_address_{which}") for which in ("delivery", "invoice"))
        customer = self._one(http, "customers", order, "id_customer")
        language = self._one(http, "languages", order, "id_lang", keep=True)
        carriers = self._list(http, "order_carriers", {"filter[id_order]": f"[{event.key}]", "display": "full"})
        phones = [reading.first_text(address, "phone_mobile", "phone") for address in (parcel, bill)]
        self._load_states(http, [order])
        data = self._data(order)
        data |= {
            "currency": reading.text(self._one(http, "currencies", order, "id_currency", keep=True), "iso_code"),
            "tracking_number": next((n for one in carriers if (n := reading.text(one, "tracking_number"))), ""),
            "country": reading.text(self._one(http, "countries", parcel, "id_country", keep=True), "iso_code"),
            "phone": phones[0] or phones[1],
            "shipping_address": {"phone": phones[0]},
            "billing_address": {"phone": phones[1]},
            "customer": {
                "id": data["customer"]["id"],
                "first_name": reading.text(customer, "firstname") or reading.text(parcel, "firstname"),
                "last_name": reading.text(customer, "lastname") or reading.text(parcel, "lastname"),
                "email": reading.text(customer, "email"),
                "phone": phones[0] or phones[1],
                "locale": reading.first_text(language, "locale", "language_code", "iso_code"),
            },
        }
        return replace(event, data=data, lookup="")

    def _order(self, order_id: str, http: Http) -> dict[str, Any]:
        found = self._get(http, f"orders/{ask.part(order_id)}", {})
        order = found.get("order") if isinstance(found, dict) else None
        if not isinstance(order, dict):
            raise AskFailed("The shop's answer cannot be read.")
        return order

    def _one(
        self, http: Http, things: str, record: Mapping[str, Any], name: str, *, keep: bool = False
    ) -> dict[str, Any]:
        """Fetch what a field of a record points at; {} where it points nowhere, or at what was deleted."""
        number = reading.text(record, name)
        path = f"{things}/{number}"
        if not number.isdecimal() or number == "0":
            return {}
        if path not in self._known or not keep:
            found = ask.if_there(lambda: self._get(http, path, {}))
            inner: Any = next(iter(found.values()), {}) if isinstance(found, dict) else {}
            one = inner if isinstance(inner, dict) else {}
            if not keep:
                return one
            self._known[path] = one
        return self._known[path]

    def _load_states(self, http: Http, orders: Iterable[Mapping[str, Any]]) -> None:
        """Fetch the states once, and again when an order has one that is not known."""
        wanted = {number for order in orders if (number := reading.text(order, "current_state")) not in {"", "0"}}
        if wanted - set(self._states):
            listed = self._list(http, "order_states", {"display": "full"})
            unknown: dict[str, dict[str, Any]] = {number: {} for number in wanted}
            self._states = {**unknown, **{reading.text(state, "id"): state for state in listed}}

    def _changed(self, http: Http, window: Window) -> tuple[list[dict[str, Any]], str]:
        """Read one page of orders. The filter > leaves the second it names out, hence one second less."""
        way, start = "DESC" if window.since is None else "ASC", int(window.place or 0)
        params = {
            "display": f"[{','.join(COLUMNS)}]",
            "sort": f"[date_upd_{way},id_{way}]",
            "date": "1",
            "limit": f"{start},{SIZE}",
        }
        if window.since is not None:
            params["filter[date_upd]"] = f">[{_earlier(window.since, timedelta(seconds=1))}]"
        orders = self._list(http, "orders", params)
        self._load_states(http, orders)
        return orders, str(start + SIZE) if len(orders) == SIZE else ""

    def _list(self, http: Http, things: str, params: Mapping[str, str]) -> list[dict[str, Any]]:
        """Read a list; an empty one is written [] without its name around it."""
        found = self._get(http, things, params)
        if not isinstance(found, dict | list):
            raise AskFailed("The shop's answer cannot be read.")
        return [one for one in reading.items(found, things) if isinstance(one, dict)]

    def _get(self, http: Http, path: str, params: Mapping[str, str]) -> Any:
        ask.needs(self.settings, "shop_url", "key")
        shop = {"id_shop": str(self.settings["shop_id"])} if self.settings["shop_id"] else {}
        call = Call(
            method="GET",
            url=f"{self.address('shop_url')}/api/{path}",
            params={**params, **shop, "output_format": "JSON"},
            auth=(str(self.settings["key"]), ""),
        )
        return ask.for_json(http, call, "The shop")


def _worded(name: Any) -> str:
    """Read a name; in shops with several languages it is a list, one entry each."""
    return reading.text(name, "0.value") if isinstance(name, list) else reading.text(name)


def _stamp(order: Mapping[str, Any], name: str = "date_upd") -> str:
    """Return a time as the shop writes it, in its own zone; such texts compare like times."""
    try:
        return datetime.fromisoformat(reading.text(order, name)).isoformat(sep=" ", timespec="seconds")[:19]
    except ValueError:  # no date is written 0000-00-00 00:00:00
        return EARLIEST


def _earlier(stamp: Any, by: timedelta) -> str:
    found = datetime.fromisoformat(str(stamp))
    return EARLIEST if found.year < 1971 else (found - by).isoformat(sep=" ", timespec="seconds")


CONNECTOR = PrestaShop
