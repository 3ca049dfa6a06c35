"""A receipt on the wire proves a delivery or is refused."""

import orjson
import pytest

from consumers import wire
from tests.consumers.wire.bodies import NOW, RECEIPT, body, reason


def test_a_receipt_survives_the_wire() -> None:
    encoded = wire.encode_receipt(RECEIPT)
    assert wire.decode_receipt(encoded.data, encoded.attributes, NOW) == RECEIPT
    assert wire.key_of(RECEIPT) == "margin_call-1/email/1/delivered"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"outcome": "done"}, "outcome"),
        ({"delivered_at": None}, "delivered_at"),
        ({"event_id": "<b>"}, "event_id"),
        ({"attempt": -1}, "attempt"),
        ({"channel": None}, "channel"),
    ],
)
def test_a_receipt_that_proves_nothing_is_refused(changes: dict[str, object], why: str) -> None:
    base = orjson.loads(wire.encode_receipt(RECEIPT).data)
    assert reason(wire.decode_receipt(body(base, **changes), {}, NOW)) == why
