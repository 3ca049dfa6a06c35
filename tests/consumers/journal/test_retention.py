"""What is forgotten goes in small chunks, oldest first, and what must stay stays."""

import sqlite3
from datetime import timedelta
from pathlib import Path

from consumers.clock import SystemClock
from consumers.journal import Entry, Journal, Rules, retention
from consumers.topology import ALERTS, PRICES, SETTLEMENTS
from tests.consumers.journal.entries import (
    DAY,
    NOON,
    Open,
    entry,
    forgotten,
    keys,
    price,
    write,
    write_new,
)
from tests.support import FakeClock, eventually


def test_prices_are_forgotten_by_themselves_and_alerts_are_not(path: Path) -> None:
    clock = FakeClock()
    journal = Journal(path, clock, rules=Rules(keep={PRICES: timedelta(days=1)}))
    journal.start()
    write(journal, *(entry(str(n), at=clock.now()) for n in range(700)))
    write(journal, entry("1", topic="alerts.margin.v1", at=clock.now()))
    clock.advance(86_401)
    write(journal, entry("young", at=clock.now()))
    for left in (201, 1):
        eventually(lambda left=left: len(keys(journal)) == left)  # type: ignore[misc]
        clock.advance(1)
    assert keys(journal) == ["young"]
    assert keys(journal, topic="alerts.margin.v1") == ["1"]
    journal.stop()


def test_what_a_start_reads_back_and_what_may_not_go_stay_whatever_the_size(opened: Open) -> None:
    spared = {PRICES: 10, ALERTS: 7}
    journal = opened(Rules())
    for topic, count in ((SETTLEMENTS, 3), (ALERTS, 12), (PRICES, 14)):
        write_new(
            journal, *(Entry(topic, str(n), f"m{n}", NOON, NOON, b"", {}) for n in range(count))
        )

    def shed() -> int:
        return journal.execute(lambda db: retention.shed(db, (PRICES, ALERTS), 4, spared)).result(5)

    def left() -> list[int]:
        return [len(list(journal.replay(topic))) for topic in (PRICES, ALERTS, SETTLEMENTS)]

    steps = []
    while shed():
        steps.append(left())
    assert steps == [[10, 12, 3], [10, 8, 3], [10, 7, 3]]


def test_what_must_be_kept_may_take_more_than_the_limit_and_that_is_told(
    opened: Open, clock: FakeClock
) -> None:
    journal = opened(Rules(most_bytes=1, may_go=(PRICES,), spared={PRICES: 10}))
    write_new(journal, *(Entry(PRICES, str(n), f"m{n}", NOON, NOON, b"", {}) for n in range(30)))
    eventually(lambda: (clock.advance(1), journal.status().over_limit)[1], what="it is told")
    assert len(list(journal.replay(PRICES))) == 10


def test_beyond_its_size_the_oldest_prices_go_and_alerts_stay(
    opened: Open, clock: FakeClock
) -> None:
    limit = 4 * 1024 * 1024
    journal = opened(Rules(most_bytes=limit, may_go=(PRICES,), spared={PRICES: 100}))
    alerts = [Entry(ALERTS, str(n), f"a{n}", NOON, NOON, bytes(1_000), {}) for n in range(500)]
    write_new(journal, *alerts)
    data = bytes(4_000)
    write_new(
        journal,
        *(Entry(PRICES, str(n), f"p{n}", NOON, NOON, data, {}) for n in range(2_000)),
    )

    def small_enough() -> bool:
        clock.advance(0.2)
        return journal.execute(retention.bytes_in_use).result(5) <= limit

    eventually(small_enough, timeout=20)
    kept = [int(each.key) for each in journal.replay(PRICES)]
    assert kept == list(range(2_000 - len(kept), 2_000))
    assert 100 <= len(kept) < 1_200
    assert len(list(journal.replay(ALERTS))) == 500
    assert forgotten(journal)[("", "size")] == 2_000 - len(kept)


def test_a_chunk_is_small_in_bytes_too(opened: Open) -> None:
    journal = opened(Rules())
    data = bytes(3 * 1024 * 1024)
    write_new(journal, *(Entry("t", str(n), f"m{n}", NOON, NOON, data, {}) for n in range(4)))
    later = NOON + timedelta(hours=1)

    def forget() -> int:
        return journal.execute(lambda db: retention.delete_oldest(db, "t", later, 500)).result(5)

    assert [forget(), forget(), forget()] == [2, 2, 0]


def test_readers_go_on_while_much_is_forgotten_and_written(
    tmp_path: Path,
) -> None:
    journal = Journal(
        tmp_path / "j.db", SystemClock(), rules=Rules(keep={PRICES: timedelta(hours=1)})
    )
    journal.start()
    now = SystemClock().now()
    old = [price("ETH", now - DAY + timedelta(milliseconds=n), n) for n in range(3_000)]
    write_new(journal, *old)
    reader = sqlite3.connect(tmp_path / "j.db", isolation_level=None)
    reader.execute("BEGIN")
    seen = reader.execute("SELECT count(*) FROM events").fetchone()[0]
    write_new(journal, price("ETH", now, 9_999))
    eventually(lambda: len(list(journal.replay(PRICES))) == 1)
    assert reader.execute("SELECT count(*) FROM events").fetchone()[0] == seen
    reader.execute("COMMIT")
    reader.close()
    journal.stop()
