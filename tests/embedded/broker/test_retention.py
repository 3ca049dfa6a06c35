"""What topics and subscriptions remember, and what it costs."""

from embedded.broker.encoding import Message
from embedded.broker.memory import Limits, Memory
from embedded.broker.retention import RetainedAcked, RetentionWindow

# A quarter of the memory, ten messages, may be retained.
LIMITS = Limits(memory_bytes=4_000, overhead=0)


def _messages(memory: Memory, *published: float, size: int = 100) -> list[Message]:
    made = [Message(int(at), at, size, b"", b"") for at in published]
    memory.charge(made)
    return made


def _times(window: RetentionWindow) -> list[float]:
    return [message.published for message in window.since(0)]


def _window(seconds: float, memory: Memory | None = None) -> tuple[Memory, RetentionWindow]:
    memory = memory or Memory(LIMITS)
    return memory, RetentionWindow(memory, seconds)


def test_a_topic_keeps_what_is_young_enough() -> None:
    memory, window = _window(10)
    window.extend(_messages(memory, 1, 5, 11))
    assert _times(window) == [11, 5, 1]
    window.trim(15.5)
    assert (_times(window), window.oldest(), window.bytes) == ([11], 11, 100)


def test_a_topic_that_asks_for_no_retention_keeps_nothing() -> None:
    memory, window = _window(0)
    window.extend(_messages(memory, 1, 2))
    assert (len(window), window.oldest(), memory.held) == (0, None, 0)


def test_it_looks_back_to_the_asked_time() -> None:
    memory, window = _window(1000)
    window.extend(_messages(memory, 1, 2, 3))
    assert [message.published for message in window.since(2)] == [3, 2]


def test_what_a_snapshot_needs_stays_whatever_its_age_but_within_the_limits() -> None:
    memory, window = _window(0)
    window.keep_after = 1
    window.extend(_messages(memory, 1, 2, 3))
    window.trim(1000)
    assert _times(window) == [3, 2]
    assert [message.sequence for message in window.after(2)] == [3]
    window.extend(_messages(memory, 1000, 1001, size=440))
    assert _times(window) == [1001, 1000, 3]


def test_a_message_counts_once_until_its_last_holder_lets_go() -> None:
    memory = Memory(Limits(overhead=50))
    _, first = _window(10, memory)
    second = RetainedAcked(memory, 10)
    backlog = _messages(memory, 1)
    first.extend(backlog)
    second.add(backlog[0])
    assert (memory.held, memory.retained) == (150, 150)
    backlog.clear()
    first.clear()
    assert (memory.held, memory.retained) == (150, 150)
    second.clear()
    assert (memory.held, memory.messages, memory.retained) == (0, 0, 0)


def test_beyond_a_quarter_of_the_memory_the_oldest_of_all_is_forgotten_first() -> None:
    memory, first = _window(1000)
    _, second = _window(1000, memory)
    first.extend(_messages(memory, 1, 3, 5, 7, 9))
    second.extend(_messages(memory, 2, 4, 6, 8))
    assert memory.retained == 900
    second.extend(_messages(memory, 10, 11))
    assert memory.retained <= LIMITS.retained_bytes
    assert (_times(first), _times(second)) == ([9, 7, 5, 3], [11, 10, 8, 6, 4])


def test_what_was_acknowledged_is_kept_by_age_whatever_the_order_of_acknowledging() -> None:
    memory = Memory(LIMITS)
    kept = RetainedAcked(memory, 10)
    kept.extend(_messages(memory, 3, 1, 2), now=3)
    assert (len(kept), kept.oldest(), kept.bytes) == (3, 1, 300)
    kept.trim(12.5)
    assert (len(kept), kept.oldest()) == (1, 3)


def test_what_is_taken_back_is_acknowledged_no_longer() -> None:
    memory = Memory(LIMITS)
    kept = RetainedAcked(memory, 100)
    messages = _messages(memory, 1, 2, 3, 4)
    kept.extend(messages, now=4)
    assert {message.published for message in kept.take_since(3)} == {3, 4}
    kept.discard({messages[0], messages[3]})
    assert (len(kept), kept.oldest(), kept.bytes) == (1, 2, 100)
    assert memory.retained == 100
