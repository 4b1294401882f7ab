"""Phone numbers in what is shown: whole to keys with the scope `numbers`, masked to all others. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from dispatch.recipient import mask
from wire.reading import dig

LIKE_A_NUMBER = re.compile(r"(?<![\w+])(?:\+|00)[1-9](?:[ ()./-]{0,2}[0-9]){6,14}(?![0-9])")
"""A number with its country code, as people write it inside a text."""

PHONE_FIELD = re.compile(r"phone|mobile|msisdn|whatsapp|fax|^cell|^tel(?!e?v)|(?:^|_)sms(?:$|_)", re.IGNORECASE)
"""Fields that hold numbers, also such without a country code."""


def in_text(text: str) -> str:
    """Mask every number that stands in a text."""
    return LIKE_A_NUMBER.sub(lambda found: mask(found[0]), text)


def in_data(data: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """Mask an event's fields: those at `paths`, from which rules take numbers, and whatever else looks like one."""
    known = {str(value) for path in paths if isinstance(value := dig(data, path), str | int) and str(value)}
    return {name: _hidden(name, value, known) for name, value in data.items()}


def _hidden(name: str, value: Any, known: set[str]) -> Any:
    if isinstance(value, Mapping):
        return {inner: _hidden(inner, child, known) for inner, child in value.items()}
    if isinstance(value, list):
        return [_hidden(name, child, known) for child in value]
    if isinstance(value, bool) or not isinstance(value, str | int):
        return value
    if str(value) in known or PHONE_FIELD.search(name):
        return mask(str(value))
    return in_text(value) if isinstance(value, str) else value
