"""One feed, made by whoever asks for it first: so a module's global promises."""

import os
from datetime import timedelta

from consumers.clock import SystemClock
from consumers.feed import Feed
from consumers.pubsub import PubSub
from consumers.stream import ack_all
from consumers.topology import PRICES, ephemeral

SPEC = ephemeral("naive", PRICES, "a1")
_HELD: list[Feed] = []


def made() -> Feed:
    """A running feed."""
    pubsub = PubSub(os.environ["GCP_PROJECT"], os.environ["PUBSUB_EMULATOR_HOST"])
    feed = Feed(
        pubsub=pubsub,
        name="naive",
        topic=PRICES,
        subscription=SPEC.name,
        handle=ack_all,
        clock=SystemClock(),
        cadence=timedelta(seconds=30),
        recreate=SPEC,
    )
    feed.start()
    return feed


def kept() -> Feed:
    """The one of this module."""
    if not _HELD:
        _HELD.append(made())
    return _HELD[0]
