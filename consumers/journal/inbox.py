"""The bounded queue before the writer: many threads put, one takes whole batches."""

import threading
from collections import deque
from collections.abc import Sized
from typing import Generic, TypeVar

T = TypeVar("T", bound=Sized)
NEVER = 1 << 60


class Inbox(Generic[T]):
    """First in, first out; its size, and how much is taken at once, is that of all its items.

    `_lock` guards the items; the two conditions share it.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._filled = threading.Condition(self._lock)
        self._emptied = threading.Condition(self._lock)
        self._items: deque[T] = deque()
        self._size = 0
        self._wanted = NEVER  # how much the taker waits for
        self._closed = False

    def __len__(self) -> int:
        with self._lock:
            return self._size

    def put(self, item: T, *, force: bool = False) -> bool:
        """Add an item, waiting while the inbox is full; False when it is closed.

        `force` neither waits nor minds the closing: for the taker itself, who would wait for ever.
        """
        with self._lock:
            if not force and (self._closed or self._size >= self._limit):
                self._emptied.wait_for(lambda: self._closed or self._size < self._limit)
                if self._closed:
                    return False
            self._items.append(item)
            self._size += len(item)
            if self._size >= self._wanted:
                self._filled.notify()
            return True

    def take(self, most: int, timeout: float, linger: float, enough: int | None = None) -> list[T]:
        """Items, oldest first, until they reach a size of `most`; empty after `timeout` seconds
        without any.

        Once there is one, waits `linger` seconds more for a size of `enough` (`most` unless given).
        """
        with self._lock:
            self._await(1, timeout)
            if linger and self._items:
                self._await(most if enough is None else enough, linger)
            batch: list[T] = []
            taken = 0
            while self._items and taken < most:
                batch.append(self._items.popleft())
                taken += len(batch[-1])
            self._size -= taken
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

    def _await(self, size: int, timeout: float) -> None:
        self._wanted = size
        self._filled.wait_for(lambda: self._closed or self._size >= size, timeout)
        self._wanted = NEVER
