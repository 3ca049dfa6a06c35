"""The page on the broker names every metric that Monitoring serves, with its delay."""

import re

from embedded.broker.catalogue import METRICS
from embedded.broker.metrics import PREFIX
from tests.support import ROOT

_METRIC = ("| `subscription/", "| `topic/", "| `snapshot/")


def _named(text: str) -> list[str]:
    """The metrics of a row: `topic/a`, `…/b`."""
    found = re.findall(r"`([^`]+)`", text)
    resource = found[0].partition("/")[0]
    return [name.replace("…", resource) for name in found]


def test_every_metric_is_in_the_table_as_it_is_served() -> None:
    told = {}
    for row in (ROOT / "docs" / "broker.md").read_text().splitlines():
        if row.startswith(_METRIC):
            names, kind, _, _, hidden_s = (cell.strip() for cell in row.strip("|").split("|"))
            told.update(dict.fromkeys(_named(names), (kind, int(hidden_s))))
    served = {
        name.removeprefix(PREFIX): (
            metric.kind.lower()
            + ("" if metric.value_type == "INT64" else f", {metric.value_type}"),
            metric.hidden_s,
        )
        for name, metric in METRICS.items()
    }
    assert told == served
