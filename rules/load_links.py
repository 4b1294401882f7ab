"""The group `links` of a rules file: the domain of short links, how long they lead on, and where to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from rules import fields, spec
from rules.fields import Problems, read_all, read_map
from rules.links import Links
from rules.node import Node
from rules.words import SHORTENERS

HOST = re.compile(r"(?=.{4,80}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")
PLEASE = "Write a public name that leads to Tidings, such as https://t.example."
PRIVATE = (".local", ".localhost", ".internal", ".lan", ".home", ".corp", ".intranet", ".home.arpa")
"""Ends of names that no phone on the street can look up."""


def links(node: Node, problems: Problems) -> dict[str, Any]:
    """Read what is said about short links; a rule may say a part, the rest comes from the defaults."""
    return read_all(read_map(node, spec.LINKS, problems, "links"), READERS, problems)


def made(
    node: Node, entries: Mapping[str, Node], said: Iterable[Mapping[str, Any]], problems: Problems, where: str
) -> Links | None:
    """Return what holds for a rule, None where nothing is said: what was `said` last counts, field by field."""
    values: dict[str, Any] = {}
    for one in said:
        values |= one.get("links") or {}
    if values and "domain" not in values:
        spot = entries.get("links", node)
        problems.add(spot, f"{where} has links without a domain.", "Write domain: https://t.example.")
    return Links(**values) if values.get("domain") else None


def _domain(node: Node, problems: Problems) -> str:
    value = fields.text(node, problems).rstrip("/")
    wrong, hint = _wrong(value)
    if wrong and value:
        problems.add(node, wrong, hint)
        return ""
    return value.lower()


def _wrong(value: str) -> tuple[str, str]:
    """Return what is wrong with a domain of short links and what to do; "" for nothing."""
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = urlsplit("")
    host = value.lower().removeprefix("https://")
    if parts.scheme != "https":
        return f"{value[:60]!r} does not begin with https://, as a domain for short links has to.", PLEASE
    if _is_private(host):
        return f"No phone can reach {host[:60]}.", PLEASE
    if host.removeprefix("www.") in SHORTENERS:
        return f"Carriers block texts with links of {host}.", "Use a domain of your own."
    if not HOST.fullmatch(host):
        return f"{value[:60]!r} is no domain for short links.", "Write the name alone, without port and path."
    return "", ""


def _is_private(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return host == "localhost" or host.endswith(PRIVATE)
    return True


def _hosts(node: Node, problems: Problems) -> tuple[str, ...]:
    found = []
    for child in node.items if node.items is not None else [node]:
        value = fields.text(child, problems).lower()
        if value and not HOST.fullmatch(value):
            problems.add(child, f"{value[:60]!r} is no name of a host.", "Write shop.example, without https://.")
        found.append(value)
    return tuple(found)


READERS: dict[str, fields.Reader] = {"domain": _domain, "expires": fields.lifetime, "hosts": _hosts}
