"""What a request says: its body and its query, checked against the model of the route, every mistake named."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError

from model.event import Incoming
from model.reasons import Refused
from rules.fields import did_you_mean
from web.api.problems import Problem, Trouble
from web.api.route import Route
from web.api.shapes import Taken
from wire.reading import json_body

JSON = re.compile(r"application/(?:[a-z0-9.+-]+\+)?json(?:\s*;.*)?", re.IGNORECASE)
NAME = re.compile(r'"?([!#-~]{1,255}?)"?')
"""An Idempotency-Key; the draft of the IETF puts it in quotes, most programs do not."""

MOST_ERRORS = 50
MOST_PARAMETERS = 50


def taken(route: Route, incoming: Incoming, query: str) -> Taken:
    """Return what a request brings for a view. Raises Problem."""
    if route.has_body:
        if query:
            raise _invalid([_unknown(query.partition("=")[0][:60], ())])
        return _checked(route.takes, _body(incoming))
    if route.method in {"POST", "PUT"} and not route.uploads and incoming.body.strip() not in {b"", b"{}"}:
        raise _invalid([{"field": "", "message": "This request takes no body."}])
    return _checked(route.takes, _query(query))


def name_of(incoming: Incoming) -> str:
    """Return the Idempotency-Key, "" where there is none; quotes around it count as none. Raises Problem."""
    said = incoming.headers.get("idempotency-key")
    if said is None:
        return ""
    found = NAME.fullmatch(said)
    if found is None:
        raise Problem(Trouble.BAD_NAME)
    return found[1]


def _body(incoming: Incoming) -> Any:
    if not JSON.fullmatch(incoming.header("content-type").strip()):
        raise Problem(Trouble.NOT_JSON_KIND)
    try:
        return json_body(incoming.body)
    except Refused as refusal:
        raise Problem(Trouble.NOT_JSON, refusal.detail) from None


def _query(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise _invalid([{"field": "", "message": f"A query holds at most {MOST_PARAMETERS} parameters."}]) from None
    twice = [name for index, (name, _) in enumerate(pairs) if name in dict(pairs[:index])]
    if twice:
        raise _invalid([{"field": twice[0][:60], "message": "It is there twice."}])
    return dict(pairs)


def _checked(model: type[Taken], value: Any) -> Taken:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise _invalid([_told(one, model) for one in error.errors(include_url=False, include_input=False)]) from None


def _invalid(errors: Sequence[Mapping[str, str]]) -> Problem:
    first = errors[0]
    detail = f"{first['field']}: {first['message']}" if first["field"] else first["message"]
    return Problem(Trouble.INVALID, detail, errors=list(errors[:MOST_ERRORS]))


def _told(error: Any, model: type[BaseModel]) -> dict[str, str]:
    steps = [step for step in error["loc"] if not (isinstance(step, str) and step.startswith("function-"))]
    place = ".".join(str(step)[:60] for step in steps)
    if error["type"] == "extra_forbidden":
        return _unknown(place, _fields_at(model, steps[:-1]))
    if error["type"] == "missing":
        return {"field": place, "message": "It is missing."}
    said = str(error["msg"]).removeprefix("Value error, ")
    end = "" if said.endswith((".", "?")) else "."
    return {"field": place, "message": f"{said[:1].upper()}{said[1:]}{end}"}


def _unknown(place: str, known: Sequence[str]) -> dict[str, str]:
    hint = did_you_mean(place.rpartition(".")[2], known)
    return {"field": place, "message": f"There is no such field. {hint}".strip()}


def _fields_at(model: type[BaseModel], steps: Sequence[Any]) -> list[str]:
    """Return the fields that may stand at a place of a body."""
    kind: Any = model
    for step in steps:
        if isinstance(kind, type) and issubclass(kind, BaseModel) and step in kind.model_fields:
            kind = kind.model_fields[step].annotation
        inner = [one for one in get_args(kind) if isinstance(one, type) and issubclass(one, BaseModel)]
        kind = inner[0] if inner else kind
    return list(kind.model_fields) if isinstance(kind, type) and issubclass(kind, BaseModel) else []
