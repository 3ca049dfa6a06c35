"""Of old prices one a minute stays, and what is read back of them is right."""

from datetime import timedelta
from pathlib import Path

from consumers.journal import Entry, Journal, Rules, Thinning
from consumers.topology import PRICES
from consumers.wire import price_minute, price_series
from tests.consumers.journal.entries import DAY, NOON, Open, forgotten, price, write_new
from tests.support import FakeClock, eventually


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
    write_new(journal, *old)
    clock.advance(DAY.total_seconds() + 3600)
    young = [price("ETH", clock.now() + timedelta(seconds=n), 1_000 + n) for n in range(50)]
    write_new(journal, *young)
    kept = settled(journal, clock, 2 * 10 + 50)  # 300 rounds of 2 s are 10 minutes
    assert [e.publish_time.second for e in kept[:20]] == [0] * 20
    assert kept[20:] == young
    assert forgotten(journal)[PRICES, "thinned"] == 600 - 20


def test_thinning_goes_on_where_it_was_after_a_restart(
    tmp_path: Path, opened: Open, clock: FakeClock
) -> None:
    asked = Rules(thin={PRICES: Thinning(DAY, price_minute)})
    first = opened(asked)
    write_new(first, *(price("ETH", NOON + timedelta(seconds=n), n) for n in range(1_200)))
    clock.advance(DAY.total_seconds() + 3600)
    settled(first, clock, 20)
    first.stop()
    again = opened(asked)
    with again.reader() as db:
        (reached,) = db.execute("SELECT seq FROM thinned").fetchone()
        assert reached == db.execute("SELECT max(seq) FROM events").fetchone()[0]
    clock.advance(3600)
    write_new(
        again, *(price("ETH", NOON + timedelta(hours=2, seconds=n), 5_000 + n) for n in range(9))
    )
    clock.advance(DAY.total_seconds() + 3600)
    settled(again, clock, 21)


def test_bulk_history_is_thinned_by_its_own_time(opened: Open, clock: FakeClock) -> None:
    journal = opened(Rules(thin={PRICES: Thinning(DAY, price_minute)}))
    back = [NOON - timedelta(days=40) + timedelta(seconds=30 * n) for n in range(20)]
    entries = [price("ETH", at, n, "history") for n, at in enumerate(back)]
    write_new(journal, *(Entry(**{**_fields(e), "received_at": NOON}) for e in entries))
    clock.advance(DAY.total_seconds() + 60)
    assert len(settled(journal, clock, 10)) == 10


def _fields(entry: Entry) -> dict[str, object]:
    return {name: getattr(entry, name) for name in Entry.__slots__}


def test_what_is_too_old_goes_even_if_it_was_thinned(opened: Open, clock: FakeClock) -> None:
    asked = Rules(keep={PRICES: 2 * DAY}, thin={PRICES: Thinning(DAY, price_minute)})
    journal = opened(asked)
    write_new(journal, *(price("ETH", NOON + timedelta(seconds=n), n) for n in range(120)))
    clock.advance(1.5 * 86_400)
    settled(journal, clock, 2)
    clock.advance(0.6 * 86_400)
    settled(journal, clock, 0)
    assert forgotten(journal)[PRICES, "age"] == 2


def test_samples_are_one_of_each_series_a_step_and_leave_the_newest_to_replay(
    opened: Open,
) -> None:
    journal = opened(Rules())
    entries = [
        price(asset, NOON + timedelta(seconds=2 * n), 3 * n + side)
        for n in range(400)
        for side, asset in enumerate(("ETH", "BTC", "SOL"))
    ]
    write_new(journal, *entries)
    minute = timedelta(minutes=1)
    since = NOON + timedelta(minutes=3)
    got = list(journal.sampled(PRICES, since, minute, price_series, newest=300))
    times = [(e.received_at - NOON).total_seconds() / 60 for e in got]
    assert times == [float(n) for n in range(3, 10) for _ in range(3)]
    assert [e.key.split("/")[0] for e in got[:3]] == ["ETH", "BTC", "SOL"]
    assert list(journal.sampled(PRICES, since, minute, price_series, newest=1_200)) == []
    assert list(journal.sampled("none", since, minute, price_series, newest=0)) == []


def test_a_key_tells_its_series_and_its_minute() -> None:
    key = "ETH/chainlink/17/a/b/2026-11-23T12:07:59.5Z/2450.5"
    assert price_series(key) == "ETH/chainlink"
    assert price_minute(key) == "ETH/chainlink 2026-11-23T12:07"
    assert price_series("ETH/x/history/2026-11-23T12:07:59Z/1") == "ETH/x/history"
