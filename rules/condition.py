"""The `when` language: a loop-free subset of Python's expressions, compiled once to nested closures.

A text is read in three steps. Tokens: every character is known, or refused with its column. Tree: the standard
library's parser, which sees texts, foreign letters and reserved words blanked out, so that nothing but the grammar
reaches it. Closures: each node is on the allow-list or refused. Nothing is executed and no attribute is ever read.

Measured (Python 3.11, one of two cores): `total > 100 and status in ['paid', 'authorized'] and country == 'DE'` with
its trace sentence, 520,000 checks/s where it holds and 790,000/s where it fails at once; 340,000/s where the total is
the text "149.90", which is compared without rounding.
"""

from __future__ import annotations

import ast
import keyword
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import re2

_MOST_CHARACTERS = 1000
_MOST_NODES = 200
_DEEPEST = 30
_MOST_DIGITS = 30
_MOST_SHOWN = 300
_SMALL = 1 << 64
_MOST_BITS = 200
# What one evaluation may cost, in steps of about 0.2 µs; it is what keeps every condition below 5 ms.
_BUDGET = 15_000
_MOST_SUBJECT = 2_000
_LARGEST_PATTERN = 1_000


class ConditionError(Exception):
    """A condition that cannot be read. `column` counts from 1 and is where the caret goes."""

    def __init__(self, text: str, column: int, message: str) -> None:
        super().__init__(message)
        self.text, self.column, self.message = text, column, message


class ConditionFault(Exception):  # noqa: N818 - the event is at fault, not this module
    """A condition that could not be decided for this event; never a silent no."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a condition held, and a short sentence for the trace about what it saw."""

    passed: bool
    saw: str


class _Run:
    """One evaluation: its clock, what it saw, and how much work it may still do."""

    __slots__ = ("budget", "missing", "notes", "now")

    def __init__(self, now: datetime) -> None:
        self.now, self.missing, self.budget = now, "", _BUDGET
        self.notes: list[tuple[_Leaf, Any, Any, bool]] = []

    def spend(self, steps: int) -> None:
        self.budget -= steps
        if self.budget < 0:
            raise ConditionFault("the event is too large for this condition; compare a smaller field")


_Value = Callable[[Mapping[str, Any], _Run], Any]
_Test = Callable[[Mapping[str, Any], _Run], bool]


@dataclass(frozen=True, slots=True)
class Condition:
    """One line of `when`, ready to be checked against events."""

    source: str
    fields: frozenset[str]
    _test: _Test

    def check(self, data: Mapping[str, Any], now: datetime) -> Verdict:
        """Evaluate against the data of an event. Times without a zone are read in the zone of `now`."""
        run = _Run(now)
        passed = self._test(data, run)
        return Verdict(passed, _sentence(run.notes, passed))


def compile_condition(text: str) -> Condition:
    """Read a condition, or say with a ConditionError what is wrong and where."""
    if len(text) > _MOST_CHARACTERS:
        raise ConditionError(text, _MOST_CHARACTERS + 1, f"A condition has at most {_MOST_CHARACTERS} characters.")
    masked = _masked(text)
    lead = len(masked) - len(masked.lstrip())
    if lead == len(masked):
        raise ConditionError(text, 1, "The condition is empty.")
    try:
        tree = ast.parse(masked[lead:], mode="eval")
    except SyntaxError as fault:
        column = min(fault.offset + lead, len(text)) if fault.offset else len(text) + 1
        raise ConditionError(text, column, _syntax(text, column, fault.msg)) from None
    except (RecursionError, MemoryError):
        raise ConditionError(text, 1, "The condition is nested too deeply.") from None
    reader = _Reader(text, lead)
    test = reader.test(tree.body, 0)
    return Condition(text, frozenset(reader.fields), test)


