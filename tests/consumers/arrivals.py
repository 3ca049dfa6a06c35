"""Messages as they arrive, remembering what became of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from consumers.feed import Incoming
from consumers.rounds import PriceMessage
from consumers.wire import Encoded, PriceTick

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MARKET = datetime(2022, 5, 5, 1, 0, tzinfo=UTC)


@dataclass
class Arrivals:
    """Makes messages and keeps the ids of those acknowledged and given back."""

    acked: list[str] = field(default_factory=list)
    nacked: list[str] = field(default_factory=list)
    made: int = 0

    def incoming(
        self,
        topic: str,
        encoded: Encoded,
        *,
        at: datetime = NOON,
        attempt: int | None = None,
    ) -> Incoming:
        """A message of the bytes, received ten milliseconds after it was published."""
        self.made += 1
        name = f"m{self.made}"
        return Incoming(
            topic,
            name,
            encoded.data,
            encoded.attributes,
            at,
            at + timedelta(milliseconds=10),
            attempt,
            lambda: self.acked.append(name),
            lambda: self.nacked.append(name),
        )

    def price(
        self,
        asset: str,
        price: str,
        *,
        number: int | None = None,
        size: int = 1,
        at: datetime = NOON,
        replayed_from: datetime | None = None,
        historical: bool = False,
        cadence_s: float | None = None,
    ) -> PriceMessage:
        """A price message of the oracle's, or without `number` of a foreign one."""
        metadata = _metadata(number, size, replayed_from, cadence_s)
        tick = PriceTick(asset, Decimal(price), "test", at, historical, metadata, ())
        return PriceMessage(tick, self.incoming("market.prices.v1", Encoded(b"", {}), at=at))


def hour(number: int) -> datetime:
    """A moment of the replayed market."""
    return MARKET + timedelta(hours=number)


def _metadata(
    number: int | None, size: int, replayed_from: datetime | None, cadence_s: float | None
) -> Mapping[str, str]:
    metadata = {}
    if number is not None:
        metadata = {"round": str(number), "round_size": str(size)}
    if replayed_from is not None:
        metadata["replayed_from"] = replayed_from.isoformat()
        metadata["speed"] = "3600"
    if cadence_s is not None:
        metadata["cadence_s"] = str(cadence_s)
    return metadata
