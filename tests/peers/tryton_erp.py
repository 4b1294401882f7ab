"""A Tryton server driven over its own RPC, as any client would: nothing of Tryton's is imported here."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from wire.http import Call, Client

PASSWORD = "tryton-peer-only"


class RpcError(Exception):
    """The server answered with an error."""


def amount(value: str) -> dict[str, str]:
    return {"__class__": "Decimal", "decimal": value}


def day(value: date) -> dict[str, Any]:
    return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}


@dataclass(slots=True)
class Erp:
    """One database of a running server; `setup` makes the company that sells one product."""

    address: str
    database: str = "erp"
    session: str = ""
    context: dict[str, Any] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)

    def call(self, method: str, *params: Any) -> Any:
        body = json.dumps({"id": 1, "method": method, "params": list(params)}).encode()
        headers = {"content-type": "application/json", "authorization": f"Session {self.session}"}
        url = f"{self.address}/{self.database}/rpc/"
        found = Client(read=120.0).send(Call(method="POST", url=url, headers=headers, body=body)).json()
        if isinstance(found, dict) and found.get("error"):
            raise RpcError(f"{method}: {found['error']}")
        return found["result"] if isinstance(found, dict) else found

    def login(self) -> None:
        user, token, *_ = self.call("common.db.login", "admin", {"password": PASSWORD})
        self.session = base64.b64encode(f"admin:{user}:{token}".encode()).decode()
        self.ids["user"] = user
        self._prefer()

    def _prefer(self) -> None:
        self.context = {**self.call("model.res.user.get_preferences", True, {}), "user": self.ids["user"]}

    def create(self, model: str, **values: Any) -> int:
        found: int = self.call(f"model.{model}.create", [values], self.context)[0]
        return found

    def first(self, model: str, *where: Any) -> int:
        found: list[int] = self.call(f"model.{model}.search", list(where), 0, 1, None, self.context)
        if not found:
            raise RpcError(f"{model}: nothing found for {where}")
        return found[0]

    def read(self, model: str, record: int, *names: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call(f"model.{model}.read", [record], list(names), self.context)[0]
        return found

    def write(self, model: str, record: int, **values: Any) -> None:
        self.call(f"model.{model}.write", [record], values, self.context)

    def press(self, model: str, button: str, *records: int) -> Any:
        return self.call(f"model.{model}.{button}", list(records), self.context)

    def set_up(self) -> None:
        """Make a company with a chart of accounts and a year, and the one product it sells."""
        rate = {"date": day(date(2020, 1, 1)), "rate": amount("1")}
        self.ids["euro"] = self.create(
            "currency.currency", name="Euro", symbol="EUR", code="EUR", rounding=amount("0.01"), digits=2,
            rates=[["create", [rate]]],
        )  # fmt: skip
        ours = self.create("party.party", name="Oak & Sons", addresses=[["create", [{"street": "1 Mill Lane"}]]])
        company = self.ids["company"] = self.create("company.company", party=ours, currency=self.ids["euro"])
        self.write("res.user", self.ids["user"], companies=[["add", [company]]], company=company)
        self._prefer()
        self._chart(company)
        self._year(company, date.today().year)  # noqa: DTZ011 - as the server counts days
        self._product()

    def _chart(self, company: int) -> None:
        session = self.call("wizard.account.create_chart.create", self.context)[0]
        template = self.first("account.account.template", ["parent", "=", None])
        said: dict[str, Any] = {"start": {}, "account": {"company": company, "account_template": template}}
        self.call("wizard.account.create_chart.execute", session, said, "create_account", self.context)
        said["properties"] = {
            "company": company,
            "account_receivable": self._account("receivable"),
            "account_payable": self._account("payable"),
        }
        self.call("wizard.account.create_chart.execute", session, said, "create_properties", self.context)
        self.call("wizard.account.create_chart.delete", session, self.context)

    def _account(self, kind: str) -> int:
        return self.first("account.account", [f"type.{kind}", "=", True], ["closed", "!=", True])

    def _year(self, company: int, year: int) -> None:
        moves, bills = (
            self.create(
                "ir.sequence.strict", name=kind, company=company,
                sequence_type=self.first("ir.sequence.type", ["name", "=", kind]),
            )
            for kind in ("Account Move", "Invoice")
        )  # fmt: skip
        names = ("in_invoice", "in_credit_note", "out_invoice", "out_credit_note")
        numbers = {f"{name}_sequence": bills for name in names} | {"company": company}
        found = self.create(
            "account.fiscalyear", name=str(year), start_date=day(date(year, 1, 1)), end_date=day(date(year, 12, 31)),
            company=company, move_sequence=moves, invoice_sequences=[["create", [numbers]]],
        )  # fmt: skip
        self.call("model.account.fiscalyear.create_period", [found], self.context)

    def _product(self) -> None:
        unit = self.ids["unit"] = self.first("product.uom", ["name", "=", "Unit"])
        category = self.create(
            "product.category", name="Furniture", accounting=True, account_revenue=self._account("revenue"),
            account_expense=self._account("expense"),
        )  # fmt: skip
        template = self.create(
            "product.template", name="Oak table", type="goods", default_uom=unit, salable=True, sale_uom=unit,
            list_price=amount("480.00"), account_category=category, cost_price_method="fixed",
            products=[["create", [{"cost_price": amount("200")}]]],
        )  # fmt: skip
        self.ids["product"] = self.read("product.template", template, "products")["products"][0]

    def party(self, name: str, phone: str) -> int:
        """Make a customer with a mobile number."""
        mobile = {"type": "mobile", "value": phone}
        return self.create(
            "party.party", name=name, addresses=[["create", [{"street": "2 Mill Lane"}]]],
            contact_mechanisms=[["create", [mobile]]],
        )  # fmt: skip

    def sale(self, party: int) -> int:
        """Make a draft of a sale of one table."""
        address = self.read("party.party", party, "addresses")["addresses"][0]
        line = {"type": "line", "product": self.ids["product"], "unit": self.ids["unit"], "quantity": 1.0,
                "unit_price": amount("480.00")}  # fmt: skip
        return self.create(
            "sale.sale", company=self.ids["company"], currency=self.ids["euro"], party=party, invoice_party=party,
            shipment_party=party, invoice_address=address, shipment_address=address,
            warehouse=self.first("stock.location", ["type", "=", "warehouse"]), invoice_method="order",
            shipment_method="order", lines=[["create", [line]]],
        )  # fmt: skip
