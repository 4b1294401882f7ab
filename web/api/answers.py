"""Answers as they leave: a model or a problem becomes JSON with its status and headers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from http import HTTPStatus

from model.event import Incoming
from web.api.problems import KIND, Problem
from web.api.route import Done, Route
from web.api.shapes import Given

JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer."""

    status: int
    body: str
    kind: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


def of(route: Route, said: Given | Done, address: str) -> Reply:
    """Write down what a view said."""
    done = said if isinstance(said, Done) else Done(answer=said)
    if isinstance(done.answer, Problem):
        return problem(done.answer, address)
    return Reply(
        status=done.status or route.status, body=done.answer.model_dump_json(), headers=at(done.location)
    )  # fmt: skip


def at(location: str) -> dict[str, str]:
    """Return the header that names where something can be read."""
    return {"Location": location} if location else {}


def problem(found: Problem, address: str) -> Reply:
    """Write down what is wrong."""
    body = json.dumps(found.as_dict(address), ensure_ascii=False)
    return Reply(status=found.trouble.status, body=body, kind=KIND, headers=found.headers)


def tagged(route: Route, reply: Reply, incoming: Incoming) -> Reply:
    """Mark an answer, and leave its body out for a caller who has it."""
    if not route.tagged or reply.status != HTTPStatus.OK:
        return reply
    tag = f'"{blake2b(reply.body.encode("utf-8", "replace"), digest_size=12).hexdigest()}"'
    marked = replace(reply, headers={**reply.headers, "ETag": tag})
    had = {one.strip().removeprefix("W/") for one in incoming.header("if-none-match").split(",")}
    if had & {tag, "*"}:
        return replace(marked, status=HTTPStatus.NOT_MODIFIED.value, body="")
    return marked
