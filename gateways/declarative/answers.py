"""Reading what a provider answers by the tables of its file: which entry, which word, which no, at what price."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from gateways.base import of_class, retry_after
from model.sending import ErrorClass, Result
from wire import reading
from wire.http import Reply as HttpReply

CLASSES = {error.code: error for error in ErrorClass}


def refusal(errors: Iterable[Mapping[str, Any]], reply: HttpReply, found: Any, root: Any) -> Result | None:
    """Return the no that the first fitting row makes of an answer, None where no row fits."""
    for row in errors:
        if "http" in row and not is_http(reply.status, row["http"]):
            continue
        if not holds(row, found, root):
            continue
        error = CLASSES[row["class"]]
        wait = row.get("retry_after", "header")
        word = _word(text_at(found, root, row["path"])) if "path" in row else ""
        result = of_class(error, word or f"http_{reply.status}", row.get("text") or error.action)
        return replace(result, retry_after=retry_after(reply) if wait == "header" else timedelta(seconds=int(wait)))
    return None


def entry_for(to: str, root: Any, spec: Mapping[str, Any]) -> Any:
    """Return the part of the answer that speaks of this number; the answer itself when it speaks of one only."""
    if "results" not in spec:
        return root
    entries = reading.items(root) if spec["results"] == "." else reading.items(root, spec["results"])
    if "match" not in spec or not entries:
        return entries[0] if entries else None
    numbers = [_digits(reading.text(entry, spec["match"])) for entry in entries]
    if to.removeprefix("+") in numbers:
        return entries[numbers.index(to.removeprefix("+"))]
    # A result of somebody else's number is not ours; one without a readable number is, we sent one text.
    return entries[0] if not any(numbers) else None


def holds(spec: Mapping[str, Any] | None, entry: Any, root: Any) -> bool:
    """Tell whether the word at spec's path is one of its words; a spec without a path always holds."""
    if spec is None or "path" not in spec:
        return True
    value = text_at(entry, root, spec["path"]).lower()
    words = {word.lower() for word in listed(spec.get("in", []))}
    return bool(value) and (value in words or _word(value) in words or not words)


def is_http(status: int, wanted: Any) -> bool:
    """Tell whether a status is one of those wanted: 404, 5xx or 400-499, one or a list."""
    for pattern in listed(wanted):
        low, _, high = pattern.replace("xx", "00").partition("-")
        top = int(high) if high else int(low) + 99 if pattern.endswith("xx") else int(low)
        if int(low) <= status <= top:
            return True
    return False


def price_of(spec: Mapping[str, str] | None, entry: Any, root: Any) -> dict[str, Any]:
    """Read cost and currency as fields of a result, {} where no price is stated."""
    if spec is None:
        return {}
    currency, _, value = text_at(entry, root, spec["value"]).rpartition(" ")  # "0.8", and where it is written "KES 0.8"
    number = reading.decimal(value)
    if number is None:
        return {}
    currency = currency or text_at(entry, root, spec.get("currency", ""))
    return {"cost": f"{number / int(spec.get('scale', '1')):f}", "currency": currency.upper()[:3]}


def text_at(entry: Any, root: Any, path: str) -> str:
    """Return the word at a path of the entry, or of the whole answer where the path begins with /; "" without one."""
    if not path:
        return ""
    return reading.text(root, path[1:]) if _refers_to_root(path) else reading.text(entry, path)


def _refers_to_root(path: str) -> bool:
    return path.startswith("/")


def _word(value: str) -> str:
    """RFC 7807 problem types are addresses; the word is behind the #."""
    return value.rpartition("#")[2]


def _digits(number: str) -> str:
    return "".join(c for c in number if c.isdecimal())


def listed(value: Any) -> list[Any]:
    """Return what may stand once or several times as a list."""
    return value if isinstance(value, list) else [value]
