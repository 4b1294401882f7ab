"""The locked packages and their licences."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
PINNED = re.compile(r"(?m)^([A-Za-z0-9._-]+)==([^\s;\\]+)")
FINE = re.compile(
    r"(MIT(-0)?( License)?|BSD([ -][23]-Clause)?( License)?|Apache([ -]2\.0| Software License| License, Version 2\.0)?|"
    r"ISC( License.*)?|PSF(L|-2\.0)?|Python Software Foundation License|Public Domain|Unlicense|"
    r"MPL-2\.0|Mozilla Public License 2\.0 \(MPL 2\.0\))"
)
"""What goes together with the Apache License 2.0 in one installation. MPL 2.0 asks that its own files stay open, and
they do: nobody changes them."""


def locked(lock: Path = LOCK) -> Mapping[str, str]:
    """Return each pinned package and its version."""
    return dict(PINNED.findall(lock.read_text("utf-8")))


def licences(name: str) -> list[str]:
    """Return what an installed package says of its licence, the most exact statement there is. Raises when missing."""
    about = metadata(name)
    if expression := _one(about, "License-Expression"):
        return [word for word in re.split(r"\s+(?:AND|OR|WITH)\s+|[()]", str(expression)) if word]
    named = [line.rpartition(":: ")[2] for line in about.get_all("Classifier") or () if line.startswith("License ::")]
    return named or [(_one(about, "License").splitlines() or ["none stated"])[0]]


def _one(about: PackageMetadata, field: str) -> str:
    return next(iter(about.get_all(field) or ()), "")


def unfit(lock: Path = LOCK) -> Iterator[str]:
    """Tell of each locked package whose licence is not known to fit ours."""
    for name in locked(lock):
        try:
            found = licences(name)
        except PackageNotFoundError:
            yield f"{name} is not installed"
            continue
        if odd := [one for one in found if not FINE.fullmatch(one)]:
            yield f"{name}: {', '.join(odd)}"