# --- tokens ---------------------------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<text>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")|(?P<number>[0-9]+(?:\.[0-9]+)?(?![\w.]))"
    r"|(?P<name>[^\W\d]\w*)|(?P<sign>[=!<>]=(?!=)|<(?!>)|[>()\[\],.-])",
    re.DOTALL,
)
_OURS = {"and", "or", "not", "in", "is", "True", "False", "None"}
_HINTS = {
    "===": "Write == to compare.",
    "!==": "Write != to compare.",
    "&&": "Write `and`.",
    "&": "Write `and`.",
    "||": "Write `or`.",
    "|": "Filters belong in texts; here write `or`, or a function such as lower(name).",
    "<>": "Write != to compare.",
    "=>": "Write >= to compare.",
    "=<": "Write <= to compare.",
    ":=": "Values cannot be stored in a condition; write == to compare.",
    "=": "Write == to compare.",
    "!": "Write `not`.",
    "{": "Write field names without braces: total > 100.",
    **dict.fromkeys(["**", "*", "+", "/", "%"], "A condition compares and does not calculate."),
    "#": "A condition holds no comments; put them on a line of their own.",
    **dict.fromkeys("“”„‘’`´", "Write texts in straight quotes: 'paid'."),
    **dict.fromkeys("'\"", "The text that begins here has no end."),
    **dict.fromkeys("0123456789", "Write numbers like 100 or 99.90, a list's first entry as [0]."),
}


def _masked(text: str) -> str:
    """Check the tokens and blank out what the parser must not read, character for character."""
    masked, last, depth, at = [], "", 0, 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or (found.lastgroup == "name" and not found[0].isidentifier()):
            raise ConditionError(text, at + 1, _hint(text[at : at + 3]))
        kind, piece = found.lastgroup or "", found[0]
        depth += (piece in "([") - (piece in ")]")
        if trouble := _trouble(kind, piece, last, depth):
            raise ConditionError(text, at + 1, trouble)
        masked.append(_blank(kind, piece, last))
        last = kind if kind in {"text", "name"} else last if kind == "space" else piece
        at = found.end()
        if kind == "name" and text[at : at + 1] in {"'", '"'}:
            raise ConditionError(text, at + 1, f"{piece} stands right before a text; texts need no prefix.")
    return "".join(masked)


def _blank(kind: str, piece: str, last: str) -> str:
    """Return what the parser gets to see instead of a piece: of the same length, and plain ASCII."""
    if kind == "space":
        return " " * len(piece)
    if kind == "text":
        return "'" + "x" * (len(piece) - 2) + "'"
    if kind == "name" and keyword.iskeyword(piece) and (last == "." or piece not in _OURS):
        return "Z" * len(piece)  # `from` and `class` are fields like any other; no keyword has a Z
    return re.sub(r"[^\x00-\x7f]", "Z", piece)


def _trouble(kind: str, piece: str, last: str, depth: int) -> str:
    """Say what is wrong with a piece in its place, "" if nothing is."""
    if kind == "text" and last == "text":
        return "Two texts stand side by side; write a comma or an operator between them."
    if kind == "number" and len(piece) > _MOST_DIGITS:
        return f"A number has at most {_MOST_DIGITS} digits."
    if kind == "number" and re.match("0[0-9]", piece):
        return f"A number does not begin with 0; if it is a text, write '{piece}'."
    if kind == "name" and piece.startswith("__"):
        return "A field does not begin with two underscores."
    return "The condition is nested too deeply." if depth > _DEEPEST else ""


def _hint(ahead: str) -> str:
    sign = next((ahead[:size] for size in (3, 2, 1) if ahead[:size] in _HINTS), "")
    if sign:
        return _HINTS[sign] if sign.isdigit() or sign in "'\"" else f"{sign} means nothing here. {_HINTS[sign]}"
    shown = ahead[0] if ahead[0].isprintable() else f"U+{ord(ahead[0]):04X}"
    return f"The character {shown} means nothing here."


def _syntax(text: str, column: int, message: str) -> str:
    """Turn the parser's complaint into a sentence about our language."""
    if "closed" in message or "unmatched" in message or "does not match" in message:
        return message[0].upper() + message[1:] + "."
    word = re.match(r"\w*", text[column - 1 :])
    if word and word[0] in {"if", "else", "for", "lambda", "await", "yield"}:
        return f"`{word[0]}` means nothing here; a condition only compares, with and, or, not."
    if column > len(text.rstrip()):
        return "The condition ends too early; something is missing here."
    return "This cannot be read: an operator, a value or a quote is missing or too many."


