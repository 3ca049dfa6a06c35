"""The oracle publishes rounds on an absolute schedule and remembers how far it got."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from consumers import progress
from consumers.clock import SystemClock
from consumers.journal import Journal
from consumers.oracle import NAME, Oracle, PriceRound, Quote
from consumers.publisher import PublishResult
from consumers.wire import Encoded, PriceTick, decode_price
from consumers.worker import WorkerState
from tests.consumers.arrivals import hour
from tests.support import eventually

CLOCK = SystemClock()


class Rounds:
    """A fixed list of rounds as a source."""

    def __init__(self, *rounds: PriceRound) -> None:
        self._rounds = rounds

    def rounds(self) -> Iterator[PriceRound]:
        yield from self._rounds


class Broker:
    """Takes every message at once, but for the first `refuse`, or what comes while `held`."""

    def __init__(self, refuse: int = 0, *, held: bool = False) -> None:
        self.taken: list[tuple[float, PriceTick]] = []
        self.waiting: list[Callable[[PublishResult], None]] = []
        self._refuse = refuse
        self._held = held
        self._lock = threading.Lock()

    def publish(
        self, topic: str, encoded: Encoded, on_done: Callable[[PublishResult], None]
    ) -> None:
        with self._lock:
            refused = self._refuse > 0
            self._refuse -= refused
        if refused:
            on_done(PublishResult(topic, None, "no broker", 0.0))
            return
        tick = decode_price(encoded.data, encoded.attributes, CLOCK.now())
        assert isinstance(tick, PriceTick)
        self.taken.append((CLOCK.monotonic(), tick))
        if self._held:
            self.waiting.append(on_done)
        else:
            on_done(PublishResult(topic, "m1", None, 0.0))


def _round(number: int, due_s: float, *, replay: bool = True, last: bool = False) -> PriceRound:
    quotes = (
        Quote("ETH", Decimal("2942.99"), "x", 3600),
        Quote("USDT", Decimal("1.00"), "replay-par", 3600, counted=False),
    )
    return PriceRound(
        number,
        quotes,
        due_s,
        str(number),
        hour(number) if replay else None,
        3600 if replay else None,
        last,
    )


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path / "platform.db", CLOCK)
    made.start()
    yield made
    made.stop()


def _oracle(source: Rounds, broker: Broker, journal: Journal) -> Oracle:
    oracle = Oracle(source=source, publisher=broker, journal=journal, clock=CLOCK)
    oracle.start()
    return oracle


def test_a_replayed_price_carries_its_round_its_cadence_and_its_time(journal: Journal) -> None:
    broker = Broker()
    oracle = _oracle(Rounds(_round(1, 0), _round(2, 0, last=True)), broker, journal)
    eventually(lambda: oracle.finished)
    tick = broker.taken[0][1]
    assert (tick.asset, tick.price, tick.source) == ("ETH", Decimal("2942.99"), "x")
    assert (tick.round, tick.round_size, tick.cadence_s, tick.speed) == (1, 2, 3600.0, 3600.0)
    assert tick.replayed_from == hour(1)
    assert CLOCK.now() - tick.timestamp < timedelta(seconds=5)
    assert [one.last for _, one in broker.taken] == [False, False, True, True]
    oracle.stop()


def test_rows_of_the_file_are_counted_and_par_prices_are_not(journal: Journal) -> None:
    oracle = _oracle(Rounds(_round(1, 0), _round(2, 0, last=True)), Broker(), journal)
    eventually(lambda: oracle.finished)
    counters = oracle.status().counters
    assert (counters["ticks"], counters["messages"], counters["rounds"]) == (2, 4, 2)
    oracle.stop()
    assert oracle.status().state is WorkerState.STOPPED


def test_the_schedule_is_absolute(journal: Journal) -> None:
    broker = Broker()
    began = CLOCK.monotonic()
    oracle = _oracle(Rounds(*(_round(n, n * 0.05) for n in range(1, 7))), broker, journal)
    eventually(lambda: oracle.finished)
    for at, tick in broker.taken:
        late = at - began - (tick.round or 0) * 0.05
        assert -0.01 < late < 0.25
    oracle.stop()


def test_a_row_that_the_broker_did_not_take_is_sent_again(journal: Journal) -> None:
    broker = Broker(refuse=1)
    oracle = _oracle(Rounds(_round(1, 0, last=True)), broker, journal)
    eventually(lambda: oracle.finished)
    assert sorted(tick.asset for _, tick in broker.taken) == ["ETH", "USDT"]
    assert oracle.status().counters["failed"] == 1
    assert oracle.status().last_error is None
    oracle.stop()


def test_only_what_is_acknowledged_is_reached(journal: Journal) -> None:
    broker = Broker(held=True)
    oracle = _oracle(Rounds(_round(1, 0), _round(2, 0, last=True)), broker, journal)
    eventually(lambda: len(broker.waiting) == 4)
    ok = PublishResult("t", "m", None, 0.0)
    for answer in broker.waiting[2:]:
        answer(ok)  # the second round, while the first is still in flight
    assert progress.reached(journal, NAME) is None
    for answer in broker.waiting[:2]:
        answer(ok)
    eventually(lambda: progress.reached(journal, NAME) == "2")
    oracle.stop()


def test_stopping_does_not_wait_for_the_next_round(journal: Journal) -> None:
    oracle = _oracle(Rounds(_round(1, 0), _round(2, 3600)), Broker(), journal)
    eventually(lambda: oracle.status().counters["rounds"] == 1)
    began = CLOCK.monotonic()
    oracle.stop()
    assert CLOCK.monotonic() - began < 1
    assert not oracle.finished


def test_a_source_that_breaks_is_told_and_not_silent(journal: Journal) -> None:
    class Broken:
        def rounds(self) -> Iterator[PriceRound]:
            yield _round(1, 0)
            raise RuntimeError("no market")

    oracle = Oracle(source=Broken(), publisher=Broker(), journal=journal, clock=CLOCK)
    oracle.start()
    eventually(lambda: oracle.status().state is WorkerState.FAILED)
    assert oracle.status().last_error == "RuntimeError: no market"
    oracle.stop()
    assert oracle.status().state is WorkerState.FAILED
