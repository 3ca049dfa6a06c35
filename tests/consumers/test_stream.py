"""Messages in hand: each is settled once, many together."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from consumers.stream import Incoming, Leases, ack_all

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@dataclass
class Delivered:
    """A message as the client hands it over."""

    message_id: str
    nacks: int = 0
    data: bytes = b"{}"
    attributes: dict[str, str] = field(default_factory=dict)
    publish_time: datetime = NOW
    delivery_attempt: int | None = None

    def nack(self) -> None:
        self.nacks += 1


def ids(told: list[Any]) -> list[list[str]]:
    return [[message.message_id for message in together] for together in told]


def test_all_of_a_batch_is_acknowledged_together_and_what_was_settled_before_is_not() -> None:
    told: list[Any] = []
    leases = Leases(told.append)
    held = leases.take("prices", [Delivered(str(n)) for n in range(4)], NOW)
    held[1].ack()
    held[2].nack()
    ack_all(held)
    ack_all(held)
    held[0].nack()
    assert ids(told) == [["1"], ["0", "3"]]
    assert leases.open == 3  # the one given back is not in hand; the others wait for the broker
    leases.give(3)
    assert leases.drain(0)


def test_each_stream_hears_of_its_own_messages() -> None:
    first, second = list[Any](), list[Any]()
    one = Leases(first.append).take("prices", [Delivered("1"), Delivered("2")], NOW)
    other = Leases(second.append).take("alerts", [Delivered("3")], NOW)
    bare = list[str]()
    alone = Incoming("prices", "4", b"", {}, NOW, NOW, None, lambda: bare.append("4"), lambda: None)
    ack_all([one[0], other[0], alone, one[1]])
    assert (ids(first), ids(second), bare) == ([["1", "2"]], [["3"]], ["4"])
