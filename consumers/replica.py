"""Which control room this is, and which subscriptions are its own.

Two readers of one subscription each get about half of the messages, and both screens are wrong.
Every control room therefore has subscriptions of its own, under a name of its own.
"""

import contextlib
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

OWN_PREFIX = "control-room-"
FEEDS = ("prices", "settlements", "alerts", "receipts")


def named(folder: Path) -> str:
    """The name that belongs to a data directory: made once, kept in its file `replica`.

    The journal admits one control room per directory, so no two running ones share a name; a
    restart finds its own subscriptions, and what the journal holds of them, again.
    """
    path = folder / "replica"
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        mine = folder / f".replica-{os.getpid()}"
        mine.write_text(f"{uuid.uuid4().hex[:8]}\n")
        with contextlib.suppress(FileExistsError):  # another part of the platform was first
            path.hardlink_to(mine)
        mine.unlink()
    return path.read_text().strip()


def given(text: str) -> Mapping[str, str]:
    """`prices=control-room-prices-b2,alerts=…`: the subscription each named feed shall read.

    Raises ValueError: an unknown feed, or a subscription that is not a control room's.
    """
    found: dict[str, str] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        feed, _, subscription = (part.strip() for part in item.partition("="))
        if feed not in FEEDS or not subscription:
            fault = f"{item}: must be FEED=SUBSCRIPTION, FEED one of {', '.join(FEEDS)}"
            raise ValueError(fault)
        check_own(subscription)
        found[feed] = subscription
    if len(set(found.values())) < len(found):
        raise ValueError("two feeds cannot read one subscription")
    return MappingProxyType(found)


def check_own(subscription: str) -> None:
    """Raises ValueError unless it is a control room's: a second reader takes messages away."""
    if not subscription.startswith(OWN_PREFIX):
        fault = (
            f"a control room may not read {subscription}: it would take messages away from whoever "
            f"works on them; it reads subscriptions of its own, named {OWN_PREFIX}*"
        )
        raise ValueError(fault)
