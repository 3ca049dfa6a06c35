"""Acknowledgements go out many at a time, and what fails to go out comes again."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from consumers.acks import MOST, Acks
from consumers.errors import BrokerUnreachableError
from tests.support import eventually


@dataclass
class Message:
    ack_id: str
    dropped: bool = False

    def drop(self) -> None:
        self.dropped = True


@dataclass
class Broker:
    """Remembers the calls; each waits for `go`."""

    calls: list[Sequence[str]] = field(default_factory=list)
    settled: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    go: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None

    def send(self, ids: Sequence[str]) -> None:
        self.calls.append(ids)
        assert self.go.wait(5)
        if self.error is not None:
            raise self.error


def test_what_comes_during_a_call_goes_into_the_next_up_to_its_size() -> None:
    broker = Broker()
    acks = Acks("acks-test", broker.send, broker.settled.append, broker.lost.append)
    messages = [Message(str(number)) for number in range(MOST + 501)]
    acks.put(messages[:1])
    eventually(lambda: broker.calls == [["0"]])
    for start in range(1, len(messages), 300):
        acks.put(messages[start : start + 300])
    broker.go.set()
    eventually(lambda: sum(broker.settled) == len(messages))
    assert broker.settled == [1, MOST, 500]
    assert [each for call in broker.calls for each in call] == [m.ack_id for m in messages]
    assert all(message.dropped for message in messages)
    acks.stop()


def test_a_call_that_fails_loses_its_acknowledgements_and_no_others() -> None:
    broker = Broker(error=BrokerUnreachableError("127.0.0.1:1", "gone"))
    broker.go.set()
    acks = Acks("acks-test", broker.send, broker.settled.append, broker.lost.append)
    first, second = Message("first"), Message("second")
    acks.put([first])
    eventually(lambda: broker.settled == [1])
    broker.error = None
    acks.put([second])
    eventually(lambda: broker.settled == [1, 1])
    assert broker.lost == [1]
    assert first.dropped
    assert second.dropped
    acks.stop()


def test_a_stop_sends_what_is_there_and_ends_the_thread() -> None:
    broker = Broker()
    broker.go.set()
    acks = Acks("acks-test", broker.send, broker.settled.append, broker.lost.append)
    for number in range(MOST + 1):
        acks.put([Message(str(number))])
    acks.stop()
    assert sum(broker.settled) == MOST + 1
    assert "acks-test" not in {thread.name for thread in threading.enumerate()}
