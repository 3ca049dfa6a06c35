"""The dashboard's server over a sample control room whose clock runs; tests move it by /sample/…

Started by `streamlit run` like the real one, with the same lifespan, routes and guard.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from consumers import door
from consumers.pubsub import ChannelStatus
from consumers.stores.values import Market, Transition
from consumers.wire import PriceTick
from core.diagnosis import Level, Verdict
from core.policy import Status
from dashboard.api import routes
from dashboard.guard import Guard
from dashboard.hosting import control_room
from dashboard.live.hub import Hub
from tests.support import FakeClock
from tests.support_runtime import NOW, SampleRuntime, received, sample_runtime

SCRIPT = Path(__file__).resolve().parents[2] / "dashboard" / "app.py"


class RunningClock(FakeClock):
    """Wall time that begins at NOW."""

    def __init__(self) -> None:
        super().__init__(NOW)
        self._began = time.monotonic()

    def now(self) -> datetime:
        """NOW and what has passed since."""
        return NOW + timedelta(seconds=time.monotonic() - self._began)

    def monotonic(self) -> float:
        """The machine's."""
        return time.monotonic()


def make() -> Any:
    """The sample, scored again so that its ledger has its records."""
    runtime = sample_runtime()
    runtime.fill_scores()
    runtime.clock = RunningClock()
    return runtime


def price(runtime: SampleRuntime) -> None:
    """ETH at 3,000.00, now."""
    now = runtime.clock.now()
    tick = PriceTick("ETH", Decimal(3000), "simulated", now, False, {}, ())
    runtime.prices.apply(tick, received(99, now))


def disconnect(runtime: SampleRuntime) -> None:
    """The broker is gone."""
    now = runtime.clock.now()
    gone = Verdict(
        Level.BLIND,
        "broker_unreachable",
        "Disconnected from the broker for 1 s: nothing on this screen is current.",
        "Everything shown is the last that arrived before.",
        "fusion doctor",
        now,
    )
    runtime.change(channel=ChannelStatus(False, now, "refused"), verdict=gone)


def replaying(runtime: SampleRuntime) -> None:
    """Prices come from a recording, an hour a second."""
    held = runtime.prices.snapshot()
    as_of = datetime.fromisoformat("2022-05-12T14:00:00+00:00")
    market = Market(True, 3600.0, as_of, runtime.clock.now())
    assets = {n: replace(a, as_of=as_of) for n, a in held.assets.items()}
    runtime.change(prices=replace(held, market=market, assets=assets))


def hostile(runtime: SampleRuntime) -> None:
    """An account, a reason and a sentence that would like to be HTML."""
    evil = '<img src=x onerror="document.title=1">'
    scores = runtime.scores
    assert scores is not None
    nearest = tuple(replace(a, user_id=f"{evil}{i}") for i, a in enumerate(scores.nearest))
    found = Verdict(
        Level.WATCH, "hostile", f"{evil} is stale.", f"[pay](http://evil.example) {evil}"
    )
    runtime.change(scores=replace(scores, nearest=nearest), verdict=found)


def unscored(runtime: SampleRuntime) -> None:
    """Every price is old: no account has a score, for reasons that are long."""
    scores, now = runtime.scores, runtime.clock.now()
    assert scores is not None
    cause = ", ".join(f"{asset}: 15 s old" for asset in ("AAVE", "BTC", "LINK", "USDC", "USDT"))
    gone = tuple(
        Transition(now, now, f"wren-{n:02}", Status.HEALTHY, Status.UNKNOWN, None, cause)
        for n in range(5)
    )
    runtime.change(scores=replace(scores, nearest=(), transitions=gone))


def heal(runtime: SampleRuntime) -> None:
    """As it was."""
    runtime.changes = lambda picture: picture


ACTS: dict[str, Callable[[SampleRuntime], None]] = {
    act.__name__: act for act in (price, disconnect, replaying, hostile, unscored, heal)
}


async def sample(request: Request) -> Response:
    """Do what the path names."""
    runtime = cast("SampleRuntime", door.runtime())
    ACTS[request.path_params["act"]](runtime)
    runtime.versions.bump()
    return Response(status_code=204)


HUB = Hub()
app = st.App(
    str(SCRIPT),
    lifespan=control_room(make, HUB),
    routes=[Route("/sample/{act}", sample, methods=["POST"]), *routes(HUB)],
    middleware=[Middleware(Guard)],
)