def _unquoted(piece: str) -> str:
    r"""Return the text between quotes. Only \\, \' and \" are escapes, so that '\d' reaches `matches` as it is."""
    return re.sub(r"\\([\\'\"])", r"\1", piece[1:-1])


# --- tree -----------------------------------------------------------------------------------------------------

_SYMBOLS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Is: "is",
    ast.IsNot: "is not",
}
_CONSTANTS = {"true": True, "True": True, "false": False, "False": False}
_NONE = {"none", "None"}
_OTHER_SPELLINGS = {"null": "none", "NULL": "none", "nil": "none", "TRUE": "true", "FALSE": "false"}


@dataclass(frozen=True, slots=True)
class _Operand:
    """A part of the tree that has a value. `fixed` parts are the same for every event."""

    source: str
    get: _Value
    fixed: bool = False
    literal: Any = None


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A question asked of the event, as the trace will tell it; `flipped` ones tell the right side ('vip' in tags)."""

    left: str
    needs: str
    right: str = ""
    flipped: bool = False

    def complain(self, left: Any, right: Any, *, held: bool) -> str:
        """Say why the answer did not do; `held` answers are in the way under a `not`."""
        if left is None:
            return f"missing: {right}" if right else f"{self.left} is none"
        against = f" ({self.right} is {_show(right)})" if self.right else ""
        return f"{self.left} is {_show(left)}, needs {'not ' if held else ''}{self.needs}{against}"


class _Reader:
    """Turns the parser's tree into closures, refusing every node that is not on the list."""

    def __init__(self, text: str, lead: int) -> None:
        self.text, self.lead, self.nodes = text, lead, 0
        self.fields: set[str] = set()

    def test(self, node: ast.expr, depth: int) -> _Test:
        """Compile a part that holds or does not."""
        self._count(node, depth)
        match node:
            case ast.BoolOp(op=ast.And(), values=parts):
                return _all([self.test(part, depth + 1) for part in parts])
            case ast.BoolOp(values=parts):
                return _any([self.test(part, depth + 1) for part in parts])
            case ast.UnaryOp(op=ast.Not(), operand=part):
                return _not(self.test(part, depth + 1))
            case ast.Compare():
                return self._comparison(node, depth)
            case ast.Call(func=ast.Name(id=name)) if name in _ASKS:
                function, arguments = self._arguments(node, name, depth)
                return _asks(_Leaf(arguments[0].source, self._source(node)), function, arguments)
            case ast.List() | ast.Tuple():
                raise self._wrong(node, "A list is no condition; join comparisons with and, or, not.")
        self.nodes -= 1  # `value` counts it again
        operand = self.value(node, depth)
        return _truth(_Leaf(operand.source, "to be true"), operand.get)

    def value(self, node: ast.expr, depth: int) -> _Operand:
        """Compile a part that has a value."""
        self._count(node, depth)
        match node:
            case ast.Constant() | ast.UnaryOp(op=ast.USub(), operand=ast.Constant()):
                return self._literal(node)
            case ast.Name() | ast.Attribute() | ast.Subscript():
                return self._named(node)
            case ast.List(elts=parts) | ast.Tuple(elts=parts):
                return self._list(node, [self.value(part, depth + 1) for part in parts])
            case ast.Call(func=ast.Name(id=name)) if name in _FUNCTIONS:
                function, arguments = self._arguments(node, name, depth)
                return _Operand(self._source(node), _call(function, [argument.get for argument in arguments]))
        raise self._wrong(node, _why_not(node))

    def _count(self, node: ast.expr, depth: int) -> None:
        self.nodes += 1
        if self.nodes > _MOST_NODES:
            raise self._wrong(node, f"A condition has at most {_MOST_NODES} parts; split it into several lines.")
        if depth > _DEEPEST:
            raise self._wrong(node, "The condition is nested too deeply.")

    def _wrong(self, node: ast.expr, message: str) -> ConditionError:
        return ConditionError(self.text, node.col_offset + self.lead + 1, message)

    def _source(self, node: ast.expr) -> str:
        return self.text[node.col_offset + self.lead : (node.end_col_offset or 0) + self.lead]

    def _literal(self, node: ast.expr) -> _Operand:
        source = self._source(node)
        if source in _NONE:
            raise self._wrong(node, "none is asked for with `is none` or `is not none`.")
        value: Any = _CONSTANTS.get(source)
        if value is None and source[0] in "'\"":
            value = _unquoted(source)
        elif value is None:
            number = source.replace(" ", "")
            if not _PLAIN.fullmatch(number):
                raise self._wrong(node, _why_not(node))
            value = Decimal(number) if "." in number else int(number)
        return _fixed(source, value)

    def _list(self, node: ast.expr, parts: list[_Operand]) -> _Operand:
        if all(part.fixed for part in parts):
            return _fixed(self._source(node), [part.literal for part in parts])
        gets = [part.get for part in parts]
        return _Operand(self._source(node), lambda data, run: [get(data, run) for get in gets])

    def _named(self, node: ast.Name | ast.Attribute | ast.Subscript) -> _Operand:
        source = self._source(node)
        if source in _CONSTANTS or source in _NONE:
            return self._literal(node)
        if source == "now":
            return _Operand(source, _call(_now, []))
        if source in _OTHER_SPELLINGS:
            raise self._wrong(node, f"Write {_OTHER_SPELLINGS[source]}.")
        steps = self._steps(node)
        path = ".".join(map(str, steps))
        self.fields.add(path)
        return _Operand(source, _field(path, steps))

    def _steps(self, node: ast.expr) -> list[str | int]:
        """Return the keys that lead to a field."""
        steps: list[str | int] = []
        whole = node
        while not isinstance(node, ast.Name):
            if len(steps) == _DEEPEST:
                raise self._wrong(whole, f"A field lies at most {_DEEPEST} names deep.")
            match node:
                case ast.Attribute(value=inner, attr=name):
                    steps.append(self._source(node)[-len(name) :])
                case ast.Subscript(value=inner, slice=ast.Constant(value=str()) as key):
                    steps.append(_unquoted(self._source(key)))
                case ast.Subscript(value=inner, slice=ast.Constant(value=int(index))) if not isinstance(index, bool):
                    steps.append(index)
                case ast.Subscript(slice=key):
                    raise self._wrong(key, "Between brackets stands a name in quotes or a number: ['key'] or [0].")
                case _:
                    raise self._wrong(node, "Only fields have parts; a dot or bracket cannot follow anything else.")
            node = inner
        return [self._source(node), *reversed(steps)]

    def _arguments(self, node: ast.Call, name: str, depth: int) -> tuple[_Function, list[_Operand]]:
        function, count = _FUNCTIONS[name]
        if node.keywords or len(node.args) != count:
            raise self._wrong(node, f"{name} takes {count} value{'' if count == 1 else 's'}, separated by commas.")
        arguments = [self.value(argument, depth + 1) for argument in node.args]
        if name == "matches":
            function = self._matcher(node.args[1], arguments[1].literal)
        return function, arguments

    def _matcher(self, node: ast.expr, pattern: Any) -> _Function:
        if not isinstance(pattern, str):
            raise self._wrong(node, "The pattern of `matches` is a text in quotes, not a field.")
        try:
            compiled = re2.compile(pattern, options=_re2_options())
        except (re2.error, UnicodeError) as fault:
            detail = fault.args[0].decode(errors="replace") if isinstance(fault.args[0], bytes) else "odd characters"
            raise self._wrong(node, f"The pattern is not valid: {detail}.") from None
        if compiled.programsize > _LARGEST_PATTERN:
            raise self._wrong(node, "The pattern is too large; repeat fewer things fewer times.")
        return _searching(compiled)

    def _comparison(self, node: ast.Compare, depth: int) -> _Test:
        symbols = [_SYMBOLS[type(op)] for op in node.ops]
        if symbols[0] in {"is", "is not"} and len(symbols) == 1 and self._source(node.comparators[0]) in _NONE:
            left = self.value(node.left, depth + 1)
            return _is_none(_Leaf(left.source, "none"), left.get, wanted=symbols[0] == "is")
        operands = [self.value(part, depth + 1) for part in (node.left, *node.comparators)]
        pairs = []
        for part, symbol, left, right in zip(node.comparators, symbols, operands, operands[1:], strict=False):
            if symbol in {"is", "is not"}:
                raise self._wrong(part, "`is` goes with none only; write == or != to compare.")
            if symbol in {"in", "not in"} and right.fixed and not isinstance(right.literal, list | str):
                raise self._wrong(part, "`in` needs a list or a text, as in country in ['DE', 'AT'].")
            pairs.append((symbol, _asked(left, symbol, right), right))
        if len(pairs) == 1:
            return _pair(operands[0].get, *pairs[0])
        return _chain(operands[0].get, pairs)


