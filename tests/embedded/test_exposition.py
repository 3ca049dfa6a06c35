"""The platform's figures over HTTP, on loopback, from start to stop."""

from typing import cast

import httpx
import pytest

from consumers.journal import JournalStatus
from consumers.picture import Published
from consumers.worker import WorkerState, WorkerStatus
from embedded.exposition import Exposition
from embedded.platform import Platform
from tests.dashboard.browser import free_port
from tests.docs.test_metrics_page import NOW
from tests.support import ROOT


class Standing:
    """A platform with one worker."""

    def status(self) -> tuple[WorkerStatus, ...]:
        return (WorkerStatus("oracle", WorkerState.RUNNING, NOW, {"rounds": 7}),)

    def journal_status(self) -> JournalStatus:
        return JournalStatus(ROOT, 3, 0, 0, 0, None, "disk is full", "3", None)

    def publishing(self) -> Published:
        return Published({"t": 2}, {}, 1)


def test_it_answers_from_start_to_stop() -> None:
    exposition = Exposition(cast("Platform", Standing()), free_port())
    url = f"http://127.0.0.1:{exposition.port}/metrics"
    lines = httpx.get(url, trust_env=False).text.splitlines()
    assert 'fusion_worker_events_total{event="rounds",worker="oracle"} 7.0' in lines
    assert 'fusion_published_total{topic="t"} 2.0' in lines
    assert "fusion_journal_failing 1.0" in lines
    exposition.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)
