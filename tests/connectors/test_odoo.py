"""What the contract over samples cannot express: Odoo's three APIs, its look-ups, and the poll beside its webhooks."""

from __future__ import annotations

import json
import xmlrpc.client
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from connectors.base import AskFailed
from connectors.odoo import SIZE, Odoo
from inbound import samples
from model.event import Event
from tests.connectors.fake_http import FakeHttp, every_page, raises, says
from wire.http import Call, Forbidden, NotSent, Reply, Unclear

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
KEYED = {"url": "https://acme.odoo.example/", "database": "acme", "login": "sms@acme.example", "api_key": "not_real"}
NILS = {"id": 17, "name": "Nils Aldermann", "phone": "0171 3920017", "mobile": False, "lang": "de_DE",
        "country_code": "DE", "email": False}  # fmt: skip


def event_of(case: str) -> Event:
    return samples.read(samples.ROOT / "odoo" / f"{case}.json").events()[-1]


class Server:
    """An Odoo with its three doors: JSON-2, JSON-RPC and XML-RPC."""

    def __init__(self) -> None:
        self.records: dict[str, list[dict[str, Any]]] = {"res.partner": [NILS]}

    def has(self, model: str, record_id: int, second: int, **values: Any) -> None:
        at = (NOW + timedelta(seconds=second)).strftime("%Y-%m-%d %H:%M:%S")
        rows = self.records.setdefault(model, [])
        old = next((row for row in rows if row["id"] == record_id), {"create_date": at, "partner_id": [17, "Nils"]})
        self.records[model] = [row for row in rows if row["id"] != record_id]
        self.records[model].append({**old, "id": record_id, "write_date": at, **values})

    def __call__(self, call: Call) -> Reply:
        if "/json/2/" in call.url:
            assert call.headers["Authorization"] == "bearer not_real"
            model, method = call.url.split("/")[-2:]
            return Reply(status=200, body=json.dumps(self.does(model, method, call.json)).encode())
        if call.url.endswith("/jsonrpc"):
            params = call.json["params"]
            result = self.remote(params["service"], params["args"])
            return Reply(status=200, body=json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode())
        args, _ = xmlrpc.client.loads(call.body or b"")
        result = self.remote(call.url.rpartition("/")[2], list(args))
        return Reply(status=200, body=xmlrpc.client.dumps((result,), methodresponse=True, allow_none=True).encode())

    def remote(self, service: str, args: list[Any]) -> Any:
        if service == "common":
            return 7 if args[:3] == ["acme", "sms@acme.example", "not_real"] else False
        assert args[:3] == ["acme", 7, "not_real"]
        return self.does(args[3], args[4], args[6])

    def does(self, model: str, method: str, how: dict[str, Any]) -> Any:
        if method == "fields_get":
            return {name: {"type": "char"} for name in how["allfields"] if name in NILS}
        if model == "res.partner":
            assert set(how["fields"]) <= set(NILS)
        rows = [row for row in self.records.get(model, []) if all(fits(row, *term) for term in how["domain"])]
        rows.sort(key=lambda row: (row.get("write_date"), row["id"]), reverse="desc" in how.get("order", ""))
        return rows[how.get("offset", 0) :][: how["limit"]]


def fits(row: dict[str, Any], name: str, how: str, value: Any) -> bool:
    mine = row.get(name)
    return cast(
        "bool", {"=": mine == value, ">=": str(mine) >= str(value), "in": mine in (value if how == "in" else ())}[how]
    )


def poll_all(odoo: Odoo, server: Server, cursor: Any) -> tuple[list[Event], Any]:
    return every_page(odoo, server, cursor, NOW)


@pytest.mark.parametrize("api", ["json2", "jsonrpc", "xmlrpc"])
def test_by_every_api_the_phone_is_fetched_from_the_partner(api: str) -> None:
    server, odoo = Server(), Odoo({**KEYED, "api": api})
    server.has("sale.order", 42, 0, name="S00042", state="sale", amount_total=149.9, currency_id=[1, "EUR"])

    event = odoo.lookup(event_of("order-confirmed-with-bare-references"), FakeHttp(server))

    assert event.lookup == ""
    assert event.data["customer"] == {
        "id": "17", "name": "Nils Aldermann", "email": "", "phone": "0171 3920017", "locale": "de_DE",
    }  # fmt: skip
    assert (event.data["currency"], event.data["country"]) == ("EUR", "DE")
    assert event.data["fields"]["x_studio_phone"] == "0171 3920017"


