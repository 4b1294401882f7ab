"""The description of the API as OpenAPI 3.1, made from the routes and the models that check requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from audit.keys import KINDS
from model.access import Permission
from web.api import answers, uploads
from web.api.problems import KIND, PLACE, Trouble
from web.api.resources import RESOURCES, ROUTES
from web.api.route import EVERY_KIND, Route
from web.api.shapes import Taken

REF = "#/components/schemas/{model}"
TITLE = "Tidings"
SAYS = """Business events in, text messages out, every one accounted for.

Each request carries `Authorization: Bearer KEY`. Problems are answered as RFC 9457; lists go on with `next` as
`cursor`; a request with an `Idempotency-Key` is done once, and answered the same for 24 hours."""
ALWAYS = (Trouble.BROKEN, Trouble.STORE_DOWN)
WITH_KEY = (Trouble.NO_KEY, Trouble.NOT_ALLOWED, Trouble.TOO_MANY)
WITH_BODY = (Trouble.NOT_JSON, Trouble.TOO_LARGE, Trouble.NOT_JSON_KIND)
WITH_NAME = (Trouble.BAD_NAME, Trouble.RUNNING, Trouble.REUSED)
PROBLEM = {
    "type": "object",
    "description": "What is wrong with a request, by RFC 9457. Some types have more members.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "The address of a page about this type."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                "required": ["field", "message"],
            },
        },
    },
}


def document(address: str) -> dict[str, Any]:
    """Return the whole description, for a service at `address`."""
    refs, schemas = _schemas()
    paths: dict[str, dict[str, Any]] = {}
    for tag, route in every():
        paths.setdefault(f"/api/v1{route.path}", {})[route.method.lower()] = _operation(tag, route, refs)
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": version("tidings"), "description": SAYS},
        "servers": [{"url": address}],
        "tags": [{"name": tag, "description": _says(module)} for tag, module in RESOURCES.items()],
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Problem": PROBLEM},
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": " ".join(
                    f"A {kind} key: {said}" for kind, said in KINDS.items())}
            },
        },
    }  # fmt: skip


def every() -> Iterator[tuple[str, Route]]:
    """Yield every route with the resource it belongs to."""
    for tag, module in RESOURCES.items():
        for route in module.ROUTES:
            yield tag, route


def troubles(route: Route) -> list[Trouble]:
    """Return everything that may be wrong with a request to a route, by status."""
    found: list[Trouble] = [*ALWAYS, *route.troubles, Trouble.INVALID]
    found += WITH_KEY if route.needs is not None else ()
    found += (Trouble.WRONG_KIND,) if route.kinds != EVERY_KIND else ()
    found += WITH_BODY if route.has_body else ()
    found += (Trouble.TOO_LARGE, Trouble.NOT_JSON) if route.method in {"POST", "PUT"} and not route.uploads else ()
    found += (Trouble.TOO_LARGE, Trouble.NO_LIST) if route.uploads else ()
    found += WITH_NAME if route.way != "reads" else ()
    found += (Trouble.NOT_FOUND,) if route.names else ()
    found += (Trouble.BAD_CURSOR,) if "cursor" in route.takes.model_fields else ()
    return sorted(dict.fromkeys(found), key=lambda one: (one.status, one.code))


def _says(module: Any) -> str:
    return str(module.__doc__ or "").strip().partition(": ")[2].replace("\n", " ") or str(module.__doc__).strip()


def _operation(tag: str, route: Route, refs: dict[tuple[type[BaseModel], str], Any]) -> dict[str, Any]:
    needs = f"Needs a key with the scope `{route.needs.code}`." if route.needs else "Needs no key."
    kinds = "" if route.kinds == EVERY_KIND else f" Only {' and '.join(route.kinds)} keys."
    found: dict[str, Any] = {
        "operationId": route.name,
        "tags": [tag],
        "summary": route.says,
        "description": needs + kinds,
        "security": [{"key": []}] if route.needs else [],
        "parameters": list(_parameters(route)),
        "responses": {**_good(route, refs), **_bad(route)},
    }
    if route.uploads:
        file = {"schema": {"type": "string", "format": "binary"}}
        found["requestBody"] = {"required": True, "content": dict.fromkeys(uploads.KINDS, file)}
    if route.has_body:
        schema = refs[route.takes, "validation"]
        body: dict[str, Any] = {"schema": schema, **({"example": route.example} if route.example else {})}
        found["requestBody"] = {"required": True, "content": {answers.JSON: body}}
    return found


def _good(route: Route, refs: dict[tuple[type[BaseModel], str], Any]) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if route.needs is not None:
        headers |= {name: _header(said) for name, said in LIMITED.items()}
    if route.status == 201:
        headers["Location"] = _header("Where the new thing can be read.")
    if route.tagged:
        headers["ETag"] = _header("Marks this answer; another one has another mark.")
    found: dict[str, Any] = {
        str(route.status): {
            "description": _first(route.gives), "headers": headers,
            "content": {answers.JSON: {"schema": refs[route.gives, "serialization"]}},
        }
    }  # fmt: skip
    if route.tagged:
        found["304"] = {"description": "You have this answer."}
    return found


LIMITED = {
    "RateLimit-Policy": "How many requests this key may make, in how many seconds.",
    "RateLimit": "How many are left, and in how many seconds they are renewed.",
}


def _header(said: str) -> dict[str, Any]:
    return {"description": said, "required": True, "schema": {"type": "string"}}


def _bad(route: Route) -> dict[str, Any]:
    by_status: dict[str, list[Trouble]] = {}
    for trouble in troubles(route):
        by_status.setdefault(str(trouble.status), []).append(trouble)
    return {
        status: {
            "description": "; ".join(f"{one.title} (`{PLACE}{one.code}`)" for one in several),
            "content": {KIND: {"schema": {"$ref": REF.format(model="Problem")}}},
        }
        for status, several in by_status.items()
    }


def _parameters(route: Route) -> Iterator[dict[str, Any]]:
    for name, said in route.names.items():
        yield {"name": name, "in": "path", "required": True, "description": said, "schema": {"type": "string"}}
    if route.method in {"GET", "DELETE"} or route.uploads:
        yield from _query(route.takes)
    if route.way != "reads":
        yield {
            "name": "Idempotency-Key", "in": "header", "required": False,
            "description": "A name for this request, such as a UUID: sent again with it, it is done once.",
            "schema": {"type": "string", "pattern": '^"?[!#-~]{1,255}"?$'},
        }  # fmt: skip
    if route.tagged:
        yield {
            "name": "If-None-Match", "in": "header", "required": False, "schema": {"type": "string"},
            "description": "The ETag of an answer that you have.",
        }  # fmt: skip


def _query(model: type[Taken]) -> Iterator[dict[str, Any]]:
    schema = model.model_json_schema()
    for name, said in schema.get("properties", {}).items():
        kind = {key: value for key, value in said.items() if key not in {"title", "description", "default"}}
        if "anyOf" in kind:  # a query parameter that is left out is not null
            kind = next(one for one in kind["anyOf"] if one.get("type") != "null")
        yield {
            "name": name, "in": "query", "required": name in schema.get("required", ()),
            "description": said.get("description", ""), "schema": kind,
        }  # fmt: skip


@cache
def _schemas() -> tuple[dict[tuple[type[BaseModel], str], Any], dict[str, Any]]:
    """Return the schema of each model by its use, and all definitions."""
    taken = {(route.takes, "validation") for route in ROUTES if route.has_body}
    given = {(route.gives, "serialization") for route in ROUTES}
    wanted: Any = sorted({*taken, *given}, key=lambda one: (one[0].__name__, one[1]))
    refs, found = models_json_schema(wanted, ref_template=REF)
    return dict(refs), dict(found.get("$defs", {}))  # type: ignore[arg-type]


def _first(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]


def scopes() -> Iterable[Permission]:
    """Return the permissions that some route asks for."""
    return dict.fromkeys(route.needs for route in ROUTES if route.needs is not None)
