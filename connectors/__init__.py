"""The outside world -> Event. One file per system; the folder is the registry."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules

from connectors.base import Connector, Unavailable

KIT = frozenset({
    "ask", "audiences", "base", "bus", "calendars", "changes", "folders", "hooks", "mapping", "messages", "records",
    "scan", "shipping",
})  # fmt: skip
"""Modules of this folder that are tools, not systems."""


def names() -> list[str]:
    """Return the name of every connector: file name = name = URL part = sample folder."""
    return sorted(module.name for module in iter_modules(__path__) if module.name not in KIT)


def unavailable(name: str) -> Unavailable | None:
    """Say what is missing where the connector needs an optional library that is not installed; None where it works."""
    kind = load(name)
    if not kind.library or find_spec(kind.library):
        return None
    return Unavailable(name=name, install=f"pip install 'tidings[{kind.extra}]'", title=kind.title)


@cache
def load(name: str) -> type[Connector]:
    """Return the connector class of `name`. Raises KeyError when there is no such file."""
    if name not in names():
        raise KeyError(name)
    connector: type[Connector] = import_module(f"connectors.{name}").CONNECTOR
    return connector
