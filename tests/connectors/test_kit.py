"""The folder tells a stranger what is a system and what is a tool."""

from __future__ import annotations

from pathlib import Path
from pkgutil import iter_modules

import connectors
from connectors import kit

GUIDE = Path(__file__).resolve().parent.parent.parent / "docs" / "add-a-connector.md"


def test_every_module_beside_the_contract_is_a_system() -> None:
    modules = {module.name for module in iter_modules(connectors.__path__)}

    assert modules - set(connectors.names()) == {"base", "kit"}
    assert all(connectors.load(name).name == name for name in connectors.names())


def test_the_guide_names_every_tool_of_the_kit() -> None:
    guide = GUIDE.read_text("utf-8")

    assert [module.name for module in iter_modules(kit.__path__) if f"`{module.name}`" not in guide] == []
