"""The pages about sources, gateways and health in the service as it is built from its settings."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from app import Tidings, build
from settings import Settings, SourceSettings

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HERE = {"REMOTE_ADDR": "127.0.0.1"}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Tidings]:
    settings = Settings(
        database=f"sqlite:///{tmp_path}/tidings.db", sources={"shop": SourceSettings(connector="shopify", secret="s3")},
    )  # fmt: skip
    made = build(settings, lambda: NOW)
    yield made
    made.store.close()


def words(service: Tidings, path: str) -> str:
    answer = Client(service.wsgi).get(path, environ_base=HERE)
    assert answer.status_code == 200, path
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)))


def test_the_pages_know_what_is_set_up_and_what_is_not(service: Tidings) -> None:
    status = words(service, "/console/status")

    assert "No gateway is set up" in status
    assert "No source is set up" not in status
    assert "texts 180d" in status
    assert "s3" not in status
    assert "http://127.0.0.1:8080/hooks/shop" in words(service, "/console/sources/shop")
    assert "console" in words(service, "/console/gateways")


def test_a_refusal_at_the_door_is_on_the_page_and_in_the_metrics(service: Tidings) -> None:
    said: list[Any] = []
    environ = {
        "PATH_INFO": "/hooks/shop", "REQUEST_METHOD": "POST", "CONTENT_LENGTH": "2", "wsgi.input": io.BytesIO(b"{}"),
        "HTTP_X_SHOPIFY_HMAC_SHA256": "AAAA",
    }  # fmt: skip
    b"".join(service.wsgi(environ, lambda status, *_: said.append(status)))
    service.refusals.flush(service.store, NOW)

    assert said == ["401 Unauthorized"]
    assert "1 wrong signature" in words(service, "/console/sources")
    metrics = words(service, "/metrics")
    assert 'tidings_requests_refused_total{reason="bad_signature",source="shop"} 1.0' in metrics


def test_a_stream_ends_when_the_service_stops(service: Tidings) -> None:
    answer = Client(service.wsgi).get("/console/audit/live?after=0", environ_base=HERE)
    service.driver.stop()

    assert answer.get_data(as_text=True) == "retry: 3000\n\n"