@pytest.mark.parametrize("api", ["json2", "jsonrpc", "xmlrpc"])
def test_what_a_record_reaches_after_the_first_poll_is_told_once(api: str) -> None:
    server, odoo = Server(), Odoo({**KEYED, "api": api})
    server.has("sale.order", 1, -60, state="sale")
    server.has("sale.order", 2, -50, state="draft")
    past, cursor = poll_all(odoo, server, {})
    server.has("sale.order", 1, 10, client_order_ref="PO 7")
    server.has("sale.order", 2, 20, state="sale")
    server.has("stock.picking", 3, 30, state="done", picking_type_code="outgoing")

    told, cursor = poll_all(odoo, server, cursor)
    again, _ = poll_all(odoo, server, cursor)

    assert (past, again) == ([], [])
    assert [event.id for event in told] == ["sale.order/2/confirmed", "stock.picking/3/shipped"]


def test_after_a_long_outage_nothing_is_left_out() -> None:
    server, odoo = Server(), Odoo(KEYED)
    _, cursor = poll_all(odoo, server, {})
    for number in range(1, SIZE * 2):
        server.has("sale.order", number, number // 70, state="sale")

    told, _ = poll_all(odoo, server, cursor)

    assert sorted({int(event.key.rpartition("/")[2]) for event in told}) == list(range(1, SIZE * 2))


@pytest.mark.parametrize("case", ["order-confirmed", "order-cancelled", "invoice-posted", "delivery-done"])
def test_a_polled_event_is_the_same_as_the_pushed_one(case: str) -> None:
    server, odoo, pushed = Server(), Odoo(KEYED), event_of(case)
    body = json.loads((samples.ROOT / "odoo" / f"{case}.json").read_text("utf-8"))
    _, cursor = poll_all(odoo, server, {})
    server.has(body["_model"], body["_id"], 0, **{name: value for name, value in body.items() if name[0] != "_"})

    told, _ = poll_all(odoo, server, cursor)

    assert [(one.id, one.type, one.key, one.version, one.lookup) for one in told] == [
        (pushed.id, pushed.type, pushed.key, pushed.version, pushed.lookup)
    ]


def test_a_text_about_what_was_cancelled_meanwhile_is_held_back() -> None:
    server, odoo, event = Server(), Odoo(KEYED), event_of("order-confirmed")
    server.has("sale.order", 42, 0, state="sale")

    assert odoo.refresh(event, FakeHttp(server)).data["customer"]["phone"] == "0171 3920017"

    server.has("sale.order", 42, 60, state="cancel")
    for gone in (server, says([])):
        with pytest.raises(AskFailed) as failure:
            odoo.refresh(event, FakeHttp(gone))
        assert failure.value.gone


@pytest.mark.parametrize(
    ("api", "answer", "permanent"),
    [
        ("json2", says({"name": "odoo.exceptions.AccessDenied"}, 401), False),
        ("json2", says({"name": "builtins.ValueError"}, 422), True),
        ("json2", says(None, 503), False),
        ("jsonrpc", says({"error": {"data": {"name": "odoo.exceptions.AccessError"}}}), False),
        ("jsonrpc", says({"result": False}), False),
        ("xmlrpc", lambda _: Reply(status=200, body=xmlrpc.client.dumps(xmlrpc.client.Fault(2, "No")).encode()), False),
        ("xmlrpc", lambda _: Reply(status=200, body=b'<!DOCTYPE x [<!ENTITY a "b">]><methodResponse/>'), False),
        ("xmlrpc", lambda _: Reply(status=200, body=b"<html>"), False),
        ("json2", raises(NotSent("acme.odoo.example: ConnectTimeout")), False),
        ("json2", raises(Unclear("acme.odoo.example: ReadTimeout")), False),
        ("json2", raises(Forbidden("acme.odoo.example is not a host this connection may reach")), True),
    ],
)  # fmt: skip
def test_a_failed_look_up_says_whether_asking_again_can_help(api: str, answer: Any, permanent: bool) -> None:
    with pytest.raises(AskFailed) as failure:
        Odoo({**KEYED, "api": api}).lookup(event_of("order-confirmed"), FakeHttp(answer))

    assert failure.value.permanent is permanent
    assert "not_real" not in str(failure.value)


@pytest.mark.parametrize("settings", [{"api": "soap"}, {"models": ["res.users"]}])
def test_a_setting_that_means_nothing_is_refused_at_the_start(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Setting"):
        Odoo(settings)


def test_without_a_key_nothing_is_asked_and_only_odoo_may_be_reached() -> None:
    http = FakeHttp(says([]))

    with pytest.raises(AskFailed):
        Odoo().poll({}, http, NOW)

    assert http.calls == []
    assert list(Odoo(KEYED).hosts) == ["acme.odoo.example"]
