"""In what words: Jinja2 texts in a small, bounded sandbox.

A template may print fields, choose with `if`, walk a list once, and use the filters below. Calls, arithmetic that
multiplies, nested loops and everything else is refused when the file is loaded. A field that is empty or missing is
never printed as "None": it is false in `if`, and an error where it would be shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel.core import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time
from babel.numbers import format_currency
from jinja2 import StrictUndefined, TemplateSyntaxError, UndefinedError, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from wire.reading import dig

MAX_OUTPUT = 2_000
MAX_SOURCE = 5_000
MAX_ITEMS = 50
UTC_ZONE = ZoneInfo("UTC")
LOOP = frozenset({"first", "last", "index", "index0", "length"})
LARGEST_AMOUNT = Decimal(10) ** 15
ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Const,
    nodes.Filter, nodes.Test, nodes.If, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not,
    nodes.For, nodes.Concat, nodes.Add, nodes.Sub, nodes.Neg, nodes.List, nodes.Tuple, nodes.Keyword,
)  # fmt: skip


class TemplateFault(Exception):  # noqa: N818 - names the outcome
    """The text cannot be written (when loading: `line` counts from 1 within the template)."""

    def __init__(self, text: str, line: int = 1) -> None:
        super().__init__(text)
        self.line = line


class Missing(StrictUndefined):
    """A field that is not there: false in conditions, an error where it would be printed."""

    def __bool__(self) -> bool:  # type: ignore[override]  # jinja says it never returns: that is what we change
        return False


def _text_of(value: Any) -> Any:
    if isinstance(value, Mapping | list | tuple):
        raise TemplateFault("A list or group of fields cannot be printed; name one field of it.")
    return value


class _Environment(ImmutableSandboxedEnvironment):
    """The sandbox. Attribute access means dictionary access: payload values never offer Python methods."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, LoopContext):
            return getattr(obj, attribute) if attribute in LOOP else self.undefined(name=f"loop.{attribute}")
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Missing):
            return self.undefined(name=argument)
        if isinstance(obj, Mapping) and argument in obj:
            return obj[argument]
        if isinstance(obj, list) and isinstance(argument, int) and -len(obj) <= argument < len(obj):
            return obj[argument]
        return self.undefined(obj=obj, name=argument)


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """How a text speaks: the recipient's locale and zone."""

    locale: str = "en"
    zone: tzinfo = UTC_ZONE


@dataclass(frozen=True, slots=True)
class Text:
    """A compiled template."""

    source: str
    fields: frozenset[str]
    _write: Callable[[Mapping[str, Any]], Any]

    def render(self, data: Mapping[str, Any], voice: Voice | None = None) -> str:
        """Write the text. Raises TemplateFault naming the field that is missing."""
        scope = {**_present(data), "_voice": voice or Voice()}
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


@lru_cache(maxsize=20_000)
def compile_text(source: str) -> Text:
    """Compile a template. Raises TemplateFault with its line."""
    if len(source) > MAX_SOURCE:
        raise TemplateFault(f"The template is longer than {MAX_SOURCE:,} characters.")
    try:
        tree = ENVIRONMENT.parse(source)
        _check(tree)
        template = ENVIRONMENT.from_string(source)
    except TemplateSyntaxError as error:
        raise TemplateFault(f"{error.message}", error.lineno) from None
    except (RecursionError, MemoryError, SyntaxError):  # SyntaxError: what Jinja writes is too deep for Python
        raise TemplateFault("The template is nested too deeply.") from None
    except (ValueError, ArithmeticError):
        raise TemplateFault("The template holds a number that is too large.") from None
    return Text(source, frozenset(_fields(tree)), template.generate)


def _check(tree: nodes.Template) -> None:
    for node in tree.find_all(nodes.Node):
        if not isinstance(node, ALLOWED):
            if isinstance(node, nodes.Helper | nodes.EvalContextModifier):
                continue
            raise TemplateFault(f"{type(node).__name__} is not allowed in a text.", node.lineno)
        if isinstance(node, nodes.For) and any(inner is not node for inner in node.find_all(nodes.For)):
            raise TemplateFault("A loop inside a loop is not allowed in a text.", node.lineno)
        if isinstance(node, nodes.For) and node.recursive:
            raise TemplateFault("A recursive loop is not allowed in a text.", node.lineno)


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
    if isinstance(value, Mapping):
        return {name: _present(child) for name, child in value.items() if child is not None and child != ""}
    if isinstance(value, list):
        return [_present(child) for child in value[:MAX_ITEMS] if child is not None]
    if isinstance(value, str) and len(value) > MAX_OUTPUT:
        return value[: MAX_OUTPUT + 1]  # printed, it is one too many
    return value


