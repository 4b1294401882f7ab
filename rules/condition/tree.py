"""The parser's tree, node by node: on the list and turned into a closure, or refused with its column."""

from __future__ import annotations

import ast
from decimal import Decimal
from typing import Any

from rules.condition import closures
from rules.condition.closures import Operand, Test
from rules.condition.functions import ASKS, FUNCTIONS, KNOWN, Function, now, searching
from rules.condition.seen import Leaf
from rules.condition.tokens import DEEPEST, ConditionError, unquoted
from rules.condition.values import PLAIN

MOST_NODES = 200
SYMBOLS: dict[type[ast.cmpop], str] = {
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
CONSTANTS = {"true": True, "True": True, "false": False, "False": False}
NONE = {"none", "None"}
OTHER_SPELLINGS = {"null": "none", "NULL": "none", "nil": "none", "TRUE": "true", "FALSE": "false"}


class Reader:
    """Turns the parser's tree into closures, refusing every node that is not on the list."""

    def __init__(self, text: str, lead: int) -> None:
        self.text, self.lead, self.nodes = text, lead, 0
        self.fields: set[str] = set()

    def test(self, node: ast.expr, depth: int) -> Test:
        """Compile a part that holds or does not."""
        self._count(node, depth)
        match node:
            case ast.BoolOp(op=ast.And(), values=parts):
                return closures.every([self.test(part, depth + 1) for part in parts])
            case ast.BoolOp(values=parts):
                return closures.some([self.test(part, depth + 1) for part in parts])
            case ast.UnaryOp(op=ast.Not(), operand=part):
                return closures.negated(self.test(part, depth + 1))
            case ast.Compare():
                return self._comparison(node, depth)
            case ast.Call(func=ast.Name(id=name)) if name in ASKS:
                function, arguments = self._arguments(node, name, depth)
                return closures.asks(Leaf(arguments[0].source, self._source(node)), function, arguments)
            case ast.List() | ast.Tuple():
                raise self._wrong(node, "A list is no condition; join comparisons with and, or, not.")
        self.nodes -= 1  # `value` counts it again
        operand = self.value(node, depth)
        return closures.truth(Leaf(operand.source, "to be true"), operand.get)

    def value(self, node: ast.expr, depth: int) -> Operand:
        """Compile a part that has a value."""
        self._count(node, depth)
        match node:
            case ast.Constant() | ast.UnaryOp(op=ast.USub(), operand=ast.Constant()):
                return self._literal(node)
            case ast.Name() | ast.Attribute() | ast.Subscript():
                return self._named(node)
            case ast.List(elts=parts) | ast.Tuple(elts=parts):
                return self._list(node, [self.value(part, depth + 1) for part in parts])
            case ast.Call(func=ast.Name(id=name)) if name in FUNCTIONS:
                function, arguments = self._arguments(node, name, depth)
                return Operand(self._source(node), closures.call(function, [argument.get for argument in arguments]))
        raise self._wrong(node, _why_not(node))

    def _count(self, node: ast.expr, depth: int) -> None:
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise self._wrong(node, f"A condition has at most {MOST_NODES} parts; split it into several lines.")
        if depth > DEEPEST:
            raise self._wrong(node, "The condition is nested too deeply.")

    def _wrong(self, node: ast.expr, message: str) -> ConditionError:
        return ConditionError(self.text, node.col_offset + self.lead + 1, message)

    def _source(self, node: ast.expr) -> str:
        return self.text[node.col_offset + self.lead : (node.end_col_offset or 0) + self.lead]

    def _literal(self, node: ast.expr) -> Operand:
        source = self._source(node)
        if source in NONE:
            raise self._wrong(node, "none is asked for with `is none` or `is not none`.")
        value: Any = CONSTANTS.get(source)
        if value is None and source[0] in "'\"":
            value = unquoted(source)
        elif value is None:
            number = source.replace(" ", "")
            if not PLAIN.fullmatch(number):
                raise self._wrong(node, _why_not(node))
            value = Decimal(number) if "." in number else int(number)
        return closures.fixed(source, value)

    def _list(self, node: ast.expr, parts: list[Operand]) -> Operand:
        if all(part.fixed for part in parts):
            return closures.fixed(self._source(node), [part.literal for part in parts])
        gets = [part.get for part in parts]
        return Operand(self._source(node), lambda data, run: [get(data, run) for get in gets])

    def _named(self, node: ast.Name | ast.Attribute | ast.Subscript) -> Operand:
        source = self._source(node)
        if source in CONSTANTS or source in NONE:
            return self._literal(node)
        if source == "now":
            return Operand(source, closures.call(now, []))
        if source in OTHER_SPELLINGS:
            raise self._wrong(node, f"Write {OTHER_SPELLINGS[source]}.")
        steps = self._steps(node)
        path = ".".join(map(str, steps))
        self.fields.add(path)
        return Operand(source, closures.field(path, steps))

    def _steps(self, node: ast.expr) -> list[str | int]:
        """Return the keys that lead to a field."""
        steps: list[str | int] = []
        whole = node
        while not isinstance(node, ast.Name):
            if len(steps) == DEEPEST:
                raise self._wrong(whole, f"A field lies at most {DEEPEST} names deep.")
            match node:
                case ast.Attribute(value=inner, attr=name):
                    steps.append(self._source(node)[-len(name) :])
                case ast.Subscript(value=inner, slice=ast.Constant(value=str()) as key):
                    steps.append(unquoted(self._source(key)))
                case ast.Subscript(value=inner, slice=ast.Constant(value=int(index))) if not isinstance(index, bool):
                    steps.append(index)
                case ast.Subscript(slice=key):
                    raise self._wrong(key, "Between brackets stands a name in quotes or a number: ['key'] or [0].")
                case _:
                    raise self._wrong(node, "Only fields have parts; a dot or bracket cannot follow anything else.")
            node = inner
        return [self._source(node), *reversed(steps)]

    def _arguments(self, node: ast.Call, name: str, depth: int) -> tuple[Function, list[Operand]]:
        function, count = FUNCTIONS[name]
        if node.keywords or len(node.args) != count:
            raise self._wrong(node, f"{name} takes {count} value{'' if count == 1 else 's'}, separated by commas.")
        arguments = [self.value(argument, depth + 1) for argument in node.args]
        if name == "matches":
            function = self._matcher(node.args[1], arguments[1].literal)
        return function, arguments

    def _matcher(self, node: ast.expr, pattern: Any) -> Function:
        if not isinstance(pattern, str):
            raise self._wrong(node, "The pattern of `matches` is a text in quotes, not a field.")
        try:
            return searching(pattern)
        except ValueError as fault:
            raise self._wrong(node, str(fault)) from None

    def _comparison(self, node: ast.Compare, depth: int) -> Test:
        symbols = [SYMBOLS[type(op)] for op in node.ops]
        if symbols[0] in {"is", "is not"} and len(symbols) == 1 and self._source(node.comparators[0]) in NONE:
            left = self.value(node.left, depth + 1)
            return closures.is_none(Leaf(left.source, "none"), left.get, wanted=symbols[0] == "is")
        operands = [self.value(part, depth + 1) for part in (node.left, *node.comparators)]
        pairs = []
        for part, symbol, left, right in zip(node.comparators, symbols, operands, operands[1:], strict=False):
            if symbol in {"is", "is not"}:
                raise self._wrong(part, "`is` goes with none only; write == or != to compare.")
            if symbol in {"in", "not in"} and right.fixed and not isinstance(right.literal, list | str):
                raise self._wrong(part, "`in` needs a list or a text, as in country in ['DE', 'AT'].")
            pairs.append((symbol, _asked(left, symbol, right), right))
        if len(pairs) == 1:
            return closures.pair(operands[0].get, *pairs[0])
        return closures.chain(operands[0].get, pairs)


def _asked(left: Operand, symbol: str, right: Operand) -> Leaf:
    if left.fixed and not right.fixed:
        return Leaf(right.source, f"{left.source} {symbol} {right.source}", flipped=True)
    return Leaf(left.source, f"{symbol} {right.source}", "" if right.fixed else right.source)


def _why_not(node: ast.expr) -> str:
    match node:
        case ast.Call(func=ast.Attribute(attr=name)):
            return f"Fields have no functions; write {name}(field, ...)." if name in FUNCTIONS else KNOWN
        case ast.Call():
            return KNOWN
        case ast.BoolOp() | ast.Compare() | ast.UnaryOp(op=ast.Not()):
            return "A comparison cannot be part of a comparison; join them with and, or, not."
        case ast.BinOp() | ast.UnaryOp():
            return "A condition compares and does not calculate; a minus goes before a number only."
    return "This means nothing in a condition."
