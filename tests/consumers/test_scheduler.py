"""One thread runs a stream's callbacks in order; what it did not begin goes back."""

import threading

from consumers.scheduler import OneThread
from tests.support import eventually


def test_calls_run_in_order_on_one_thread_of_their_own() -> None:
    seen: list[tuple[int, str]] = []
    scheduler = OneThread("feed-test", lambda: None)
    for number in range(1_000):
        scheduler.schedule(lambda n: seen.append((n, threading.current_thread().name)), number)
    eventually(lambda: len(seen) == 1_000)
    assert seen == [(number, "feed-test") for number in range(1_000)]
    assert scheduler.shutdown(await_msg_callbacks=True) == []
    assert "feed-test" not in {thread.name for thread in threading.enumerate()}


def test_a_shutdown_waits_for_the_call_under_way_and_hands_the_others_back() -> None:
    begun, go, ended = threading.Event(), threading.Event(), threading.Event()
    done: list[str] = []

    def call(message: str) -> None:
        begun.set()
        assert go.wait(5)
        done.append(message)

    scheduler = OneThread("feed-test", ended.set)
    for message in ("first", "second", "third"):
        scheduler.schedule(call, message)
    assert begun.wait(5)
    dropped: list[str] = []
    stopping = threading.Thread(target=lambda: dropped.extend(scheduler.shutdown(True)))
    stopping.start()
    eventually(lambda: scheduler._calls.qsize() == 1)  # only the word to stop
    assert not ended.is_set()
    go.set()
    stopping.join(5)
    assert (done, dropped) == (["first"], ["second", "third"])
    assert ended.is_set()


def test_one_that_never_had_a_call_ends_without_a_thread() -> None:
    ended = threading.Event()
    assert OneThread("feed-test", ended.set).shutdown(await_msg_callbacks=True) == []
    assert ended.is_set()
