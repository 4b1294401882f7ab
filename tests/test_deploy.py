"""What is deployed: the wheel holds everything, the files of deploy/ name what is there."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

import settings
from cli import main
from running.roles import ROLES
from tests.fakes.service import Service, running

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
SETUP: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
NOT_AT_RUN_TIME = {"quality", "tests", "bench", "docs", "deploy", "build", "simulation", "chaos", "supply"}
"""Folders that stay in the repository."""


def shipped() -> list[PurePosixPath]:
    """Every file of the repository that the service may want while it runs."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    files = [PurePosixPath(name) for name in listed]
    return [
        file
        for file in files
        if file.parts[0] not in NOT_AT_RUN_TIME and not file.parts[0].startswith(".") and (ROOT / file).exists()
    ]


def is_in_the_wheel(file: PurePosixPath) -> bool:
    """Tell whether setuptools takes a file: a module of a package that is included, or data one of them lists."""
    if len(file.parts) == 1:
        return file.stem in SETUP["py-modules"]
    packages = [".".join(file.parts[:depth]) for depth in range(1, len(file.parts))]
    included = [name for name in packages if any(fnmatch(name, one) for one in SETUP["packages"]["find"]["include"])]
    if file.suffix == ".py":
        return packages[-1] in included
    return any(
        fnmatch("/".join(file.parts[name.count(".") + 1 :]), pattern)
        and "/".join(file.parts[name.count(".") + 1 :]).count("/") == pattern.count("/")
        for name in included
        for pattern in SETUP["package-data"]["*"]
    )


def test_the_wheel_holds_every_file_the_service_wants() -> None:
    code = [file for file in shipped() if len(file.parts) > 1 or file.suffix == ".py"]

    assert len(code) > 300
    assert [str(file) for file in code if not is_in_the_wheel(file)] == []


def test_what_stays_outside_would_be_missed() -> None:
    assert is_in_the_wheel(PurePosixPath("audit/migrations/0001_start.sql"))
    assert not is_in_the_wheel(PurePosixPath("tests/conftest.py"))
    assert not is_in_the_wheel(PurePosixPath("web/static/more/deep.css"))


def steps(name: str) -> list[str]:
    return re.findall(rf"^{name} (.*)$", DOCKERFILE, re.MULTILINE)


def test_the_image_copies_what_is_there_and_runs_commands_that_are() -> None:
    for copied in steps("COPY"):
        *sources, _ = shlex.split(copied)
        for source in sources:
            assert source.startswith(("--from=", "/")) or (ROOT / source).exists(), copied
    (entry,), (command,) = steps("ENTRYPOINT"), [one for one in steps("CMD") if one.startswith('["serve')]

    assert json.loads(entry) == ["tidings"]
    assert json.loads(command)[0] in main.commands
    assert f":{settings.Settings().port}/healthz" in DOCKERFILE
    assert steps("EXPOSE") == [str(settings.Settings().port)]
    assert steps("USER") == ["tidings"]
    assert steps("ENV") == [f"{settings.HOST_VARIABLE}=0.0.0.0"]
    assert steps("FROM") == ["${PYTHON} AS build", "${PYTHON}"]
    assert re.fullmatch(r"PYTHON=python:3\.\d+-slim", steps("ARG")[0])


def test_the_image_goes_without_names_that_nothing_asks_for() -> None:
    gone = set(re.findall(r"/phonenumbers/(\w+)", DOCKERFILE))
    asking = re.compile(r"phonenumbers(?:\.| import .*\b)(?:geocoder|carrier|geodata|carrierdata)\b")
    code = [file for file in shipped() if file.suffix == ".py"]

    assert gone == {"geodata", "carrierdata"}
    assert [str(file) for file in code if asking.search((ROOT / file).read_text("utf-8"))] == []
    assert asking.search("from phonenumbers import carrier")
    assert asking.search("import phonenumbers.geocoder")


def test_a_read_only_image_is_compiled_beforehand_for_the_place_where_it_runs() -> None:
    (copied,) = [one for one in steps("COPY") if "--from=build" in one]
    (compiled,) = [one for one in steps("RUN") if "compileall" in one]

    assert copied == "--from=build /install /usr/local"
    assert "-s /install -p /usr/local --invalidation-mode unchecked-hash" in compiled


def test_secrets_and_databases_stay_out_of_the_image() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split()

    assert {".git", ".venv", "**/*.db", "**/*.db-*", "**/tidings.toml", "**/secrets.env", "deploy/data"} <= set(ignored)
    for name in ("compose.yaml", "compose.postgres.yml"):
        told = (DEPLOY / name).read_text("utf-8")
        assert set(re.findall(r"\./(data|[\w.]*env)", told)) == {"data", "secrets.env"}
    assert not any(fnmatch("requirements.lock", one) or fnmatch("pyproject.toml", one) for one in ignored)


def test_compose_uses_the_image_as_it_was_made() -> None:
    service = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"]["tidings"]
    build = service["build"]

    assert (DEPLOY / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).exists()
    assert service["volumes"] == [f"./data:{steps('VOLUME')[0]}"]
    assert service["ports"][0].startswith("127.0.0.1:")
    assert int(service["stop_grace_period"].rstrip("s")) > 10
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]


