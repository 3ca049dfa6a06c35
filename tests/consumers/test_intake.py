"""From a message to the stores: nothing that anybody can send gets in the way."""

import itertools
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog
from structlog.testing import capture_logs

from consumers import intake as intakes
from consumers.clock import SystemClock
from consumers.feed import Incoming
from consumers.journal import Journal, Kept, Row
from consumers.topology import PRICES, RECEIPTS, SETTLEMENTS
from consumers.trace import add_trace
from consumers.wire import Encoded, PriceTick, encode_price
from tests.consumers.house import House, house
from tests.consumers.journal.entries import hold_writer
from tests.consumers.memory_journal import MemoryJournal
from tests.consumers.universe import ALL
from tests.support import eventually

SENT = 10_000
BITS: tuple[Any, ...] = (
    None, True, -1, 0, 1e308, 2**70, "", "NaN", "1e9999", "-Infinity", "٣", "\x00", "\ud7ff", "ß",
    "A" * 300, "<script>alert(1)</script>", "[x](http://evil.example)", "'; DROP TABLE events; --",
    "../../etc/passwd", "5138-11-16T09:46:39Z", "2026-02-30T00:00:00Z", [], {}, [[[]]], {"a": {}},
)  # fmt: skip


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path / "j.db", SystemClock())
    made.start()
    yield made
    made.stop()


def fuzzed(chance: random.Random) -> Iterator[tuple[str, bytes, dict[str, str]]]:
    """Real messages with bytes flipped, cut, doubled, fields swapped and added, and plain noise."""
    for _ in range(SENT):
        one = chance.choice(ALL)
        attributes = dict(one.attributes)
        attributes[chance.choice([*attributes, "a"])] = chance.choice(["", "x", "é"])
        yield one.topic, chance.choice(WAYS)(bytearray(one.data), chance), attributes


def flipped(data: bytearray, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 4)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


def cut(data: bytearray, chance: random.Random) -> bytes:
    return bytes(data[: chance.randrange(len(data) + 1)])


def noise(data: bytearray, chance: random.Random) -> bytes:
    return chance.randbytes(chance.randrange(2 * len(data)))


def nested(data: bytearray, chance: random.Random) -> bytes:
    return b"[" * chance.randrange(20_000) + data


def swapped(data: bytearray, chance: random.Random) -> bytes:
    return _changed(data, chance, None)


def added(data: bytearray, chance: random.Random) -> bytes:
    return _changed(data, chance, "metadata")


def _changed(data: bytearray, chance: random.Random, field: str | None) -> bytes:
    if len(data) < 2:
        return bytes(data)
    body = orjson.loads(data)
    for _ in range(chance.randint(1, 3)):
        body[field or chance.choice(sorted(body))] = chance.choice(BITS)
    return json.dumps(body).encode()


WAYS = (flipped, cut, noise, nested, swapped, added, added)


def test_ten_thousand_fuzzed_messages_are_valid_or_quarantined_and_all_acknowledged(
    journal: Journal,
) -> None:
    """R14."""
    made = house(journal)
    acked: Counter[str] = Counter()
    now = SystemClock().now()
    with capture_logs() as logs:
        for number, (topic, data, attributes) in enumerate(fuzzed(random.Random(7))):
            name = f"m{number}"
            made.intake.handle(
                Incoming(
                    topic,
                    name,
                    data,
                    attributes,
                    now,
                    now,
                    None,
                    lambda name=name: acked.update([name]),
                    lambda: None,
                )
            )
        eventually(lambda: len(acked) == SENT, 30, what="all acknowledged")
        journal.execute(lambda _db: None).result(5)  # whose turn comes when the stores have it all
    assert set(acked.values()) == {1}
    status = journal.status()
    assert status.committed + status.duplicates + status.quarantined == SENT
    assert status.quarantined > SENT / 4
    assert status.committed + status.duplicates > SENT / 10
    assert status.error is None
    made.state()
    # stores and callbacks come after the acknowledgement: what they raise is only in the log
    assert [each for each in logs if each["log_level"] in ("error", "critical")] == []
    assert {each["event"] for each in logs} == {"message_quarantined"}


HOSTILE = (
    "<img src=x onerror=alert(1)>", "a b", "a/b", "a\n", "é", "", "x" * 65, "[a](http://b)", "a\x00"
)  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_id_is_refused_whichever_field_it_is_in(journal: Journal, hostile: str) -> None:
    """R16: no id that is not `[A-Za-z0-9._:-]{1,64}` reaches a store."""
    fields = {
        PRICES: ("asset_symbol", "source"),
        "alerts.margin.v1": ("user_id", "event_id"),
        SETTLEMENTS: ("transactionHash", "args.escrow", "args.payer", "args.payee"),
        RECEIPTS: ("event_id", "channel", "notifier"),
    }
    made = house(journal)
    sent = 0
    for topic, names in fields.items():
        one = next(m for m in ALL if m.topic == topic and len(m.data) > 4)
        for name in names:
            body = orjson.loads(one.data)
            inner, _, last = name.rpartition(".")
            (body[inner] if inner else body)[last] = hostile
            _deliver(made, topic, f"{name}", orjson.dumps(body), dict(one.attributes))
            sent += 1
    eventually(lambda: journal.status().quarantined == sent, what="all refused")
    state = made.state()
    assert not (state["prices"])
    assert not (state["told"])
    assert not (state["escrows"][1])


def _deliver(made: House, topic: str, name: str, data: bytes, attributes: dict[str, str]) -> None:
    now = datetime(2026, 11, 23, 12, 5, tzinfo=UTC)
    made.intake.handle(
        Incoming(topic, name, data, attributes, now, now, None, lambda: None, lambda: None)
    )


