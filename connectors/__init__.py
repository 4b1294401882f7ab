"""The outside world -> Event. One file per system; the folder is the registry, and its tools are in `kit`."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules

from connectors.base import Connector, Unavailable


def names() -> list[str]:
    """Return the name of every connector: file name = name = URL part = sample folder."""
    return sorted(module.name for module in iter_modules(__path__) if not module.ispkg and module.name != "base")


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
