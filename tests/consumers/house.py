"""All stores behind one intake, and all that pages and metrics show of them."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from consumers.filling import Stores
from consumers.intake import Intake
from consumers.stores import (
    AlertStore,
    EscrowStore,
    MessageRing,
    PositionStore,
    PriceStore,
    RunStore,
    Versions,
)
from consumers.stores.values import TestRun
from core.book import Book
from core.policy import Policy
from core.portfolio import Portfolio
from tests.consumers.universe import T0, TEST, at
from tests.support import FakeClock

BOOK = Book.from_portfolios(
    [Portfolio.of(user, {"ETH": "100"}, {"USDC": "1"}) for user in ("p", "q")], Policy()
)


@dataclass
class House:
    """All stores behind one intake."""

    intake: Intake
    stores: Stores

    def state(self) -> dict[str, Any]:
        """All that is shown, without the marks of how it came."""
        prices, told = self.stores.prices.snapshot(), self.stores.alerts.snapshot()
        escrows, held = self.stores.escrows.snapshot(), self.stores.positions.snapshot()
        day = timedelta(days=1)
        return {
            "prices": dict(prices.assets),
            "history": {a: self.stores.prices.history(a, day) for a in prices.assets},
            "market": prices.market,
            "counts": (prices.rounds, prices.messages, prices.historical, told.receipts),
            "alerts": [replace(record, deliveries=1) for record in told.records],
            "told": {user: replace(record, deliveries=1) for user, record in told.told.items()},
            "outcomes": dict(told.outcomes),
            "escrows": (escrows.events, dict(escrows.escrows), escrows.count),
            "book": [held.book.portfolio(user) for user in held.book.users],
            "settled": (held.settled, held.before, held.elsewhere, held.last_at),
            "runs": self.stores.runs.snapshot(),
        }


def house(journal: Any) -> House:
    """On this journal, with an account book, and the test run of the universe's test alert."""
    versions = Versions()
    stores = Stores(
        PriceStore(versions, timedelta(seconds=2)),
        AlertStore(versions),
        EscrowStore(versions),
        PositionStore(versions, BOOK, at(0)),
        RunStore(versions),
        MessageRing(),
    )
    stores.runs.add(TestRun("T-1", TEST, "ops", timedelta(seconds=10), T0))
    return House(Intake(journal, stores, FakeClock(at(300))), stores)