def test_compose_with_a_server_runs_each_role_on_one_database() -> None:
    services = yaml.safe_load((DEPLOY / "compose.postgres.yml").read_text("utf-8"))["services"]
    ours = {name: one for name, one in services.items() if "build" in one}
    driver = ours["web"]["build"]["args"]["DRIVERS"].replace("[binary]", "")

    assert {one["command"][2]: one["deploy"]["replicas"] for one in ours.values()} == {
        "web": 1, "worker": 2, "poller": 1,
    }  # fmt: skip
    assert {one["command"][2] for one in ours.values()} <= set(ROLES)
    assert driver in (ROOT / "requirements-dev.lock").read_text("utf-8").split()
    assert services["postgres"]["environment"]["POSTGRES_INITDB_ARGS"].startswith("--encoding=UTF8")
    for one in ours.values():
        assert (DEPLOY / one["build"]["context"] / one["build"]["dockerfile"]).exists()
        assert one["depends_on"] == {"postgres": {"condition": "service_healthy"}}
        assert (one["read_only"], one["cap_drop"], one["volumes"]) == (True, ["ALL"], [f"./data:{steps('VOLUME')[0]}"])
    assert [name for name, one in services.items() if "ports" in one] == ["web"]
    assert ours["web"]["ports"][0].startswith("127.0.0.1:")


def health() -> list[str]:
    """The command by which a container is found healthy, with the Python of this test."""
    (asked,) = re.findall(r"HEALTHCHECK .*?CMD (\[.*\])", DOCKERFILE)
    return [sys.executable, *json.loads(asked)[1:]]


def is_healthy(port: int) -> bool:
    """Run that command for a service that listens on this port."""
    words = [word.replace(f":{settings.Settings().port}/", f":{port}/") for word in health()]
    return subprocess.run(words, capture_output=True, check=False, timeout=10).returncode == 0


def test_a_container_is_healthy_while_the_service_answers_and_not_once_it_has_stopped(tmp_path: Path) -> None:
    with running(Service(tmp_path, environment={settings.HOST_VARIABLE: "127.0.0.1"})) as service:
        assert is_healthy(service.port)

    assert not is_healthy(service.port)


def test_what_is_deployed_names_only_variables_and_commands_that_are_there() -> None:
    told = {path.name: path.read_text("utf-8") for path in DEPLOY.iterdir() if path.is_file()}
    read = {
        name
        for file in shipped()
        if file.suffix == ".py" and str(file) not in {"docs/generate/options.py"}
        for name in re.findall(r'"(TIDINGS_[A-Z_]+)"', (ROOT / file).read_text("utf-8"))
    }

    for name, text in told.items():
        assert set(re.findall(r"TIDINGS_[A-Z_]+", text)) <= read, name
        for key in re.findall(r"\b([a-z_]+) = \\?\"", text):
            assert key in settings.Settings.model_fields, (name, key)
        for role in re.findall(r"--role, (\w+)", text):
            assert role in ROLES, (name, role)
        for path in re.findall(r"(?<![\w/.])docs/[\w-]+\.md", text):
            assert (ROOT / path).exists(), (name, path)
        for path in re.findall(r"(?<!\w)deploy/(?!data)\w[\w.-]*\w", text):
            assert (ROOT / path).exists(), (name, path)


def unit() -> configparser.RawConfigParser:
    found = configparser.RawConfigParser(strict=False)
    found.optionxform = str  # type: ignore[assignment,method-assign]
    found.read(DEPLOY / "tidings.service", "utf-8")
    return found


def test_the_unit_runs_commands_that_are_there() -> None:
    for name in ("ExecStart", "ExecStartPre"):
        words = shlex.split(unit()["Service"][name])
        assert words[0].endswith("/tidings")
        assert words[1] == "--config"
        assert words[3] in main.commands
    assert int(unit()["Service"]["TimeoutStopSec"]) > 10


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    binary = tmp_path / "tidings"
    binary.write_text("#!/bin/sh\n", "utf-8")
    binary.chmod(0o755)
    text = re.sub(r"/opt/\S+/tidings", str(binary), (DEPLOY / "tidings.service").read_text("utf-8"))
    (tmp_path / "tidings.service").write_text(text, "utf-8")

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "tidings.service")],
        capture_output=True, text=True, check=False, env={"SYSTEMD_LOG_LEVEL": "warning", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    ours = [line for line in done.stderr.splitlines() if "tidings.service" in line]

    assert ours == []


def test_the_unit_gives_the_service_no_more_than_it_needs() -> None:
    service = unit()["Service"]

    for name in ("NoNewPrivileges", "PrivateTmp", "ProtectHome", "ProtectHostname", "PrivateDevices", "RemoveIPC"):
        assert service[name] == "yes", name
    assert service["ProtectSystem"] == "strict"
    assert service["ProtectProc"] == "invisible"
    assert service["UMask"] == "0077"
