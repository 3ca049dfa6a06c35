"""`docs/metrics.md` names every figure that is exported, by its type and labels, and no other."""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from prometheus_client.core import Metric

from consumers.clock import SystemClock
from consumers.feed_status import FeedState, FeedStatus
from consumers.journal import Entry, Journal
from consumers.picture import Published
from consumers.stores.values import Flow
from consumers.tally import Distribution, Tally
from consumers.worker import WorkerState, WorkerStatus
from dashboard.metrics import PictureCollector
from embedded.exposition import PlatformCollector
from embedded.platform import Platform
from tests.support import ROOT, eventually
from tests.support_runtime import sample_runtime

PAGE = ROOT / "docs" / "metrics.md"
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([\w, ]*?) ?\|", re.MULTILINE)
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
Described = dict[str, tuple[str, tuple[str, ...]]]


def documented(*titles: str) -> Described:
    """Name to type and labels, of these sections of the page."""
    sections = PAGE.read_text().split("\n## ")
    rows = [row for s in sections if s.startswith(titles) for row in ROW.findall(s)]
    return {name: (kind, tuple(filter(None, labels.split(", ")))) for name, kind, labels in rows}


def exported(families: Iterable[Metric]) -> Described:
    """The same, as a scrape has it; a family without a sample would say nothing of its labels."""
    found = {}
    for family in families:
        assert family.samples, f"{family.name} has no sample here"
        labels = tuple(name for name in family.samples[0].labels if name != "le")
        suffix = "_total" if family.type == "counter" else ""
        found[family.name + suffix] = (family.type, labels)
    return found


def one(value: float) -> Distribution:
    tally = Tally((1.0, 2.0))
    tally.add(value)
    return tally.read()


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    made = Journal(tmp_path / "j.db", SystemClock())
    made.start()
    made.append(Entry("t", "k", "m", NOW, NOW, b"", {}), lambda _: None)
    eventually(lambda: made.status().committed == 1)
    made.stop()
    return made


PUBLISHED = Published({"t": 1}, {"t": 1}, 0)


def test_the_control_rooms_figures_are_on_the_page_and_the_pages_are_its(journal: Journal) -> None:
    status = replace(journal.status(), forgotten={("t", "age"): 1})
    picture = sample_runtime().picture()
    picture = replace(
        picture,
        journal=status,
        published=PUBLISHED,
        flows={"t": Flow(3, 2, 1, one(0.5), one(0.5))},
        alerts=replace(picture.alerts, outcomes={("email", "delivered"): 1}),
    )
    assert exported(PictureCollector(picture, 1).collect()) == documented("The control", "Both")


class Standing:
    """A platform with one worker."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    def status(self) -> tuple[WorkerStatus, ...]:
        counters = {"alerts": 1, "receipts_waiting": 0}
        feed = FeedStatus("notifier", "s", "t", FeedState.LIVE, NOW, 1, 2, NOW, None, 0)
        return (WorkerStatus("notifier", WorkerState.RUNNING, NOW, counters, feeds=(feed,)),)

    def journal_status(self) -> object:
        return replace(self.journal.status(), forgotten={("t", "age"): 1})

    def publishing(self) -> Published:
        return PUBLISHED


def test_the_platforms_figures_are_on_the_page_and_the_pages_are_its(journal: Journal) -> None:
    standing = cast("Platform", Standing(journal))
    assert exported(PlatformCollector(standing).collect()) == documented("The platform", "Both")


def test_a_histogram_is_cumulative_and_ends_with_all() -> None:
    tally = Tally((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 9.0):
        tally.add(value)
    assert tally.read() == Distribution((1.0, 2.0), (2, 1, 1), 4, 12.0)
    flow = Flow(4, 0, 0, tally.read(), tally.read())
    picture = replace(sample_runtime().picture(), flows={"t": flow})
    families = {f.name: f for f in PictureCollector(picture, 0).collect()}
    samples: Callable[[str], dict[str, float]] = lambda name: {  # noqa: E731
        s.labels.get("le", s.name): s.value for s in families[name].samples
    }
    got = samples("fusion_lag_seconds")
    assert [got[le] for le in ("1.0", "2.0", "+Inf")] == [2, 3, 4]
    assert got["fusion_lag_seconds_sum"] == 12
