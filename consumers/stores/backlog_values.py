"""What Monitoring says of the subscriptions, as it is held and handed out: immutable."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

UNSEEN_PERIODS = 4  # polls without a sample before the last one counts for nothing
SHOWN_AFTER = timedelta(minutes=3)  # how late the cloud may show a sample


@dataclass(frozen=True, slots=True)
class SubscriptionBacklog:
    """One subscription as Monitoring last told it; None is unknown, never zero."""

    subscription: str
    backlog: int | None
    oldest: timedelta | None
    in_per_s: float | None  # delivered (sent) a second
    out_per_s: float | None  # acknowledged a second
    streams: int | None
    at: datetime
    history: tuple[tuple[datetime, int | None], ...] = ()

    @property
    def gap(self) -> bool:
        """Whether the last poll brought nothing of it."""
        return bool(self.history) and self.history[-1][1] is None


@dataclass(frozen=True, slots=True)
class BacklogsSnapshot:
    """All subscriptions at the last poll; `error` says why the last poll failed, if it did."""

    version: int
    subscriptions: Mapping[str, SubscriptionBacklog]
    polled_at: datetime | None
    error: str | None = None
    error_since: datetime | None = None

    def known(
        self, subscription: str, now: datetime, period: timedelta
    ) -> SubscriptionBacklog | None:
        """What is known of it at `now`, polled every `period`: None after a gap, a failed poll or
        a long silence, for the last figures before it are not those of now.
        """
        held = self.subscriptions.get(subscription)
        if held is None or held.backlog is None or held.gap or self.error is not None:
            return None
        late = now - held.at > UNSEEN_PERIODS * period + SHOWN_AFTER
        return None if late else held
