"""Pages of Monitoring's lists: by position, good for the moments between a client's requests."""

from collections.abc import Sequence
from typing import TypeVar

from embedded.broker.errors import InvalidArgumentError
from embedded.broker.points import Point
from embedded.broker.series import Series

LARGEST = 100_000

T = TypeVar("T")


def page(items: Sequence[T], size: int, token: str, largest: int = LARGEST) -> tuple[list[T], str]:
    """One page and the token of the next, "" after the last."""
    start, size = _position(size, token, largest)
    following = str(start + size) if len(items) > start + size else ""
    return list(items[start : start + size]), following


def page_of_points(
    series: Sequence[Series], size: int, token: str
) -> tuple[list[tuple[Series, list[Point]]], str]:
    """The same for series with `size` points in all; the last may go on in the next page."""
    start, size = _position(size, token, LARGEST)
    chosen: list[tuple[Series, list[Point]]] = []
    passed = 0
    for each in series:
        points = each.points[max(0, start - passed) : max(0, start + size - passed)]
        if points:
            chosen.append((each, points))
        passed += len(each.points)
    return chosen, str(start + size) if passed > start + size else ""


def _position(size: int, token: str, largest: int) -> tuple[int, int]:
    if size < 0:
        raise InvalidArgumentError("page_size", size, "not be negative")
    if token and not (token.isascii() and token.isdecimal() and len(token) < 16):
        raise InvalidArgumentError("page_token", repr(token), "be one that this method gave")
    return int(token or 0), min(size or largest, largest)
