"""Counts over time."""

from embedded.broker.distribution import SIZES
from embedded.broker.tally import Spread, Tally
from tests.support import FakeClock


def test_an_interval_counts_what_happened_in_it_to_the_message() -> None:
    clock = FakeClock()
    tally, start = Tally(clock), clock.now().timestamp()
    for count in (1, 2, 3):
        clock.advance(10)
        tally.add(count)
    assert tally.between(start, start + 30) == 6
    assert tally.between(start + 10, start + 30) == 5
    assert tally.between(start + 10, start + 20) == 2
    assert tally.between(start + 30, start + 99) == 0


def test_adjacent_intervals_up_to_now_count_every_event_once() -> None:
    clock = FakeClock()
    tally, last, counted = Tally(clock), clock.now().timestamp(), 0
    for _ in range(500):
        clock.advance(0.03)
        tally.add()
        if int(clock.monotonic() * 100) % 7 == 0:
            now = clock.now().timestamp()
            counted += tally.between(last, now)
            last = now
    assert counted + tally.between(last, clock.now().timestamp()) == tally.total == 500


def test_what_is_over_an_hour_old_is_forgotten() -> None:
    clock = FakeClock()
    tally = Tally(clock)
    start = clock.now().timestamp()
    tally.add(7)
    clock.advance(3700)
    for _ in range(600):
        clock.advance(1)
        tally.add()
    assert tally.between(start - 1, start + 1) == 0
    assert tally.total == 607


def test_a_wall_clock_set_back_does_not_lose_counts() -> None:
    clock = FakeClock()
    tally, start = Tally(clock), clock.now().timestamp()
    clock.advance(10)
    tally.add()
    clock.advance(-5)
    tally.add()
    assert tally.between(start, start + 10) == 2


def test_an_hour_without_rest_takes_few_bins_and_loses_nothing() -> None:
    clock = FakeClock()
    tally, spread, start = Tally(clock), Spread(clock, SIZES), clock.now().timestamp()
    most, most_spread = 0, 0
    for _ in range(4 * 3600):
        clock.advance(0.25)
        tally.add()
        spread.add(100)
        most, most_spread = max(most, len(tally)), max(most_spread, len(spread))
    end = clock.now().timestamp()
    assert 1_500 < most < 2_000
    assert 400 < most_spread < 700
    assert tally.between(start, end) == tally.total == 4 * 3600
    assert spread.between(start, end).count == 4 * 3600
    minutes = [tally.between(at, at + 60) for at in range(int(start), int(end), 60)]
    assert sum(minutes) == 4 * 3600
    assert all(200 <= count <= 280 for count in minutes)  # what is old is known to ten seconds


def test_a_spread_tells_the_distribution_of_an_interval() -> None:
    clock = FakeClock()
    spread, start = Spread(clock, SIZES), clock.now().timestamp()
    for size in (10, 20, 30):
        clock.advance(10)
        spread.add(size, times=2)
    found = spread.between(start + 10, start + 30)
    assert (found.count, found.mean) == (4, 25)
    assert spread.between(start + 30, start + 90).count == 0
