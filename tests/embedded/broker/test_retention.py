"""What a topic remembers."""

from embedded.broker.encoding import Message
from embedded.broker.retention import Limits, RetentionWindow


def _messages(*published: float, size: int = 100) -> list[Message]:
    return [Message(int(at), at, size, b"", b"") for at in published]


def _times(window: RetentionWindow) -> list[float]:
    return [message.published for message in window.since(0)]


def test_it_keeps_what_is_young_enough() -> None:
    window = RetentionWindow(Limits(), 10)
    window.extend(_messages(1, 5, 11))
    assert _times(window) == [11, 5, 1]
    window.trim(15.5)
    assert _times(window) == [11]


def test_it_is_bounded_by_count_and_by_bytes() -> None:
    by_count = RetentionWindow(Limits(retained_messages=2), 1000)
    by_count.extend(_messages(1, 2, 3))
    assert _times(by_count) == [3, 2]
    by_bytes = RetentionWindow(Limits(retained_bytes=250, overhead=0), 1000)
    by_bytes.extend(_messages(1, 2, 3))
    assert _times(by_bytes) == [3, 2]


def test_it_looks_back_to_the_asked_time() -> None:
    window = RetentionWindow(Limits(), 1000)
    window.extend(_messages(1, 2, 3))
    assert [message.published for message in window.since(2)] == [3, 2]


def test_what_a_snapshot_needs_stays_whatever_its_age_but_within_the_limits() -> None:
    window = RetentionWindow(Limits(retained_messages=3), 10)
    window.keep_after = 1
    window.extend(_messages(1, 2, 3))
    window.trim(1000)
    assert _times(window) == [3, 2]
    assert [message.sequence for message in window.after(2)] == [3]
    window.extend(_messages(1000, 1001))
    assert _times(window) == [1001, 1000, 3]
