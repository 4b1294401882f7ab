"""The small changes to try on a file: mutmut's table of operators, three of our own, and those of `sql`.

mutmut itself changes the bodies of plain functions only; here properties, defaults and constants are changed as well.
Left alone is what no test of behaviour can see, or what would only fall over at once: types, imports, decorators, log
lines, `len` and `isinstance`, the case of texts, and "utf-8" where it is what the machine has anyway.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators, operator_string

from quality.sql import in_sql

Operator = Callable[[Any], Iterable[cst.CSTNode]]
SKIPPED = (cst.Annotation, cst.Import, cst.ImportFrom, cst.Decorator, cst.TypeAlias)
TRIVIAL = {"len", "isinstance", "TypeVar", "NewType"}


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One change of one file."""

    file: str
    inside: str
    """The dotted name of the function or class it stands in, empty for the module itself."""

    line: int
    module: cst.Module
    old: cst.CSTNode
    new: cst.CSTNode

    @cached_property
    def code(self) -> str:
        """Return the whole changed file."""
        changed = self.module.deep_replace(self.old, self.new)
        return changed.code if isinstance(changed, cst.Module) else self.module.code

    @cached_property
    def diff(self) -> tuple[str, ...]:
        """Return the lines that go, with a minus, and those that come, with a plus."""
        lines = difflib.unified_diff(self.module.code.splitlines(), self.code.splitlines(), lineterm="", n=0)
        return tuple(line for line in lines if not line.startswith(("---", "+++", "@@")))

    @property
    def mark(self) -> str:
        """Return what names this change however the rest of the file moves."""
        told = "\n".join([self.file, self.inside, *(line[0] + line[1:].strip() for line in self.diff)])
        return blake2b(told.encode(), digest_size=6).hexdigest()

    def is_code(self) -> bool:
        """Tell whether it changes anything and is still Python."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compile(self.code, self.file, "exec")
        except (SyntaxError, ValueError):
            return False
        return bool(self.diff)


def of_file(root: Path, file: str) -> list[Mutant]:
    """Return all mutants of a file, in the order of its lines; a few may turn out to be no code."""
    wrapper = MetadataWrapper(cst.parse_module((root / file).read_text("utf-8")), unsafe_skip_copy=True)
    visitor = _Changes(file, wrapper.module)
    wrapper.visit(visitor)
    return sorted(visitor.found, key=lambda one: one.line)


class _Changes(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, file: str, module: cst.Module) -> None:
        super().__init__()
        self.file = file
        self.module = module
        self.found: list[Mutant] = []
        self.inside: list[str] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if self._is_left_alone(node):
            return False
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            self.inside.append(node.name.value)
        self.found += [self._mutant(node, new) for new in self._changes(node)]
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if isinstance(original_node, cst.FunctionDef | cst.ClassDef):
            self.inside.pop()

    def _is_left_alone(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Assign) and not self.inside:
            name = self.module.code_for_node(node.targets[0].target)
            return name[:1].isupper() and not name.isupper()  # the name of a type
        return isinstance(node, SKIPPED) or _is_docstring(node) or _is_trivial_call(node)

    def _changes(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        for kind, operator in OPERATORS:
            if isinstance(node, kind):
                yield from (new for new in operator(node) if self._is_seen(node, new))
        if self.file.startswith("audit/"):
            yield from in_sql(node)

    def _is_seen(self, old: cst.CSTNode, new: cst.CSTNode) -> bool:
        """Tell whether a change is more than another way to say utf-8."""
        before, after = self.module.code_for_node(old), self.module.code_for_node(new)
        return before.count('"utf-8"') == after.count('"utf-8"')

    def _mutant(self, old: cst.CSTNode, new: cst.CSTNode) -> Mutant:
        place = self.get_metadata(PositionProvider, old, None)
        return Mutant(file=self.file, inside=".".join(self.inside), line=place.start.line if place else 0,
                      module=self.module, old=old, new=new)  # fmt: skip


def _is_docstring(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Expr) and isinstance(node.value, cst.SimpleString | cst.ConcatenatedString)


def _is_trivial_call(node: cst.CSTNode) -> bool:
    match node:
        case cst.Call(func=cst.Name(value=name)):
            return name in TRIVIAL
        case cst.Call(func=cst.Attribute(value=cst.Name(value="log"))):
            return True
        case _:
            return False


def _another_text(node: cst.BaseString) -> Iterator[cst.CSTNode]:
    """Change a text once: mutmut would also change its case, which SQL and headers do not mind."""
    yield from list(operator_string(node))[:1]


def _left_out(node: cst.Expr) -> Iterator[cst.CSTNode]:
    """Leave out a call whose answer nobody reads."""
    if isinstance(node.value, cst.Call) and not _is_trivial_call(node.value):
        yield node.with_changes(value=cst.Name("None"))


def _turned(node: cst.If | cst.While) -> Iterator[cst.CSTNode]:
    """Turn a condition around, where mutmut has no operator to change."""
    if isinstance(node.test, cst.Name | cst.Attribute | cst.Call | cst.NamedExpr):
        inner = node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        space = cst.SimpleWhitespace(" ")
        yield node.with_changes(test=cst.UnaryOperation(operator=cst.Not(), expression=inner),
                                **{_SPACE[type(node)]: space})  # fmt: skip


_SPACE: dict[type[cst.CSTNode], str] = {cst.If: "whitespace_before_test", cst.While: "whitespace_after_while"}


def _no_answer(node: cst.Return) -> Iterator[cst.CSTNode]:
    """Return nothing."""
    if node.value is not None and not (isinstance(node.value, cst.Name) and node.value.value == "None"):
        yield node.with_changes(value=cst.Name("None"), whitespace_after_return=cst.SimpleWhitespace(" "))


OPERATORS: Sequence[tuple[Any, Operator]] = (
    *((kind, _another_text if operator is operator_string else operator) for kind, operator in mutation_operators),
    (cst.Expr, _left_out),
    ((cst.If, cst.While), _turned),
    (cst.Return, _no_answer),
)
