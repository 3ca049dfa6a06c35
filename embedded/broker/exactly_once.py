"""Exactly-once delivery: which acknowledgements and extensions are taken.

Only the newest ack id of a message settles it, as long as its lease runs; what is taken is settled
for good. With an ordering key only the oldest unsettled message of its key is taken:
https://docs.cloud.google.com/pubsub/docs/exactly-once-delivery
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping

from embedded.broker.backlog import Backlog
from embedded.broker.redelivery import Lease
from embedded.broker.refusals import Refusal, Refusals
from embedded.broker.tally import Tally

_REMEMBERED = 20_000


class Gatekeeper:
    """Of one subscription with these leases, by ack id; `warnings` counts what is refused."""

    def __init__(self, leases: Mapping[str, Lease], waiting: Backlog, warnings: Tally) -> None:
        self._leases = leases
        self._waiting = waiting
        self._warnings = warnings
        # The last that were taken: again is right too, for clients that have lost the answer.
        self._taken: OrderedDict[str, None] = OrderedDict()

    def acknowledge(self, ack_ids: Iterable[str], settle: Callable[[str], None]) -> Refusals:
        """Settle those that may be, one after the other; the others, with the reason."""
        refused: dict[str, Refusal] = {}
        for ack_id in sorted(ack_ids):  # by delivery
            reason = self._objection(ack_id)
            if reason is None:
                settle(ack_id)
                self._remember(ack_id)
            elif ack_id not in self._taken:
                refused[ack_id] = reason
        self._warnings.add(len(refused))
        return refused

    def unheld(self, ack_ids: Iterable[str]) -> Refusals:
        """Those whose lease is over: they can be neither extended nor nacked."""
        refused = dict.fromkeys(set(ack_ids) - self._leases.keys(), Refusal.INVALID)
        self._warnings.add(len(refused))
        return refused

    def _objection(self, ack_id: str) -> Refusal | None:
        lease = self._leases.get(ack_id)
        if lease is None:
            return Refusal.INVALID
        if self._waiting.follows(lease.message) and self._waiting.ordering.overtakes(lease):
            return Refusal.UNORDERED
        return None

    def _remember(self, ack_id: str) -> None:
        self._taken[ack_id] = None
        if len(self._taken) > _REMEMBERED:
            self._taken.popitem(last=False)
