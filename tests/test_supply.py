"""What we are built of, as far as it can be told without a network."""

from __future__ import annotations

import re
from pathlib import Path

from supply.packages import ROOT, locked, unfit

SHIPPED = ("audit", "certify", "commands", "connectors", "dispatch", "gateways", "inbound", "model", "rules", "web",
           "wire", "supply", "chaos")  # fmt: skip
SILENT = re.compile(r"# noqa: [A-Z0-9, ]*\bS\d+[A-Z0-9, ]*$")


def test_every_locked_package_has_a_licence_that_goes_with_ours() -> None:
    assert len(locked()) > 40
    assert [*unfit()] == []


def test_a_package_nobody_knows_is_told(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("click==8.5.1\nnobody-made-this==1\n")

    assert [*unfit(lock)] == ["nobody-made-this is not installed"]


def test_whoever_silences_a_security_check_says_why() -> None:
    files = [*ROOT.glob("*.py"), *(path for folder in SHIPPED for path in (ROOT / folder).rglob("*.py"))]
    lines = [
        (path.relative_to(ROOT), number, line)
        for path in files
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
    ]

    assert [f"{path}:{number}" for path, number, line in lines if SILENT.search(line)] == []
