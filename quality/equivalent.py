"""Mutants that change nothing anybody could see, each with a line that says why: equivalent.toml.

An entry is known by a digest of the file, the function and the lines that go and come. When the code there changes, the
digest fits no mutant any more, and a test asks to look again.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from quality.lines import ROOT
from quality.mutants import of_file

KNOWN = Path(__file__).with_name("equivalent.toml")


def known(path: Path = KNOWN) -> Mapping[str, Mapping[str, str]]:
    """Return the entries by their digests."""
    return tomllib.loads(path.read_text("utf-8"))


def stale(path: Path = KNOWN) -> Iterator[str]:
    """Tell of each entry that fits no mutant any more."""
    places: dict[str, dict[str, set[str]]] = {}
    for mark, entry in known(path).items():
        file, _, inside = entry["in"].partition("::")
        places.setdefault(file, {}).setdefault(inside, set()).add(mark)
    for file, marks in places.items():
        there = {mutant.mark for mutant in of_file(ROOT, file) if mutant.inside in marks}
        for inside, wanted in marks.items():
            yield from (f"{mark} in {file}::{inside}: the code has changed" for mark in sorted(wanted - there))
