"""The image and the alerts as their own programs see them: the Dockerfile's steps in a fresh environment, promtool."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from tests.fakes.service import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
PROMTOOL = shutil.which("promtool") or shutil.which(
    "promtool", path=str(ROOT / ".peers" / "prometheus" / "usr" / "bin")
)
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="make peers installs promtool")
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text("utf-8").replace("\\\n", " ")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Follow the COPY and pip steps of the Dockerfile with a fresh environment in the place of the image."""
    root = tmp_path_factory.mktemp("image")
    venv, source = root / "venv", root / "src"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    for step in re.findall(r"^RUN (pip .*)$", DOCKERFILE, re.MULTILINE):
        words = step.replace("--prefix /install ", "").replace("--no-cache-dir ", "")
        done = subprocess.run(
            ["bash", "-c", f"{shlex.quote(str(venv / 'bin' / 'python'))} -m {words}"],
            cwd=source, capture_output=True, text=True, check=False, timeout=500,
        )  # fmt: skip
        if done.returncode and "No matching distribution" in done.stderr:
            pytest.skip("the registry is out of reach")
        assert done.returncode == 0, done.stderr[-2000:]
    (packages,) = (venv / "lib").glob("python3*/site-packages")
    for name in re.findall(r"/(phonenumbers/\w+)", DOCKERFILE):
        shutil.rmtree(packages / name)
    return venv


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "command", ["tidings --version", "tidings rules check", "tidings rules test", "tidings demo", "tidings db migrate",
                "tidings doctor", "tidings gateways list --available", "tidings sources list --available"],
)  # fmt: skip
def test_the_installed_wheel_runs_alone(image: Path, command: str, tmp_path: Path) -> None:
    done = subprocess.run(
        shlex.split(command), cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
        env={"PATH": f"{image}/bin:/usr/bin:/bin", "LANG": "C.UTF-8"},
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(600)
def test_the_installed_service_starts_in_an_empty_folder_and_shows_its_pages(image: Path, tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "tidings.toml").write_text(f"port = {port}\n", "utf-8")
    with subprocess.Popen([image / "bin" / "tidings", "serve"], cwd=tmp_path, env={"LANG": "C.UTF-8"}) as service:
        try:
            asked = requests.Session()
            asked.mount("http://", HTTPAdapter(max_retries=Retry(connect=8, backoff_factor=0.1)))
            home = asked.get(f"http://127.0.0.1:{port}/console/", timeout=20)
            shown = sorted(set(re.findall(r'(?:href|src)="(/[^"#]*)', home.text)))
            answers = {path: asked.get(f"http://127.0.0.1:{port}{unescape(path)}", timeout=20) for path in shown}
        finally:
            service.terminate()
            ended = service.wait(timeout=20)

    assert home.status_code == 200
    assert {path: one.status_code for path, one in answers.items() if one.status_code != 200} == {}
    assert "/console/static/console.css" in answers
    assert len(answers) > 15
    assert ended == 0


@needs_promtool
def test_promtool_understands_the_alerts() -> None:
    alerts = ROOT / "deploy" / "prometheus" / "alerts.yml"
    done = subprocess.run(
        [str(PROMTOOL), "check", "rules", str(alerts)], capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_promtool_finds_nothing_wrong_with_the_metrics(tmp_path: Path) -> None:
    from tests.web.house import House
    from web import health

    house = House(tmp_path)
    house.delivered("1001")
    app = house.app()
    health.register(app, house.desk)
    shown = app.test_client().get("/metrics").get_data()
    house.store.close()

    done = subprocess.run(
        [str(PROMTOOL), "check", "metrics"], input=shown, capture_output=True, check=False, timeout=60
    )

    assert done.stdout.decode() + done.stderr.decode() == ""
