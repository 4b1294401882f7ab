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
