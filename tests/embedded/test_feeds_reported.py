"""The report of the platform tells each worker's feeds, and can be read back."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

from consumers.feed_status import FeedState, FeedStatus
from consumers.worker import WorkerState, WorkerStatus
from embedded.platform import Platform
from embedded.report import read_report, report_of

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_a_feeds_state_is_reported_by_worker() -> None:
    feed = FeedStatus("n", "alerts-sub", "alerts", FeedState.SILENT, NOW, 3, 0, None, None, 0)
    workers = (
        WorkerStatus("notifier", WorkerState.RUNNING, NOW, feeds=(feed,)),
        WorkerStatus("oracle", WorkerState.RUNNING, NOW),
    )
    platform = SimpleNamespace(status=lambda: workers, published={}, risk_engine=None, oracle=None)
    assert read_report(report_of(cast("Platform", platform)).line()).feeds == {
        "notifier": [
            {
                "subscription": "alerts-sub",
                "state": "silent",
                "since": NOW.isoformat(),
                "restarts": 3,
                "last_message_at": None,
            }
        ]
    }
