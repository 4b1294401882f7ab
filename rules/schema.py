"""The JSON Schema of rules.yaml, made from rules/spec.py: completion and errors while typing, in any editor.

Draft 7, which yaml-language-server speaks best. What stands in quotes or not is for our own reader to judge: a field
that is a text also admits what an editor's reader takes for a number or for true.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from model.event import EVENT_TYPES
from rules import spec
from rules.render import FILTERS, MAX_SOURCE
from rules.spec import Field

Schema = dict[str, Any]
TITLES = {"tz": "Time zone", "ttl": "Time to live"}
PLAIN: Schema = {"type": ["string", "number", "boolean"]}
PATH: Schema = {"type": "string", "pattern": r"^[A-Za-z_][\w-]*(\.[\w-]+)*$"}
TEXTS: Schema = {"$ref": "#/definitions/texts"}


def _one_or_more(shape: Schema) -> Schema:
    return {"anyOf": [shape, {"type": "array", "items": shape}]}


SHAPES: dict[str, Schema] = {
    "text": PLAIN,
    "path": PATH,
    "paths": _one_or_more(PATH),
    "names": _one_or_more(PLAIN),
    "duration": {"type": "string", "pattern": "^-?([0-9]{1,9}[smhdw])+$"},
    "time": {"type": "string", "pattern": "^([01]?[0-9]|2[0-3]):[0-5][0-9]$"},
    "number": {"type": "integer", "minimum": 0},
    "bool": {"type": "boolean"},
    "template": {"$ref": "#/definitions/template"},
    "texts": TEXTS,
    "events": _one_or_more({"$ref": "#/definitions/event"}),
    "conditions": _one_or_more({"type": ["string", "boolean"], "maxLength": 1000}),
    "moment": {"type": "string"},
    "rate": {"type": "string", "pattern": "^[0-9]{1,6}/[smh]$"},
    "begin": {"type": "string"},
    "money": {"type": "string", "pattern": "^[0-9]{1,9}([.][0-9]{1,6})? [A-Z]{3}$"},
    "share": {"type": "string", "pattern": "^[0-9]{1,3}%$"},
    "shares": {"type": "object", "minProperties": 1, "additionalProperties": {"type": "integer", "minimum": 1}},
    "names of fields": {"type": "object", "additionalProperties": PATH},
    "spoken": {
        "anyOf": [
            {"$ref": "#/definitions/template"},
            {"type": "object", "additionalProperties": {"$ref": "#/definitions/template"}},
        ]
    },
    "changes": {"type": "object", "minProperties": 1, "additionalProperties": {"$ref": "#/definitions/template"}},
    "people": {"type": "string", "pattern": "^list:|[.](csv|xlsx)$"},
    "map": {"type": "object"},
    "list": {"type": "array"},
    "any": {},
}


def schema() -> Schema:
    """Return the schema of a rules file."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Tidings: which text for which event",
        **_map(spec.FILE),
        "definitions": {
            "event": _event(),
            "template": {"type": "string", "maxLength": MAX_SOURCE, "description": _filters()},
            "texts": _texts(),
        },
    }


def _map(fields: Sequence[Field]) -> Schema:
    return {
        "type": "object",
        "properties": {field.name: _field(field) for field in fields},
        "required": [field.name for field in fields if field.required],
        "additionalProperties": False,
        **_one_way_to_say_it(fields),
    }


def _one_way_to_say_it(fields: Sequence[Field]) -> Schema:
    """A rule listens to events or is a campaign, and has a text, the name of one, or a sequence of them."""
    if fields is not spec.RULE:
        return {}
    ways = (("event", "campaign"), ("text", "template", "sequence"))
    return {"allOf": [{"oneOf": [{"required": [way]} for way in several]} for several in ways]}


def _field(field: Field) -> Schema:
    """Describe one field; what is said about it stands beside its shape, where editors look for it."""
    shape = _shape(field)
    said: Schema = {
        "title": TITLES.get(field.name, field.name.replace("_", " ").capitalize()),
        "description": f"{field.text} Example: {field.name}: {field.example}" if field.example else field.text,
    }
    if field.default not in (None, "", ()):
        said["default"] = field.default
    return {**said, **({"allOf": [shape]} if "$ref" in shape else shape)}  # beside a bare $ref nothing counts


def _shape(field: Field) -> Schema:
    if field.choices:
        return {"enum": list(field.choices)}
    if field.name == "text" and field.kind == "texts":
        return {"anyOf": [TEXTS, {"type": "object", "additionalProperties": TEXTS}]}  # per value of text_by
    if not field.parts:
        return SHAPES[field.kind]
    parts = _map(field.parts)
    around: dict[str, Schema] = {
        "list": {"type": "array", "items": parts},
        "sources": {"type": "object", "additionalProperties": parts},
        "quiet": {"anyOf": [{"const": "ignore"}, parts]},
        "people": {"anyOf": [SHAPES["people"], parts]},
        "gateways": {"anyOf": [_one_or_more(PLAIN), parts]},
    }
    return around.get(field.kind, parts)


def _event() -> Schema:
    known = "|".join(re.escape(name) for name in EVENT_TYPES)
    return {
        "anyOf": [
            *({"const": name, "description": sentence} for name, sentence in EVENT_TYPES.items()),
            {
                "type": "string",
                "pattern": rf"^(.+:)?({known}|custom\..+)$",
                "description": "An event of one source (shop:order.created), or custom.<anything>.",
            },
        ]
    }


def _filters() -> str:
    return " ".join(["A text with {{ fields }}.", *(f"{name}: {text}" for name, text in FILTERS.items())])


def _texts() -> Schema:
    template = {"$ref": "#/definitions/template"}
    name = {"type": "string", "description": "The name of a text in rules/templates/."}
    from_files = {"properties": {"template": name}, "required": ["template"], "additionalProperties": False}
    per_locale = {"additionalProperties": template, "description": "One text per locale: en, de-AT."}
    return {"anyOf": [template, {"type": "object", **from_files}, {"type": "object", **per_locale}]}