def _asked(left: _Operand, symbol: str, right: _Operand) -> _Leaf:
    if left.fixed and not right.fixed:
        return _Leaf(right.source, f"{left.source} {symbol} {right.source}", flipped=True)
    return _Leaf(left.source, f"{symbol} {right.source}", "" if right.fixed else right.source)


def _why_not(node: ast.expr) -> str:
    match node:
        case ast.Call(func=ast.Attribute(attr=name)):
            return f"Fields have no functions; write {name}(field, ...)." if name in _FUNCTIONS else _KNOWN
        case ast.Call():
            return _KNOWN
        case ast.BoolOp() | ast.Compare() | ast.UnaryOp(op=ast.Not()):
            return "A comparison cannot be part of a comparison; join them with and, or, not."
        case ast.BinOp() | ast.UnaryOp():
            return "A condition compares and does not calculate; a minus goes before a number only."
    return "This means nothing in a condition."


# --- closures -------------------------------------------------------------------------------------------------


def _fixed(source: str, value: Any) -> _Operand:
    return _Operand(source, lambda _data, _run: value, fixed=True, literal=value)


def _field(path: str, steps: list[str | int]) -> _Value:
    first, *rest = steps

    def top(data: Mapping[str, Any], run: _Run) -> Any:
        value = data.get(first)  # type: ignore[arg-type] # the first step is a name
        if value is None:
            run.missing = path
        return value

    def deep(data: Mapping[str, Any], run: _Run) -> Any:
        value = data.get(first)  # type: ignore[arg-type] # the first step is a name
        for step in rest:
            value = value.get(step) if type(value) is dict else _part(value, step)
        if value is None:
            run.missing = path
        return value

    return deep if rest else top


