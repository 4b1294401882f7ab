"""Where the processor's time goes: the steps of the service called by hand, the same work every time.

Clock time on a busy machine says little; the time the processor spent on us says almost the same again and again.
Everything is real but the senders: the front door, the store with its writer thread, the planner, the HTTP client and
a provider in a process of its own.
"""

from __future__ import annotations

import io
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from hashlib import sha1
from hmac import new as hmac
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import app
import settings as settings_file
from app import Tidings, utc_now
from audit import figures, messages
from bench.figures import Figure
from bench.inside import Parts, profiled
from bench.places import live_over_smpp, live_through, provider, smsc
from tests.fakes.counting import SETTINGS
from tests.fakes.service import Service, tick

EVENTS = 2_000
FILLING = 700
TOGETHER = 32
"""How many senders knock, and how many texts are handed over, at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step of the way: what it costs per event in microseconds, and of which parts."""

    name: str
    cost: float
    parts: Sequence[tuple[str, float]]


def measure(scale: float) -> list[Figure]:
    """Take events from the door to the receipt, and tell what each step cost; once without, once with the parts."""
    count = max(200, int(EVENTS * scale))
    with Parts().watched():  # imports what is needed, so that nobody pays for it below
        pass
    plain = {stage.name: stage for stage in stages(range(count), None)}
    found = [
        Figure(what=f"CPU: {stage.name}", value=plain[stage.name].cost, unit="us",
               note=", ".join(f"{name} {cost:.0f}" for name, cost in stage.parts))
        for stage in stages(range(count, 2 * count), Parts())  # other phones: those of before are known
    ]  # fmt: skip
    by_http = sum(figure.value for figure in found if "SMPP" not in figure.what)
    return [*found, Figure(what="CPU: an event with its text, in all, by HTTP", value=by_http, unit="us")]


def profile(scale: float) -> None:
    """Print which functions take longest in each step."""
    for _ in stages(range(max(200, int(EVENTS * scale))), None, is_profiled=True):
        pass


def stages(numbers: Sequence[int], parts: Parts | None, *, is_profiled: bool = False) -> Iterator[Stage]:
    """Run each step over the events of these numbers; yield what it cost."""
    with provider() as taker, _built(live_through(taker.url, sender_threads=TOGETHER)) as service:
        yield from _run(service, _steps(service, numbers), len(numbers), parts, is_profiled=is_profiled)
    with smsc() as there, _built(live_over_smpp(there.port, sender_threads=TOGETHER)) as service:
        service.worker.gateways["counted"].open(service.inbox)
        yield from _run(service, _smpp_steps(service, numbers), len(numbers), parts, is_profiled=is_profiled)


@contextmanager
def _built(settings: Mapping[str, Any]) -> Iterator[Tidings]:
    """Build a service of which nothing runs by itself."""
    with tempfile.TemporaryDirectory(prefix="tidings-bench-") as folder:
        Service(Path(folder), **settings).write()
        service = app.build(settings_file.load(Path(folder) / "tidings.toml", {}), seed=1)
        try:
            yield service
        finally:
            service.stop()


def _run(
    service: Tidings, steps: Mapping[str, Callable[[], object]], count: int, parts: Parts | None, *, is_profiled: bool
) -> Iterator[Stage]:
    for name, step in steps.items():
        if is_profiled:
            profiled(service, name, step)
        else:
            yield _timed(name, step, count, parts)


def _timed(name: str, step: Callable[[], object], count: int, parts: Parts | None) -> Stage:
    watched = parts or Parts()
    watched.spent.clear()
    with watched.watched() if parts else nullcontext():
        began = time.process_time()
        step()
        spent = time.process_time() - began
    costs = [(part, seconds / count * 1e6) for part, seconds in watched.spent.most_common()]
    return Stage(name=name, cost=spent / count * 1e6, parts=[one for one in costs if one[1] >= 1])


