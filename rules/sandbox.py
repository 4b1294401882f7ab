"""The sandbox that texts run in: what they may be made of, and what their fields offer (nothing but their data)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import StrictUndefined, nodes
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from rules.filters import OWN, TemplateFault, printable

LOOP = frozenset({"first", "last", "index", "index0", "length"})
ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Const,
    nodes.Filter, nodes.Test, nodes.If, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not,
    nodes.For, nodes.Concat, nodes.Add, nodes.Sub, nodes.Neg, nodes.List, nodes.Tuple, nodes.Keyword,
)  # fmt: skip


class Missing(StrictUndefined):
    """A field that is not there: false in conditions, an error where it would be printed."""

    def __bool__(self) -> bool:  # type: ignore[override]  # jinja says it never returns: that is what we change
        return False


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


def check(tree: nodes.Template) -> None:
    """Refuse every part of a template that is not on the list. Raises TemplateFault with its line."""
    for node in tree.find_all(nodes.Node):
        if not isinstance(node, ALLOWED):
            if isinstance(node, nodes.Helper | nodes.EvalContextModifier):
                continue
            raise TemplateFault(f"{type(node).__name__} is not allowed in a text.", node.lineno)
        if isinstance(node, nodes.For) and any(inner is not node for inner in node.find_all(nodes.For)):
            raise TemplateFault("A loop inside a loop is not allowed in a text.", node.lineno)
        if isinstance(node, nodes.For) and node.recursive:
            raise TemplateFault("A recursive loop is not allowed in a text.", node.lineno)


def _build() -> _Environment:
    environment = _Environment(undefined=Missing, autoescape=False, finalize=printable, extensions=[])
    kept = ("default", "upper", "lower", "title", "trim", "length", "first", "last")
    environment.filters = {**{name: environment.filters[name] for name in kept}, **OWN}
    environment.tests = {name: environment.tests[name] for name in ("defined", "undefined", "none", "in", "eq", "ne")}
    environment.globals = {}
    return environment


ENVIRONMENT = _build()
