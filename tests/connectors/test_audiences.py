"""Queries for people: read page by page from systems on this machine, refused where they could change something."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from connectors.base import AskFailed, Audience
from connectors.business_central import BusinessCentral
from connectors.dynamics import Dynamics
from connectors.http_poll import HttpPoll
from connectors.kit import audiences
from connectors.odoo import Odoo
from connectors.salesforce import Salesforce
from connectors.sap_b1 import SapB1
from connectors.sap_s4hana import SapS4Hana
from connectors.sql_poll import SqlPoll
from tests.connectors.salesforce_org import HOST, LOGIN, NoHttp, Org, organisation
from tests.fakes.answering import Answer, Asked, answering
from wire.http import Client

PEOPLE = [{"id": n, "name": f"Person {n}", "phone": f"+4917139200{n:02d}"} for n in range(1, 26)]


def asked(connector: Audience, query: str, http: Any = None) -> list[Mapping[str, Any]]:
    return list(connector.audience(query, http or Client(hosts=("127.0.0.1",))))


@pytest.mark.parametrize(
    "query",
    [
        "select name from people",
        "SELECT name FROM people WHERE note = 'please delete; me'  ;".replace("; me", " me"),
        "with wanted as (select * from people) select name from wanted",
        'select "update" from people',
        "select replace(name, 'a', 'b'), last_update from people",
    ],
)
def test_one_select_is_asked(query: str) -> None:
    assert audiences.single_select(query) == query.rstrip(" ;")


@pytest.mark.parametrize(
    "query",
    [
        "", "   ", "update people set name = ''", "delete from people", "select 1; delete from people",
        "select 1 /* */", "select 1 -- x", "select name into copy from people", "select * from people for update",
        "with gone as (delete from people returning *) select * from gone", "pragma query_only = off",
        "select 'it\\'s' from people", "select 'open from people", "explain select 1", "call f()", "select $$a$$",
        "select 1 lock in share mode", "x" * 20_001, "select 1\x00",
    ],
)  # fmt: skip
def test_what_could_write_is_not_asked(query: str) -> None:
    with pytest.raises(AskFailed) as refusal:
        audiences.single_select(query)

    assert refusal.value.permanent


@pytest.mark.parametrize(
    "query",
    ["DELETE FROM Contact", "SELECT Id FROM Contact FOR VIEW", "FIND {x}", "SELECT Id FROM Contact UPDATE TRACKING",
     "SELECT Id FROM Contact for  update"],
)  # fmt: skip
def test_soql_that_leaves_a_trace_is_not_asked(query: str) -> None:
    with pytest.raises(AskFailed):
        audiences.select_of_soql(query)


@pytest.mark.parametrize("query", ["", "../admin", "https://evil.example/x", "a/$batch", "a b", "?x"])
def test_odata_stays_below_its_service(query: str) -> None:
    with pytest.raises(AskFailed):
        audiences.odata(query)


def shop(folder: Path, rows: int) -> SqlPoll:
    pytest.importorskip("sqlalchemy", reason="install the extra: pip install -e .[sql]")
    connection = sqlite3.connect(folder / "shop.db")
    with connection:
        connection.execute("create table people (id integer, name text, phone text, at text)")
        values = [(n, f"Person {n}", f"+4917139{n:05d}", "10:30") for n in range(rows)]
        connection.executemany("insert into people values (?, ?, ?, ?)", values)
    connection.close()
    return SqlPoll(
        {"url": f"sqlite:///{folder}/shop.db", "table": "people", "key": "id", "updated": "at", "status": "name"}
    )


def test_a_database_gives_its_rows_in_pages(tmp_path: Path) -> None:
    found = asked(shop(tmp_path, 1_003), "select name, phone from people where at = '10:30' order by id;")

    assert len(found) == 1_003
    assert found[-1] == {"name": "Person 1002", "phone": "+491713901002"}


def test_a_database_is_read_in_a_transaction_that_cannot_write(tmp_path: Path) -> None:
    source = shop(tmp_path, 1)
    with pytest.raises(AskFailed, match="no such column"):
        asked(source, "select nickname from people")
    with source._open() as connection, pytest.raises(Exception, match="readonly"):
        connection.exec_driver_sql("delete from people")


def test_a_list_that_is_not_read_to_its_end_lets_the_database_go(tmp_path: Path) -> None:
    rows = shop(tmp_path, 500).audience("select * from people", Client(hosts=("127.0.0.1",)))

    assert next(iter(rows))["name"] == "Person 0"
    rows.close()  # type: ignore[attr-defined]  # it is a generator
    sqlite3.connect(tmp_path / "shop.db").execute("delete from people")


def odata(size: int, *, older: bool = False) -> Any:
    """Answer with pages of people and the address of the next one, as OData 4 does, or 2."""

    def answer(request: Asked) -> Answer:
        if request.path.endswith("/token"):
            return 200, {"access_token": "not_real", "expires_in": 3600}
        if request.path.endswith("/Login"):
            return 200, {"SessionId": "not-real"}
        assert request.method == "GET"
        assert request.query.get("$filter", "id gt 0") == "id gt 0"
        at = int(request.query.get("$skiptoken", 0))
        page = [{"@odata.etag": "W/1", "__metadata": {}, **one} for one in PEOPLE[at : at + size]]
        more = f"http://{request.headers['host']}{request.path}?$filter=id%20gt%200&$skiptoken={at + size}"
        after = more if at + size < len(PEOPLE) else None
        if older:
            return 200, {"d": {"results": page, **({"__next": after} if after else {})}}
        return 200, {"value": page, **({"@odata.nextLink": after} if after else {})}

    return answer


def sources(address: str) -> Iterator[tuple[Audience, str]]:
    microsoft = {"tenant": "t", "client_id": "c", "client_secret": "not_real", "login_url": address}
    yield Dynamics({"url": address, **microsoft}), "contacts?$select=fullname&$filter=id gt 0"
    yield BusinessCentral({"api_url": address, "company_id": "c1", **microsoft}), "customers?$filter=id gt 0"
    yield SapB1({"url": address, "company_db": "d", "username": "u", "password": "not_real"}), "BusinessPartners"
    yield HttpPoll({"url": f"{address}/svc/", "key": "id", "status": "name"}), "People?$filter=id%20gt%200"


@pytest.mark.parametrize("index", range(4), ids=["dynamics", "business central", "sap b1", "any"])
def test_an_odata_service_gives_its_records_page_by_page(index: int) -> None:
    with answering(odata(10)) as system:
        connector, query = list(sources(system.address))[index]
        found = asked(connector, query)

        pages = [one for one in system.asked if one.method == "GET"]
        assert found == PEOPLE
        assert [one.query.get("$skiptoken") for one in pages] == [None, "10", "20"]
        assert {one.path for one in pages} == {pages[0].path}


def test_the_older_odata_of_s4_gives_them_too() -> None:
    with answering(odata(10, older=True)) as system:
        source = SapS4Hana({"url": system.address, "username": "u", "password": "not_real"})

        assert asked(source, "API_BUSINESS_PARTNER/A_BusinessPartner?$filter=id gt 0") == PEOPLE


@pytest.mark.parametrize(
    ("link", "sentence"),
    [
        ("http://evil.example/x?$skiptoken=1", "another host"),
        ("/elsewhere/x?$skiptoken=1", "outside the service"),
        (7, "cannot be told"),
    ],
)
def test_a_next_page_that_leads_elsewhere_is_not_followed(link: Any, sentence: str) -> None:
    with answering(lambda _: (200, {"value": [{"id": 1}], "@odata.nextLink": link})) as system:
        source = HttpPoll({"url": f"{system.address}/svc", "key": "id", "status": "name"})

        with pytest.raises(AskFailed, match=sentence):
            asked(source, "People")
        assert len(system.asked) == 1


def odoo(request: Asked) -> Answer:
    how = request.json()
    if request.path.endswith("fields_get"):
        return 200, {"name": {"type": "char"}, "phone": {"type": "char"}}
    assert request.path == "/json/2/res.partner/search_read"
    assert how["order"] == "id asc"
    last = next(value for name, sign, value in how["domain"] if (name, sign) == ("id", ">"))
    rows = [{**one, "country_id": [57, "Germany"], "email": False} for one in MANY if one["id"] > last]
    return 200, rows[: how["limit"]]


MANY = [{"id": n, "name": f"Person {n}", "phone": f"+4917139{n:05d}"} for n in range(1, 1_102)]


@pytest.mark.parametrize("domain", ['[["active", "=", true]]', "[('active', '=', True)]"])
def test_odoo_gives_the_records_of_a_domain_by_their_ids(domain: str) -> None:
    with answering(odoo) as system:
        source = Odoo({"url": system.address, "api_key": "not_real"})
        found = asked(source, f"res.partner {domain} name, phone, country_id, email")

        assert [one["id"] for one in found] == list(range(1, 1_102))
        assert found[0] == {"id": 1, "name": "Person 1", "phone": "+491713900001", "country_id": "Germany", "email": ""}
        assert [len(one.json()["domain"]) for one in system.asked] == [2, 2, 2]


@pytest.mark.parametrize(
    "query", ["res.partner", "res.partner [1", "partner []", "res.partner {} name", "res.partner [__import__('os')]"]
)
def test_what_is_no_domain_is_not_asked(query: str) -> None:
    with pytest.raises(AskFailed):
        audiences.domain(query)


def paged(org: Org, page: int) -> None:
    """Let an organisation answer a query in pages, as Salesforce does for more than two thousand records."""

    def query(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        found = urlsplit(str(request.url))
        org.queries.append(str(request.url))
        if org.instead:
            return org.instead.pop(0)
        at = 0 if "q" in parse_qs(found.query) else int(found.path.rpartition("-")[2])
        records = [{"attributes": {"type": "Contact"}, "Name": one["name"], "Phone": one["phone"],
                    "Account": {"attributes": {}, "Name": "Acme"}} for one in PEOPLE[at : at + page]]  # fmt: skip
        after = {"nextRecordsUrl": f"/services/data/v59.0/query/01g-{at + page}"} if at + page < len(PEOPLE) else {}
        body = {"totalSize": len(PEOPLE), "done": not after, "records": records, **after}
        return 200, {}, json.dumps(body)

    org.query = query  # type: ignore[method-assign]


def test_salesforce_gives_the_records_of_a_select_page_by_page() -> None:
    with organisation() as org:
        _answer_paged(org)
        found = asked(Salesforce(LOGIN), "SELECT Name, Phone, Account.Name FROM Contact", NoHttp())

        assert [one["Name"] for one in found] == [one["name"] for one in PEOPLE]
        assert found[0]["Account"] == {"Name": "Acme"}
        assert len(org.queries) == 3


def test_a_session_that_ended_is_begun_again_before_the_first_record_only() -> None:
    gone: Any = (401, {}, json.dumps([{"errorCode": "INVALID_SESSION_ID", "message": "no"}]))
    with organisation() as org:
        _answer_paged(org)
        org.instead = [gone]
        assert len(asked(Salesforce(LOGIN), "SELECT Name FROM Contact", NoHttp())) == len(PEOPLE)
        assert org.logins == 2

        rows = Salesforce(LOGIN).audience("SELECT Name FROM Contact", NoHttp())
        next(iter(rows))
        org.instead = [gone]
        with pytest.raises(AskFailed, match="INVALID_SESSION_ID"):
            list(rows)


def _answer_paged(org: Org) -> None:
    import re

    paged(org, 10)
    org.mock.reset()
    org.mock.add_callback("POST", f"{HOST}/services/oauth2/token", callback=org.login)
    org.mock.add_callback("GET", re.compile(re.escape(HOST) + "/services/data/v59.0/query.*"), callback=org.query)


def test_the_next_page_of_a_machine_that_is_gone_is_a_sentence() -> None:
    with answering(lambda _: (500, {})) as system:
        source = HttpPoll({"url": f"{system.address}/svc", "key": "id", "status": "name"})
        with pytest.raises(AskFailed, match="answered 500"):
            asked(source, "People")
