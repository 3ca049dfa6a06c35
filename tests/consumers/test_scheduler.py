"""One thread takes a stream's messages in order; what it did not begin with goes back."""

import threading
from typing import Any

import pytest

from consumers.scheduler import Callback, OneThread
from tests.support import eventually


class Message:
    """Remembers that it was given back."""

    given_back = False

    def nack(self) -> None:
        self.given_back = True


def ignored(_message: Any) -> None:
    """A callback that nobody calls."""


@pytest.mark.parametrize("most", [1, 7])
def test_messages_come_in_order_on_one_thread_and_never_more_than_allowed_at_once(
    most: int,
) -> None:
    seen: list[list[int]] = []
    named: set[str] = set()

    def work(callback: Callback, messages: list[Any]) -> None:
        assert callback is ignored
        seen.append(messages)
        named.add(threading.current_thread().name)

    scheduler = OneThread("feed-test", work, lambda: None, most)
    for number in range(1_000):
        scheduler.schedule(ignored, number)
    eventually(lambda: sum(map(len, seen)) == 1_000)
    assert [number for each in seen for number in each] == list(range(1_000))
    assert max(map(len, seen)) <= most
    assert named == {"feed-test"}
    assert scheduler.shutdown(await_msg_callbacks=True) == []
    assert "feed-test" not in {thread.name for thread in threading.enumerate()}


def test_what_waits_comes_together() -> None:
    begun, go = threading.Event(), threading.Event()
    seen: list[list[int]] = []

    def work(_callback: Callback, messages: list[Any]) -> None:
        begun.set()
        assert go.wait(5)
        seen.append(messages)

    scheduler = OneThread("feed-test", work, lambda: None, 500)
    scheduler.schedule(ignored, 0)
    assert begun.wait(5)
    for number in range(1, 701):
        scheduler.schedule(ignored, number)
    go.set()
    eventually(lambda: [len(each) for each in seen] == [1, 500, 200])
    scheduler.shutdown(await_msg_callbacks=True)


def test_a_shutdown_waits_for_the_work_under_way_and_hands_the_others_back() -> None:
    begun, go, ended = threading.Event(), threading.Event(), threading.Event()
    done: list[str] = []

    def work(_callback: Callback, messages: list[Any]) -> None:
        begun.set()
        assert go.wait(5)
        done.extend(messages)

    scheduler = OneThread("feed-test", work, ended.set)
    for message in ("first", "second", "third"):
        scheduler.schedule(ignored, message)
    assert begun.wait(5)
    dropped: list[str] = []
    stopping = threading.Thread(target=lambda: dropped.extend(scheduler.shutdown(True)))
    stopping.start()
    eventually(lambda: scheduler._waiting.qsize() == 1)  # only the word to stop
    assert not ended.is_set()
    go.set()
    stopping.join(5)
    assert (done, dropped) == (["first"], ["second", "third"])
    assert ended.is_set()


def test_work_that_raises_gives_its_messages_back_and_the_thread_lives_on() -> None:
    done: list[Message] = []

    def work(_callback: Callback, messages: list[Any]) -> None:
        if not done:
            done.extend(messages)
            raise ZeroDivisionError
        done.extend(messages)

    scheduler = OneThread("feed-test", work, lambda: None)
    first, second = Message(), Message()
    scheduler.schedule(ignored, first)
    scheduler.schedule(ignored, second)
    eventually(lambda: done == [first, second])
    assert first.given_back
    assert not second.given_back
    scheduler.shutdown(await_msg_callbacks=True)


def test_one_that_never_had_a_message_ends_without_a_thread() -> None:
    ended = threading.Event()
    scheduler = OneThread("feed-test", lambda _callback, _messages: None, ended.set)
    assert scheduler.shutdown(await_msg_callbacks=True) == []
    assert ended.is_set()


def test_a_shutdown_as_the_first_message_comes_joins_no_thread_that_has_not_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scheduler = OneThread("feed-test", lambda _callback, _messages: None, lambda: None)
    starting, go = threading.Event(), threading.Event()
    start = scheduler._thread.start

    def slow() -> None:
        starting.set()
        assert go.wait(5)
        start()

    monkeypatch.setattr(scheduler._thread, "start", slow)
    first = threading.Thread(target=lambda: scheduler.schedule(ignored, 0))
    first.start()
    assert starting.wait(5)
    raised: list[Exception] = []

    def shut() -> None:
        try:
            scheduler.shutdown(await_msg_callbacks=True)
        except RuntimeError as error:
            raised.append(error)

    stopping = threading.Thread(target=shut)
    stopping.start()
    stopping.join(0.2)  # what it waits for is the thread's beginning
    assert stopping.is_alive()
    go.set()
    stopping.join(5)
    first.join(5)
    assert raised == []
    assert not scheduler._thread.is_alive()


def test_a_message_after_the_shutdown_begins_no_thread() -> None:
    scheduler = OneThread("feed-test", lambda _callback, _messages: None, lambda: None)
    scheduler.shutdown(await_msg_callbacks=True)
    scheduler.schedule(ignored, 0)
    assert not scheduler._thread.is_alive()