def test_a_start_recalls_the_newest_prices_whole_and_a_day_of_minutes_before_them(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(intakes.REMEMBERED, PRICES, 100)
    first = house(journal)
    start = first.intake._clock.now() - timedelta(hours=2)
    for number in range(1_800):  # every 4 s for two hours
        at = start + timedelta(seconds=4 * number)
        tick = PriceTick("ETH", Decimal(3_000 + number), "a", at, False, {}, ())
        _at(first, f"p{number}", encode_price(tick), at)
    eventually(lambda: first.stores.prices.snapshot().messages == 1_800, 20)
    again = house(journal)
    assert again.intake.warm() == 100
    points = again.stores.prices.history("ETH", timedelta(days=1))
    minutes = [at for at, _ in points[:-100]]
    assert len(minutes) == 114  # the first 113 minutes and a bit: 1,700 of 4 s
    assert {b - a for a, b in itertools.pairwise(minutes)} == {60_000}
    assert points[-1] == (int(at.timestamp() * 1000), 3_000.0 + 1_799)
    assert set(points) <= set(first.stores.prices.history("ETH", timedelta(days=1)))
    assert again.stores.prices.snapshot().assets["ETH"].ticks == 100


def _at(made: House, name: str, encoded: Encoded, at: datetime) -> None:
    attributes = dict(encoded.attributes)
    made.intake.handle(
        Incoming(PRICES, name, encoded.data, attributes, at, at, None, lambda: None, lambda: None)
    )


def batch(acked: list[str], *bodies: bytes) -> list[Incoming]:
    now = SystemClock().now()
    return [
        Incoming(
            PRICES, f"m{n}", data, {}, now, now, None, partial(acked.append, f"m{n}"), lambda: None
        )
        for n, data in enumerate(bodies)
    ]


def price(asset: str, number: int = 0) -> bytes:
    at = SystemClock().now() - timedelta(seconds=60 - number)
    return encode_price(PriceTick(asset, Decimal(3_000), "a", at)).data


def test_a_poisoned_message_of_a_batch_is_quarantined_alone(journal: Journal) -> None:
    made, acked = house(journal), list[str]()
    bodies = [price("ETH", n) for n in range(10)]
    bodies[4] = b"{"
    made.intake.handle_all(batch(acked, *bodies))
    eventually(lambda: len(acked) == 10)
    assert sorted(acked) == sorted(f"m{n}" for n in range(10))
    status = journal.status()
    assert (status.committed, status.quarantined) == (9, 1)
    assert [each.entry.message_id for each in journal.quarantined()] == ["m4"]
    assert made.stores.prices.snapshot().messages == 9
    assert len(made.stores.ring.newest(20)) == 10


def test_nothing_of_a_batch_is_acknowledged_before_its_commit(journal: Journal) -> None:
    made, acked = house(journal), list[str]()
    go, held = hold_writer(journal)
    made.intake.handle_all(batch(acked, *(price("ETH", n) for n in range(20))))
    assert acked == []
    assert made.stores.prices.snapshot().messages == 0
    go.set()
    assert held.result(5)
    eventually(lambda: len(acked) == 20)
    assert len(list(journal.replay(PRICES))) == 20


class HalfWritten(MemoryJournal):
    """Cannot write every second row."""

    def append_all(self, rows: Sequence[Row], done: Callable[[Sequence[Kept]], None]) -> None:
        done([True if n % 2 == 0 else None for n in range(len(rows))])


def test_what_cannot_be_written_is_given_back_and_shown_nowhere() -> None:
    made, acked, given_back = house(HalfWritten()), list[str](), list[str]()
    incoming = batch(acked, *(price("ETH", n) for n in range(4)))
    for each in incoming:
        each.nack = partial(given_back.append, each.message_id)
    with structlog.testing.capture_logs() as said:
        made.intake.handle_all(incoming)
    assert (acked, given_back) == (["m0", "m2"], ["m1", "m3"])
    assert made.stores.prices.snapshot().messages == 2
    assert [(line["event"], line["count"]) for line in said] == [("messages_not_written", 2)]


def test_the_same_event_twice_in_a_batch_has_one_effect_and_two_acknowledgements(
    journal: Journal,
) -> None:
    made, acked = house(journal), list[str]()
    one, other = price("ETH"), price("BTC")
    made.intake.handle_all(batch(acked, one, other, one))
    eventually(lambda: len(acked) == 3)
    assert (journal.status().committed, journal.status().duplicates) == (2, 1)
    assert made.stores.prices.snapshot().messages == 2


def test_a_message_that_a_store_cannot_take_costs_the_others_neither_ack_nor_place(
    journal: Journal,
) -> None:
    made, acked = house(journal), list[str]()

    def stale_after(asset: str) -> timedelta | None:
        if asset == "BAD":
            raise ZeroDivisionError
        return None

    made.stores.prices._stale_after = stale_after
    with structlog.testing.capture_logs(processors=[add_trace]) as lines:
        made.intake.handle_all(batch(acked, price("ETH"), price("BAD"), price("SOL")))
        eventually(lambda: len(acked) == 3)
        eventually(lambda: "SOL" in made.stores.prices.snapshot().assets)
    named = [line["message_id"] for line in lines if line["event"] == "store_failed"]
    assert named == ["m1"]
    assert set(made.stores.prices.snapshot().assets) == {"ETH", "SOL"}
    assert journal.status().committed == 3
    made.intake.handle_all(batch(acked, price("BTC")))
    eventually(lambda: "BTC" in made.stores.prices.snapshot().assets)
