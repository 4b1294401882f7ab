"""/lists: the people that campaigns text, uploaded as CSV or XLSX."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from audit import lists
from audit.rows import at
from audit.store import Row
from dispatch.audience import BadList, ColumnMap
from dispatch.campaigning import CannotRun
from dispatch.importing import Importing, Order, SameFile, Stopped
from model.access import Permission
from web.api.problems import Problem, Trouble
from web.api.route import LIVE, Call, Done, Route, found
from web.api.shapes import Given, Paged, Taken, Word, count_in_query

SHOWN = 100
"""Wrong rows in an answer."""


def _yes(value: Any) -> bool:
    if value not in {"true", "false"}:
        raise ValueError("must be true or false")
    return bool(value == "true")


Yes = Annotated[bool, BeforeValidator(_yes), WithJsonSchema({"type": "boolean"})]
Whole = Annotated[int, Field(ge=0, le=1_000_000), BeforeValidator(count_in_query)]


class Upload(Taken):
    """How the file is to be read."""

    rule: Annotated[Word, Field(min_length=1)] = Field(
        description="The rule of the campaign: it names the columns that hold the phone and the country of numbers."
    )
    name: Word = Field(default="list", description="What people call the list.")
    sheet: Word = Field(default="", description="Of an XLSX file: the sheet, the first where it is left out.")
    stop_after: Whole = Field(default=0, description="Stop at so many rows that cannot be texted; 0 reads on.")
    again: Yes = Field(default=False, description="Read a file that was read before once more.")


class WrongRow(Given):
    """A row that cannot be texted, by the number the spreadsheet shows."""

    row: int
    column: str
    cell: str
    why: str


class ListOut(Given):
    """A list of people. `wrong_rows` are the first that were left out; `wrong` counts all."""

    id: str
    name: str
    made_by: str
    created_at: datetime
    complete: bool
    columns: list[str]
    people: int
    doubles: int
    wrong: int
    wrong_rows: list[WrongRow]


class ListsAsked(Paged):
    """Nothing but the page."""


class ListPage(Given):
    """Some lists, newest first; without their wrong rows."""

    data: list[ListOut]
    next: str | None


def upload_list(call: Call, given: Upload) -> Done:
    """Upload a list of people as CSV or XLSX. What cannot be texted is left out and told by row."""
    assert call.file is not None  # noqa: S101 - the door gives a route that uploads its file
    office = call.office.campaigns
    try:
        rule = office.rule(given.rule)
        order = Order(
            name=given.name, actor=call.key.actor, now=call.now, again=given.again, stop_after=given.stop_after,
            columns=ColumnMap(to=rule.to, region=rule.region),
        )  # fmt: skip
        list_id = Importing(store=call.store, new_id=call.office.new_id).read_file(call.file, order, sheet=given.sheet)
    except CannotRun as error:
        raise Problem(Trouble.INVALID, str(error), errors=[{"field": "rule", "message": str(error)}]) from None
    except SameFile as error:
        raise Problem(Trouble.SAME_FILE, str(error)) from None
    except Stopped as error:
        raise Problem(Trouble.NO_LIST, call.text(str(error)), list_id=error.list_id) from None
    except BadList as error:
        raise Problem(Trouble.NO_LIST, call.text(str(error))) from None
    return Done(answer=_read(call, list_id), location=f"{call.office.address}/api/v1/lists/{list_id}")


def list_lists(call: Call, asked: ListsAsked) -> ListPage:
    """List lists, newest first."""
    with call.store.read() as tx:
        rows = lists.listing(tx, call.place(asked), asked.limit + 1)
    shown = rows[: asked.limit]
    place = shown[-1]["id"] if len(rows) > asked.limit else ""
    return ListPage(data=[_out(call, row, []) for row in shown], next=call.next(asked, place))


def get_list(call: Call, _: Taken) -> ListOut:
    """Read how a list was read, and which rows were left out."""
    return _read(call, call.names["list_id"])


def _read(call: Call, list_id: str) -> ListOut:
    with call.store.read() as tx:
        row = found(lists.get(tx, list_id), "There is no such list.")
        return _out(call, row, lists.faults(tx, list_id, limit=SHOWN))


def _out(call: Call, row: Row, wrong: list[Row]) -> ListOut:
    return ListOut(
        id=row["id"], name=row["name"], made_by=row["actor"], created_at=at(row["created_at"]),
        complete=bool(row["complete"]), columns=[name for name in row["columns"].split(", ") if name],
        people=row["rows"], doubles=row["doubles"], wrong=row["wrong"],
        wrong_rows=[
            WrongRow(
                row=one["row"], column=one["column_name"], cell=call.number(one["cell"]), why=call.text(one["why"])
            )
            for one in wrong
        ],
    )  # fmt: skip


ROUTES = (
    Route(
        method="POST", path="/lists", view=upload_list, needs=Permission.SEND, takes=Upload, gives=ListOut, status=201,
        way="acts", kinds=LIVE, uploads=True, troubles=(Trouble.SAME_FILE, Trouble.NO_LIST),
    ),
    Route(path="/lists", view=list_lists, needs=Permission.READ, takes=ListsAsked, gives=ListPage),
    Route(
        path="/lists/{list_id}", view=get_list, needs=Permission.READ, gives=ListOut,
        names={"list_id": "The list's id."}, tagged=True,
    ),
)  # fmt: skip
