"""A control room without pages, as a process: asked for its state on standard input.

`python -m tests.replicas.replica`, with settings in the environment. SIGUSR1 makes it write what
each of its threads does to standard error.
"""

import faulthandler
import hashlib
import os
import signal
import sys
import threading
from typing import Any

import orjson

from consumers import logs
from consumers.runtime import Runtime
from consumers.settings import load
from embedded.signals import stop_on_signals


def digests(runtime: Runtime) -> dict[str, str]:
    """Of everything the messages add up to; when and how often each came is not in it."""
    prices = runtime.prices.snapshot()
    escrows = runtime.escrows.snapshot()
    facts: dict[str, Any] = {
        "prices": sorted((p.asset, str(p.price), p.as_of) for p in prices.assets.values()),
        "price messages": prices.messages,
        "alerts": sorted(
            (r.alert.event_id, r.received.message_id, sorted(x.channel for x in r.receipts))
            for r in runtime.alerts.snapshot().records
        ),
        "escrows": sorted(
            (e.escrow, e.stage, str(e.amount), e.updated) for e in escrows.escrows.values()
        ),
        "settlements": escrows.count,
        "positions": runtime.positions.snapshot().settled,
    }
    return {
        name: hashlib.sha256(orjson.dumps(fact)).hexdigest()[:12] for name, fact in facts.items()
    }


def told(runtime: Runtime) -> dict[str, Any]:
    """What a drill asks."""
    picture = runtime.picture()
    return {
        "digest": digests(runtime),
        "events": picture.journal.committed,
        "quarantined": picture.quarantined,
        "messages": sum(feed.messages for feed in picture.feeds),
        "feeds": {feed.name: str(feed.state) for feed in picture.feeds},
        "subscriptions": [feed.subscription for feed in picture.feeds],
        "threads": [t.name for t in threading.enumerate()],
    }


def main() -> None:
    """Answer every line with one line of JSON, until SIGTERM or the end of the input."""
    faulthandler.register(signal.SIGUSR1)
    settings = load()
    logs.configure(settings.log_level)
    runtime = Runtime(settings)
    runtime.start()
    stop = stop_on_signals()

    def answer() -> None:
        while os.read(0, 1):
            _say(told(runtime))
        stop.set()

    threading.Thread(target=answer, name="answers", daemon=True).start()
    stop.wait()
    runtime.stop()
    ours = {"MainThread", "answers", "signals"}
    names = [thread.name for thread in threading.enumerate()]
    _say({"left": [n for n in names if n not in ours and not n.startswith("pymonitor")]})


def _say(fact: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(fact) + b"\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
