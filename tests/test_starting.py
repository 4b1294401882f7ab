"""What a start does not pay for: libraries that only some installations, or some commands, need."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import app
import settings
from tests.fakes.service import ROOT, Service

HEAVY = ("cryptography", "pygments", "rich", "simple_salesforce", "sqlite_utils", "structlog", "zeep")
STARTED = """
import app, settings
from running import logs
logs.configure_logging()
app.build(settings.load(pathlib.Path({path!r}), {{}}), seed=1).stop()
"""


def loaded_by(code: str) -> set[str]:
    told = f"import json, pathlib, sys\n{code}\nprint(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_an_idle_service_has_loaded_nothing_that_nobody_asked_for(tmp_path: Path) -> None:
    Service(tmp_path).write()
    file = tmp_path / "tidings.toml"
    app.build(settings.load(file, {}), seed=1).stop()  # the first start makes the database

    assert loaded_by(STARTED.format(path=str(file))) == set()


def test_the_checker_of_rules_loads_no_library_of_a_single_system() -> None:
    assert loaded_by("import advice\nadvice.catalogue({})") <= {"cryptography"}


def test_a_port_that_is_taken_is_said_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "cli", "serve", "--port", str(port)],
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip

    assert done.returncode == 1
    assert done.stderr == (
        f"Port {port} of 127.0.0.1 is taken: another program listens there, or Tidings runs already. "
        "Stop it, or listen elsewhere: --port, or port in tidings.toml.\n"
    )


@pytest.mark.parametrize(
    ("words", "environment"),
    [(["--host", "192.0.2.1"], {"TIDINGS_HOST": "192.0.2.2"}), ([], {"TIDINGS_HOST": "192.0.2.1"})],
)
def test_where_to_listen_is_said_by_the_command_else_by_the_environment(
    tmp_path: Path, words: list[str], environment: dict[str, str]
) -> None:
    (tmp_path / "tidings.toml").write_text('host = "192.0.2.3"\n', "utf-8")

    done = subprocess.run(
        [sys.executable, "-m", "cli", "--config", str(tmp_path / "tidings.toml"), "serve", "--port", "8081", *words],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=30, env={**os.environ, **environment},
    )  # fmt: skip

    assert done.returncode == 1
    assert done.stderr.startswith("Nobody can listen on port 8081 of 192.0.2.1: ")


def test_the_environment_says_where_to_listen_whether_there_is_a_file_or_none(tmp_path: Path) -> None:
    file = tmp_path / "tidings.toml"
    file.write_text('host = "192.0.2.3"\n', "utf-8")

    assert settings.load(None, {"TIDINGS_HOST": "0.0.0.0"}).entrance.host == "0.0.0.0"  # noqa: S104 - not bound here
    assert settings.load(file, {"TIDINGS_HOST": "192.0.2.1"}).host == "192.0.2.1"
    assert settings.load(file, {"TIDINGS_HOST": ""}).host == "192.0.2.3"
