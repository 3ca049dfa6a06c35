"""The book as settlement left it: the same for every order and number of deliveries."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest

from consumers.settled import Settled, settled_of
from consumers.stores import PositionStore, Versions
from consumers.wire import SettlementEvent
from core.book import Book
from core.policy import Policy
from core.portfolio import Portfolio
from core.settling import Delta

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BOOK = Book.from_portfolios(
    [Portfolio.of("ann", {"ETH": 3}, {"USDC": 100}), Portfolio.of("bob", {"BTC": 1}, {})],
    Policy(),
)


def change(key: str, user: str, amount: str, seconds: float = 1) -> Settled:
    return Settled(Delta(key, user, "ETH", Decimal(amount)), NOON + timedelta(seconds=seconds))


def event(kind: str, amount: str | None = "1.5") -> SettlementEvent:
    held = None if amount is None else Decimal(amount)
    return SettlementEvent(kind, 1, "0xa", 7, "0xe", "ann", "bob", held, 1, NOON)


@pytest.mark.parametrize(
    ("kind", "user", "amount"),
    [
        ("EscrowDeployed", "ann", "-1.5"),
        ("EscrowReleased", "bob", "1.5"),
        ("EscrowRefunded", "ann", "1.5"),
    ],
)
def test_an_escrow_moves_its_amount_between_its_parties(kind: str, user: str, amount: str) -> None:
    assert settled_of(event(kind)) == Settled(Delta("1/0xa/7", user, "ETH", Decimal(amount)), NOON)


def test_an_approval_moves_nothing() -> None:
    assert settled_of(event("Approved", None)) is None
    assert settled_of(event("Approved")) is None


@pytest.mark.parametrize("seed", range(30))
def test_every_order_and_number_of_deliveries_leaves_the_same_book(seed: int) -> None:
    changes = [
        change("a", "ann", "-2"),
        change("b", "bob", "0.5"),
        change("c", "ann", "0.25"),
        change("d", "zoe", "9"),
        change("e", "ann", "-1", seconds=0),
    ]
    rng = Random(seed)
    delivered = changes + rng.choices(changes, k=5)
    rng.shuffle(delivered)
    store = PositionStore(Versions(), BOOK, NOON)
    for one in delivered:
        store.apply(one)
    found = store.snapshot()
    assert found.book.portfolio("ann").collateral == {"ETH": Decimal("1.25")}
    assert found.book.portfolio("bob").collateral == {"BTC": 1, "ETH": Decimal("0.5")}
    assert (found.settled, found.before, found.elsewhere) == (3, 1, 1)


def test_the_book_stays_the_same_object_until_something_changes() -> None:
    store = PositionStore(Versions(), BOOK, NOON)
    assert store.book() is BOOK
    store.apply(change("a", "ann", "-2"))
    assert store.book() is store.book() is not BOOK
    assert BOOK.portfolio("ann").collateral == {"ETH": Decimal(3)}
