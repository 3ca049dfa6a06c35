"""The book as settlement left it."""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from consumers.settled import Settled
from consumers.stores.base import Versions
from core.book import Book
from core.settling import Delta

KEPT = 100_000  # keys of changes
WAITING = 20_000  # changes, before the book is made anew though nobody asks for it


@dataclass(frozen=True, slots=True)
class PositionsSnapshot:
    """A book and what it rests on.

    `as_of` is when its positions were true, `settled` counts the changes since then that are in it.
    `before` of the changes that came are older than `as_of` and so in the positions already, and
    `elsewhere` are of accounts that the book does not have.
    """

    version: int
    book: Book
    as_of: datetime
    settled: int
    before: int
    elsewhere: int
    last_at: datetime | None


class PositionStore:
    """Positions of an instant, and every change since, whatever the order and number of deliveries.

    The newest 100,000 changes are known by their keys, and come again without effect. Of older ones
    the durable record knows: what its unique keys say was there is not to be applied once more. The
    book itself is as large as its accounts.

    `_lock` guards everything that begins with an underscore.
    """

    def __init__(self, versions: Versions, book: Book, as_of: datetime) -> None:
        self.base = book
        self.as_of = as_of
        self._versions = versions
        self._lock = threading.Lock()
        self._book = book
        self._waiting: list[Delta] = []
        self._keys: OrderedDict[str, None] = OrderedDict()  # in the order of their coming
        self._count = 0
        self._before = 0
        self._elsewhere = 0
        self._last_at: datetime | None = None
        self._version = 0

    def apply(self, settled: Settled) -> None:
        """Take one change in; the book is made anew when somebody next asks for it."""
        self.apply_all((settled,))

    def apply_all(self, settled: Iterable[Settled]) -> None:
        """Take several in."""
        with self._lock:
            for one in settled:
                self._take(one)
            self._version = self._versions.bump()

    def _take(self, one: Settled) -> None:
        key = one.delta.key
        if key in self._keys:
            return
        self._keys[key] = None
        if len(self._keys) > KEPT:
            self._keys.popitem(last=False)
        if one.at <= self.as_of:
            self._before += 1
        elif one.delta.user_id not in self.base.rows:
            self._elsewhere += 1
        else:
            self._waiting.append(one.delta)
            self._last_at = max(one.at, self._last_at or one.at)
            if len(self._waiting) >= WAITING:
                self._settled()

    def book(self) -> Book:
        """With every change so far; the same object until something changes."""
        with self._lock:
            return self._settled()

    def snapshot(self) -> PositionsSnapshot:
        """All of it, immutable."""
        with self._lock:
            book = self._settled()
            return PositionsSnapshot(
                self._version,
                book,
                self.as_of,
                self._count,
                self._before,
                self._elsewhere,
                self._last_at,
            )

    def _settled(self) -> Book:
        if self._waiting:
            self._book = self._book.settle(self._waiting).sealed()
            self._count += len(self._waiting)
            self._waiting = []
        return self._book
