"""Two hundred readers a second of full stores, while a thousand messages a second come in."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest

from consumers.clock import SystemClock
from consumers.stores import escrows
from consumers.stores.alerts import KEPT
from consumers.stores.values import Received
from consumers.wire import PriceTick, SettlementEvent
from core.policy import Status
from tests.consumers.house import House, house
from tests.consumers.memory_journal import MemoryJournal
from tests.consumers.universe import alert
from tests.drills.figures import tell

pytestmark = pytest.mark.slow
READERS = 200
RATE = 1_000
SECONDS = 10
P99_S = 0.05


def full(made: House) -> None:
    """As many alerts, escrows and prices as are ever kept."""
    now = SystemClock().now()
    for number in range(KEPT):
        user = alert(f"u{number}", Status.WARNING, 1, number / 10)
        made.stores.alerts.apply(user, Received(f"a{number}", now, now))
    for number in range(escrows.KEPT):
        one = SettlementEvent(
            "EscrowDeployed", 1, f"0x{number}", 0, f"e{number}", "p", "q", Decimal(1), number, now
        )
        made.stores.escrows.apply(one, Received(f"s{number}", now, now))
    for number in range(80_000):
        price(made, number)


def price(made: House, number: int) -> None:
    now = SystemClock().now() + timedelta(microseconds=number % 7)
    tick = PriceTick(f"A{number % 20}", Decimal(3_000 + number % 9), "a", now, False, {}, ())
    made.stores.prices.apply(tick, Received(f"p{number}", now, now))


def writing(made: House, stop: threading.Event, written: list[int]) -> None:
    """A hundredth of a second's prices, an alert sent once more, and again."""
    known = alert("u7", Status.WARNING, 1, 0.7)
    while not stop.wait(0.01):
        now = SystemClock().now()
        for _ in range(RATE // 100):
            price(made, written[0])
            written[0] += 1
        made.stores.alerts.apply(known, Received(f"again-{written[0]}", now, now))


def look(made: House) -> None:
    """All that a page or `/api/state` is made from, without the picture that readers share."""
    now = SystemClock().now()
    stores = made.stores
    stores.prices.snapshot(), stores.alerts.snapshot(), stores.escrows.snapshot()
    stores.positions.snapshot(), stores.runs.snapshot()
    stores.ring.latency(now), stores.ring.rates(now), stores.ring.flows()


def test_two_hundred_readers_a_second_are_served_while_a_thousand_messages_come() -> None:
    made = house(MemoryJournal())
    full(made)
    stop, written = threading.Event(), [0]
    writer = threading.Thread(target=writing, args=(made, stop, written), name="writer")
    writer.start()
    clock, took = SystemClock(), list[float]()
    begun = clock.monotonic()
    for number in range(READERS * SECONDS):
        stop.wait(max(0.0, begun + number / READERS - clock.monotonic()))
        at = clock.monotonic()
        look(made)
        took.append(clock.monotonic() - at)
    lasted = clock.monotonic() - begun
    stop.set()
    writer.join()
    took.sort()
    middle, high = took[len(took) // 2], took[int(len(took) * 0.99)]
    tell(
        f"Readers: {len(took) / lasted:.0f}/s of {KEPT:,} alerts, {escrows.KEPT:,} escrows, 20 x"
        f" 4,000 points, {written[0] / lasted:,.0f} prices/s meanwhile: a look p50"
        f" {1e3 * middle:.2f} ms, p99 {1e3 * high:.1f} ms"
    )
    assert lasted <= SECONDS * 1.1
    assert written[0] >= 0.8 * RATE * SECONDS
    assert high <= P99_S
