"""Journals in a folder of the test's own."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.clock import SystemClock
from consumers.journal import Journal, Rules
from tests.consumers.journal.entries import NOON, Open
from tests.support import FakeClock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where no journal is yet, nor its folder."""
    return tmp_path / "var" / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    """A started journal by the real clock, that keeps everything."""
    journal = Journal(path, SystemClock())
    journal.start()
    yield journal
    journal.stop()
    assert "journal-writer" not in {thread.name for thread in threading.enumerate()}


@pytest.fixture
def clock() -> FakeClock:
    """Of `opened`, moved by hand."""
    return FakeClock(NOON)


@pytest.fixture
def opened(tmp_path: Path, clock: FakeClock) -> Iterator[Open]:
    """Start journals on one file, by rules of what is kept."""
    made: list[Journal] = []

    def build(asked: Rules) -> Journal:
        journal = Journal(tmp_path / "journal.db", clock, rules=asked)
        journal.start()
        made.append(journal)
        return journal

    yield build
    for journal in made:
        journal.stop()
