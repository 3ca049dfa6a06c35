"""Figures as Prometheus' families, built at each scrape from what was counted anyway.

Their names are documented in `docs/metrics.md`, and a test holds the two together.
"""

from collections.abc import Iterator, Mapping, Sequence

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from consumers.journal import JournalStatus
from consumers.picture import Published
from consumers.stores.values import Flow
from consumers.tally import Distribution
from consumers.worker import WorkerStatus


def flow_families(flows: Mapping[str, Flow]) -> Iterator[Metric]:
    """What became of the messages of each topic."""
    by_topic = ["topic"]
    decoded = CounterMetricFamily("fusion_decoded", "Messages read.", labels=by_topic)
    refused = CounterMetricFamily("fusion_quarantined", "Messages not readable.", labels=by_topic)
    repeated = CounterMetricFamily("fusion_duplicates", "Messages known.", labels=by_topic)
    kept = CounterMetricFamily("fusion_journalled", "Messages new, on disk.", labels=by_topic)
    acked = CounterMetricFamily("fusion_acked", "Messages acknowledged.", labels=by_topic)
    lags = HistogramMetricFamily("fusion_lag_seconds", "Publish to receipt.", labels=by_topic)
    acks = HistogramMetricFamily("fusion_ack_seconds", "Receipt to ack.", labels=by_topic)
    for topic, flow in sorted(flows.items()):
        decoded.add_metric([topic], flow.decoded)
        refused.add_metric([topic], flow.refused)
        repeated.add_metric([topic], flow.repeated)
        kept.add_metric([topic], flow.journalled)
        acked.add_metric([topic], flow.acked)
        _add(lags, [topic], flow.lags)
        _add(acks, [topic], flow.acks)
    yield from (decoded, refused, repeated, kept, acked, lags, acks)


def journal_families(status: JournalStatus) -> Iterator[Metric]:
    """The journal of this process."""
    yield GaugeMetricFamily("fusion_journal_queued", "Messages to be written.", status.queued)
    failing = float(status.error is not None)
    yield GaugeMetricFamily("fusion_journal_failing", "1 while it cannot be written.", failing)
    commits = HistogramMetricFamily("fusion_journal_commit_seconds", "Of one group commit.")
    sizes = HistogramMetricFamily("fusion_journal_batch_size", "Items in one group commit.")
    _add(commits, [], status.commit_seconds)
    _add(sizes, [], status.batch_sizes)
    lies = GaugeMetricFamily("fusion_journal_bytes", "On disk.", labels=["file"])
    lies.add_metric(["database"], status.file_bytes)
    lies.add_metric(["wal"], status.wal_bytes)
    gone = CounterMetricFamily(
        "fusion_journal_forgotten", "Entries deleted by retention.", labels=["topic", "reason"]
    )
    for (topic, reason), count in sorted(status.forgotten.items()):
        gone.add_metric([topic, reason], count)
    yield from (commits, sizes, lies, gone)


def published_families(published: Published) -> Iterator[Metric]:
    """What this process published."""
    acked = CounterMetricFamily("fusion_published", "Taken by the broker.", labels=["topic"])
    failed = CounterMetricFamily("fusion_publish_failures", "Given up.", labels=["topic"])
    for topic, count in sorted(published.acked.items()):
        acked.add_metric([topic], count)
    for topic, count in sorted(published.failed.items()):
        failed.add_metric([topic], count)
    yield from (acked, failed)
    yield GaugeMetricFamily("fusion_publish_pending", "Without an answer.", published.pending)


def worker_families(workers: Sequence[WorkerStatus]) -> Iterator[Metric]:
    """The platform's workers: whether each runs, and all that it counts under its own names."""
    running = GaugeMetricFamily("fusion_worker_up", "1 while it runs.", labels=["worker"])
    events = CounterMetricFamily(
        "fusion_worker_events", "What a worker counts.", labels=["worker", "event"]
    )
    waiting = GaugeMetricFamily(
        "fusion_outbox_waiting", "Written and not published yet.", labels=["worker"]
    )
    for worker in workers:
        running.add_metric([worker.name], float(str(worker.state) in ("running", "waiting")))
        for name, count in sorted(worker.counters.items()):
            if name.endswith("_waiting"):
                waiting.add_metric([worker.name], count)
            else:
                events.add_metric([worker.name, name], count)
    yield from (running, events, waiting)
    yield from _worker_feed_families(workers)


def _worker_feed_families(workers: Sequence[WorkerStatus]) -> Iterator[Metric]:
    by_feed = ["worker", "subscription"]
    states = GaugeMetricFamily(
        "fusion_worker_feed_state", "1 for the present state.", labels=[*by_feed, "state"]
    )
    since = GaugeMetricFamily(
        "fusion_worker_feed_since_timestamp_seconds", "Of the state.", labels=by_feed
    )
    restarts = CounterMetricFamily(
        "fusion_worker_feed_restarts", "Streams opened after the first.", labels=by_feed
    )
    last = GaugeMetricFamily(
        "fusion_worker_feed_last_message_timestamp_seconds", "Newest message.", labels=by_feed
    )
    for worker in workers:
        for feed in worker.feeds:
            labels = [worker.name, feed.subscription]
            states.add_metric([*labels, str(feed.state)], 1)
            since.add_metric(labels, feed.since.timestamp())
            restarts.add_metric(labels, feed.restarts)
            if feed.last_message_at is not None:
                last.add_metric(labels, feed.last_message_at.timestamp())
    yield from (states, since, restarts, last)


def _add(family: HistogramMetricFamily, labels: list[str], seen: Distribution) -> None:
    """A distribution's buckets, cumulative; nothing where nothing was ever counted into it."""
    if not seen.bounds:
        return
    total, buckets = 0, []
    for bound, count in zip((*seen.bounds, float("inf")), seen.counts, strict=True):
        total += count
        buckets.append(("+Inf" if bound == float("inf") else str(bound), float(total)))
    family.add_metric(labels, buckets, seen.total)
