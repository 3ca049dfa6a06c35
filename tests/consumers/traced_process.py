"""A control room with spans on hears one price, stops, and ends at once, as by a signal.

`python -m tests.consumers.traced_process`; settings come from the environment.
"""

import os
from datetime import UTC, datetime
from decimal import Decimal

from consumers.runtime import Runtime
from consumers.settings import load
from consumers.spans import export_spans
from consumers.topology import PRICES, provision
from consumers.wire import PriceTick, encode_price
from tests.support import eventually


def main() -> None:
    """Out and back."""
    settings = load()
    export_spans(settings, "control-room")
    room = Runtime(settings)
    provision(room.pubsub)
    room.start()
    tick = PriceTick("ETH", Decimal(3_000), "a", datetime.now(UTC))
    room.publisher().publish(PRICES, encode_price(tick))
    eventually(lambda: "ETH" in room.prices.snapshot().assets)
    room.stop()
    os._exit(0)


if __name__ == "__main__":
    main()
