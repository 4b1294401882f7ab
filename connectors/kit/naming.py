"""Names: of facts a system gives no id to, of our types' areas, of the native types behind ours."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping


def digest(*parts: str) -> str:
    """Name a fact by what it is made of; never by the whole body, which may change when it is sent again."""
    return hashlib.sha256("|".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def area(event_type: str) -> str:
    """Return what a type of ours is about: invoice for invoice.paid, deal for custom.deal.won."""
    return event_type.removeprefix("custom.").partition(".")[0]


def natives(types: Mapping[str, str], between: str = "/") -> dict[str, str]:
    """Return each type of ours with the native types that lead to it, as the documentation tells them.

    `types` leads from native to ours; `between` is what a slash in a native type means in words.
    """
    return {
        normal: ", ".join(native.replace("/", between) for native, found in types.items() if found == normal)
        for normal in types.values()
    }
