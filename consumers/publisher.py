"""Publishing: counted, timed, and told when the broker has it. Keeps no futures."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass

import structlog

from consumers.clock import Clock
from consumers.errors import PubSubError
from consumers.wire import Encoded

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PublishResult:
    """What became of one message: `message_id` when the broker has it, else `error`.

    `seconds`: from `publish` to the broker's answer. An acknowledged publish says nothing about
    delivery.
    """

    topic: str
    message_id: str | None
    error: str | None
    seconds: float


class Publisher:
    """Publishes to any topic of the project; safe for many threads.

    `_answered` guards the counts and tells `flush` of answers. Made by `PubSub.publisher`.
    """

    def __init__(
        self,
        *,
        send: Callable[[str, Encoded], "Future[str]"],
        translate: Callable[[str, BaseException], PubSubError],
        stop: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._send = send
        self._translate = translate
        self._stop = stop
        self._clock = clock
        self._answered = threading.Condition()
        self._pending = 0
        self._acked: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._closed = False

    def publish(
        self,
        topic: str,
        encoded: Encoded,
        on_done: Callable[[PublishResult], None] | None = None,
    ) -> "Future[str]":
        """Send a message; the future gives its id or raises PubSubError.

        `on_done` is called once, on a thread of the client's. Waits while very many messages are
        unanswered. Transient faults are retried for about a minute, so the broker may get a
        message twice.
        """
        future: Future[str] = Future()
        begun = self._clock.monotonic()
        with self._answered:
            self._pending += 1
        try:
            sent = self._send(topic, encoded)
        except PubSubError as error:
            self._settle(topic, future, begun, on_done, error)
            return future

        def answered(done: "Future[str]") -> None:
            failure = done.exception()
            outcome = done.result() if failure is None else self._translate(topic, failure)
            self._settle(topic, future, begun, on_done, outcome)

        sent.add_done_callback(answered)
        return future

    @property
    def counts(self) -> Mapping[str, int]:
        """Messages that the broker has acknowledged, by topic."""
        with self._answered:
            return dict(self._acked)

    @property
    def failures(self) -> Mapping[str, int]:
        """Messages that could not be published, by topic."""
        with self._answered:
            return dict(self._failed)

    @property
    def pending(self) -> int:
        """Messages without an answer yet."""
        with self._answered:
            return self._pending

    def flush(self, timeout: float) -> bool:
        """Wait until every message has its answer; False when that takes longer."""
        with self._answered:
            return self._answered.wait_for(lambda: self._pending == 0, timeout)

    def close(self, timeout: float = 2.0) -> None:
        """Send what waits, take nothing more, and give the answers `timeout` seconds."""
        with self._answered:
            closed, self._closed = self._closed, True
        if not closed:
            self._stop()
            self.flush(timeout)

    def _settle(
        self,
        topic: str,
        future: "Future[str]",
        begun: float,
        on_done: Callable[[PublishResult], None] | None,
        outcome: str | PubSubError,
    ) -> None:
        seconds = self._clock.monotonic() - begun
        failed = isinstance(outcome, PubSubError)
        with self._answered:
            (self._failed if failed else self._acked)[topic] += 1
        if isinstance(outcome, PubSubError):
            future.set_exception(outcome)
            result = PublishResult(topic, None, str(outcome), seconds)
        else:
            future.set_result(outcome)
            result = PublishResult(topic, outcome, None, seconds)
        if on_done is not None:
            try:
                on_done(result)
            except Exception:
                log.exception("publish_callback_failed", topic=topic)
        with self._answered:
            self._pending -= 1
            self._answered.notify_all()