def locale_of(value: Any, fallback: str) -> str:
    """Return a language tag such as "de-DE" from whatever a source calls a locale; `fallback` when it is none."""
    return _locale(str(value)) or fallback if isinstance(value, str) and value else fallback


@lru_cache(maxsize=1_000)
def _locale(value: str) -> str:
    try:
        return str(Locale.parse(value.replace("-", "_"))).replace("_", "-")
    except (ValueError, UnknownLocaleError, TypeError):
        return ""


@pass_context
def _money(context: Context, value: Any, currency: Any = "") -> str:
    code = str(currency).strip().upper()
    if len(code) != 3 or not code.isalpha() or not code.isascii():
        raise TemplateFault(f"money needs a currency code of three letters, not {code[:20]!r}.")
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        amount = Decimal("nan")
    if not amount.is_finite() or abs(amount) >= LARGEST_AMOUNT:
        raise TemplateFault(f"{str(value)[:40]!r} is not an amount.")
    return str(format_currency(amount, code, locale=_babel(context)))


@pass_context
def _date(context: Context, value: Any, style: str = "medium") -> str:
    if style not in {"short", "medium", "long", "full"}:
        raise TemplateFault("date takes 'short', 'medium', 'long' or 'full'.")
    return str(format_date(_day_of(context, value), style, locale=_babel(context)))


@pass_context
def _day(context: Context, value: Any) -> str:
    return str(format_skeleton("MMMEd", _day_of(context, value), locale=_babel(context)))


@pass_context
def _time(context: Context, value: Any) -> str:
    found = read_time(value)
    if not isinstance(found, datetime):
        raise TemplateFault(f"{str(value)[:40]!r} has no time of day.")
    return str(format_time(_local(context, found).time(), "short", locale=_babel(context)))


def _truncate_name(value: Any, length: Any = 15) -> str:
    if not isinstance(length, int) or not 1 <= length <= 60:
        raise TemplateFault("truncate_name takes a number of characters from 1 to 60.")
    return next(iter(str(value).split()), "")[:length]


def _join(value: Any, between: Any = "") -> str:
    if not isinstance(value, list | tuple):
        raise TemplateFault("join needs a list.")
    parts, glue = [str(_text_of(part)) for part in value], str(between)
    if sum(map(len, parts)) + len(glue) * len(parts) > MAX_OUTPUT:
        raise TemplateFault(f"The text is longer than {MAX_OUTPUT:,} characters.")
    return glue.join(parts)


def read_time(value: Any) -> datetime | date | time | None:
    """Read an ISO 8601 date or date-time; None when it is neither."""
    if isinstance(value, datetime | date):
        return value
    try:
        text = str(value).strip()
        return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
    except ValueError:
        return None


def _day_of(context: Context, value: Any) -> date:
    found = read_time(value)
    if isinstance(found, datetime):
        return _local(context, found).date()
    if isinstance(found, date):
        return found
    raise TemplateFault(f"{str(value)[:40]!r} is not a date.")


def _local(context: Context, value: datetime) -> datetime:
    zone = _voice(context).zone
    return value.replace(tzinfo=zone) if value.tzinfo is None else value.astimezone(zone)


def _voice(context: Context) -> Voice:
    voice: Voice = context["_voice"]
    return voice


def _babel(context: Context) -> Locale:
    return _parsed(_voice(context).locale)


@lru_cache(maxsize=200)
def _parsed(tag: str) -> Locale:
    return Locale.parse(tag.replace("-", "_"))


def _build() -> _Environment:
    environment = _Environment(undefined=Missing, autoescape=False, finalize=_text_of, extensions=[])
    kept = ("default", "upper", "lower", "title", "trim", "length", "first", "last")
    own = {"join": _join, "money": _money, "date": _date, "day": _day, "time": _time, "truncate_name": _truncate_name}
    environment.filters = {**{name: environment.filters[name] for name in kept}, **own}
    environment.tests = {name: environment.tests[name] for name in ("defined", "undefined", "none", "in", "eq", "ne")}
    environment.globals = {}
    return environment


ENVIRONMENT = _build()
FILTERS = {
    "money": "An amount with its currency: {{ total|money(currency) }}.",
    "date": "A date in the recipient's words: {{ due_date|date }}; also date('short'), date('long').",
    "day": "Weekday, day and month: {{ starts_at|day }}.",
    "time": "Time of day in the recipient's zone: {{ starts_at|time }}.",
    "default": "What to say when the field is empty: {{ name|default('there') }}.",
    "upper": "CAPITALS.",
    "lower": "Small letters.",
    "title": "First Letters Large.",
    "trim": "Without spaces at the ends.",
    "truncate_name": "The first word, at most 15 characters: {{ name|truncate_name }}.",
    "length": "How many.",
    "first": "The first of a list.",
    "last": "The last of a list.",
    "join": "A list as one text: {{ items|join(', ') }}.",
}
