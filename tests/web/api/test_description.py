"""The description of the API is one, says what the API does, and the API does what it says.

The suite tries a few routes; THOROUGH=1 tries all, SCHEMATHESIS=200 with that many requests of each kind per route.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from jsonschema import Draft202012Validator
from schemathesis.config import SchemathesisConfig
from schemathesis.generation import GenerationMode

from tests.scale import runs
from tests.web.api.caller import PHONE, Program, Service
from web.api.problems import Trouble
from web.api.resources import ROUTES

TRIES = int(os.environ.get("SCHEMATHESIS", runs(3, 20)))
FEW = {
    "post_event",
    "post_message",
    "list_messages",
    "explain_event",
    "put_consent",
    "answer_conversation",
    "start_verification",
}
IS_QUICK = not runs(0, 1) and "SCHEMATHESIS" not in os.environ
CHECKS = {
    # A body may fit its schema and still name no phone, no rule, no page of ours: that is told, and no fault.
    "positive_data_acceptance": {"expected-statuses": ["2xx", 304, 400, 401, 403, 404, 409, 422]},
    "negative_data_rejection": {"expected-statuses": [400, 401, 403, 404, 405, 409, 413, 415, 422]},
}
pytestmark = pytest.mark.timeout(120 + 10 * TRIES)


def described(service: Service) -> dict[str, Any]:
    found: dict[str, Any] = Program(service, "").get("/openapi.json").get_json()
    return found


def test_every_route_is_described_by_its_own_name(service: Service) -> None:
    document = described(service)
    operations = [one for path in document["paths"].values() for one in path.values()]

    assert sorted(one["operationId"] for one in operations) == sorted(route.name for route in ROUTES)
    assert all(one["summary"].endswith(".") for one in operations)
    assert all(len(one["parameters"]) == len({(p["in"], p["name"]) for p in one["parameters"]}) for one in operations)


def test_every_schema_is_one(service: Service) -> None:
    schemas = described(service)["components"]["schemas"]

    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    assert all(
        schema.get("additionalProperties") is False
        for name, schema in schemas.items()
        if name != "Problem" and "properties" in schema and name != "Description"
    )


def test_every_example_is_taken(service: Service) -> None:
    program = service.program()
    for route in ROUTES:
        if route.example is not None:
            path = route.path.format(number=PHONE, name="main", conversation_id=1, campaign_id="none")
            answer = program.call(route.method, path, dict(route.example))
            assert answer.status_code == route.status or "conversation" in path or "none" in path, (
                route.name,
                answer.text,
            )


def test_every_problem_leads_to_a_page_that_exists(service: Service) -> None:
    program = Program(service, "")

    for trouble in Trouble:
        page = program.get(f"/problems/{trouble.code}").get_json()
        assert (page["status"], page["title"]) == (trouble.status, trouble.title)


def test_the_api_does_what_it_says(lasting: Service) -> None:
    program, document = lasting.program(), described(lasting)
    for path in document["paths"].values():  # who may is tested elsewhere; here every request carries the key
        for operation in path.values():
            del operation["security"]
    schema = schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict({"checks": CHECKS}))
    schema.app, schema.location = lasting.made.wsgi, "/api/v1/openapi.json"

    tried = 0
    operations: Any = schema.get_all_operations()
    for operation in (found.ok() for found in operations):
        if operation.definition.raw["operationId"] in FEW or not IS_QUICK:
            tried += sum(conforms(operation, mode, program) for mode in GenerationMode)

    assert tried > (len(FEW) if IS_QUICK else len(ROUTES)) * TRIES


def conforms(operation: Any, mode: GenerationMode, program: Program) -> int:
    """Make requests that fit (or do not), and hold each answer against the description; return how many."""
    tried = 0

    @settings(
        max_examples=TRIES, deadline=None, database=None, derandomize=IS_QUICK, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        nonlocal tried
        tried += 1
        case.call_and_validate(headers={"Authorization": f"Bearer {program.secret}"})

    try:
        ask()
    except Unsatisfiable:  # nothing can be wrong with a request that has no parts
        return 0
    return tried
