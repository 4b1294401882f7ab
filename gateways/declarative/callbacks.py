"""Reading what a provider calls back with by the tables of its file: receipts and texts from phones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

from gateways.declarative.answers import CLASSES, holds, listed
from model.event import Incoming
from model.message import State
from model.reasons import Refused
from model.sending import ErrorClass, Receipt, Reply
from wire import reading

T = TypeVar("T")
STATES = {state.code: state for state in State}
ESCAPED = frozenset({"UTF-16BE", "ISO-8859-1"})


def each(spec: Any, incoming: Incoming, read: Callable[[Mapping[str, Any], Mapping[str, Any]], T]) -> list[T]:
    """Read every entry of a callback; one bad entry must not lose the good ones beside it."""
    if spec is None:
        return []
    found: list[T] = []
    refusal: Refused | None = None
    for entry in _entries(spec, incoming):
        try:
            found.append(read(spec, entry))
        except Refused as error:
            refusal = error
    if refusal is not None and not found:
        raise refusal
    return found


def _entries(spec: Mapping[str, Any], incoming: Incoming) -> Iterator[Mapping[str, Any]]:
    match spec["body"]:
        case "form":
            root: Any = reading.form(incoming.body)
        case "query":  # who calls by GET often lets the account choose POST as well
            root = {**reading.form(incoming.body), **incoming.query}
        case _:
            root = reading.json_body(incoming.body)
    place = spec.get("list", "")
    entries = root if place == "." else reading.dig(root, place) if place else [root]
    entries = entries if isinstance(entries, list) else [entries]
    if entries and not any(isinstance(entry, dict) for entry in entries):
        reading.bad_shape(f"Expected an object, found {reading.kind(entries[0])}.")
    yield from (entry for entry in entries if isinstance(entry, dict) and holds(spec.get("only"), entry, root))


def receipt(spec: Mapping[str, Any], entry: Mapping[str, Any]) -> Receipt:
    """Read one receipt. Raises Refused(BAD_SHAPE)."""
    status = spec["status"]
    raw = ".".join(filter(None, (reading.text(entry, path) for path in listed(status["path"]))))
    if not raw:
        reading.bad_shape(f"Field {' or '.join(listed(status['path']))} is missing.")
    code = reading.text(entry, spec["error"]["path"]) if "error" in spec else ""
    known = {word.lower(): state for word, state in status["map"].items()}
    # FAILED.EXPIRED is looked up whole, then as FAILED: a new detail must not hide a failure.
    state = known.get(raw.lower()) or known.get(raw.lower().partition(".")[0])
    ours = reading.text(entry, spec["ref"]) if "ref" in spec else ""
    return Receipt(
        state=STATES[state or status.get("default", State.UNCONFIRMED.code)],
        provider_id=(reading.first_text if ours else reading.required)(entry, *listed(spec["id"])),
        message_id=ours,
        raw_status=raw,
        error_code=code,
        error=CLASSES[spec.get("error", {}).get("map", {}).get(code, ErrorClass.NONE.code)],
        at=_time(spec.get("time"), entry),
        part=reading.text(entry, spec["part"]) if "part" in spec else "",
    )


def reply(spec: Mapping[str, Any], entry: Mapping[str, Any], *, digits: bool) -> Reply:
    """Read one text from a phone; `digits` where the provider leaves out the plus. Raises Refused(BAD_SHAPE)."""
    wants_out = spec.get("opt_out")
    return Reply(
        id=reading.required(entry, spec["id"]),
        number=_number(reading.required(entry, spec["from"]), digits=digits),
        to=_number(reading.text(entry, spec["to"]), digits=digits) if "to" in spec else "",
        text=_unescaped(reading.text(entry, spec["text"]), reading.text(entry, spec.get("charset", "?"))),
        at=_time(spec.get("time"), entry),
        opt_out=wants_out is not None and holds(wants_out, entry, entry),
    )


def _number(number: str, *, digits: bool) -> str:
    """Add the plus a provider of bare digits leaves out; short codes and names stay as they are."""
    bare = digits and number.isdecimal() and 8 <= len(number) <= 15
    return f"+{number}" if bare else number


def _time(spec: Mapping[str, str] | None, entry: Mapping[str, Any]) -> datetime | None:
    if spec is None:
        return None
    value = reading.text(entry, spec["path"])
    if spec["format"] == "iso":
        return reading.moment(value, zone=UTC if spec.get("zone") == "utc" else None)
    return reading.moment(int(value), milliseconds=spec["format"] == "unix_ms") if _is_count(value) else None


def _unescaped(text: str, charset: str) -> str:
    """Read a text a provider writes as %-escaped bytes of a charset it names; any other text stays as it is."""
    if charset.upper() not in ESCAPED:
        return text
    return reading.text(unquote_to_bytes(text.replace("+", " ")).decode(charset, "replace"))


def _is_count(value: str) -> bool:
    return value.isdecimal() and len(value) < 16
