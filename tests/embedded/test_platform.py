"""All workers as one: market to receipt, and the same after being killed at any moment."""

import os
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from itertools import islice
from pathlib import Path

import orjson
import pytest

from consumers.clock import SystemClock
from consumers.desk import Desk
from consumers.incidents import EngineState
from consumers.rounds import PriceMessage
from consumers.settings import Settings, load
from consumers.stores import PositionStore, Versions
from consumers.topology import ALERTS, PRICES, RECEIPTS
from consumers.wire import Encoded, PriceTick
from consumers.worker import WorkerState
from core.alerts import Severity, channels_for
from embedded.broker import BrokerProcess
from embedded.opening import open_market, price_source
from embedded.platform import WORKERS, Platform, SimulationRefusedError
from embedded.stack import environment
from tests.consumers.arrivals import Arrivals
from tests.embedded.broker.fixture import broker, project  # noqa: F401
from tests.support import ROOT, eventually

CLOCK = SystemClock()
WORKER = (sys.executable, "-m", "cli.main", "worker", "platform")


@pytest.fixture
def settings(broker: BrokerProcess, project: str, tmp_path: Path) -> Settings:  # noqa: F811
    return load(
        {},
        project=project,
        emulator_host=broker.address,
        data_dir=tmp_path / "var",
        accounts=60,
        market="crash",
        price_interval_s=0.2,
        settlement_interval_s=0.2,
    )


def test_a_platform_scores_tells_and_delivers(settings: Settings) -> None:
    platform = Platform(settings, CLOCK)
    platform.start()
    try:
        assert [one.name for one in platform.status()] == list(WORKERS)
        by_name = lambda: {one.name: one for one in platform.status()}  # noqa: E731
        eventually(lambda: by_name()["risk-engine"].counters.get("rounds", 0) >= 5)
        eventually(lambda: by_name()["notifier"].counters.get("receipts_published", 0) >= 9)
        eventually(lambda: by_name()["settlement"].counters.get("events", 0) >= 2)
        counters = by_name()["risk-engine"].counters
        assert sum(n for name, n in counters.items() if name.startswith("NEW->")) == 60
        assert {one.state for one in platform.status()} == {WorkerState.RUNNING}
        assert {PRICES, ALERTS, RECEIPTS} <= set(platform.published)
        began = CLOCK.monotonic()
    finally:
        platform.stop()
    assert CLOCK.monotonic() - began < 6
    assert {one.state for one in platform.status()} == {WorkerState.STOPPED}


def test_a_platform_stopped_in_the_middle_has_told_what_it_decided(settings: Settings) -> None:
    platform = Platform(settings, CLOCK)
    platform.start()
    try:
        eventually(lambda: _alerts(settings), 15, 0.002)
    finally:
        platform.stop()
    due = _due(settings)
    assert due
    assert set(_delivered(settings)) == due
    receipts = _rows(settings, "SELECT key FROM outbox WHERE topic = 'alerts.delivery.v1'")
    assert len(receipts) == len(due)
    assert _rows(settings, "SELECT key FROM outbox WHERE published = 0") == []


def test_nothing_is_simulated_where_real_prices_are(tmp_path: Path) -> None:
    real = load({}, environment="prod", project="fusion-prod", data_dir=tmp_path)
    local = real.model_copy(update={"emulator_host": "127.0.0.1:1"})
    with pytest.raises(SimulationRefusedError, match="oracle"):
        Platform(local, CLOCK, workers=("oracle",))


