"""Networks of our own on one machine: a hub with a bridge, and nodes that are plugged into it by virtual cables.

They are Linux network namespaces, named after our process and gone with the block. Nothing of the machine's own
network is touched, and nothing in them can reach any other machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

SUBNET = "10.77.0"
HUB = f"{SUBNET}.254"
"""Where server and provider listen, for the nodes and nobody else."""


def missing() -> list[str]:
    """Return what namespaces need and this machine does not have."""
    if not shutil.which("ip"):
        return ["ip (iproute2)"]
    if os.geteuid() != 0:
        return ["root, for network namespaces"]
    mark = f"tidings{os.getpid()}try"
    made = subprocess.run(["ip", "netns", "add", mark], check=False, capture_output=True).returncode == 0
    subprocess.run(["ip", "netns", "del", mark], check=False, capture_output=True)
    return [] if made else ["the right to make network namespaces"]


@dataclass(frozen=True, slots=True)
class Network:
    """A hub and its nodes, numbered from 1."""

    mark: str

    @property
    def hub(self) -> str:
        return f"{self.mark}hub"

    def node(self, number: int) -> str:
        return f"{self.mark}n{number}"

    def inside(self, place: str, words: Sequence[str | Path]) -> list[str | Path]:
        """Return a command that runs in one of the networks."""
        return ["ip", "netns", "exec", place, *words]

    def cut(self, number: int) -> None:
        """Pull the cable of a node: what it sends goes nowhere, and nobody tells it so."""
        _ip("-n", self.hub, "link", "set", f"n{number}", "nomaster")

    def heal(self, number: int) -> None:
        """Plug it in again."""
        _ip("-n", self.hub, "link", "set", f"n{number}", "master", "bridge")


@contextmanager
def network(nodes: int) -> Iterator[Network]:
    """Make the networks; they are removed with the block, whatever happens in it."""
    made = Network(f"tidings{os.getpid()}")
    places = [made.hub, *(made.node(number) for number in range(1, nodes + 1))]
    try:
        for place in places:
            _ip("netns", "add", place)
            _ip("-n", place, "link", "set", "lo", "up")
        _ip("-n", made.hub, "link", "add", "bridge", "type", "bridge")
        _ip("-n", made.hub, "addr", "add", f"{HUB}/24", "dev", "bridge")
        _ip("-n", made.hub, "link", "set", "bridge", "up")
        for number in range(1, nodes + 1):
            _plug(made, number)
        yield made
    finally:
        for place in places:
            with suppress(subprocess.CalledProcessError):
                _ip("netns", "del", place)


def _plug(made: Network, number: int) -> None:
    cable, place = f"n{number}", made.node(number)
    _ip("-n", made.hub, "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", place)
    _ip("-n", made.hub, "link", "set", cable, "master", "bridge", "up")
    _ip("-n", place, "addr", "add", f"{SUBNET}.{number}/24", "dev", "eth0")
    _ip("-n", place, "link", "set", "eth0", "up")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