def _steps(service: Tidings, numbers: Sequence[int]) -> dict[str, Callable[[], object]]:
    """Return the steps in their order. What a sender does is done before the clock runs."""
    requests, half = [_request(number) for number in numbers], len(numbers) // 2
    callbacks: list[dict[str, Any]] = []

    def receipts_by_http() -> None:
        _together(lambda environ: _call(service, environ), callbacks)

    def hand_over() -> None:
        _send_all(service, len(numbers), "accepted")
        callbacks.extend(_callbacks(service, half))

    return {
        "a webhook accepted": lambda: _together(lambda environ: _call(service, environ), requests),
        "an event planned": lambda: _until_done(lambda: service.worker.plan_due(utc_now())),
        "a text handed over by HTTP": hand_over,
        "a receipt by HTTP (half of them)": receipts_by_http,
        "counted for reports": lambda: figures.refresh(service.store, utc_now()),
        "sealed": lambda: _until_done(lambda: service.sealing.step(utc_now())),
    }


def _smpp_steps(service: Tidings, numbers: Sequence[int]) -> dict[str, Callable[[], object]]:
    """Return the steps that differ where texts leave over SMPP; receipts come back while they run."""
    requests = [_request(number) for number in numbers]
    _together(lambda environ: _call(service, environ), requests)
    _until_done(lambda: service.worker.plan_due(utc_now()))
    return {"a text handed over by SMPP, with its receipt": lambda: _send_all(service, len(numbers), "delivered")}


def _send_all(service: Tidings, count: int, state: str) -> None:
    """Let the service's own threads hand over what is due, until so many texts are in a state."""
    service.driver.start()
    patience = time.monotonic() + 120
    while _count(service, state) < count:
        if time.monotonic() > patience:
            raise TimeoutError(f"{_count(service, state)} of {count} texts are {state}")
        time.sleep(0.1)


def _count(service: Tidings, state: str) -> int:
    with service.store.read() as tx:
        row = tx.execute("select count(*) as n from messages where state = ?", (state,)).fetchone()
    return int(row["n"])


def _until_done(step: Callable[[], object]) -> None:
    while step():
        pass


def _together(run: Callable[[Any], object], items: Sequence[Any], pool: ThreadPoolExecutor | None = None) -> None:
    with nullcontext(pool) if pool else ThreadPoolExecutor(TOGETHER) as threads:
        for _ in threads.map(run, items):
            pass


def _request(number: int) -> dict[str, Any]:
    body, headers = tick(number, FILLING)
    named = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    return {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/hooks/ticks", "QUERY_STRING": "", "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": "application/json", "wsgi.input": io.BytesIO(body), "HTTP_HOST": "127.0.0.1", **named,
    }  # fmt: skip


def _call(service: Tidings, environ: dict[str, Any]) -> None:
    said: list[str] = []
    service.wsgi(environ, lambda status, _headers: said.append(status))
    if not said[0].startswith("200"):
        raise RuntimeError(f"{environ['PATH_INFO']} was answered with {said[0]}")


def _callbacks(service: Tidings, count: int) -> list[dict[str, Any]]:
    """Return the provider's receipts for the first texts, signed as it signs."""
    found = []
    for row in messages.listing(service.store, limit=count):
        url = service.worker.receipt_url("counted", row["id"])
        path, query = url.removeprefix(service.settings.address).split("?")
        form = {"MessageSid": row["provider_id"], "MessageStatus": "delivered"}
        signed = url + "".join(name + form[name] for name in sorted(form))
        proof = b64encode(hmac(str(SETTINGS["auth_token"]).encode(), signed.encode(), sha1).digest()).decode()
        body = urlencode(form).encode()
        found.append({
            "REQUEST_METHOD": "POST", "PATH_INFO": path, "QUERY_STRING": query, "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": "application/x-www-form-urlencoded", "wsgi.input": io.BytesIO(body),
            "HTTP_X_TWILIO_SIGNATURE": proof,
        })  # fmt: skip
    return found
