"""What queries for people have in common: each is read before it is asked, and one that could change something is not.

Facts: SOQL and SOSL reference (clauses FOR and UPDATE), OData 4.01 part 1 (11.2.6.7, server-driven paging) and 2.0,
PostgreSQL 15 and MySQL 8.0 on what a SELECT and a WITH may write, Odoo's external API on domains, read 2026-11.
That a query is one reading is looked at here; that the user behind it may only read is the system's part.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from connectors.base import AskFailed
from wire import reading

LONGEST = 20_000
QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`")
SOQL_TEXT = re.compile(r"'(?:[^'\\]|\\.)*'")
COMMENT = re.compile(r"--|/\*|\*/|#|\$\$|\$\w+\$")
WRITES = re.compile(
    r"\b(insert|update|delete|merge|into|drop|alter|create|truncate|grant|revoke|call|exec|execute|attach|detach|pragma|"
    r"vacuum|copy|lock|begin|commit|rollback|share)\b",
    re.IGNORECASE,
)
SOQL_WRITES = re.compile(r"\bfor\s+(view|reference|update)\b|\bupdate\s+(tracking|viewstat)\b", re.IGNORECASE)
SEGMENT = r"[A-Za-z_][\w.]*(?:\([\w=',. -]{0,200}\))?"
PATH = re.compile(rf"{SEGMENT}(?:/{SEGMENT})*")
MODEL = re.compile(r"([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+)\s*(\[.*\])\s*([\w, ]*)", re.DOTALL)
MOST_PAGES = 100_000
Ask = Callable[[str, Mapping[str, str]], dict[str, Any]]
"""Reads a path below the address of a service, with parameters."""


def single_select(query: str) -> str:
    """Return one SELECT of SQL that can write nothing, without the semicolon at its end. Raises AskFailed."""
    wanted = _fit(query).rstrip(" \t\r\n;")
    code = QUOTED.sub("''", wanted)
    if not re.match(r"(select|with)\b", code, re.IGNORECASE):
        raise _refused("Only a SELECT can be asked.")
    if ";" in wanted or "\\" in wanted or COMMENT.search(code) or code.count("'") % 2 or '"' in code:
        raise _refused("Only one statement can be asked, without comments, semicolons and backslashes.")
    if found := WRITES.search(code):
        raise _refused(f"A query of people only reads; {found[0].upper()} is not asked.")
    return wanted


def select_of_soql(query: str) -> str:
    """Return a SELECT of SOQL that leaves no trace in the records it reads. Raises AskFailed."""
    wanted = _fit(query)
    code = SOQL_TEXT.sub("''", wanted)
    if not re.match(r"select\b", code, re.IGNORECASE):
        raise _refused("Only a SELECT can be asked.")
    if found := SOQL_WRITES.search(code):
        raise _refused(f"A query of people only reads; {found[0].upper()} is not asked.")
    return wanted


def domain(query: str) -> tuple[str, list[Any], list[str]]:
    """Return model, domain and fields of a query of Odoo: res.partner [["active", "=", true]] name, phone.

    The domain is JSON, or Python as Odoo's own pages write it. Raises AskFailed.
    """
    match = MODEL.fullmatch(_fit(query))
    if not match:
        raise _refused('Write the model, the domain and the fields: res.partner [["active", "=", true]] name, phone.')
    try:
        terms = json.loads(match[2])
    except ValueError:
        try:
            terms = ast.literal_eval(match[2])
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            raise _refused("The domain is neither JSON nor Python.") from None
    if not isinstance(terms, list):
        raise _refused("The domain must be a list of conditions.")
    fields = [name.strip() for name in match[3].split(",") if name.strip()]
    return match[1], json.loads(json.dumps(terms, default=str)), fields


def odata(query: str) -> tuple[str, dict[str, str]]:
    """Return the path and the parameters of a query such as contacts?$select=fullname&$filter=statecode eq 0.

    Raises AskFailed where it leads elsewhere than to records below the service.
    """
    path, _, rest = _fit(query).lstrip("/").partition("?")
    path = unquote(path)
    if not PATH.fullmatch(path):
        raise _refused("Write a set of records and its options: contacts?$select=fullname,mobilephone.")
    params = (part.partition("=") for part in rest.split("&") if part)
    return path, {unquote(name): unquote(value) for name, _, value in params}


def odata_records(query: str, base: str, ask: Ask) -> Iterator[dict[str, Any]]:
    """Yield the records of a query of OData 2 or 4, page by page. `base` is the service's address. Raises AskFailed."""
    path, params = odata(query)
    seen = ""
    for _ in range(MOST_PAGES):
        found = ask(path, params)
        yield from map(_plain, _listed(found))
        after = next((link for link in map(found.get, NEXT) if link), reading.dig(found, "d.__next"))
        if not after:
            return
        if not isinstance(after, str) or after == seen:
            raise AskFailed("The next page cannot be told from the answer.")
        path, params = odata(_below(after, base, path))
        seen = after
    raise AskFailed(f"The answer has more than {MOST_PAGES:,} pages.", permanent=True)


NEXT = ("@odata.nextLink", "odata.nextLink")


def _listed(found: Mapping[str, Any]) -> list[Any]:
    for place in ("value", "d.results", "d"):
        listed = reading.dig(found, place)
        if isinstance(listed, list):
            return listed
    raise AskFailed("The answer has no list of records.")


def _below(link: str, base: str, path: str) -> str:
    """Return where a link leads below the service; one that leads out of it is not followed."""
    target, home = urlsplit(link), urlsplit(base)
    if target.netloc and target.netloc != home.netloc:
        raise AskFailed("The next page is on another host.", permanent=True)
    root, query = f"{home.path.rstrip('/')}/", f"?{target.query}"
    if not target.path:
        return path + query
    if target.path.startswith(root):
        return target.path.removeprefix(root) + query
    if target.path.startswith("/"):
        raise AskFailed("The next page is outside the service.", permanent=True)
    return target.path + query


def _plain(record: Any) -> dict[str, Any]:
    """Leave out what OData says about a record rather than of it."""
    if not isinstance(record, dict):
        return {}
    return {
        name: _plain(value) if isinstance(value, dict) else value
        for name, value in record.items()
        if "@" not in name and name != "__metadata" and not name.startswith("odata.")
        and not (isinstance(value, dict) and "__deferred" in value)
    }  # fmt: skip


def _fit(query: str) -> str:
    if not query.strip() or len(query) > LONGEST or "\x00" in query:
        raise _refused("The query is empty." if not query.strip() else "The query is too long.")
    return query.strip()


def _refused(sentence: str) -> AskFailed:
    return AskFailed(sentence, permanent=True)
