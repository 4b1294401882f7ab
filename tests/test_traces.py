"""Traces: one for each event, told after the fact, with nobody's number in them, and free of cost where not wanted."""

from __future__ import annotations

import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from app import build
from audit import steps
from audit.steps import tell
from model.event import Incoming
from model.reasons import ConfigError
from model.sending import ErrorClass, Outcome, Result
from settings import Settings, TracingSettings
from tests.fakes.world import PHONE, SECRET, World, delivered
from wire import tracing

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@dataclass
class Memory:
    """Somewhere to send to; takes nothing while it is down."""

    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    down: bool = False

    def __post_init__(self) -> None:
        self._send = tracing.through(self.exporter, 1.0, "1.2.3")

    def __call__(self, found: object) -> bool:
        return not self.down and self._send(found)  # type: ignore[arg-type]

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    def named(self, name: str) -> ReadableSpan:
        (found,) = [span for span in self.spans if span.name == name]
        return found


@pytest.fixture
def memory(world: World) -> Memory:
    made = Memory()
    tell(world.store, world.now, made)  # from here on
    return made


def story(world: World) -> None:
    """An order comes with its sender's trace, leaves two seconds later, and is delivered after five more."""
    body = b'{"type": "order.created", "data": {"id": "7", "number": "7", "phone": "%s"}}' % PHONE.encode()
    headers = {"webhook-id": "msg_7", "content-type": "application/json", "traceparent": PARENT}
    request = Incoming(source="shop", headers=headers, body=body, received_at=world.now)
    assert world.door.receive(world.sources["shop"].connector.sign(request, SECRET, world.now)).status == 200
    world.wait(seconds=2)
    world.step()
    world.wait(seconds=5)
    world.receipt(delivered())


def test_an_event_is_one_trace_from_the_webhook_to_the_receipt(world: World, memory: Memory) -> None:
    story(world)
    tell(world.store, world.now, memory)

    assert [span.name for span in memory.spans] == ["event accepted", "plan", "claim", "submit", "receipt"]
    contexts = [span.get_span_context() for span in memory.spans]
    root = contexts[0]
    event = world.rows("select id from events")[0]["id"]
    assert root is not None
    assert {one.trace_id for one in contexts if one} == {tracing.trace_id(event)}
    assert [span.parent and span.parent.span_id for span in memory.spans] == [None, *[root.span_id] * 4]
    assert len({one.span_id for one in contexts if one}) == 5
    assert memory.named("event accepted").kind is SpanKind.SERVER
    assert memory.named("submit").kind is SpanKind.CLIENT


def test_times_are_those_of_the_record(world: World, memory: Memory) -> None:
    story(world)
    tell(world.store, world.now, memory)

    def seconds(name: str) -> float:
        span = memory.named(name)
        assert span.end_time is not None
        assert span.start_time is not None
        return (span.end_time - span.start_time) / 1e9

    assert (seconds("plan"), seconds("receipt")) == (2, 5)


def test_the_sender_s_trace_is_linked_and_a_forged_header_is_not(world: World, memory: Memory) -> None:
    story(world)
    tell(world.store, world.now, memory)
    (link,) = memory.named("event accepted").links

    assert f"{link.context.trace_id:032x}" == PARENT.split("-")[1]
    assert f"{link.context.span_id:016x}" == PARENT.split("-")[2]
    for forged in ("", "00-zz", PARENT + "-more", "01" + PARENT[2:], f"00-{'0' * 32}-{'1' * 16}-01", "x" * 100_000):
        assert list(tracing._links(forged)) == []


def test_the_sender_s_trace_is_passed_on_to_nobody(world: World, memory: Memory) -> None:
    story(world)

    assert PARENT not in repr(world.phone.got)


def test_nobody_s_number_and_no_text_is_in_a_trace(world: World, memory: Memory) -> None:
    story(world)
    tell(world.store, world.now, memory)
    whole = " ".join(span.to_json() for span in memory.spans)

    assert "order" in whole
    for secret in (PHONE, PHONE[3:], "is confirmed", SECRET):
        assert secret not in whole


