"""In what words: Jinja2 texts in a small, bounded sandbox.

A template may print fields, choose with `if`, walk a list once, and use the filters below. Calls, arithmetic that
multiplies, nested loops and everything else is refused when the file is loaded. A field that is empty or missing is
never printed as "None": it is false in `if`, and an error where it would be shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from jinja2 import Template, TemplateSyntaxError, UndefinedError, nodes
from jinja2.exceptions import SecurityError

from rules.filters import MAX_OUTPUT, SENTENCES, TemplateFault, Voice, locale_of, read_time
from rules.sandbox import ENVIRONMENT, check
from wire.reading import dig

__all__ = ["FILTERS", "MAX_SOURCE", "TemplateFault", "Text", "Voice", "compile_text", "locale_of", "read_time"]

FILTERS = SENTENCES
MAX_SOURCE = 5_000
MAX_ITEMS = 50
TAG = re.compile(r"\{\{([^{}]*)\}\}")


@dataclass(frozen=True, slots=True)
class Text:
    """A compiled template."""

    source: str
    fields: frozenset[str]
    _names: frozenset[str]
    _write: Callable[[Mapping[str, Any]], Any]

    def render(self, data: Mapping[str, Any], voice: Voice | None = None) -> str:
        """Write the text. Raises TemplateFault naming the field that is missing."""
        scope = _present({name: data[name] for name in self._names if name in data})
        scope["_voice"] = voice or Voice()
        pieces, size = [], 0
        try:
            for piece in self._write(scope):
                size += len(piece)
                if size > MAX_OUTPUT:
                    raise TemplateFault(f"The text is longer than {MAX_OUTPUT:,} characters.")
                pieces.append(piece)
        except UndefinedError as error:
            raise TemplateFault(self._missing(error, data)) from None
        except (SecurityError, TypeError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
            raise TemplateFault(f"{error}"[:200] or type(error).__name__) from None
        return "".join(pieces).strip()

    def _missing(self, error: UndefinedError, data: Mapping[str, Any]) -> str:
        """Name the whole path, of which Jinja knows the last step: of the fields that end so, one that is not there."""
        words = str(error.message).split("'")
        name = words[-2] if len(words) > 2 else ""
        paths = [field for field in sorted(self.fields) if field.rpartition(".")[2] == name]
        path = next((field for field in paths if dig(data, field) in (None, "")), name)
        return f"The field {path} is empty or missing." if path else str(error.message)


class _Template(NamedTuple):
    fields: frozenset[str]
    names: frozenset[str]
    write: Callable[[Mapping[str, Any]], Any]


@lru_cache(maxsize=40_000)
def compile_text(source: str) -> Text:
    """Compile a template. Raises TemplateFault with its line."""
    if len(source) > MAX_SOURCE:
        raise TemplateFault(f"The template is longer than {MAX_SOURCE:,} characters.")
    return _in_pieces(source) or _whole(source)


def _in_pieces(source: str) -> Text | None:
    """Compile a text that only prints fields from its tags: rules repeat these, and compiling is most of loading them.

    None for everything else, faults included: the whole template tells those with their line.
    """
    literals, tags = _split(source)
    if not tags:
        return None
    try:
        printed = [_printed(tag) for tag in tags]
    except TemplateFault:
        return None

    def write(scope: Mapping[str, Any]) -> Iterator[str]:
        for literal, tag in zip(literals, printed, strict=False):
            yield literal
            yield from tag.write(scope)
        yield literals[-1]

    fields = frozenset[str]().union(*(tag.fields for tag in printed))
    return Text(source, fields, frozenset[str]().union(*(tag.names for tag in printed)), write)


def _split(source: str) -> tuple[list[str], list[str]]:
    """Split a text into its literal parts and the tags between them; no tags where that cannot be told at sight."""
    parts = TAG.split(source)
    literals, tags = parts[::2], parts[1::2]
    odd = "\r" in source or any("{" in literal or "}" in literal for literal in literals)
    return literals, [] if odd or any(tag[:1] in "-+" or tag[-1:] == "-" for tag in tags) else tags


@lru_cache(maxsize=20_000)
def _printed(tag: str) -> _Template:
    return _compiled("{{" + tag + "}}")


def _whole(source: str) -> Text:
    compiled = _compiled(source)
    return Text(source, compiled.fields, compiled.names, compiled.write)


def _compiled(source: str) -> _Template:
    """Parse, check and compile a template. Raises TemplateFault with its line."""
    try:
        tree = ENVIRONMENT.parse(source)
        check(tree)
        fields, names = frozenset(_fields(tree)), frozenset(name.name for name in tree.find_all(nodes.Name))
        template = Template.from_code(ENVIRONMENT, ENVIRONMENT.compile(tree), {})
    except TemplateSyntaxError as error:
        raise TemplateFault(f"{error.message}", error.lineno) from None
    except (RecursionError, MemoryError, SyntaxError):  # SyntaxError: what Jinja writes is too deep for Python
        raise TemplateFault("The template is nested too deeply.") from None
    except (ValueError, ArithmeticError):
        raise TemplateFault("The template holds a number that is too large.") from None
    return _Template(fields, names, template.generate)


def _fields(tree: nodes.Template) -> set[str]:
    """Return the dotted paths of the event that a template reads."""
    local = {"loop"}
    for loop in tree.find_all(nodes.For):
        local |= {name.name for name in loop.find_all(nodes.Name) if name.ctx == "store"}
    found: set[str] = set()
    inner: set[int] = set()
    for node in tree.find_all((nodes.Getattr, nodes.Getitem, nodes.Name)):
        if id(node) not in inner:
            path = _path(node, inner)
            if path and path.partition(".")[0] not in local:
                found.add(path)
    return found


def _path(node: nodes.Expr, inner: set[int]) -> str:
    """Return the path a chain of names reads, up to an index; "" when it begins elsewhere. `inner` gets its parts."""
    parts: list[str] = []
    step = node
    while isinstance(step, nodes.Getattr | nodes.Getitem):
        if isinstance(step, nodes.Getattr):
            parts.append(step.attr)
        elif isinstance(step.arg, nodes.Const) and isinstance(step.arg.value, str):
            parts.append(step.arg.value)
        else:
            parts.clear()
        step = step.node
        inner.add(id(step))
    if not isinstance(step, nodes.Name) or step.ctx != "load":
        return ""
    return ".".join([step.name, *reversed(parts)])


def _present(value: Any) -> Any:
    """Drop what is null or empty, so that it counts as missing, and cut what is too long for any text anyway."""
    if isinstance(value, str):
        return value[: MAX_OUTPUT + 1]  # printed, a longer one is a character too many
    if isinstance(value, Mapping):
        return {name: _present(child) for name, child in value.items() if child is not None and child != ""}
    if isinstance(value, list):
        return [_present(child) for child in value[:MAX_ITEMS] if child is not None]
    return value
