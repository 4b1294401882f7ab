"""Reading foreign data once, at the edge: JSON, dotted paths, texts, times and money.

Whatever a sender puts in a field, these return a value of the asked kind or an empty one; only a body that is not
the promised format, or a missing id, raises `Refused(BAD_SHAPE)`. Nothing here may raise anything else.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from model.reasons import Reason, Refused

MAX_TEXT = 2_000
MAX_DEPTH = 64  # everything behind the edge may then recurse and write JSON without a second thought
MINOR_UNIT_EXPONENTS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF"), 0),
    **dict.fromkeys(("UGX", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
"""ISO 4217 currencies whose minor unit is not a hundredth."""
DECIMAL = re.compile(r"[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][+-]?[0-9]{1,2})?")


def bad_shape(detail: str) -> NoReturn:
    """Refuse the body: genuine, but not what the connector expects. It is stored and can be replayed."""
    raise Refused(Reason.BAD_SHAPE, detail)


def json_body(body: bytes) -> Any:
    """Read JSON as senders mean it: UTF-8 with or without BOM; NaN, duplicate keys and deep nesting are bad shape."""
    try:
        value = json.loads(
            body.decode("utf-8-sig"), parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_no_twins
        )
    except (ValueError, RecursionError) as error:
        bad_shape(f"The body is not JSON: {type(error).__name__}.")
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _is_deeper(value, MAX_DEPTH):
        bad_shape(f"The body is nested deeper than {MAX_DEPTH} levels.")
    return _whole(value) if b"\\ud" in body.lower() else value


def json_object(body: bytes) -> dict[str, Any]:
    """Read a JSON object."""
    value = json_body(body)
    if not isinstance(value, dict):
        bad_shape(f"Expected a JSON object, found {kind(value)}.")
    return value


def form(body: bytes) -> dict[str, str]:
    """Read an URL-encoded form; of repeated names the first counts."""
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=1000)
    except ValueError as error:
        bad_shape(f"The body is not a form: {type(error).__name__}.")
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields.setdefault(name, value)
    return fields


def dig(value: Any, path: str) -> Any:
    """Follow a dotted path through objects and lists ("a.b.0.c"); None where it ends early."""
    for step in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, Sequence) and not isinstance(value, str | bytes) and step.isdecimal():
            value = value[int(step)] if len(step) < 6 and int(step) < len(value) else None
        else:
            return None
    return value


def text(value: Any, path: str = "") -> str:
    """Return the text (or number, as text) at `path`; "" for anything else.

    Control characters and halves of surrogate pairs are dropped: no database and no gateway takes them.
    """
    found = dig(value, path) if path else value
    if isinstance(found, bool) or not isinstance(found, str | int | float | Decimal):
        return ""
    try:
        clean = str(found)
    except ValueError:  # an integer of more digits than Python prints
        return ""
    if not clean.isprintable():
        clean = "".join(c for c in clean if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cs"})
    return clean.strip()[:MAX_TEXT]


def first_text(value: Any, *paths: str) -> str:
    """Return the first non-empty text at `paths`."""
    return next((found for path in paths if (found := text(value, path))), "")


def required(value: Any, *paths: str) -> str:
    """Return the first non-empty text at `paths`, or refuse the body."""
    found = first_text(value, *paths)
    if not found:
        bad_shape(f"Field {' or '.join(paths)} is missing.")
    return found


def flag(value: Any, path: str = "") -> bool:
    """Return a truth value, also where the sender writes it as text ("true", "1", "yes")."""
    found = dig(value, path) if path else value
    if isinstance(found, str):
        return found.strip().lower() in {"true", "1", "yes"}
    return found is True or (isinstance(found, int) and found == 1)


def items(value: Any, path: str = "") -> list[Any]:
    """Return the list at `path`, [] when there is none."""
    found = dig(value, path) if path else value
    return found if isinstance(found, list) else []


def decimal(value: Any) -> Decimal | None:
    """Read a decimal number from text or number; None when it is none (or not finite, or absurd)."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    try:
        written = str(value).strip()
    except ValueError:  # an integer of more digits than Python prints
        return None
    # Decimal alone would also take 1_000, digits of other scripts, and 1E-999999, which prints as a megabyte.
    if not DECIMAL.fullmatch(written):
        return None
    number = Decimal(written)
    return number if abs(number) < Decimal(10) ** 15 else None


def amount(value: Any) -> str | None:
    """Return an amount in major units ("149.90") as text, exact; None when there is none."""
    number = decimal(value)
    return None if number is None else f"{number:f}"


def minor_amount(value: Any, currency: str) -> str | None:
    """Return an amount given in minor units (1999 EUR cents) as major units ("19.99")."""
    number = decimal(value)
    if number is None or number != number.to_integral_value():
        return None
    exponent = MINOR_UNIT_EXPONENTS.get(currency.upper(), 2)
    return f"{Decimal(int(number)).scaleb(-exponent):f}"


def moment(value: Any, *, zone: tzinfo | None = None, milliseconds: bool = False) -> datetime | None:
    """Read a point in time as aware UTC: ISO 8601 text or an epoch number.

    Text without a zone is read in `zone`, and is None when the connector states none: we never guess.
    """
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / (1000 if milliseconds else 1), tz=UTC)
        if not isinstance(value, str) or len(value) > 40:
            return None
        if value.strip().isdecimal() and len(value.strip()) != 8:
            return moment(int(value), milliseconds=milliseconds)
        found = datetime.fromisoformat(value.strip())
        if found.tzinfo is None:
            if zone is None:
                return None
            found = found.replace(tzinfo=zone)
        return found.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def iso(value: datetime | None) -> str | None:
    """Write a point in time as events carry it: ISO 8601 in UTC, None for none."""
    return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def kind(value: Any) -> str:
    """Name the JSON kind of a value, for people."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value", type(None): "nothing"}
    return names.get(type(value), "a number")


def clean(value: Any) -> Any:
    """Return foreign JSON fit to be carried along as it is: every text in it, keys too, as `text` reads it."""
    if isinstance(value, dict):
        return {text(name): clean(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [clean(inner) for inner in value]
    return text(value) if isinstance(value, str) else value


def _is_deeper(value: Any, levels: int) -> bool:
    """Level by level and not by recursion: the depth is what is in doubt."""
    row = [value]
    for _ in range(levels + 1):
        row = [
            inner
            for outer in row
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not row:
            return False
    return True


def _whole(value: Any) -> Any:
    """Replace halves of surrogate pairs, left by senders that cut a text inside an emoji: UTF-8 cannot hold them."""
    if isinstance(value, dict):
        return {_whole(name): _whole(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _finite(written: str) -> float:
    number = float(written)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found
