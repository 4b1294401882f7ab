"""One name for a field in all rules, whatever a source calls it.

Rules may say customer.phone of every shop; `sources: {shop: {fields: {customer.phone: raw.billing.phone}}}` says where
the events of one shop hold it. Conditions, recipients, texts and schedules then find it there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rules.book import Naming
from wire.reading import dig


def renamed(data: Mapping[str, Any], naming: Naming | None) -> Mapping[str, Any]:
    """Return the event's data with every field of the source also under the name that rules use."""
    if naming is None or not naming.fields:
        return data
    found = dict(data)
    for name, path in sorted(naming.fields.items()):  # customer before customer.phone
        _put(found, name.split("."), dig(data, path))
    return found


def place_of(path: str, naming: Naming | None) -> str:
    """Return where the source really holds what rules call `path`."""
    if naming is None:
        return path
    for name in sorted(naming.fields, key=len, reverse=True):
        if path == name or path.startswith(f"{name}."):
            return naming.fields[name] + path[len(name) :]
    return path


def _put(found: dict[str, Any], steps: list[str], value: Any) -> None:
    """Set a value without touching the maps it stands in, which belong to the event."""
    *outer, last = steps
    place = found
    for step in outer:
        inner = place.get(step)
        place[step] = dict(inner) if isinstance(inner, Mapping) else {}
        place = place[step]
    place[last] = value
