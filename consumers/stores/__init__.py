"""Where threads and sessions meet: `apply()` from the feeds, `snapshot()` for everybody."""

from consumers.stores.alerts import AlertStore
from consumers.stores.backlogs import BacklogStore
from consumers.stores.base import Versions
from consumers.stores.escrows import EscrowStore
from consumers.stores.messages import MessageRing
from consumers.stores.positions import PositionsSnapshot, PositionStore
from consumers.stores.prices import PriceStore, Round
from consumers.stores.runs import RunStore

__all__ = [
    "AlertStore",
    "BacklogStore",
    "EscrowStore",
    "MessageRing",
    "PositionStore",
    "PositionsSnapshot",
    "PriceStore",
    "Round",
    "RunStore",
    "Versions",
]
