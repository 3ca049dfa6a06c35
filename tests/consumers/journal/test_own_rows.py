"""A worker's own rows go by their age and by the size, and never those that protect."""

import sqlite3
from datetime import datetime, timedelta

from consumers import deliveries
from consumers.journal import Journal, OwnTable, Rules
from consumers.remembering import PROTECTS
from consumers.topology import PRICES
from tests.consumers.journal.entries import DAY, NOON, Open, forgotten, price, write_new
from tests.support import FakeClock, eventually


def delivered(journal: Journal, count: int, at: datetime) -> None:
    rows = [(f"{at:%m-%d}/{n}", "email", "delivered", at.timestamp()) for n in range(count)]
    journal.execute(
        lambda db: db.executemany("INSERT INTO deliveries VALUES (?, ?, ?, ?)", rows) and None
    ).result(5)


def outcomes(journal: Journal) -> int:
    with journal.reader() as db:
        return int(db.execute("SELECT count(*) FROM deliveries").fetchone()[0])


def test_a_workers_own_rows_go_by_age_in_chunks(opened: Open, clock: FakeClock) -> None:
    own = OwnTable(deliveries.NAME, 60 * DAY, PROTECTS, deliveries.forget)
    journal = opened(Rules(own=(own,)))
    journal.execute(lambda db: deliveries.prepare(db, NOON)).result(5)
    delivered(journal, 1_200, NOON - 61 * DAY)
    delivered(journal, 30, NOON - 59 * DAY)
    sizes = []

    def some_are_gone() -> bool:
        sizes.append(outcomes(journal))
        clock.advance(1)
        return sizes[-1] == 30

    eventually(some_are_gone, what="the old ones go")
    assert forgotten(journal) == {("deliveries", "age"): 1_200}
    clock.advance(86_400 * 3)
    eventually(lambda: (clock.advance(1), outcomes(journal))[1] == 0, what="the rest, in time")


def test_beyond_the_size_own_rows_go_after_events_and_never_those_that_protect(
    opened: Open, clock: FakeClock
) -> None:
    own = OwnTable(deliveries.NAME, 400 * DAY, PROTECTS, deliveries.forget)
    journal = opened(Rules(most_bytes=1, may_go=(PRICES,), own=(own,)))
    journal.execute(lambda db: deliveries.prepare(db, NOON)).result(5)
    delivered(journal, 700, NOON - 20 * DAY)
    delivered(journal, 40, NOON - 14 * DAY)
    write_new(journal, *(price("ETH", NOON, n) for n in range(50)))
    eventually(lambda: (clock.advance(1), outcomes(journal))[1] == 40, what="only what protects")
    assert forgotten(journal)["", "size"] == 750
    assert list(journal.replay(PRICES)) == []


def test_outcomes_of_an_earlier_version_are_as_old_as_the_start_that_dated_them() -> None:
    db = sqlite3.connect(":memory:")
    db.execute(
        "CREATE TABLE deliveries (event_id TEXT NOT NULL, channel TEXT NOT NULL,"
        " outcome TEXT NOT NULL, PRIMARY KEY (event_id, channel)) WITHOUT ROWID"
    )
    db.execute("INSERT INTO deliveries VALUES ('e1', 'email', 'delivered')")
    assert deliveries.forget(db, NOON + DAY, 500) == 0  # by a worker where no notifier runs
    deliveries.prepare(db, NOON)
    deliveries.prepare(db, NOON + DAY)
    assert deliveries.forget(db, NOON, 500) == 0
    assert deliveries.known(db, ["e1", "e2"]) == {("e1", "email")}
    assert deliveries.forget(db, NOON + timedelta(seconds=1), 500) == 1
    db.close()
