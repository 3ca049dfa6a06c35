"""Two notifiers share one durable subscription: nothing missed, hardly anything done twice."""

import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from consumers.clock import SystemClock
from consumers.monitoring import BacklogSource
from consumers.topology import NOTIFICATIONS
from core.alerts import Severity, channels_for
from embedded.broker import BrokerProcess
from tests.faults.figures import show
from tests.replicas.rooms import platform
from tests.support import ROOT, eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
ALERTS = 100
PERIOD = timedelta(seconds=3)


def _worker(folder: Path, project: str, broker: str) -> "subprocess.Popen[bytes]":
    env = {
        **os.environ,
        "GCP_PROJECT": project,
        "PUBSUB_EMULATOR_HOST": broker,
        "FUSION_DATA_DIR": str(folder),
        "FUSION_LOG_LEVEL": "error",
    }
    command = [sys.executable, "-m", "cli.main", "worker", "notifier"]
    return subprocess.Popen(command, cwd=ROOT, env=env)


def _delivered(folder: Path) -> Counter[tuple[str, str]]:
    """Times that each (alert, channel) was handed over, from what the notifier wrote itself."""
    path = folder / "test-sink.jsonl"
    if not path.exists():
        return Counter()
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    return Counter((line["event_id"], line["channel"]) for line in lines)


def test_d4_two_notifiers_miss_nothing_and_double_at_most_five_percent(
    broker: BrokerProcess, project: str, tmp_path: Path
) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    with platform(project, broker.address) as far:
        workers = [_worker(folder, project, broker.address) for folder in folders]
        source = BacklogSource(project, broker.address, SystemClock())
        try:
            eventually(lambda: source.poll(PERIOD)[NOTIFICATIONS].streams == 2, 30)
            sent = [far.alert(number) for number in range(ALERTS)]
            far.flush()
            due = {(a.event_id, c) for a in sent for c in channels_for(Severity.HIGH)}

            def done() -> Counter[tuple[str, str]]:
                return _delivered(folders[0]) + _delivered(folders[1])

            eventually(lambda: due <= done().keys(), 60, what="every alert on every channel")
            shares = [len({event for event, _ in _delivered(folder)}) for folder in folders]
            counts = done()
            doubled = {event for (event, _), n in counts.items() if n > 1}
            show(
                f"\nD4 {ALERTS} alerts, two notifiers took {shares[0]} and {shares[1]}: "
                f"missed {len(due - counts.keys())}, doubled {len(doubled)}"
            )
            assert due == counts.keys(), "a double has the same id, or it would be one more key"
            assert len(doubled) <= 0.05 * ALERTS
            assert min(shares) > 0, "one did everything: the drill would prove nothing"
        finally:
            source.close()
            for worker in workers:
                worker.send_signal(signal.SIGTERM)
            assert [worker.wait(10) for worker in workers] == [0, 0]
