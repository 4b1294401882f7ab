"""The house keeps its shape: import contracts hold, names are the field's words, secrets stay out of sight."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from quality import sizes

ROOT = Path(__file__).resolve().parent.parent
CODE = [
    p
    for p in ROOT.glob("*/**/*.py")
    if not {".venv", ".peers", "build", "tests", "bench", "chaos", "supply", "commands", "docs"}
    & set(p.relative_to(ROOT).parts)
]
BANNED_FOLDERS = {"utils", "helpers", "common", "services", "managers"}


def test_the_import_contracts_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-2000:]


def test_no_folder_has_a_name_that_means_nothing() -> None:
    assert {p.parent.name for p in CODE} & BANNED_FOLDERS == set()


def test_only_the_composition_root_reads_the_environment_and_the_clock() -> None:
    reads = re.compile(r"os\.environ|datetime\.now\(|time\.time\(\)|utcnow")
    signing = ROOT / "gateways" / "base.py"  # signs requests with the present time; tests give another clock

    root = {signing, *(p for p in CODE if p.relative_to(ROOT).parts[0] in {"running", "quality"})}

    found = [p for p in CODE if p not in root and reads.search(p.read_text("utf-8"))]

    assert found == []


def test_sql_words_stand_in_audit_only() -> None:
    sql = re.compile(r"\b(select .* from|insert into|delete from|update \w+ set)\b", re.IGNORECASE)

    found = [
        str(p.relative_to(ROOT))
        for p in CODE
        if p.relative_to(ROOT).parts[0] in {"web", "dispatch", "inbound", "rules", "gateways"}
        and sql.search(p.read_text("utf-8"))
    ]

    assert found == []


def test_a_long_file_says_why_it_is_long() -> None:
    assert list(sizes.without_a_reason()) == []
    assert sizes.reason('"""Text.\n\nLong because of\ntwo parts.\n"""') == "of two parts"
