"""Whether anything is still on its way through the workers of one machine."""

from collections.abc import Mapping

from consumers.incidents import NAME as RISK_ENGINE
from consumers.notifier import NAME as NOTIFIER
from consumers.topology import PRICES


def under_way(counters: Mapping[str, Mapping[str, int]], published: Mapping[str, int]) -> bool:
    """Whether a price is not scored, an alert not told of or a receipt not published.

    `counters` by worker and `published` by topic, both since the start of the same process. Alerts
    that somebody else published count for told ones: with them the answer may be no too early.
    """
    engine, notifier = counters.get(RISK_ENGINE, {}), counters.get(NOTIFIER, {})
    return (
        engine.get("ticks", 0) < published.get(PRICES, 0)
        or notifier.get("alerts", 0) < engine.get("alerts", 0)
        or engine.get("alerts_waiting", 0) + notifier.get("receipts_waiting", 0) > 0
    )
