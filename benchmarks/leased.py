"""A sketch, to be measured and not used: a consumer that leases and settles whole responses.

Over the generated client's `streaming_pull`: no object, queue or call of its own for a message, and
acknowledgements on the stream itself, which wait for no answer. It has leases, which it extends,
and the broker's flow control; what it lacks is reconnecting, nacks, ordering keys, a clean end.
"""

import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any

import google.cloud.pubsub_v1 as pubsub_v1  # type: ignore[import-untyped]

OUTSTANDING = 20_000
LEASE_S = 60
TYPES = pubsub_v1.types
_REQUEST, _RESPONSE = TYPES.StreamingPullRequest, TYPES.StreamingPullResponse


class LeasedBatches:
    """Hands the messages of each response to `handle`, then acknowledges all of them."""

    def __init__(self, client: Any, path: str, handle: Callable[[Sequence[Any]], None]) -> None:
        self._client = client
        self._path = path
        self._handle = handle
        self._requests: SimpleQueue[Any] = SimpleQueue()
        self._held: dict[int, list[str]] = {}  # response -> its ids, while it is in hand
        self._stop = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="leases", daemon=True)

    def run(self, count: int) -> int:
        """Take at least `count` messages; how many it were."""
        self._say(
            subscription=self._path,
            stream_ack_deadline_seconds=LEASE_S,
            max_outstanding_messages=OUTSTANDING,
        )
        self._keeper.start()
        taken = 0
        stream = self._client.streaming_pull(requests=iter(self._requests.get, None))
        for number, response in enumerate(stream):
            received = _RESPONSE.pb(response).received_messages
            ids = self._held[number] = [one.ack_id for one in received]
            self._handle([one.message for one in received])
            self._say(ack_ids=ids)
            del self._held[number]
            taken += len(ids)
            if taken >= count:
                break
        self._stop.set()
        self._requests.put(None)  # the last acknowledgements go before the stream ends
        return taken

    def _say(self, **fields: Any) -> None:
        self._requests.put(_REQUEST.wrap(_REQUEST.pb()(**fields)))

    def _keep(self) -> None:
        while not self._stop.wait(LEASE_S / 2):
            for ids in list(self._held.values()):
                self._say(modify_deadline_ack_ids=ids, modify_deadline_seconds=[LEASE_S] * len(ids))


def rate(client: Any, path: str, count: int) -> tuple[int, float]:
    """Messages taken and the seconds that it took; each message's body and attributes are read."""
    size = 0

    def handle(messages: Sequence[Any]) -> None:
        nonlocal size
        size += sum(len(message.data) + len(message.attributes) for message in messages)

    begin = time.perf_counter()
    taken = LeasedBatches(client, path, handle).run(count)
    assert size
    return taken, time.perf_counter() - begin
