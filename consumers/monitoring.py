"""Backlogs from Cloud Monitoring, or from the embedded broker in its place: the same client.

The only importer of google.cloud.monitoring. One call per metric and poll serves all subscriptions
of the project. A missing point is None: the absence of a metric does not mean that there are no
messages.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.auth.exceptions import GoogleAuthError
from google.cloud import monitoring_v3
from google.cloud.monitoring_v3.services.metric_service.transports import (
    MetricServiceGrpcTransport,
)

from consumers.clock import Clock
from consumers.errors import MonitoringError

TIMEOUT_S = 4.0
LOOKBACK = timedelta(minutes=7)  # samples are 60 s apart and hidden for up to 360 s
RATE_WINDOW = timedelta(seconds=30)  # where figures are of this instant, a rate is over this long
_PREFIX = "pubsub.googleapis.com/subscription/"
BACKLOG = "num_undelivered_messages"
OLDEST = "oldest_unacked_message_age"
SENT = "sent_message_count"
ACKED = "ack_message_count"
STREAMS = "open_streaming_pulls"


@dataclass(frozen=True, slots=True)
class BacklogSample:
    """One subscription at `at`: messages not acknowledged, age of the oldest in seconds, messages
    delivered and acknowledged a second, open streams. None is NO DATA, never zero.

    `at` is when the backlog was sampled, as the point itself says: minutes ago in the cloud.
    """

    subscription: str
    backlog: int | None
    oldest_s: float | None
    sent_per_s: float | None
    acked_per_s: float | None
    streams: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class _Point:
    start: datetime
    end: datetime
    value: float

    @property
    def per_s(self) -> float | None:
        seconds = (self.end - self.start).total_seconds()
        return self.value / seconds if seconds > 0 else None


class BacklogSource:
    """Asks for the figures of every subscription of a project; not thread-safe, one poller's own.

    `address`: host:port of the embedded broker, None for the cloud.
    """

    def __init__(self, project: str, address: str | None, clock: Clock) -> None:
        self._project = project
        self._address = address
        self._clock = clock
        self._client: Any = None
        self._channel: grpc.Channel | None = None

    def poll(self, period: timedelta) -> Mapping[str, BacklogSample]:
        """The newest figures by subscription. Raises MonitoringError."""
        now = self._clock.now()
        found = {metric: self._newest(metric, LOOKBACK, now) for metric in (BACKLOG, OLDEST)}
        reach = _reach(found[BACKLOG].values(), period, now)
        found |= {metric: self._newest(metric, reach, now) for metric in (SENT, ACKED)}
        found[STREAMS] = self._newest(STREAMS, LOOKBACK, now)
        names = {name for points in found.values() for name in points}
        return {name: _sample(name, found, now) for name in sorted(names)}

    def close(self) -> None:
        """Give the connection back."""
        if self._channel is not None:
            self._channel.close()
        self._client = self._channel = None

    def _newest(self, metric: str, lookback: timedelta, now: datetime) -> dict[str, _Point]:
        """The newest point of each subscription, summed over the series that share its time."""
        points: dict[str, list[_Point]] = defaultdict(list)
        for series in self._series(f"{_PREFIX}{metric}", now - lookback, now):
            name = series.resource.labels["subscription_id"]
            if series.points:
                points[name].append(_point(series.points[0]))
        return {name: _sum(found) for name, found in points.items()}

    def _series(self, metric: str, start: datetime, end: datetime) -> Iterable[Any]:
        try:
            if self._client is None:
                self._connect()
            interval = monitoring_v3.TimeInterval({"start_time": start, "end_time": end})
            return list(
                self._client.list_time_series(
                    request={
                        "name": f"projects/{self._project}",
                        "filter": f'metric.type = "{metric}"',
                        "interval": interval,
                        "view": monitoring_v3.ListTimeSeriesRequest.TimeSeriesView.FULL,
                    },
                    timeout=TIMEOUT_S,
                    retry=None,
                )
            )
        except (GoogleAPICallError, RetryError) as error:
            raise MonitoringError(str(error.message or error)) from None
        except (GoogleAuthError, grpc.RpcError) as error:
            raise MonitoringError(str(error)) from None

    def _connect(self) -> None:
        if self._address is None:
            self._client = monitoring_v3.MetricServiceClient()
            return
        # `api_endpoint` would try TLS against the local server; only a channel of our own does not
        self._channel = grpc.insecure_channel(
            self._address,
            options=(("grpc.enable_http_proxy", 0), ("grpc.max_reconnect_backoff_ms", 2_000)),
        )
        transport = MetricServiceGrpcTransport(channel=self._channel)
        self._client = monitoring_v3.MetricServiceClient(transport=transport)


def _reach(backlogs: Iterable[_Point], period: timedelta, now: datetime) -> timedelta:
    """How far back to ask for rates: not far where backlogs are of this instant, so that the rate
    is of now too; else as far as for all."""
    newest = max((point.end for point in backlogs), default=None)
    shortest = max(period, RATE_WINDOW)
    return shortest if newest is not None and now - newest < RATE_WINDOW else LOOKBACK


def _point(point: Any) -> _Point:
    value = point.value
    kind = type(value).pb(value).WhichOneof("value")
    number = float(getattr(value, kind)) if kind in ("int64_value", "double_value") else 0.0
    interval = point.interval
    end = _utc(interval.end_time)
    return _Point(_utc(interval.start_time) if interval.start_time else end, end, number)


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)


def _sum(points: list[_Point]) -> _Point:
    newest = max(p.end for p in points)
    same = [p for p in points if p.end == newest]
    return _Point(min(p.start for p in same), newest, sum(p.value for p in same))


def _sample(name: str, found: Mapping[str, Mapping[str, _Point]], now: datetime) -> BacklogSample:
    def point(metric: str) -> _Point | None:
        return found[metric].get(name)

    backlog, oldest, streams = point(BACKLOG), point(OLDEST), point(STREAMS)
    sent, acked = point(SENT), point(ACKED)
    return BacklogSample(
        subscription=name,
        backlog=None if backlog is None else int(backlog.value),
        oldest_s=None if oldest is None else oldest.value,
        sent_per_s=None if sent is None else sent.per_s,
        acked_per_s=None if acked is None else acked.per_s,
        streams=None if streams is None else int(streams.value),
        at=now if backlog is None else backlog.end,
    )
