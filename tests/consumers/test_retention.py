"""What is forgotten goes in small chunks, oldest first, and what is read back stays right."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from consumers import deliveries
from consumers.clock import SystemClock
from consumers.journal import Entry, Journal, OwnTable, Rules, Thinning, retention
from consumers.remembering import PROTECTS, platform_rules, room_rules, rules
from consumers.settings import SettingsError, load
from consumers.topology import ALERTS, PRICES, RECEIPTS, SETTLEMENTS
from consumers.wire import price_minute, price_series
from tests.support import FakeClock, eventually

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON)


Open = Callable[[Rules], Journal]


@pytest.fixture
def opened(tmp_path: Path, clock: FakeClock) -> Iterator[Open]:
    made: list[Journal] = []

    def build(asked: Rules) -> Journal:
        journal = Journal(tmp_path / "journal.db", clock, rules=asked)
        journal.start()
        made.append(journal)
        return journal

    yield build
    for journal in made:
        journal.stop()


def price(asset: str, at: datetime, number: int, of: str = "") -> Entry:
    stamp = at.isoformat().replace("+00:00", "Z")
    key = f"{asset}/oracle/{of or number}/{stamp}/{number}"
    return Entry(PRICES, key, f"m{number}", at, at, b"{}", {})


def write(journal: Journal, *entries: Entry) -> None:
    told: list[bool] = []
    for each in entries:
        journal.append(each, told.append)
    eventually(lambda: len(told) == len(entries))
    assert all(told)


def settled(journal: Journal, clock: FakeClock, left: int, topic: str = PRICES) -> list[Entry]:
    """Wait, moving the clock, until a topic has `left` entries; those."""
    found: list[Entry] = []

    def look() -> bool:
        clock.advance(0.2)
        found[:] = journal.replay(topic)
        return len(found) == left

    eventually(look, timeout=20, interval=0.02, what=f"{left} entries left")
    return found


def test_prices_are_whole_for_a_day_and_one_a_minute_after(opened: Open, clock: FakeClock) -> None:
    journal = opened(Rules(keep={PRICES: 30 * DAY}, thin={PRICES: Thinning(DAY, price_minute)}))
    old = [
        price(asset, NOON + timedelta(seconds=2 * n), 2 * n + side)
        for n in range(300)
        for side, asset in enumerate(("ETH", "BTC"))
    ]
    write(journal, *old)
    clock.advance(DAY.total_seconds() + 3600)
    young = [price("ETH", clock.now() + timedelta(seconds=n), 1_000 + n) for n in range(50)]
    write(journal, *young)
    kept = settled(journal, clock, 2 * 10 + 50)  # 300 rounds of 2 s are 10 minutes
    assert [e.publish_time.second for e in kept[:20]] == [0] * 20
    assert kept[20:] == young
    status = journal.status()
    assert status.forgotten[PRICES, "thinned"] == 600 - 20


def test_thinning_goes_on_where_it_was_after_a_restart(
    tmp_path: Path, opened: Open, clock: FakeClock
) -> None:
    asked = Rules(thin={PRICES: Thinning(DAY, price_minute)})
    first = opened(asked)
    write(first, *(price("ETH", NOON + timedelta(seconds=n), n) for n in range(1_200)))
    clock.advance(DAY.total_seconds() + 3600)
    settled(first, clock, 20)
    first.stop()
    again = opened(asked)
    with again.reader() as db:
        (reached,) = db.execute("SELECT seq FROM thinned").fetchone()
        assert reached == db.execute("SELECT max(seq) FROM events").fetchone()[0]
    clock.advance(3600)
    write(again, *(price("ETH", NOON + timedelta(hours=2, seconds=n), 5_000 + n) for n in range(9)))
    clock.advance(DAY.total_seconds() + 3600)
    settled(again, clock, 21)


def test_bulk_history_is_thinned_by_its_own_time(opened: Open, clock: FakeClock) -> None:
    journal = opened(Rules(thin={PRICES: Thinning(DAY, price_minute)}))
    back = [NOON - timedelta(days=40) + timedelta(seconds=30 * n) for n in range(20)]
    entries = [price("ETH", at, n, "history") for n, at in enumerate(back)]
    write(journal, *(Entry(**{**_fields(e), "received_at": NOON}) for e in entries))
    clock.advance(DAY.total_seconds() + 60)
    assert len(settled(journal, clock, 10)) == 10


def _fields(entry: Entry) -> dict[str, object]:
    return {name: getattr(entry, name) for name in Entry.__slots__}


def test_what_is_too_old_goes_even_if_it_was_thinned(opened: Open, clock: FakeClock) -> None:
    asked = Rules(keep={PRICES: 2 * DAY}, thin={PRICES: Thinning(DAY, price_minute)})
    journal = opened(asked)
    write(journal, *(price("ETH", NOON + timedelta(seconds=n), n) for n in range(120)))
    clock.advance(1.5 * 86_400)
    settled(journal, clock, 2)
    clock.advance(0.6 * 86_400)
    settled(journal, clock, 0)
    assert journal.status().forgotten[PRICES, "age"] == 2


def test_beyond_its_size_the_oldest_prices_go_and_alerts_stay(
    opened: Open, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "SPARED", 100)
    limit = 4 * 1024 * 1024
    journal = opened(Rules(most_bytes=limit, may_go=(PRICES,)))
    alerts = [Entry(ALERTS, str(n), f"a{n}", NOON, NOON, bytes(1_000), {}) for n in range(500)]
    write(journal, *alerts)
    data = bytes(4_000)
    write(
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
    assert journal.status().forgotten[("", "size")] == 2_000 - len(kept)


def test_what_a_start_reads_back_goes_last_and_what_may_not_go_never(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "SPARED", 10)
    journal = opened(Rules())
    for topic, count in ((SETTLEMENTS, 3), (ALERTS, 12), (PRICES, 14)):
        write(journal, *(Entry(topic, str(n), f"m{n}", NOON, NOON, b"", {}) for n in range(count)))

    def shed() -> int:
        return journal.execute(lambda db: retention.shed(db, (PRICES, ALERTS), 4)).result(5)

    def left() -> list[int]:
        return [len(list(journal.replay(topic))) for topic in (PRICES, ALERTS, SETTLEMENTS)]

    steps = []
    while shed():
        steps.append(left())
    assert steps == [
        [10, 12, 3],
        [10, 10, 3],
        [6, 10, 3],
        [2, 10, 3],
        [0, 10, 3],
        [0, 6, 3],
        [0, 2, 3],
        [0, 0, 3],
    ]


def test_a_chunk_is_small_in_bytes_too(opened: Open) -> None:
    journal = opened(Rules())
    data = bytes(3 * 1024 * 1024)
    write(journal, *(Entry("t", str(n), f"m{n}", NOON, NOON, data, {}) for n in range(4)))
    later = NOON + timedelta(hours=1)
    first = journal.execute(lambda db: retention.delete_oldest(db, "t", later, 500)).result(5)
    assert first == 2
    assert journal.prune(timedelta(days=-1), topic="t") == 2


def test_samples_are_one_of_each_series_a_step_and_leave_the_newest_to_replay(
    opened: Open,
) -> None:
    journal = opened(Rules())
    entries = [
        price(asset, NOON + timedelta(seconds=2 * n), 3 * n + side)
        for n in range(400)
        for side, asset in enumerate(("ETH", "BTC", "SOL"))
    ]
    write(journal, *entries)
    minute = timedelta(minutes=1)
    since = NOON + timedelta(minutes=3)
    got = list(journal.sampled(PRICES, since, minute, price_series, newest=300))
    times = [(e.received_at - NOON).total_seconds() / 60 for e in got]
    assert times == [float(n) for n in range(3, 10) for _ in range(3)]
    assert [e.key.split("/")[0] for e in got[:3]] == ["ETH", "BTC", "SOL"]
    assert list(journal.sampled(PRICES, since, minute, price_series, newest=1_200)) == []
    assert list(journal.sampled("none", since, minute, price_series, newest=0)) == []


def test_readers_go_on_while_much_is_forgotten_and_written(
    tmp_path: Path,
) -> None:
    journal = Journal(
        tmp_path / "j.db", SystemClock(), rules=Rules(keep={PRICES: timedelta(hours=1)})
    )
    journal.start()
    now = SystemClock().now()
    old = [price("ETH", now - DAY + timedelta(milliseconds=n), n) for n in range(3_000)]
    write(journal, *old)
    ends: list[bool] = []
    reader = sqlite3.connect(tmp_path / "j.db", isolation_level=None)
    reader.execute("BEGIN")
    seen = reader.execute("SELECT count(*) FROM events").fetchone()[0]
    thread = threading.Thread(
        target=lambda: ends.append(journal.prune(timedelta(hours=1), topic=PRICES) >= 0)
    )
    thread.start()
    write(journal, price("ETH", now, 9_999))
    thread.join(10)
    assert ends == [True]
    assert reader.execute("SELECT count(*) FROM events").fetchone()[0] == seen
    reader.execute("COMMIT")
    reader.close()
    assert len(list(journal.replay(PRICES))) == 1
    journal.stop()


def test_the_settings_say_what_is_kept() -> None:
    asked = rules(load({"FUSION_PRICE_HISTORY_HOURS": "2", "FUSION_JOURNAL_MAX_MB": "16"}))
    assert asked.thin[PRICES].after == timedelta(hours=2)
    assert asked.keep[PRICES] == timedelta(days=30)
    assert asked.keep[ALERTS] == timedelta(days=400)
    assert asked.most_bytes == 16 * 1024 * 1024
    assert asked.may_go == (PRICES, RECEIPTS, ALERTS)
    assert SETTLEMENTS not in {*asked.keep, *asked.may_go}, "the book rests on them"


def test_what_protects_against_a_second_delivery_is_kept_for_at_least_fifteen_days() -> None:
    settings = load({"FUSION_EVENT_HISTORY_DAYS": "1"})
    own = {table.name: table for table in platform_rules(settings).own}
    assert {name: table.keep for name, table in own.items()} == {
        "outbox": timedelta(days=60),
        "deliveries": timedelta(days=60),
    }
    (runs,) = room_rules(settings).own
    assert runs.keep == PROTECTS
    assert {table.least for table in (*own.values(), runs)} == {timedelta(days=15)}
    with pytest.raises(SettingsError):
        load({"FUSION_DELIVERY_HISTORY_DAYS": "14"})


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
    assert journal.status().forgotten == {("deliveries", "age"): 1_200}
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
    write(journal, *(price("ETH", NOON, n) for n in range(50)))
    eventually(lambda: (clock.advance(1), outcomes(journal))[1] == 40, what="only what protects")
    forgotten = journal.status().forgotten
    assert forgotten["", "size"] == 750
    assert list(journal.replay(PRICES)) == []


def test_outcomes_of_an_earlier_version_are_as_old_as_the_start_that_dated_them() -> None:
    db = sqlite3.connect(":memory:")
    db.execute(
        "CREATE TABLE deliveries (event_id TEXT NOT NULL, channel TEXT NOT NULL,"
        " outcome TEXT NOT NULL, PRIMARY KEY (event_id, channel)) WITHOUT ROWID"
    )
    db.execute("INSERT INTO deliveries VALUES ('e1', 'email', 'delivered')")
    deliveries.prepare(db, NOON)
    deliveries.prepare(db, NOON + DAY)
    assert deliveries.forget(db, NOON, 500) == 0
    assert deliveries.known(db, ["e1", "e2"]) == {("e1", "email")}
    assert deliveries.forget(db, NOON + timedelta(seconds=1), 500) == 1
    db.close()


def test_a_key_tells_its_series_and_its_minute() -> None:
    key = "ETH/chainlink/17/a/b/2026-11-23T12:07:59.5Z/2450.5"
    assert price_series(key) == "ETH/chainlink"
    assert price_minute(key) == "ETH/chainlink 2026-11-23T12:07"
    assert price_series("ETH/x/history/2026-11-23T12:07:59Z/1") == "ETH/x/history"
