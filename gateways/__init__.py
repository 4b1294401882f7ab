"""Message -> the air. One file (or folder) per provider, Python or YAML; this folder is the registry."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from gateways.base import Gateway, Option
from wire.http import Client

KIT = frozenset({"base", "declarative"})
"""Modules of this folder that are tools, not providers."""

HERE = Path(__file__).parent


def names() -> list[str]:
    """Return every kind of gateway: Python files and YAML files alike."""
    in_code = {module.name for module in iter_modules(__path__)} - KIT
    in_yaml = {path.stem for path in HERE.glob("*.yaml") if not path.name.endswith(".samples.yaml")}
    return sorted(in_code | in_yaml)


@cache
def load(kind: str) -> type[Gateway]:
    """Return the gateway class of `kind`. Raises KeyError when there is no such file."""
    if kind not in names():
        raise KeyError(kind)
    in_yaml = HERE / f"{kind}.yaml"
    if in_yaml.exists():  # the YAML machinery is loaded only where a YAML gateway is used
        declared: type[Gateway] = import_module("gateways.declarative").load(in_yaml)
        return declared
    gateway: type[Gateway] = import_module(f"gateways.{kind}").GATEWAY
    return gateway


def build(kind: str, name: str, settings: Mapping[str, Any], http: Client | None = None) -> Gateway:
    """Return a gateway of `kind`, called `name`, ready to submit."""
    return load(kind)(name, settings, http or Client())


__all__ = ["Option", "build", "load", "names"]
