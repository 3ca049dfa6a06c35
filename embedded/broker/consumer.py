"""Who takes deliveries: an open StreamingPull with its flow control, or one waiting Pull."""

from collections.abc import Callable

from embedded.broker.errors import BrokerError


class Consumer:
    """The credit of one taker: how much it may hold unacknowledged, and how much it does.

    Limits of 0 or less mean none, as in `StreamingPullRequest.max_outstanding_*`. `deadline_s` is
    the lease each of its deliveries starts with. `wake` is called when a look is worth while.
    """

    def __init__(
        self,
        *,
        wake: Callable[[], None],
        deadline_s: float,
        client_id: str = "",
        max_messages: int = 0,
        max_bytes: int = 0,
        streaming: bool = True,
    ) -> None:
        self.wake = wake
        self.deadline_s = deadline_s
        self.client_id = client_id
        self.max_messages = max_messages
        self.max_bytes = max_bytes
        self.streaming = streaming
        self.messages = 0
        self.bytes = 0
        self.closed = False
        self.error: BrokerError | None = None

    def room(self, limit: int) -> int:
        """How many more messages it may hold, at most `limit`."""
        return limit if self.max_messages <= 0 else min(limit, self.max_messages - self.messages)

    @property
    def byte_room(self) -> float:
        """How many more bytes it may hold; infinity without a limit."""
        return float("inf") if self.max_bytes <= 0 else self.max_bytes - self.bytes

    @property
    def has_room(self) -> bool:
        """Whether flow control lets it take anything now."""
        return self.room(1) > 0 and self.byte_room > 0

    def hold(self, messages: int, size: int) -> None:
        """It was handed `messages` of together `size` bytes."""
        self.messages += messages
        self.bytes += size

    def release(self, messages: int, size: int) -> None:
        """So many messages of together `size` bytes are no longer its concern."""
        self.messages -= messages
        self.bytes -= size

    def end(self, error: BrokerError) -> None:
        """Close it with `error` as soon as it looks."""
        self.error = error
        self.wake()
