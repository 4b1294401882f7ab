"""What is left out when a value is made: nothing, in the type that readers expect, or the usual that a table names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from model import access, event, links, message, reasons, sending, steering, verification
from model.message import State
from model.sending import ErrorClass

MODEL = (access, event, links, message, reasons, sending, steering, verification)
NOTHING: Mapping[Any, object] = {
    str: "",
    int: 0,
    bool: False,
    bytes: b"",
    tuple: (),
    frozenset: frozenset(),
    Mapping: {},
}
LIMITS = "Policy"
"""The limits of codes are numbers of their own: tests/test_settings_codes.py holds them against the page."""

USUAL = {
    "Incoming.method": "POST",
    "Incoming.received_at": datetime(1970, 1, 1, tzinfo=UTC),
    "Answer.status": 200,
    "Answer.body": "ok",
    "Answer.content_type": "text/plain; charset=utf-8",
    "Message.on_unknown": "drop",
    "Submission.encoding": "gsm7",
    "Submission.segments": 1,
    "Submission.validity": timedelta(days=1),
    "Submission.attempt": 1,
    "SentPart.state": State.ACCEPTED,
    "Result.error": ErrorClass.NONE,
    "Receipt.error": ErrorClass.NONE,
    "Condition.state": "working",
    "Problem.level": "error",
}


def _left_out() -> Iterator[tuple[str, Any, object]]:
    """Yield the name, the type and the default of every field that a value of the model can be made without."""
    for module in MODEL:
        for kind in vars(module).values():
            if isinstance(kind, type) and is_dataclass(kind) and kind.__module__ == module.__name__:
                hints = get_type_hints(kind)
                yield from (
                    (f"{kind.__name__}.{field.name}", hints[field.name], _default(field))
                    for field in fields(kind)
                    if _default(field) is not MISSING and kind.__name__ != LIMITS
                )


def _default(field: Field[Any]) -> object:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _nothing(hint: Any) -> object:
    if isinstance(hint, UnionType) and NoneType in get_args(hint):
        return None
    return NOTHING.get(get_origin(hint) or hint, "no type of the table")


def test_what_is_left_out_is_nothing_or_the_usual() -> None:
    wanted = {name: USUAL.get(name, _nothing(hint)) for name, hint, _ in _left_out()}

    found = {name: default for name, _, default in _left_out()}

    assert found == wanted
    assert {name: type(value) for name, value in found.items()} == {name: type(value) for name, value in wanted.items()}


def test_the_usual_is_named_for_fields_that_are_there() -> None:
    assert set(USUAL) - {name for name, _, _ in _left_out()} == set()
