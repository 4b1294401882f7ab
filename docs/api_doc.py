"""The tables of docs/api.md, made from the routes for the cog blocks on that page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from audit.keys import KINDS
from model.access import Permission
from web.api import spec
from web.api.problems import Trouble
from web.api.route import EVERY_KIND, Route


def routes() -> str:
    """List every route: what it does, the scope it needs, and keys that cannot use it."""
    return _table(
        ("Request", "Does", "Scope"), ((_request(route), route.says, _scope(route)) for _, route in spec.every())
    )


def kinds() -> str:
    """List the kinds of keys."""
    return _table(("Kind", "Means"), ((f"`{kind}`", said) for kind, said in KINDS.items()))


def scopes() -> str:
    """List the scopes that open something."""
    used = {route.needs for _, route in spec.every()} | {Permission.NUMBERS}
    return _table(("Scope", "Lets a key"), ((f"`{one.code}`", one.text) for one in Permission if one in used))


def bodies() -> str:
    """Show what each request that takes a body looks like."""
    parts = []
    for _, route in spec.every():
        if route.example is not None:
            body = json.dumps(route.example, ensure_ascii=False, indent=1)
            parts.append(f"{_request(route)}\n\n```json\n{body}\n```\n")
    return "\n".join(parts)


def problems() -> str:
    """Describe each type of problem under a heading of its own, the last part of its address."""
    return "\n".join(f"### {one.code}\n\n{one.status}. {one.title}. {one.advice}\n" for one in Trouble)


def _request(route: Route) -> str:
    return f"`{route.method} {route.path}`"


def _scope(route: Route) -> str:
    if route.needs is None:
        return "no key"
    only = "" if route.kinds == EVERY_KIND else f", {' or '.join(route.kinds)} keys"
    return f"`{route.needs.code}`{only}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