def _part(value: Any, step: str | int) -> Any:
    if isinstance(value, Mapping):
        return value.get(step)
    if isinstance(value, list | tuple) and isinstance(step, int) and step < len(value):
        return value[step]
    return None


def _all(tests: list[_Test]) -> _Test:
    def test(data: Mapping[str, Any], run: _Run) -> bool:
        notes = run.notes
        start = len(notes)
        for part in tests:
            before = len(notes)
            if not part(data, run):
                del notes[start:before]  # what held before does not explain why this did not
                return False
        return True

    return test


def _any(tests: list[_Test]) -> _Test:
    def test(data: Mapping[str, Any], run: _Run) -> bool:
        notes = run.notes
        start = len(notes)
        for part in tests:
            before = len(notes)
            if part(data, run):
                del notes[start:before]
                return True
        return False

    return test


def _not(part: _Test) -> _Test:
    return lambda data, run: not part(data, run)


def _truth(leaf: _Leaf, get: _Value) -> _Test:
    def test(data: Mapping[str, Any], run: _Run) -> bool:
        value = get(data, run)
        if isinstance(value, str) and len(value) < 8 and value.strip().lower() in {"false", "no", "off", "0"}:
            raise ConditionFault(f"{leaf.left} is the text {_show(value)}; compare it: {leaf.left} == {_show(value)}")
        run.notes.append((leaf, value, run.missing, bool(value)))
        return bool(value)

    return test


def _is_none(leaf: _Leaf, get: _Value, *, wanted: bool) -> _Test:
    def test(data: Mapping[str, Any], run: _Run) -> bool:
        value = get(data, run)
        held = (value is None) is wanted
        run.notes.append((leaf, value, "" if held else run.missing, held))
        return held

    return test


