"""Work that changes something, done once for each Idempotency-Key: its answer is kept beside what it made."""

from __future__ import annotations

from http import HTTPStatus

from audit import idempotency
from audit.idempotency import Answered, Once, Standing
from audit.rows import digest
from audit.store import Tx
from web.api import answers
from web.api.answers import Reply
from web.api.problems import KIND, Problem, Trouble
from web.api.route import Call, Job, Route
from web.api.shapes import Taken

REPLAYED = {"Idempotency-Replayed": "true"}


def done(call: Call, route: Route, given: Taken, name: str) -> Reply:
    """Do the work of a route, or answer as the first time. Raises Problem."""
    once = Once(key_id=call.key.id, name=name, fingerprint=_fingerprint(call)) if name else None
    if route.way == "creates":
        job: Job = route.view(call, given)
        return call.store.write(lambda tx: _in_one(tx, call, route, job, once))
    if once is None:
        return answers.of(route, route.view(call, given), call.office.address)
    return _in_steps(call, route, given, once)


def _in_one(tx: Tx, call: Call, route: Route, job: Job, once: Once | None) -> Reply:
    """Do it in the transaction that keeps the answer: both are there, or neither."""
    before = _begun(tx, once, call)
    if before is not None:
        return before
    reply = answers.of(route, job(tx), call.office.address)
    _kept(tx, once, reply)
    return reply


def _in_steps(call: Call, route: Route, given: Taken, once: Once) -> Reply:
    """Take the name first, do what needs transactions of its own, then keep the answer."""
    before = call.store.write(lambda tx: _begun(tx, once, call))
    if before is not None:
        return before
    try:
        reply = answers.of(route, route.view(call, given), call.office.address)
    except BaseException:
        call.store.write(lambda tx: idempotency.drop(tx, once))
        raise
    call.store.write(lambda tx: _kept(tx, once, reply))
    return reply


def _begun(tx: Tx, once: Once | None, call: Call) -> Reply | None:
    if once is None:
        return None
    found = idempotency.begin(tx, once, call.now)
    if found is Standing.RUNNING:
        raise Problem(Trouble.RUNNING, headers={"Retry-After": "1"})
    if found is Standing.OTHER:
        raise Problem(Trouble.REUSED)
    return _again(found) if isinstance(found, Answered) else None


def _again(found: Answered) -> Reply:
    kind = answers.JSON if found.status < HTTPStatus.BAD_REQUEST else KIND
    return Reply(
        status=found.status, body=found.body, kind=kind, headers={**answers.at(found.location), **REPLAYED}
    )  # fmt: skip


def _kept(tx: Tx, once: Once | None, reply: Reply) -> None:
    if once is not None:
        location = reply.headers.get("Location", "")
        idempotency.finish(tx, once, Answered(status=reply.status, body=reply.body, location=location))


def _fingerprint(call: Call) -> bytes:
    # With a secret from outside of the database, where there are codes: a body may be one that is still good.
    secret = call.office.verifier.pepper if call.office.verifier else ""
    return digest(secret, call.incoming.method, call.incoming.url, call.incoming.body.hex())
