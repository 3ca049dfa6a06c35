"""The bounded queue before the writer: many threads put, one takes whole batches."""

import threading
from typing import Generic, TypeVar

T = TypeVar("T")
NEVER = 1 << 60


class Inbox(Generic[T]):
    """First in, first out. `_lock` guards the items; the two conditions share it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._filled = threading.Condition(self._lock)
        self._emptied = threading.Condition(self._lock)
        self._items: list[T] = []
        self._wanted = NEVER  # how many items the taker waits for
        self._closed = False

    def __len__(self) -> int:
        with self._lock:
            return len(self._items)

    def put(self, item: T, *, force: bool = False) -> bool:
        """Add an item, waiting while the inbox is full; False when it is closed.

        `force` neither waits nor minds the closing: for the taker itself, who would wait for ever.
        """
        with self._lock:
            if not force and (self._closed or len(self._items) >= self._limit):
                self._emptied.wait_for(lambda: self._closed or len(self._items) < self._limit)
                if self._closed:
                    return False
            self._items.append(item)
            if len(self._items) >= self._wanted:
                self._filled.notify()
            return True

    def take(self, most: int, timeout: float, linger: float) -> list[T]:
        """Up to `most` items, oldest first; empty after `timeout` seconds without any.

        Once there is one, waits `linger` seconds more for the batch to fill.
        """
        with self._lock:
            self._await(1, timeout)
            if linger and self._items:
                self._await(most, linger)
            batch = self._items[:most]
            del self._items[:most]
            self._emptied.notify_all()
            return batch

    def close(self) -> None:
        """Take nothing more in; what is there can still be taken."""
        with self._lock:
            self._closed = True
            self._filled.notify_all()
            self._emptied.notify_all()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        with self._lock:
            return self._closed

    def _await(self, count: int, timeout: float) -> None:
        self._wanted = count
        self._filled.wait_for(lambda: self._closed or len(self._items) >= count, timeout)
        self._wanted = NEVER
