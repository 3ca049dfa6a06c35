"""Every line about a message names its trace, and spans follow a message from end to end."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
import structlog

from consumers.book_source import write_book
from consumers.clock import SystemClock
from consumers.feed import Incoming
from consumers.journal import Journal
from consumers.logs import configure
from consumers.pubsub import PubSub
from consumers.settings import load
from consumers.spans import export_spans
from consumers.topology import PRICES, provision
from consumers.trace import TRACEPARENT, WORKED_ON, trace_id
from core.portfolio import Portfolio
from embedded.broker import BrokerProcess
from tests.collector import Collector
from tests.consumers.house import house
from tests.support import ROOT, eventually

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    made = io.StringIO()
    configure("info", made)
    yield made
    structlog.reset_defaults()


def message(name: str, parent: str | None = None) -> Incoming:
    attributes = {} if parent is None else {TRACEPARENT: parent}
    return Incoming(PRICES, name, b"{", attributes, NOW, NOW, None, lambda: None, lambda: None)


def test_the_trace_is_the_publishers_or_the_same_for_every_reader_of_the_message() -> None:
    assert trace_id(message("7", f"00-{TRACE}-b7ad6b7169203331-01")) == TRACE
    own = trace_id(message("7"))
    assert len(own) == 32
    assert own == trace_id(message("7"))
    assert own != trace_id(message("8"))
    assert trace_id(message("7", "<script>")) == own


def test_what_is_logged_about_a_message_on_any_thread_names_it_and_nothing_else_does(
    log: io.StringIO, tmp_path: Path
) -> None:
    journal = Journal(tmp_path / "j.db", SystemClock())
    journal.start()
    made = house(journal)
    for number in range(50):
        made.intake.handle(message(f"m{number}", f"00-{TRACE}-b7ad6b7169203331-01"))
    eventually(lambda: journal.status().quarantined == 50)
    journal.execute(lambda _db: structlog.get_logger().info("elsewhere")).result(5)
    journal.stop()
    lines = [orjson.loads(line) for line in log.getvalue().splitlines()]
    (told,) = [line for line in lines if line["event"] == "message_quarantined"]
    assert (told["trace_id"], told["topic"], told["message_id"]) == (TRACE, PRICES, "m0")
    assert told["reason"] == "not JSON"
    (other,) = [line for line in lines if line["event"] == "elsewhere"]
    assert "trace_id" not in other
    assert WORKED_ON.get() is None


def test_spans_of_a_message_share_its_trace_and_all_end(
    broker: BrokerProcess, project: str
) -> None:
    command = [sys.executable, "-m", "tests.consumers.spans_process", broker.address, project]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    told = json.loads(ran.stdout)
    (named,) = told["named"]
    mine = [name for name, trace, ended in told["spans"] if trace == named and ended]
    assert {"spans create", "spans-reader subscribe", "spans-reader process"} <= set(mine)


def test_while_it_is_off_nothing_of_it_is_imported() -> None:
    code = (
        "import sys; from consumers.settings import load; from consumers.spans import export_spans;"
        "export_spans(load({}), 'x');"
        "print(any(m.startswith('opentelemetry') for m in sys.modules))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "False"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as made:
        yield made


def test_spans_go_to_the_endpoint_of_the_settings(collector: Collector) -> None:
    code = (
        "from consumers.settings import load; from consumers.spans import export_spans;"
        "export_spans(load(), 'x'); from opentelemetry import trace;"
        "trace.get_tracer('x').start_span('s').end()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=collector.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert collector.spans == [("x", "s")]


def test_a_control_rooms_spans_are_sent_before_a_signal_ends_it(
    collector: Collector, broker: BrokerProcess, project: str, tmp_path: Path
) -> None:
    write_book(tmp_path / "book.csv", [Portfolio.of("u", {"ETH": "1"}, {"USDC": "1"})])
    env = collector.environment | {
        "PUBSUB_EMULATOR_HOST": broker.address,
        "GCP_PROJECT": project,
        "FUSION_DATA_DIR": str(tmp_path),
        "FUSION_REPLICA": "a1",
    }
    command = [sys.executable, "-m", "tests.consumers.traced_process"]
    ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr[-2000:]
    sent = {
        ("control-room", f"{PRICES} create"),
        ("control-room", "control-room-prices-a1 subscribe"),
    }
    assert sent <= set(collector.spans)


def test_a_workers_spans_are_sent(
    collector: Collector, broker: BrokerProcess, project: str, tmp_path: Path
) -> None:
    env = collector.environment | {
        "PUBSUB_EMULATOR_HOST": broker.address,
        "GCP_PROJECT": project,
        "FUSION_DATA_DIR": str(tmp_path),
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    pubsub = PubSub(project, broker.address)
    provision(pubsub)
    pubsub.close()
    write_book(tmp_path / "book.csv", [Portfolio.of("u", {"ETH": "1"}, {"USDC": "1"})])
    command = [sys.executable, "-m", "cli.main", "worker", "oracle"]
    with subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.PIPE) as worker:
        try:
            eventually(lambda: ("fusion-oracle", f"{PRICES} create") in collector.spans, 30)
        finally:
            worker.terminate()


def test_without_the_extra_the_setting_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(ValueError, match=r"fusion-control-room\[otel\]"):
        export_spans(load({"FUSION_OTEL": "true"}), "x")
