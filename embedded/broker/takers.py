"""Who takes from one subscription at the moment: open streams and waiting pulls."""

from collections import deque

from embedded.broker.consumer import Consumer
from embedded.broker.errors import BrokerError


class Takers:
    """In the order they are called in, which moves on by one each time."""

    def __init__(self) -> None:
        self._consumers: deque[Consumer] = deque()

    @property
    def streams(self) -> list[Consumer]:
        """The open streaming pulls."""
        return [consumer for consumer in self._consumers if consumer.streaming]

    @property
    def present(self) -> bool:
        """Whether there are any."""
        return bool(self._consumers)

    @property
    def have_room(self) -> bool:
        """Whether any could take something now."""
        return any(consumer.has_room for consumer in self._consumers)

    def add(self, consumer: Consumer) -> None:
        """It takes from now on."""
        self._consumers.append(consumer)

    def remove(self, consumer: Consumer) -> None:
        """It takes no more."""
        if consumer in self._consumers:
            self._consumers.remove(consumer)

    def with_room(self) -> int:
        """How many could take something now; at least 1, who asks."""
        return max(1, sum(consumer.has_room for consumer in self._consumers))

    def wake(self) -> None:
        """Call whoever could take something, not always the same one first."""
        self._consumers.rotate(-1)
        for consumer in self._consumers:
            if consumer.has_room:
                consumer.wake()

    def end(self, error: BrokerError) -> None:
        """End every stream and waiting pull with `error`."""
        for consumer in list(self._consumers):
            consumer.end(error)
