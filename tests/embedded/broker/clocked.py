"""A broker on a hand-moved clock, served over gRPC: an hour of it passes in no time."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio
from google.cloud.monitoring_v3 import MetricServiceClient
from google.cloud.monitoring_v3.services.metric_service.transports import (
    MetricServiceGrpcTransport,
)

from embedded.broker.points import Points
from embedded.broker.registry import Registry
from embedded.broker.sampling import Sampler
from embedded.broker.server import services
from tests.embedded.broker.doubles import FakeAlarm
from tests.support import Closing, FakeClock


class ClockedBroker(Closing):
    """Serves at `address`; everything happens on its loop, when `advance` or a call makes it."""

    def __init__(self, *, cloud_delays: bool = False) -> None:
        self.clock = FakeClock()
        self.address = ""
        self._alarms: list[FakeAlarm] = []
        self._cloud_delays = cloud_delays
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="clocked-broker")

    def __enter__(self) -> "ClockedBroker":
        self._thread.start()
        self._do(self._start())
        self.channel = grpc.insecure_channel(self.address)
        self.metrics = MetricServiceClient(
            transport=MetricServiceGrpcTransport(channel=self.channel)
        )
        return self

    def close(self) -> None:
        """End it all."""
        self.channel.close()
        self._do(self._server.stop(None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def advance(self, seconds: float) -> None:
        """Let time pass from one alarm to the next, ringing each when it is due."""
        self._do(self._advance(seconds))

    async def _start(self) -> None:
        registry = Registry(clock=self.clock, alarm=self._set)
        sampler = Sampler(registry, clock=self.clock, alarm=self._set)
        sampler.start()
        points = Points(sampler, self.clock, cloud_delays=self._cloud_delays)
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers(services(registry, points))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        await self._server.start()

    async def _advance(self, seconds: float) -> None:
        end = self.clock.monotonic() + seconds
        while True:
            due = min((a for a in self._alarms if not a.cancelled), key=_when, default=None)
            if due is None or due.when > end:
                break
            self.clock.advance(max(0.0, due.when - self.clock.monotonic()))
            self._alarms.remove(due)
            due.callback()
            await asyncio.sleep(0)
        self.clock.advance(end - self.clock.monotonic())

    def _set(self, when: float, callback: Callable[[], None], /) -> FakeAlarm:
        alarm = FakeAlarm(when, callback)
        self._alarms.append(alarm)
        return alarm

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)


def _when(alarm: FakeAlarm) -> float:
    return alarm.when
