"""Which state a message may move to, pair by pair. `x` moves on, `.` stays."""

from __future__ import annotations

import pytest

from model.message import State

S = State
ORDER = (
    S.QUEUED, S.SUBMITTING, S.UNKNOWN, S.ACCEPTED, S.SENDING, S.SENT, S.UNCONFIRMED,
    S.UNDELIVERED, S.EXPIRED, S.REJECTED, S.FAILED, S.CANCELLED, S.DELIVERED,
)  # fmt: skip
MOVES = {
    # from          to  Q S U A S S U U E R F C D
    S.QUEUED:      ". x x x x x x x x x x x x",
    S.SUBMITTING:  ". . x x x x x x x x x x x",
    S.UNKNOWN:     ". . . x x x x x x x x x x",
    S.ACCEPTED:    ". . . . x x x x x x x x x",
    S.SENDING:     ". . . . . x x x x x x x x",
    S.SENT:        ". . . . . . x x x x x x x",
    S.UNCONFIRMED: ". . . . . x . x x x x x x",
    S.UNDELIVERED: ". . . . . . . . . . . x x",
    S.EXPIRED:     ". . . . . . . . . . . x x",
    S.REJECTED:    ". . . . . . . . . . . x x",
    S.FAILED:      ". . . . . . . . . . . x x",
    S.CANCELLED:   ". . . . . . . . . . . . .",
    S.DELIVERED:   ". . . . . . . . . . . . .",
}  # fmt: skip
PAIRS = [(old, new, mark == "x") for old, row in MOVES.items() for new, mark in zip(ORDER, row.split(), strict=True)]


def test_the_table_names_every_state() -> None:
    assert set(ORDER) == set(State) == set(MOVES)


@pytest.mark.parametrize(("old", "new", "moves"), PAIRS, ids=lambda value: getattr(value, "name", str(value)))
def test_a_message_moves_on_as_the_table_says(old: State, new: State, moves: bool) -> None:
    assert old.yields_to(new) is moves


@pytest.mark.parametrize("state", State, ids=lambda state: state.name)
def test_the_same_receipt_twice_changes_nothing(state: State) -> None:
    assert not state.yields_to(state)


@pytest.mark.parametrize("failure", [S.UNDELIVERED, S.EXPIRED, S.REJECTED, S.FAILED])
def test_delivered_beats_a_failure_that_came_before_and_not_the_other_way(failure: State) -> None:
    assert failure.yields_to(State.DELIVERED)
    assert not State.DELIVERED.yields_to(failure)


def test_final_states_end_a_life_and_the_others_do_not() -> None:
    final = {state for state in State if state.final}

    assert final == {S.UNDELIVERED, S.EXPIRED, S.REJECTED, S.FAILED, S.CANCELLED, S.DELIVERED}
    assert [state for state in State if state.soft] == [State.UNCONFIRMED]


def test_two_receipts_that_cross_end_in_the_same_state_in_either_order() -> None:
    """Providers repeat and reorder: only UNCONFIRMED and the equal ranks of failure may depend on what came first."""
    reports = [S.ACCEPTED, S.SENDING, S.SENT, S.UNDELIVERED, S.DELIVERED]
    for one in reports:
        for two in reports:
            assert _after(State.SUBMITTING, one, two) is _after(State.SUBMITTING, two, one)


def _after(state: State, *reports: State) -> State:
    for report in reports:
        state = report if state.yields_to(report) else state
    return state
