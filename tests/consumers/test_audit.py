"""The audit trail: nothing can be altered, removed or put in between unseen."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.audit import AuditTrail
from consumers.journal import Journal
from tests.support import FakeClock


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path / "j.db", FakeClock())
    made.start()
    yield made
    made.stop()


@pytest.fixture
def trail(journal: Journal) -> AuditTrail:
    made = AuditTrail(journal, FakeClock())
    made.prepare()
    for number in range(3):
        made.record(
            who="ops",
            role="admin",
            action="send_test_alert",
            target="alerts.margin.v1",
            params={"n": number},
            result="allowed",
        )
    return made


def test_an_untouched_trail_has_no_fault(trail: AuditTrail) -> None:
    assert list(trail.faults()) == []
    assert [r.seq for r in trail.newest()] == [3, 2, 1]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("UPDATE audit SET who='eve' WHERE seq=2", "record 2 was altered"),
        ("DELETE FROM audit WHERE seq=2", "record 2 is missing"),
        ("UPDATE audit SET seq=9 WHERE seq=1", "record 1 is missing"),
    ],
)
def test_a_touched_trail_says_where(
    trail: AuditTrail, journal: Journal, change: str, fault: str
) -> None:
    def tamper(db: sqlite3.Connection) -> None:
        db.execute(change)

    journal.execute(tamper).result(5)
    assert fault in list(trail.faults())


def test_what_was_asked_is_kept_as_a_hash_only(trail: AuditTrail) -> None:
    assert all(len(r.params) == 64 for r in trail.newest())
