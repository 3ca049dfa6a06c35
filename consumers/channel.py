"""The gRPC channel to the broker: options that notice a dead connection, and a watch on it."""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

import grpc

from consumers.clock import Clock

# Half-open connections: `keepalive_timeout_ms` alone needs 60 s to notice, `ping_timeout_ms` 5 s.
# Without an unlimited receive size a legal 10 MB message loops on RESOURCE_EXHAUSTED for ever.
SIZES = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_metadata_size", 4 * 1024 * 1024),
)
# A name that did not resolve is asked for again soon; gRPC's own pause is 30 s, each time.
NAMES = (("grpc.dns_min_time_between_resolutions_ms", 1_000),)
LOCAL_OPTIONS = (
    *SIZES,
    *NAMES,
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
)
CLOUD_OPTIONS = (
    *SIZES,
    *NAMES,
    ("grpc.keepalive_time_ms", 30_000),  # the service calls more often abuse
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),
)
BLIP = timedelta(seconds=1)  # a server that says goodbye is reached again within this


@dataclass(frozen=True, slots=True)
class ChannelStatus:
    """Whether the broker is reached, since when, and what is wrong if it is not.

    Without an error it is being connected to for the first time, since less than a second.
    """

    connected: bool
    since: datetime
    error: str | None


class ConnectionWatch:
    """Follows a channel's connectivity, on a thread of gRPC's own.

    `_lock` guards the state. A lost connection goes idle and is not sought again before somebody
    calls: the watch asks for it at once, so that the loss and the return are seen without traffic.
    """

    def __init__(self, channel: grpc.Channel, address: str, clock: Clock) -> None:
        self._channel = channel
        self._address = address
        self._clock = clock
        self._lock = threading.Lock()
        self._up_since: datetime | None = None
        self._down_since: datetime | None = clock.now()
        self._failed = False
        self._closed = False
        channel.subscribe(self._changed, try_to_connect=True)

    def status(self) -> ChannelStatus:
        """The connection now; a blip under a second is no disconnection."""
        with self._lock:
            up, down = self._up_since, self._down_since
            if up is not None and (down is None or self._blip(down)):
                return ChannelStatus(True, up, None)
            assert down is not None
            # in its first moment it is on its way, and nothing is wrong yet
            error = None if self._blip(down) else f"broker {self._address} is unreachable"
            return ChannelStatus(False, down, error)

    def close(self) -> None:
        """Watch no more; before the channel is closed."""
        with self._lock:
            self._closed = True
            self._channel.unsubscribe(self._changed)
        # gRPC's polling thread raises when the channel is closed under it, and there is no public
        # way to wait for it; it looks every 0.2 s.
        polled = getattr(self._channel, "_connectivity_state", None)
        pause = threading.Event()
        for _ in range(100):
            if not getattr(polled, "polling", False):
                return
            pause.wait(0.01)

    def _blip(self, down: datetime) -> bool:
        return not self._failed and self._clock.now() - down < BLIP

    def _changed(self, connectivity: grpc.ChannelConnectivity) -> None:
        now = self._clock.now()
        with self._lock:
            if connectivity is grpc.ChannelConnectivity.READY:
                if self._down_since is not None and not self._blip(self._down_since):
                    self._up_since = None
                self._up_since = self._up_since or now
                self._down_since, self._failed = None, False
            else:
                self._down_since = self._down_since or now
                if connectivity is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
                    self._failed = True
            if connectivity is grpc.ChannelConnectivity.IDLE and not self._closed:
                self._channel.subscribe(_ignore, try_to_connect=True)
                self._channel.unsubscribe(_ignore)


def _ignore(_connectivity: grpc.ChannelConnectivity) -> None:
    """Subscribing is what makes the channel connect."""
