"""How much disk the locked dependencies take."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution

from bench.figures import Figure
from tests.fakes.service import ROOT


def measure(scale: float) -> list[Figure]:  # noqa: ARG001 - all measurements are called alike
    """Sum the files of every distribution named in requirements.lock, compiled files included."""
    names = re.findall(r"(?m)^([A-Za-z0-9._-]+)", (ROOT / "requirements.lock").read_text("utf-8"))
    sizes = {name: _size(name) for name in names}
    largest = sorted(sizes, key=lambda name: -sizes[name])[:3]
    note = f"{len(sizes)} packages; largest: " + ", ".join(f"{name} {sizes[name] / 1e6:.0f} MB" for name in largest)
    return [Figure(what="installed dependencies", value=sum(sizes.values()) / 1e6, unit="MB", budget=117, note=note)]


def _size(name: str) -> int:
    try:
        files = distribution(name).files or []
    except PackageNotFoundError:
        return 0
    return sum(path.stat().st_size for file in files if (path := file.locate()).is_file())  # type: ignore[attr-defined]
