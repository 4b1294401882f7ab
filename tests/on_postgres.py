"""`make test-postgres`: the tests that work with a store, over a PostgreSQL server that is started for them."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.peers.postgres import USER, missing, postgres

TESTS = (
    "tests/audit", "tests/dispatch", "tests/inbound", "tests/web", "tests/commands/test_moving.py",
    "tests/test_journeys.py", "tests/test_opt_out_paths.py", "tests/test_properties.py", "tests/test_recheck.py",
    "tests/test_roles.py",
)  # fmt: skip


def main(words: list[str]) -> int:
    """Start the server, run pytest with these words (the tests above without any), stop the server."""
    if lacks := missing():
        sys.stdout.write(f"Skipped: PostgreSQL is not installed: {', '.join(lacks)}\n")
        return 0
    with postgres() as server:
        address = f"postgresql://{USER}@127.0.0.1:{server.port}"
        environment = {**os.environ, "TIDINGS_TEST_ENGINE": "postgres", "TIDINGS_TEST_POSTGRES": address}
        command = [sys.executable, "-m", "pytest", *(words or ["-n", "2", *TESTS])]
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
