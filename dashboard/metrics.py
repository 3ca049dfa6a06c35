"""The control room's own figures for Prometheus, read from one picture at each scrape."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from consumers.families import flow_families, journal_families, published_families
from core.book import STATUS_ORDER
from core.diagnosis import Level

if TYPE_CHECKING:
    from consumers.picture import Picture


def exposition(picture: "Picture", *, readers: int) -> tuple[bytes, str]:
    """The text and its media type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(PictureCollector(picture, readers))
    return generate_latest(registry), CONTENT_TYPE_LATEST


class PictureCollector(Collector):
    """One picture as metrics. What is unknown has no sample: a zero is only ever measured."""

    def __init__(self, picture: "Picture", readers: int) -> None:
        self._p = picture
        self._readers = readers

    def collect(self) -> Iterable[Metric]:
        """All families."""
        yield from self._feeds()
        yield from flow_families(self._p.flows)
        yield from journal_families(self._p.journal)
        yield from published_families(self._p.published)
        yield from self._deliveries()
        yield from self._backlogs()
        yield from self._prices_and_scores()
        yield from self._health()

    def _feeds(self) -> Iterator[Metric]:
        by_topic, by_feed = ["topic"], ["feed"]
        messages = CounterMetricFamily("fusion_messages", "Messages received.", labels=by_topic)
        up = GaugeMetricFamily("fusion_feed_up", "1 while a feed is live.", labels=by_feed)
        restarts = CounterMetricFamily(
            "fusion_feed_restarts", "Streams opened after the first.", labels=by_feed
        )
        faults = CounterMetricFamily(
            "fusion_feed_faults", "Times that the handler raised.", labels=by_feed
        )
        lost = CounterMetricFamily(
            "fusion_feed_acks_lost",
            "Acknowledgements that the broker did not hear of.",
            labels=by_feed,
        )
        held = GaugeMetricFamily(
            "fusion_feed_outstanding", "Messages in hand, not acknowledged yet.", labels=by_feed
        )
        for feed in self._p.feeds:
            messages.add_metric([feed.topic], feed.messages)
            up.add_metric([feed.name], float(str(feed.state) == "live"))
            restarts.add_metric([feed.name], feed.restarts)
            faults.add_metric([feed.name], feed.faults)
            lost.add_metric([feed.name], feed.acks_lost)
            held.add_metric([feed.name], feed.outstanding)
        yield from (messages, up, restarts, faults, lost, held)

    def _deliveries(self) -> Iterator[Metric]:
        found = CounterMetricFamily(
            "fusion_deliveries", "Receipts of notifiers.", labels=["channel", "outcome"]
        )
        for (channel, outcome), count in sorted(self._p.alerts.outcomes.items()):
            found.add_metric([channel, outcome], count)
        yield found

    def _backlogs(self) -> Iterator[Metric]:
        p = self._p
        backlog = GaugeMetricFamily(
            "fusion_backlog_messages",
            "Undelivered messages; none of a subscription that Monitoring tells nothing of now.",
            labels=["subscription"],
        )
        oldest = GaugeMetricFamily(
            "fusion_oldest_unacked_seconds", "Age of the oldest one.", labels=["subscription"]
        )
        for name in p.backlogs.subscriptions:
            held = p.backlogs.known(name, p.at, p.settings.backlog_period)
            if held is None or held.backlog is None:
                continue
            backlog.add_metric([held.subscription], held.backlog)
            if held.oldest is not None:
                oldest.add_metric([held.subscription], held.oldest.total_seconds())
        yield from (backlog, oldest)

    def _prices_and_scores(self) -> Iterator[Metric]:
        p = self._p
        ages = GaugeMetricFamily(
            "fusion_price_age_seconds", "Age of the newest price, market time.", labels=["asset"]
        )
        for asset in p.prices.assets:
            age = p.prices.age(asset, p.at)
            if age is not None:
                ages.add_metric([asset], age.total_seconds())
        yield ages
        scores = GaugeMetricFamily("fusion_accounts", "Accounts by status.", labels=["status"])
        if p.scores is not None:
            for status in STATUS_ORDER:
                scores.add_metric([str(status)], p.scores.counts.get(status, 0))
            yield GaugeMetricFamily(
                "fusion_scoring_seconds",
                "Duration of the last scoring of the book.",
                p.scores.duration_ms / 1000,
            )
        yield scores

    def _health(self) -> Iterator[Metric]:
        p = self._p
        level = GaugeMetricFamily("fusion_verdict", "1 for the present level.", labels=["level"])
        for name in Level:
            level.add_metric([str(name)], float(p.verdict.level == name))
        yield level
        yield GaugeMetricFamily(
            "fusion_channel_connected", "1 while connected.", float(p.channel.connected)
        )
        yield GaugeMetricFamily("fusion_sse_clients", "Browsers on /api/live.", self._readers)
        yield GaugeMetricFamily("fusion_uptime_seconds", "Since start.", p.uptime.total_seconds())
