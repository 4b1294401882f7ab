from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.api.caller import Service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    opened = Service(tmp_path)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for the tests of a module that leave nothing behind."""
    opened = Service(tmp_path_factory.mktemp("api"), settings={"limits": {"api_per_minute": 1_000_000}})
    yield opened
    opened.close()
