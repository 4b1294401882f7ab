"""How the house is built: words, states, lanes, roles, who may import what."""

from __future__ import annotations

import inspect
import tomllib
from dataclasses import is_dataclass
from enum import Enum

from docs.generate.markdown import ROOT, code, table
from model import event, message, sending, steering
from model.access import Permission, Role
from model.message import Lane, State


def rule(rule_id: str) -> str:
    """Quote one rule of rules/rules.yaml, without its tests."""
    text = (ROOT / "rules" / "rules.yaml").read_text("utf-8")
    start = text.index(f"  - id: {rule_id}\n")
    end = text.index("    tests:\n", start)
    return f"```yaml\n{text[start:end]}```\n"


def states() -> str:
    """List the life of a message with its ranks."""
    marks = {True: "ends the life", False: ""}
    rows = [
        (f"`{one.code}`", str(one.rank), one.words, "may be replaced" if one.soft else marks[one.final])
        for one in State
    ]
    return table(("State", "Rank", "Shown as", ""), rows)


def lanes() -> str:
    """Name the lanes in the order in which they leave."""
    return " > ".join(f"`{lane.code}`" for lane in sorted(Lane, key=lambda lane: lane.rank)) + "\n"


def words() -> str:
    """Make the glossary from the docstrings of model/."""
    found = {}
    for module in (event, message, sending, steering):
        for name, kind in vars(module).items():
            if inspect.isclass(kind) and kind.__module__ == module.__name__ and (
                is_dataclass(kind) or issubclass(kind, Enum)
            ):  # fmt: skip
                said = " ".join(inspect.cleandoc(kind.__doc__ or "").split())
                found[name] = (f"**{_spaced(name)}**", said, f"`model/{module.__name__.rpartition('.')[2]}.py`")
    return table(("Word", "Means", "In"), [found[name] for name in sorted(found)])


def roles() -> str:
    """List what people may be."""
    return table(
        ("Role", "Is here for", "Permissions"),
        [
            (f"`{one.code}`", one.text, ", ".join(each.code for each in Permission if one.may(each)))
            for one in Role
        ],
    )  # fmt: skip


def permissions() -> str:
    """List what may be allowed to a role or a key."""
    return table(("Permission", "Allows to"), [(f"`{one.code}`", one.text) for one in Permission])


def contracts() -> str:
    """Say which folder may import what, from the import contracts in pyproject.toml."""
    found = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    rows = []
    for contract in found:
        if contract["type"] == "layers":
            said = "Upper layers import lower ones, never the other way: " + " over ".join(
                f"`{layer}`" for layer in contract["layers"]
            )
        elif contract["type"] == "independence":
            said = f"No module of {code(contract['modules'])} imports another one."
        else:
            said = f"{code(contract['source_modules'])} import none of {code(contract['forbidden_modules'])}."
        rows.append((contract["name"], said))
    return table(("Contract", "Says"), rows)


def _spaced(name: str) -> str:
    return "".join(f" {char.lower()}" if char.isupper() else char for char in name).strip()