def _asks(leaf: _Leaf, function: _Function, arguments: list[_Operand]) -> _Test:
    gets = [argument.get for argument in arguments]

    def test(data: Mapping[str, Any], run: _Run) -> bool:
        values = [get(data, run) for get in gets]
        held = False if None in values else bool(function(run, *values))
        run.notes.append((leaf, None if None in values else values[0], run.missing, held))
        return held

    return test


def _call(function: _Function, gets: list[_Value]) -> _Value:
    def value(data: Mapping[str, Any], run: _Run) -> Any:
        values = [get(data, run) for get in gets]
        return None if None in values else function(run, *values)

    return value


def _pair(get: _Value, symbol: str, leaf: _Leaf, right: _Operand) -> _Test:
    """Compare two values. Most compare a field with a literal of its own type: they take the short way."""
    decide = _decider(symbol)
    if not right.fixed:
        return _chain(get, [(symbol, leaf, right)])
    literal, usual, quick = right.literal, *_shortcut(symbol, right.literal)

    def test(data: Mapping[str, Any], run: _Run) -> bool:
        value = get(data, run)
        if value is None:
            run.notes.append((leaf, None, run.missing, False))
            return False
        held = quick(value) if type(value) is usual else decide(value, literal, run)
        run.notes.append((leaf, value, None, held))
        return held

    return test


def _shortcut(symbol: str, literal: Any) -> tuple[type, Callable[[Any], bool]]:
    """Return the usual type of a field beside a literal, and how to decide then."""
    if symbol in {"in", "not in"} and isinstance(literal, list) and all(isinstance(part, str) for part in literal):
        members, wanted = frozenset(literal), symbol == "in"
        return str, lambda value: (value in members) is wanted
    if type(literal) is int and symbol in _OPERATORS:
        compare = _OPERATORS[symbol]
        return int, lambda value: compare(value, literal)
    if isinstance(literal, str) and symbol in {"==", "!="}:
        compare = _OPERATORS[symbol]
        return str, lambda value: compare(value, literal)
    return _Run, bool  # no field is ever of this type


def _chain(get: _Value, pairs: list[tuple[str, _Leaf, _Operand]]) -> _Test:
    links = [(_decider(symbol), leaf, right.get) for symbol, leaf, right in pairs]
    # In 0 < n < 9 the second question tells n, so the first need not.
    silent = pairs[0][1] if pairs[0][1].flipped and len(pairs) > 1 else None

    def test(data: Mapping[str, Any], run: _Run) -> bool:
        left = get(data, run)
        start = len(run.notes)
        for decide, leaf, following in links:
            right = None if left is None else following(data, run)
            held = right is not None and decide(left, right, run)
            if not held:
                del run.notes[start:]
            if right is None:
                run.notes.append((leaf, None, run.missing, False))
            elif not held or leaf is not silent:
                run.notes.append((leaf, right, None, held) if leaf.flipped else (leaf, left, right, held))
            if not held:
                return False
            left = right
        return True

    return test


# --- values ---------------------------------------------------------------------------------------------------

_Function = Callable[..., Any]
_Decide = Callable[[Any, Any, _Run], bool]
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_EQUALITY = {"==", "!="}
_PLAIN = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?")
_KINDS: dict[type, str] = {
    bool: "yes or no",
    int: "number",
    float: "number",
    Decimal: "number",
    str: "text",
    dict: "record",
    list: "list",
    tuple: "list",
    datetime: "date",
    date: "date",
}


def _kind(value: Any) -> str:
    kind = _KINDS.get(type(value))
    if kind is None:
        kind = next((name for base, name in _KINDS.items() if isinstance(value, base)), "")
    return kind or ("record" if isinstance(value, Mapping) else "thing")


def _decider(symbol: str) -> _Decide:
    if symbol == "in":
        return _contains
    if symbol == "not in":
        return lambda value, container, run: not _contains(value, container, run)
    compare, equality = _OPERATORS[symbol], symbol in _EQUALITY

    def decide(left: Any, right: Any, run: _Run) -> bool:
        left, right = _comparable(left, right, run, equality=equality)
        return compare(left, right)

    return decide


