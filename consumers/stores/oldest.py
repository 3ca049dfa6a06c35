"""Who spoke longest ago: of too many it is forgotten first, whatever the order of their coming."""

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Any

SLACK = 1_000  # entries that no longer hold, before they are looked for


class Oldest:
    """Names in the order in which they last spoke. Not thread-safe: its store's lock guards it.

    `last`: when a name spoke last by the store's own word, None once it is not kept. Moments may be
    anything with an order; of equal ones the name decides. Who speaks again leaves an entry behind
    that no longer holds, and of these there are never many more than of names.
    """

    def __init__(self, last: Callable[[str], Any]) -> None:
        self._last = last
        self._heap: list[tuple[Any, str]] = []
        self._most = SLACK

    def __len__(self) -> int:
        return len(self._heap)

    def spoke(self, name: str, at: Any) -> None:
        """`name` is kept, and spoke last at `at`."""
        heappush(self._heap, (at, name))
        if len(self._heap) > self._most:
            self._heap = list({each for each in self._heap if self._holds(*each)})
            heapify(self._heap)
            self._most = 2 * len(self._heap) + SLACK

    def pop(self) -> str:
        """The one that spoke longest ago; the store forgets it. IndexError if there is none."""
        while True:
            at, name = heappop(self._heap)
            if self._holds(at, name):
                return name

    def _holds(self, at: Any, name: str) -> bool:
        return bool(self._last(name) == at)
