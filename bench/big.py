"""Ten million texts in one file: every page, inserts beside an empty file, sealing, verifying and purging.

The file is made first, which takes a quarter of an hour and 25 GB below the folder for temporary files (TMPDIR). With
TIDINGS_BENCH_FILE a file that is there already is taken instead; it is changed by what is measured.
"""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench import inserts, pages, upkeep
from bench.figures import Figure
from bench.generate import generate

MESSAGES = 10_000_000
FILE = "TIDINGS_BENCH_FILE"


def measure(scale: float) -> list[Figure]:
    """Measure over ten million texts, or as many as the scale leaves."""
    if os.environ.get(FILE):
        return _measured(Path(os.environ[FILE]))
    with tempfile.TemporaryDirectory(prefix="tidings-bench-") as folder:
        path = Path(folder) / "big.db"
        generate(path, int(MESSAGES * min(scale, 1.0)), datetime.now(UTC))
        return _measured(path)


def _measured(path: Path) -> list[Figure]:
    return [*pages.measure(path), *inserts.measure(path), *upkeep.measure(path)]
