"""Which message is being worked on, so that every line of the log can name its trace.

The trace is the one that the publisher began, where OpenTelemetry is on; else it is derived from
the message's id, so that every process that reads the message, however often, names the same one.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

TRACEPARENT = "googclient_traceparent"
_W3C = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


class Traced(Protocol):
    """A message as far as naming it goes."""

    @property
    def topic(self) -> str:
        """Where it was published."""

    @property
    def message_id(self) -> str:
        """The broker's id."""

    @property
    def attributes(self) -> Mapping[str, str]:
        """As published."""


WORKED_ON: ContextVar[Traced | None] = ContextVar("worked_on", default=None)


@contextmanager
def working_on(message: Traced) -> Iterator[None]:
    """Lines of the log name this message within."""
    before = WORKED_ON.set(message)
    try:
        yield
    finally:
        WORKED_ON.reset(before)


def trace_id(message: Traced) -> str:
    """32 hexadecimal digits."""
    found = _W3C.fullmatch(message.attributes.get(TRACEPARENT, ""))
    if found is not None:
        return found.group(1)
    name = f"{message.topic}/{message.message_id}"
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def add_trace(
    logger: object, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A processor of structlog's: the message being worked on names itself."""
    del logger, method
    message = WORKED_ON.get()
    if message is not None:
        event.setdefault("trace_id", trace_id(message))
        event.setdefault("message_id", message.message_id)
        event.setdefault("topic", message.topic)
    return event
