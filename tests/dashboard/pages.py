"""Running one page by AppTest over a sample control room, and reading what its boards were sent."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from streamlit.testing.v1 import AppTest

from consumers import door
from tests.support_runtime import SampleRuntime

SCRIPT = "from dashboard.views import {name}\n{name}.render()\n"


@contextmanager
def opened(runtime: SampleRuntime) -> Iterator[SampleRuntime]:
    """The sample behind the door while a page looks."""
    door.install(runtime)
    try:
        yield runtime
    finally:
        door.install(None)


def page(name: str, **query: str) -> AppTest:
    """A page that has run once, without an exception."""
    test = AppTest.from_string(SCRIPT.format(name=name), default_timeout=30)
    for key, value in query.items():
        test.query_params[key] = value
    test.run()
    assert not test.exception
    return test


def boards(test: AppTest) -> dict[str, dict[str, Any]]:
    """What each of our components was sent, by its key."""
    found = {}
    for element in test.get("bidi_component"):
        proto = element.proto
        key = proto.id.rsplit("-", 1)[0] if not element.key else element.key
        found[key] = json.loads(proto.json)
    return found


def words(cell: Any) -> str:
    """A cell's text as a reader sees it; a dash for unknown."""
    if cell is None:
        return "\u2013"
    if isinstance(cell, str):
        return cell
    if cell.get("k") == "seq":
        return " ".join(words(item) for item in cell["items"])
    return " ".join(part for part in (cell.get("v", ""), cell.get("n", "")) if part)


def table(board: dict[str, Any]) -> list[list[str]]:
    """A board's rows as text."""
    return [[words(cell) for cell in row["cells"]] for row in board["rows"]]