def _comparable(left: Any, right: Any, run: _Run, *, equality: bool) -> tuple[Any, Any]:
    """Bring two values to one type. Money travels as text, so a text that is all number counts as one."""
    kinds = {_kind(left), _kind(right)}
    if kinds == {"number"}:
        return _exact(left), _exact(right)
    if kinds == {"text"}:
        run.spend(min(len(left), len(right)) >> 10)
        numbers = not equality and _PLAIN.fullmatch(left) and _PLAIN.fullmatch(right)
        return (Decimal(left), Decimal(right)) if numbers else (left, right)
    if kinds == {"text", "number"}:
        return _numeric(left, right), _numeric(right, left)
    if kinds in ({"date"}, {"date", "text"}):
        return _moment(run, left), _moment(run, right)
    if equality and kinds == {"yes or no"}:
        return left, right
    if equality and kinds == {"list"}:
        return _same_list(left, right, run), True
    raise ConditionFault(f"{_show(left)} cannot be compared with {_show(right)}{_advice(kinds)}")


def _advice(kinds: set[str]) -> str:
    if kinds == {"yes or no", "text"}:
        return "; texts have quotes, true and false have none"
    if kinds == {"yes or no"}:
        return " by size, only with == and !="
    return "; ask with `in`" if "list" in kinds else ""


def _exact(value: Any) -> Any:
    """Return a number that compares without rounding: 0.1 as written, not as the machine stores it."""
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:  # turning it into a Decimal would take long
        raise ConditionFault("a number of more than 60 digits cannot be compared")
    if isinstance(value, float):
        value = Decimal(str(value))
    if isinstance(value, Decimal) and not value.is_finite():
        raise ConditionFault(f"{value} is not a number to compare with")
    return value


def _numeric(value: Any, other: Any) -> Any:
    if not isinstance(value, str):
        return _exact(value)
    if not _PLAIN.fullmatch(value):
        raise ConditionFault(f"the text {_show(value)} is compared with the number {_show(other)}; use num(...)")
    return Decimal(value)


def _alike(left: Any, right: Any) -> bool:
    """Tell whether two entries are equal; in a list of mixed things, another type is no error but no match."""
    if type(left) is str and type(right) is str:
        return left == right
    kinds = {_kind(left), _kind(right)}
    if kinds == {"yes or no"}:
        return bool(left == right)
    if not kinds <= {"number", "text"} or any(
        isinstance(one, str) and not _PLAIN.fullmatch(one) for one in (left, right)
    ):
        return False
    try:
        return bool(_numeric(left, right) == _numeric(right, left))
    except ConditionFault:  # NaN
        return False


def _same_list(left: Sequence[Any], right: Sequence[Any], run: _Run) -> bool:
    run.spend(min(len(left), len(right)) * 10)
    return len(left) == len(right) and all(map(_alike, left, right))


def _contains(value: Any, container: Any, run: _Run) -> bool:
    kind = _kind(container)
    if kind == "list":
        run.spend(len(container) * 10)
        return any(_alike(value, part) for part in container if part is not None)
    if kind == "record":
        return isinstance(value, str) and value in container
    if kind == "text" and isinstance(value, str):
        run.spend(len(container) >> 4)
        return value in container
    raise ConditionFault(f"{_show(value)} cannot be looked for in {_show(container)}; `in` needs a list or a text")


def _text(function: str, value: Any, run: _Run) -> str:
    """Return a value as text; a postcode may well have arrived as a number."""
    if isinstance(value, int | Decimal | float) and not isinstance(value, bool):
        return _show(value)
    if not isinstance(value, str):
        raise ConditionFault(f"{function} needs a text, and got {_show(value)}")
    run.spend(len(value) >> 4)
    return value


def _num(_run: _Run, value: Any) -> Any:
    if _kind(value) == "number":
        return _exact(value)
    plain = value[:80].strip().removeprefix("+") if isinstance(value, str) and len(value) < 80 else ""
    if not _PLAIN.fullmatch(plain):
        raise ConditionFault(f"num({_show(value)}): this is not a number")
    return Decimal(plain)


