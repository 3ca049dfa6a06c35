"""The decoders together: every sample as it expects, and no input that makes one raise."""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers import wire
from consumers.wire import Refused
from tests.consumers.wire.bodies import ALERT, ESCROW, NOW, PRICE, RECEIPT, body
from tests.support import shared

DECODERS: Mapping[str, Callable[[bytes, Mapping[str, str], datetime], object]] = {
    "market.prices.v1": wire.decode_price,
    "alerts.margin.v1": wire.decode_alert,
    "settlement.events.v1": wire.decode_settlement,
    "alerts.delivery.v1": wire.decode_receipt,
}


@pytest.mark.parametrize("topic", ["market.prices.v1", "alerts.margin.v1", "settlement.events.v1"])
def test_every_shared_sample_comes_out_as_it_expects(topic: str) -> None:
    wrong = []
    for line in shared(f"wire/{topic}.jsonl").read_text(encoding="utf-8").splitlines():
        sample = json.loads(line)
        data = (
            base64.b64decode(sample["data_b64"])
            if "data_b64" in sample
            else sample["data"].encode()
        )
        decoded = DECODERS[topic](data, sample["attributes"], NOW)
        got = f"quarantine: {decoded.reason}" if isinstance(decoded, Refused) else "ok"
        if got != sample["expect"]:
            wrong.append((sample["note"], sample["expect"], got))
    assert wrong == []


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
    | st.sampled_from(["ETH", "test:x", "NaN", "1e9999", "-0", "2025-10-29T12:00:00+00:00Z"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner),
    max_leaves=8,
)
NAMES = sorted(
    {*PRICE, *ALERT, *ESCROW, *ESCROW["args"], "metadata", "historical", "test", "test_id"}
    | {"prices", "sequence", "event_id", "market_time", "outcome", "channel", "attempt", "reason"}
)


@pytest.mark.parametrize("topic", DECODERS)
@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=200), attributes=st.dictionaries(st.text(), st.text(), max_size=2))
def test_no_bytes_make_a_decoder_raise(topic: str, data: bytes, attributes: dict[str, str]) -> None:
    assert isinstance(DECODERS[topic](data, attributes, NOW), Refused)


@pytest.mark.parametrize("topic", DECODERS)
@settings(max_examples=150, deadline=None)
@given(changes=st.dictionaries(st.sampled_from(NAMES), JSON, max_size=4))
def test_no_field_of_any_type_makes_a_decoder_raise(topic: str, changes: dict[str, object]) -> None:
    bases: Mapping[str, dict[str, Any]] = {
        "market.prices.v1": PRICE,
        "alerts.margin.v1": ALERT,
        "settlement.events.v1": ESCROW,
        "alerts.delivery.v1": orjson.loads(wire.encode_receipt(RECEIPT).data),
    }
    decoded = DECODERS[topic](body(bases[topic], **changes), {}, NOW)
    if not isinstance(decoded, Refused):
        assert wire.key_of(decoded)  # type: ignore[arg-type]