def test_a_refusal_is_an_error_in_the_trace(world: World, memory: Memory) -> None:
    world.phone.script = [Result(outcome=Outcome.REJECTED, error=ErrorClass.PERMANENT, code="404")]
    story(world)
    tell(world.store, world.now, memory)

    assert memory.named("submit").status.status_code is StatusCode.ERROR


def test_what_a_collector_did_not_take_comes_again_once_and_not_for_ever(world: World, memory: Memory) -> None:
    memory.down = True
    story(world)
    assert tell(world.store, world.now, memory) == 0

    memory.down = False
    assert tell(world.store, world.now, memory) == 5
    assert tell(world.store, world.now, memory) == 0

    memory.down = True
    world.order("8")
    tell(world.store, world.now, memory)
    world.wait(hours=2)
    memory.down = False
    assert tell(world.store, world.now, memory) == 0
    assert len(memory.spans) == 5


def test_the_first_time_it_begins_with_what_happens_then(world: World) -> None:
    story(world)
    memory = Memory()
    tell(world.store, world.now, memory)

    assert memory.spans == []


def test_a_share_of_traces_is_told_each_whole_or_not_at_all(world: World) -> None:
    exporter = InMemorySpanExporter()
    send = tracing.through(exporter, 0.5, "1")
    tell(world.store, world.now, send)
    for number in range(12):
        world.order(str(number))
        world.step()
    tell(world.store, world.now, send)

    by_trace: dict[int, int] = {}
    for span in exporter.get_finished_spans():
        context = span.get_span_context()
        assert context is not None
        by_trace[context.trace_id] = by_trace.get(context.trace_id, 0) + 1
    assert set(by_trace.values()) == {4}
    assert 0 < len(by_trace) < 12


def test_a_collector_gets_them_by_otlp(world: World) -> None:
    with collector() as (address, got):
        send = tracing.sender(f"{address}/v1/traces", {"authorization": "Bearer secret"}, 1.0, "1.2.3")
        tell(world.store, world.now, send)
        story(world)
        assert tell(world.store, world.now, send) == 5

    headers, body = got[0]
    found = ExportTraceServiceRequest.FromString(body).resource_spans[0]
    assert headers["authorization"] == "Bearer secret"
    assert "traceparent" not in headers
    assert found.scope_spans[0].spans[0].name == "event accepted"
    assert {one.value.string_value for one in found.resource.attributes} == {"tidings", "1.2.3"}


def test_a_collector_that_is_down_is_left_alone_for_a_while_and_told_of_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    tried: list[int] = []

    def down(found: Sequence[tracing.Step]) -> bool:
        tried.append(len(found))
        return False

    send = tracing.patient(down)
    tell(world.store, world.now, send)
    world.order("1")
    for _ in range(5):
        tell(world.store, world.now, send)

    assert len(tried) == 1
    assert [record.message for record in caplog.records].count("traces not taken") == 1


@contextmanager
def collector() -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    got: list[tuple[dict[str, str], bytes]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", got
    finally:
        server.shutdown()
        server.server_close()


def test_without_a_collector_nothing_of_it_is_loaded(tmp_path: Path) -> None:
    code = (
        "import sys, app, settings\n"
        f"service = app.build(settings.Settings(database='sqlite:///{tmp_path}/t.db'))\n"
        "assert service.traces is None\n"
        "service.store.close()\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_a_wrong_address_is_refused_at_the_start(tmp_path: Path) -> None:
    given = Settings(database=f"sqlite:///{tmp_path}/t.db", tracing=TracingSettings(endpoint="127.0.0.1:4318"))

    with pytest.raises(ConfigError, match=r"tracing\.endpoint is no address"):
        build(given)


def test_an_old_step_is_never_longer_than_it_took(world: World, memory: Memory) -> None:
    """A clock that was set back makes a step short, never negative."""
    story(world)
    for step in steps.between(world.store, 0, 10_000):
        assert step.began <= step.ended
    assert timedelta(0) <= steps.TOO_OLD
