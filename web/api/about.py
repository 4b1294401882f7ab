"""What needs no key: the description of the API for programs, and what each kind of problem means."""

from __future__ import annotations

from pydantic import ConfigDict

from web.api.problems import PLACE, TROUBLES
from web.api.route import Call, Route, found
from web.api.shapes import Given, Taken


class Description(Given):
    """An OpenAPI 3.1 document."""

    model_config = ConfigDict(extra="allow")

    openapi: str


class ProblemType(Given):
    """One kind of problem: what it means and what to do about it."""

    type: str
    title: str
    status: int
    advice: str


def get_openapi(call: Call, _: Taken) -> Description:
    """Read the description of this API as OpenAPI 3.1."""
    from web.api.spec import document  # noqa: PLC0415 - it describes us, too

    return Description.model_validate(document(call.office.address))


def get_problem_type(call: Call, _: Taken) -> ProblemType:
    """Read what one type of problem means."""
    one = found(TROUBLES.get(call.names["code"]), "There is no such type of problem.")
    return ProblemType(
        type=f"{call.office.address}{PLACE}{one.code}", title=one.title, status=one.status, advice=one.advice
    )  # fmt: skip


ROUTES = (
    Route(path="/openapi.json", view=get_openapi, needs=None, gives=Description, tagged=True),
    Route(
        path="/problems/{code}", view=get_problem_type, needs=None, gives=ProblemType,
        names={"code": "The last part of a problem's `type`."}, tagged=True,
    ),
)  # fmt: skip
