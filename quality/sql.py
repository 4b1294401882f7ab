"""Changes of the SQL inside a text: in audit/ the decisions are there."""

from __future__ import annotations

import re
from collections.abc import Iterator

import libcst as cst

IS_SQL = re.compile(r"\b(select|insert into|update|delete from|where|order by|values|join|case when)\b")
CHANGES = {
    r"\band\b": "or",
    r"\bor\b": "and",
    r"(?<![<>])<=": "<",
    r"(?<![<>])>=": ">",
    r"(?<![<>])<(?![=>])": "<=",
    r"(?<![<>-])>(?!=)": ">=",
    r"<>": "=",
    r"(?<![<>!])=": "<>",
    r"\bis not null\b": "is null",
    r"\bis null\b": "is not null",
    r"\bnot in\b": "in",
    r"(?<!not )\bin \(": "not in (",
    r"\bnot exists\b": "exists",
    r"(?<!not )\bexists\b": "not exists",
    r" desc\b": " asc",
    r"\bmin\(": "max(",
    r"\bmax\(": "min(",
    r"\bdistinct ": "",
    r"\bleft join\b": "join",
    r" \+ ": " - ",
    r" - ": " + ",
    r"(?<![\w'.-])\d+(?![\w'.])": "{+1}",
}
CLAUSE = re.compile(r"\b(set|where|on|and|or|when|values|select|having)\b")


def in_sql(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield a piece of SQL with one thing changed."""
    if isinstance(node, cst.SimpleString | cst.FormattedStringText) and IS_SQL.search(node.value):
        yield from (node.with_changes(value=text) for text in changed(node.value))


def changed(text: str) -> Iterator[str]:
    """Yield a text once for each place that can be changed; not where it would only be wrong SQL."""
    for pattern, other in CHANGES.items():
        for found in re.finditer(pattern, text):
            if found[0] == "=" and _assigns(text[: found.start()]):
                continue
            new = str(int(found[0]) + 1) if other == "{+1}" else other
            yield text[: found.start()] + new + text[found.end() :]


def _assigns(before: str) -> bool:
    """Tell whether an equals sign gives a column its value rather than compares."""
    words = CLAUSE.findall(before)
    return not words or words[-1] in {"set", "values"}
