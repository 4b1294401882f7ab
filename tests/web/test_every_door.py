"""Every address of a whole service from outside: refused without a key, with a wrong scope or a wrong secret, or public
for a reason that is written down here. Pages of the console have their own list in test_access.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.test import Client, TestResponse

from model.access import Permission
from tests.web.api.caller import Service
from web.api.resources import ROUTES

PUBLIC = {
    ("GET", "/api/v1/openapi.json"): "The description of the API; it says nothing of this installation's data.",
    ("GET", "/api/v1/problems/1"): "What a type of problem means; the addresses stand in answers.",
    ("GET", "/healthz"): "A load balancer asks whether the process lives; it learns nothing else.",
    ("GET", "/readyz"): "A load balancer asks whether the store answers; it learns nothing else.",
    ("GET", "/console/static/console.css"): "The sign-in page needs it.",
    ("GET", "/console/sign-in"): "Where people sign in.",
}
FAR = {"REMOTE_ADDR": "203.0.113.9"}
SECRET = "whsec_dGhlIGRvb3JzIGFyZSB0cmllZCB3aXRoIHRoaXMga2V5"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder: Path = tmp_path_factory.mktemp("doors")
    sources = {
        "shop": {"connector": "generic", "verify": "standard_webhooks", "secret": SECRET},
        "woo": {"connector": "woocommerce", "secret": SECRET},
    }
    opened = Service(folder, settings={"sources": sources, "limits": {"api_per_minute": 1_000_000}})
    yield opened
    opened.close()


def knock(service: Service, method: str, path: str, bearer: str = "") -> TestResponse:
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    body = b'{"id": "1", "type": "order.created"}' if method in {"POST", "PUT"} else None
    return Client(service.made.wsgi).open(
        path,
        method=method,
        data=body,
        headers=headers,
        content_type="application/json",
        environ_overrides=FAR,
        buffered=True,
    )


def api(service: Service) -> Iterator[tuple[str, str, Permission | None]]:
    for route in ROUTES:
        path = route.path
        for name in route.names:
            path = path.replace(f"{{{name}}}", "1")
        yield route.method, f"/api/v1{path}", route.needs


def hooks(service: Service) -> Iterator[tuple[str, str]]:
    for source in [*service.made.sources, "nobody"]:
        yield "POST", f"/hooks/{source}"
    for gateway in [*service.made.worker.gateways, "nobody"]:
        for kind in ("receipts", "replies"):
            for token in ("", "/", "/0", f"/{'0' * 32}"):
                yield "POST", f"/{kind}/{gateway}{token}"


def test_without_a_key_every_address_of_the_api_is_refused_or_public_for_a_reason(service: Service) -> None:
    for method, path, needs in api(service):
        for bearer in ("", "nonsense", f"tidings_live_aaaaaaaa_{'a' * 52}"):
            status = knock(service, method, path, bearer).status_code
            assert (status != 401) is ((method, path) in PUBLIC), (method, path, status)
        assert (needs is None) is ((method, path) in PUBLIC)


def test_a_key_with_every_scope_but_the_right_one_is_refused(service: Service) -> None:
    for needed in Permission:
        others = service.program(*(one for one in Permission if one is not needed))
        for method, path, needs in api(service):
            if needs is needed:
                assert knock(service, method, path, others.secret).status_code == 403, (method, path)


def test_hooks_receipts_and_replies_are_refused_without_their_secret(service: Service) -> None:
    for method, path in hooks(service):
        for bearer in ("", service.program().secret):  # a key of the API opens none of them
            assert knock(service, method, path, bearer).status_code in {401, 404}, path
    assert service.rows("select * from events") == []
    assert service.rows("select * from unmatched") == []


def test_what_machines_ask_is_public_or_wants_a_key(service: Service) -> None:
    reading, sending = service.program(Permission.READ), service.program(Permission.SEND)

    assert [knock(service, "GET", path).status_code for path in ("/healthz", "/readyz")] == [200, 200]
    assert knock(service, "GET", "/metrics").status_code in {302, 401, 403}
    assert knock(service, "GET", "/metrics", sending.secret).status_code == 403
    assert knock(service, "GET", "/metrics", reading.secret).status_code == 200


def test_what_is_public_answers_and_nothing_else_does(service: Service) -> None:
    for (method, path), reason in PUBLIC.items():
        assert reason.endswith(".")
        assert knock(service, method, path).status_code < 500
    for path in ("/", "/console/", "/console/messages", "/console/people", "/api", "/api/v2/events", "/.env", "/hooks"):
        assert knock(service, "GET", path).status_code in {302, 401, 403, 404}, path
