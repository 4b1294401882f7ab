"""The walks of docs/architecture.md are the ways the real service goes: every function, in that order."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from tests.test_docs import found_at
from tests.walking import WALKS, House

TEXT = (Path(__file__).resolve().parent.parent / "docs" / "architecture.md").read_text("utf-8")
TOLD = {
    name: re.findall(r"^\| \d+ \| [^|]+ \| `([\w.]+)` \|", rows, re.MULTILINE)
    for name, rows in re.findall(r"<!-- walk: (\w+) -->(.*?)<!-- end of walk -->", TEXT, re.DOTALL)
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("walks"))
    yield made
    made.close()


@pytest.mark.parametrize("name", WALKS)
def test_each_walk_goes_through_the_functions_it_tells_in_their_order(name: str, house: House) -> None:
    calls = iter(WALKS[name](house).calls)

    for step, function in enumerate(TOLD[name], 1):
        fits = any(is_call_of(function, code) for code in calls)
        assert fits, f"{name}, step {step}: {function} was not called after the step before it"


def test_every_walk_is_told() -> None:
    assert set(TOLD) == set(WALKS)
    assert min(len(steps) for steps in TOLD.values()) > 5


def is_call_of(name: str, code: CodeType) -> bool:
    """Tell whether code is that of a function, or of one that stands in its place in another class."""
    return code in codes_of(name) or (
        is_protocol(name.rpartition(".")[0])
        and code.co_name == name.rpartition(".")[2]
        and Path(code.co_filename).parent.name == name.partition(".")[0]
    )


@cache
def codes_of(name: str) -> frozenset[CodeType]:
    """Return the code of a function, and of those that stand in its place in classes below its own."""
    owner, _, method = name.rpartition(".")
    above: Any = found_at(owner)
    heirs = [getattr(one, method) for one in _below(above) if method in vars(one)] if inspect.isclass(above) else []
    return frozenset(inspect.unwrap(one).__code__ for one in (found_at(name), *heirs))


@cache
def is_protocol(name: str) -> bool:
    """Tell whether this is a class whose place others take without saying so."""
    return bool(getattr(found_at(name), "_is_protocol", False))


def _below(above: type[Any]) -> Iterator[type[Any]]:
    for one in above.__subclasses__():
        yield one
        yield from _below(one)
