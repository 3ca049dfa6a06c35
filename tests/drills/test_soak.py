"""R20, R27: 1,000 messages a second for a long time; memory and write-ahead log stay flat.

`FUSION_SOAK_S` is the length in seconds: 120 unless set, which shows that it works; 600 and 1800
are the lengths that the bounds were stated for. A slope means something after some minutes only:
shorter soaks are held to what they grew.
"""

import os
import threading
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from consumers.clock import SystemClock
from consumers.journal import reading
from consumers.stores import positions
from consumers.topology import PRICES, SETTLEMENTS
from consumers.wire import PriceTick, encode_price
from embedded.broker import BrokerProcess
from tests.drills.figures import tell
from tests.drills.room import Room, room
from tests.drills.test_kill import event
from tests.support import eventually

SECONDS = float(os.environ.get("FUSION_SOAK_S", "120"))
RATE = 1_000  # messages a second, in rounds of all assets; each second one escrow
ASSETS = (*(f"A{n}" for n in range(18)), "ETH", "USDC")
LONG_S = 600
WARM_UP = 0.3  # of the time: rings fill, the allocator settles
WAL_BYTES = 64 * 1024 * 1024
SLOPE_MB_H = 5.0
GROWTH_MB = 12.0  # of a short soak, whose rings are still filling
POLL_S = 0.8  # 600 polls are remembered: within the warm-up of the longest soak, not all through it

pytestmark = [pytest.mark.slow, pytest.mark.timeout(int(SECONDS) + 300)]


@dataclass(frozen=True, slots=True)
class Sample:
    """The process at a moment: seconds since the start, memory in MB, bytes of the WAL."""

    at: float
    rss_mb: float
    wal: int


class Source(threading.Thread):
    """Publishes rounds of prices evenly, as many a second as `RATE` asks for."""

    def __init__(self, room: Room) -> None:
        super().__init__(name="source", daemon=True)
        self._room = room
        self._stop_asked = threading.Event()
        self.sent = 0

    def run(self) -> None:
        """Until stopped."""
        clock, pause = SystemClock(), len(ASSETS) / RATE
        due = clock.monotonic()
        for number in count(1):
            if self._stop_asked.wait(max(0.0, due - clock.monotonic())):
                return
            due += pause
            now = clock.now()
            meta = {"round": str(number), "round_size": str(len(ASSETS)), "cadence_s": "1"}
            for place, asset in enumerate(ASSETS):
                price = Decimal(1 if asset == "USDC" else 3_000 + (number * 7 + place) % 50)
                tick = PriceTick(asset, price, "a", now, False, meta, ())
                self._room.publish(PRICES, encode_price(tick))
                self.sent += 1
            if number % (RATE // len(ASSETS)) == 0:
                self._room.publish(SETTLEMENTS, event(number))

    def stop(self) -> int:
        """End; how many prices were sent."""
        self._stop_asked.set()
        self.join(10)
        return self.sent


def watch(room: Room, verdicts: set[str]) -> list[Sample]:
    """A sample a second, with somebody reading the journal all the time."""
    clock, pause = SystemClock(), threading.Event()
    begun, told, samples = clock.monotonic(), 0, list[Sample]()
    while (at := clock.monotonic() - begun) < SECONDS:
        samples.append(Sample(at, room.rss_kb() / 1024, room.wal_bytes()))
        with closing(reading.replay(room.journal, PRICES, 2_000)) as entries:
            read = sum(1 for _ in entries)
        if at > 10:
            verdicts.add(str(room.told["verdict"]["code"]))
            assert read == 2_000
        if int(at / 60) > told:
            told = int(at / 60)
            tell(f"R27 {told} min: {samples[-1].rss_mb:.1f} MB, {room.told['blocks']:,} blocks")
        pause.wait(1.0)
    return samples


def slope_mb_h(samples: list[Sample]) -> float:
    """The straight line through the memory after the warm-up."""
    late = [s for s in samples if s.at > WARM_UP * SECONDS]
    return float(np.polyfit([s.at / 3600 for s in late], [s.rss_mb for s in late], 1)[0])


def growth_mb(samples: list[Sample]) -> float:
    """The last tenth of the time against the tenth after the warm-up."""
    tenth = SECONDS / 10
    early = [s.rss_mb for s in samples if 0 < s.at - WARM_UP * SECONDS <= tenth]
    late = [s.rss_mb for s in samples if s.at > SECONDS - tenth]
    return float(np.median(late) - np.median(early))


def test_memory_and_log_stay_flat_and_nothing_is_lost_or_found(
    broker: BrokerProcess, project: str, tmp_path: Path
) -> None:
    settings = {"FUSION_PRICE_CADENCE_S": "1", "FUSION_BACKLOG_PERIOD_S": str(POLL_S)}
    with room(broker.address, project, tmp_path / "var", **settings) as made:
        made.start()
        # What is bounded and would take a day to fill is full now: it is no slope of this hour.
        for number in range(positions.KEPT):
            made.publish(SETTLEMENTS, event(10_000_000 + number))
        eventually(lambda: made.rows(SETTLEMENTS) == positions.KEPT, 120, 0.5, "escrows are kept")
        source = Source(made)
        source.start()
        eventually(lambda: made.rows(PRICES) > RATE, 30, what="prices flow")
        verdicts: set[str] = set()
        samples = watch(made, verdicts)
        sent = source.stop()
        assert made.publisher.flush(20)
        eventually(lambda: made.rows(PRICES) == sent, 30, 0.2, "all is on disk")
        journal = made.told["journal"]
        slope, growth = slope_mb_h(samples), growth_mb(samples)
        wal = max(s.wal for s in samples)
        first, last = samples[0].rss_mb, samples[-1].rss_mb
        tell(
            f"R20, R27: {SECONDS:.0f} s at {sent / SECONDS:,.0f}/s, {sent:,} prices: 0 lost, WAL at"
            f" most {wal / 1e6:.1f} MB, memory {first:.0f} -> {last:.0f} MB, after warm-up"
            f" {slope:+.1f} MB/h, {growth:+.1f} MB, journal {journal['file_bytes'] / 1e6:.0f} MB,"
            f" verdicts {sorted(verdicts)}"
        )
        assert wal <= WAL_BYTES
        assert journal["error"] is None
        assert verdicts == {"well"}
        if SECONDS >= LONG_S:
            assert slope <= SLOPE_MB_H
        else:
            assert growth <= GROWTH_MB
