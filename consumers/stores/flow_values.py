"""What became of the messages, as it is held and handed out: immutable."""

from dataclasses import dataclass

from consumers.tally import Distribution


@dataclass(frozen=True, slots=True)
class Flow:
    """What became of the messages of one topic, each of them acknowledged, since the start.

    `lags`: publish to receipt in seconds, of what was new; `acks`: receipt to acknowledgement.
    """

    journalled: int
    repeated: int
    refused: int
    lags: Distribution
    acks: Distribution

    @property
    def decoded(self) -> int:
        """Messages that could be read."""
        return self.journalled + self.repeated

    @property
    def acked(self) -> int:
        """All of them."""
        return self.journalled + self.repeated + self.refused


@dataclass(frozen=True, slots=True)
class Latency:
    """In-band, publish to received, over the last minutes; negative transits are counted apart.

    `between`: median, 95th percentile and greatest of the times between two arrivals, in ms.
    """

    count: int
    p50_ms: float | None
    p95_ms: float | None
    max_ms: float | None
    skewed: int
    between: tuple[float | None, float | None, float | None] = (None, None, None)
