"""Rounds come numbered, on their schedule, and go on where a killed oracle was."""

from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from consumers.oracle import PriceRound
from embedded.market import Regime
from embedded.replay import Replay, read_replay
from embedded.sources import ReplaySource, SimulatedSource

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def _simulated(
    count: int, *, regime: Regime = Regime.CALM, reached: str | None = None, resume: bool = False
) -> list[PriceRound]:
    source = SimulatedSource(seed=7, regime=regime, interval_s=2.0, reached=reached, resume=resume)
    return list(islice(source.rounds(), count))


def _replay(tmp_path: Path) -> Replay:
    path = tmp_path / "market.csv"
    rows = [f"2022-05-05T{h:02}:00:00Z,ETH,{100 + h},x" for h in (1, 2, 4)]
    path.write_text("timestamp,asset_symbol,price_usd,source\n" + "\n".join(rows) + "\n")
    return read_replay(path, NOW).with_par({"USDT"})


def test_a_simulated_round_is_due_on_the_interval_the_first_at_once() -> None:
    rounds = _simulated(3)
    assert [(one.number, one.due_s) for one in rounds] == [(1, 0.0), (2, 2.0), (3, 4.0)]
    assert {quote.cadence_s for quote in rounds[0].quotes} == {2.0}
    assert rounds[0].replayed_from is None


def test_a_resumed_market_gives_the_rounds_it_would_have_given() -> None:
    whole = _simulated(6, regime=Regime.CRASH)
    rest = _simulated(3, regime=Regime.CRASH, reached=whole[2].reached, resume=True)
    assert [(r.number, r.quotes) for r in rest] == [(r.number, r.quotes) for r in whole[3:]]


def test_a_new_run_goes_on_from_its_prices_and_crashes_anew() -> None:
    crashed = _simulated(60, regime=Regime.CRASH)[-1]
    (again,) = _simulated(1, regime=Regime.CRASH, reached=crashed.reached)
    first = _simulated(1, regime=Regime.CRASH)[0]
    assert again.number == crashed.number + 1
    assert abs(float(again.quotes[0].price / first.quotes[0].price) - 1) < 0.05


def test_a_replay_is_due_by_its_own_time_over_the_speed(tmp_path: Path) -> None:
    rounds = list(ReplaySource(_replay(tmp_path), 3600.0).rounds())
    assert [(one.number, one.due_s, one.last) for one in rounds] == [
        (1, 0.0, False),
        (2, 1.0, False),
        (3, 3.0, True),
    ]
    assert [(q.asset, q.cadence_s, q.counted) for q in rounds[0].quotes] == [
        ("ETH", 5400.0, True),
        ("USDT", 5400.0, False),
    ]


def test_a_replay_goes_on_after_the_round_it_reached(tmp_path: Path) -> None:
    rounds = list(ReplaySource(_replay(tmp_path), 3600.0, "1").rounds())
    assert [(one.number, one.due_s, one.last) for one in rounds] == [
        (2, 0.0, False),
        (3, 2.0, True),
    ]