def _len(_run: _Run, value: Any) -> int:
    if _kind(value) not in {"text", "list", "record"}:
        raise ConditionFault(f"len needs a text or a list, and got {_show(value)}")
    return len(value)


def _lower(run: _Run, value: Any) -> str:
    return _text("lower", value, run).lower()


def _startswith(run: _Run, value: Any, start: Any) -> bool:
    return _text("startswith", value, run).startswith(_text("startswith", start, run))


def _endswith(run: _Run, value: Any, end: Any) -> bool:
    return _text("endswith", value, run).endswith(_text("endswith", end, run))


def _holds(run: _Run, value: Any, part: Any) -> bool:
    if _kind(value) == "list":
        return _contains(part, value, run)
    return _text("contains", part, run) in _text("contains", value, run)


def _searching(pattern: Any) -> _Function:
    def matches(run: _Run, value: Any, _pattern: Any) -> bool:
        text = _text("matches", value, run)
        if len(text) > _MOST_SUBJECT:
            raise ConditionFault(f"matches looks at texts of at most {_MOST_SUBJECT} characters, not {len(text)}")
        subject = text.encode(errors="replace")
        # The worst re2 does: every instruction for every byte, at 2 to 3 ns each.
        run.spend(20 + (len(subject) * pattern.programsize >> 6))
        return pattern.search(subject.decode()) is not None

    return matches


def _re2_options() -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    return options


def _moment(run: _Run, value: Any) -> datetime:
    """Return a moment; without a zone it is the wall clock of `now`'s."""
    try:
        if isinstance(value, str) and len(value) <= 40:
            value = datetime.fromisoformat(value.strip())
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime.combine(value, time())
        if isinstance(value, datetime):
            return (value if value.tzinfo else value.replace(tzinfo=run.now.tzinfo)).astimezone(run.now.tzinfo)
    except (ValueError, OverflowError):
        pass
    raise ConditionFault(f"{_show(value)} is not a date; dates look like 2026-11-15 or 2026-11-15T10:00:00+01:00")


def _now(run: _Run) -> datetime:
    return run.now


def _days_until(run: _Run, value: Any) -> int:
    """Count midnights of the wall clock, so that tomorrow is 1 at any time of today."""
    return (_moment(run, value).date() - run.now.date()).days


_FUNCTIONS: dict[str, tuple[_Function, int]] = {
    "num": (_num, 1),
    "lower": (_lower, 1),
    "len": (_len, 1),
    "startswith": (_startswith, 2),
    "endswith": (_endswith, 2),
    "contains": (_holds, 2),
    "matches": (_holds, 2),
    "date": (_moment, 1),
    "now": (_now, 0),
    "days_until": (_days_until, 1),
}
_ASKS = {"startswith", "endswith", "contains", "matches"}
_KNOWN = f"This function is not known; there are {', '.join(sorted(_FUNCTIONS))}."


def _sentence(notes: list[tuple[_Leaf, Any, Any, bool]], passed: bool) -> str:  # noqa: FBT001 - private, and hot
    if passed:
        said = "; ".join([f"{leaf.left} is {_show(left)}" for leaf, left, _, _ in notes])
    else:
        said = "; ".join([leaf.complain(left, right, held=held) for leaf, left, right, held in notes])
    return said if len(said) <= _MOST_SHOWN else said[: _MOST_SHOWN - 1] + "…"


def _show(value: Any) -> str:
    """Write a value for the trace, briefly. Texts and small numbers come first, for speed."""
    if type(value) is str and len(value) <= 40:
        return f"'{value}'"
    if type(value) is int and -_SMALL < value < _SMALL:
        return str(value)
    if value is None:
        return "none"
    kind = _kind(value)
    if kind == "text":
        return f"'{value[:39]}…'"
    if kind == "yes or no":
        return "true" if value else "false"
    if kind == "number":
        huge = isinstance(value, int) and value.bit_length() > _MOST_BITS
        return "a huge number" if huge else str(value)[:40]
    if kind == "list":
        few = [_show(part) if _kind(part) != "list" else "[…]" for part in value[:3]]
        return f"[{', '.join(few)}{', …' if len(value) > 3 else ''}]"
    return value.isoformat() if kind == "date" else f"a {kind}"