@contextmanager
def _worker(settings: Settings, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
    command = [*WORKER, *options]
    env = {**os.environ, **environment(settings), "FUSION_LOG_LEVEL": "error"}
    with subprocess.Popen(command, cwd=ROOT, env=env) as process:
        try:
            yield process
        finally:
            process.kill()


def _rows(settings: Settings, query: str) -> list[tuple[str, ...]]:
    """What the platform's journal answers; nothing while it has no such table."""
    path = settings.data_dir / "platform.db"
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        try:
            return connection.execute(query).fetchall()
        except sqlite3.OperationalError:
            return []


def _round(settings: Settings) -> int:
    rows = _rows(settings, "SELECT reached FROM progress WHERE worker = 'risk-engine'")
    return int(orjson.loads(rows[0][0])["round"] or 0) if rows else 0


def _alerts(settings: Settings) -> dict[str, str]:
    """Event id -> severity of every alert decided on."""
    rows = _rows(settings, "SELECT key, attributes FROM outbox WHERE topic = 'alerts.margin.v1'")
    return {key: orjson.loads(attributes)["severity"] for key, attributes in rows}


def _delivered(settings: Settings) -> Counter[tuple[str, str]]:
    path = settings.data_dir / "notifications.jsonl"
    lines = path.read_bytes().splitlines() if path.exists() else []
    found = (orjson.loads(line) for line in lines)
    return Counter((one["event_id"], one["channel"]) for one in found)


def _due(settings: Settings) -> set[tuple[str, str]]:
    return {
        (event_id, channel)
        for event_id, severity in _alerts(settings).items()
        for channel in channels_for(Severity(severity))
    }


def _replay(tmp_path: Path) -> Path:
    """Twelve hours in which ETH goes 100 -> 52 -> 104."""
    rows = ["timestamp,asset_symbol,price_usd,source"]
    for hour, eth in enumerate((100, 92, 84, 70, 62, 55, 52, 60, 71, 85, 96, 104)):
        at = f"2022-05-05T{hour:02}:00:00Z"
        rows += [f"{at},ETH,{eth},x", f"{at},BTC,{10 * eth},x", f"{at},USDC,1,x"]
    path = tmp_path / "market.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def _undisturbed(settings: Settings) -> set[str]:
    """Event ids of the replay played through a desk that nobody kills."""
    opening = open_market(settings, CLOCK.now())
    source = price_source(settings, opening, published=None, scored=None, resume=False)
    state = EngineState({}, {}, None)
    positions = PositionStore(Versions(), opening.book, opening.as_of)
    desk = Desk(positions=positions, state=state, cadence=timedelta(seconds=2), clock=CLOCK)
    mail, told = Arrivals(), set()
    for one in islice(source.rounds(), 12):
        for quote in one.quotes:
            metadata = {
                "round": str(one.number),
                "round_size": str(len(one.quotes)),
                "cadence_s": str(quote.cadence_s),
                "replayed_from": one.replayed_from.isoformat() if one.replayed_from else "",
            }
            now = CLOCK.now()
            tick = PriceTick(quote.asset, quote.price, "x", now, False, metadata, ())
            desk.add(PriceMessage(tick, mail.incoming(PRICES, Encoded(b"", {}))))
        told |= {letter.key for letter in desk.turn().letters}
    return told


@pytest.mark.timeout(170)
def test_a_platform_killed_at_any_moment_tells_and_delivers_exactly_what_it_would_have(
    settings: Settings, tmp_path: Path
) -> None:
    played = settings.model_copy(
        update={"replay_file": _replay(tmp_path), "replay_speed": 36_000.0, "price_interval_s": 2.0}
    )
    expected = _undisturbed(played)
    assert len(expected) > 20
    for reached in (1, 5, 9):
        with _worker(played, "--resume"):
            eventually(lambda least=reached: _round(played) >= least, 30, 0.002)
    with _worker(played, "--resume"):
        eventually(lambda: _round(played) == 12, 40, 0.05, "the whole market")
        # what a killed notifier held comes again after its lease and the broker's back-off
        eventually(lambda: set(_delivered(played)) == _due(played), 60, 0.05, "all delivered")
        pending = "SELECT key FROM outbox WHERE published = 0"
        eventually(lambda: not _rows(played, pending), 20, 0.05, "all published")
    assert set(_alerts(played)) == expected
    assert set(_delivered(played).values()) == {1}
    outcomes = _rows(played, "SELECT event_id, channel FROM deliveries")
    assert set(outcomes) == _due(played)
