"""What every test gets: no network but this machine, and a small world to tell stories in."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.stores import cleared
from tests.fakes.world import World

LOCAL = ("127.", "localhost", "::1", "/")


@pytest.fixture(autouse=True)
def only_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail any test that talks to another machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> Any:
        host = str(address[0] if isinstance(address, tuple) else address)
        if not host.startswith(LOCAL):
            raise AssertionError(f"a test tried to reach {host}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True, scope="module")
def empty_databases_of_a_module() -> Iterator[None]:
    """Leave nothing behind of what several tests share."""
    with cleared():
        yield


@pytest.fixture(autouse=True)
def empty_databases() -> Iterator[None]:
    """Leave nothing behind on the server of `make test-postgres`."""
    with cleared():
        yield


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Give a service without threads: the test moves the clock and takes the steps."""
    with World(tmp_path) as made:
        yield made
