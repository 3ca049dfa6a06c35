"""A control room without pages, as a process: asked for its state on standard input.

`python -m tests.replicas.replica`, with settings in the environment.
"""

import hashlib
import signal
import sys
import threading
from typing import Any

import orjson

from consumers import logs
from consumers.runtime import Runtime
from consumers.settings import load
from consumers.wire import key_of


def digest(runtime: Runtime) -> str:
    """Of everything the messages add up to; when and how often each came is not in it."""
    prices = runtime.prices.snapshot()
    escrows = runtime.escrows.snapshot()
    positions = runtime.positions.snapshot()
    facts: list[Any] = [
        sorted((p.asset, str(p.price), p.as_of, p.tick_id) for p in prices.assets.values()),
        prices.messages,
        sorted(
            (r.alert.event_id, r.received.message_id, sorted(x.channel for x in r.receipts))
            for r in runtime.alerts.snapshot().records
        ),
        sorted((e.escrow, e.stage, str(e.amount), e.updated) for e in escrows.escrows.values()),
        sorted(key_of(event) for event, _ in escrows.events),
        escrows.count,
        positions.settled,
    ]
    return hashlib.sha256(orjson.dumps(facts)).hexdigest()


def told(runtime: Runtime) -> dict[str, Any]:
    """What a drill asks."""
    picture = runtime.picture()
    return {
        "digest": digest(runtime),
        "events": picture.journal.committed,
        "quarantined": picture.quarantined,
        "messages": sum(feed.messages for feed in picture.feeds),
        "feeds": {feed.name: str(feed.state) for feed in picture.feeds},
        "subscriptions": [feed.subscription for feed in picture.feeds],
        "threads": [t.name for t in threading.enumerate()],
    }


def main() -> None:
    """Answer every line with one line of JSON, until SIGTERM or the end of the input."""
    settings = load()
    logs.configure(settings.log_level)
    runtime = Runtime(settings)
    runtime.start()

    def end(number: int, _frame: object) -> None:
        sys.exit(0 if number == signal.SIGTERM else 1)

    signal.signal(signal.SIGTERM, end)
    try:
        for _line in sys.stdin:
            sys.stdout.buffer.write(orjson.dumps(told(runtime)) + b"\n")
            sys.stdout.flush()
    finally:
        runtime.stop()
        left = [
            t.name
            for t in threading.enumerate()
            if t is not threading.main_thread() and not t.name.startswith("pymonitor")
        ]
        sys.stdout.buffer.write(orjson.dumps({"left": left}) + b"\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
