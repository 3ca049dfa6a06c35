"""Rounds are handed on whole and in order, however their messages come."""

from consumers.rounds import GRACE_S, REPLAY_GRACE_S, RoundGate
from tests.consumers.arrivals import Arrivals, hour
from tests.support import FakeClock


def _numbers(gate: RoundGate) -> list[int | None]:
    return [one.number for one in gate.take()]


def test_a_round_is_handed_on_once_it_is_whole() -> None:
    gate, mail = RoundGate(FakeClock()), Arrivals()
    gate.add(mail.price("ETH", "1", number=1, size=2))
    assert gate.take() == []
    gate.add(mail.price("BTC", "2", number=1, size=2))
    (one,) = gate.take()
    assert (one.number, len(one.messages)) == (1, 2)


def test_a_later_round_waits_for_the_one_before_it() -> None:
    gate, mail = RoundGate(FakeClock()), Arrivals()
    gate.add(mail.price("ETH", "1", number=2))
    gate.add(mail.price("ETH", "1", number=3))
    assert _numbers(gate) == []
    gate.add(mail.price("ETH", "1", number=1))
    assert _numbers(gate) == [1, 2, 3]


def test_what_is_missing_is_waited_for_and_then_given_up() -> None:
    clock = FakeClock()
    gate, mail = RoundGate(clock, done=1), Arrivals()
    gate.add(mail.price("ETH", "1", number=2, size=2))
    gate.add(mail.price("ETH", "1", number=3))
    assert gate.wait_s() == GRACE_S
    clock.advance(GRACE_S)
    assert _numbers(gate) == [2, 3]
    assert gate.done == 3


def test_a_replay_waits_until_what_a_killed_consumer_held_has_come_again() -> None:
    clock = FakeClock()
    gate, mail = RoundGate(clock, done=1), Arrivals()
    gate.add(mail.price("ETH", "1", number=3, replayed_from=hour(3)))
    clock.advance(10)
    gate.add(mail.price("ETH", "1", number=2, replayed_from=hour(2)))
    assert _numbers(gate) == [2, 3]
    gate.add(mail.price("ETH", "1", number=5, replayed_from=hour(5)))
    clock.advance(REPLAY_GRACE_S)
    assert _numbers(gate) == [5]


def test_a_duplicate_does_not_make_a_round_whole() -> None:
    gate, mail = RoundGate(FakeClock()), Arrivals()
    gate.add(mail.price("ETH", "1", number=1, size=2))
    gate.add(mail.price("ETH", "1", number=1, size=2))
    assert gate.take() == []


def test_a_message_of_a_finished_round_comes_by_itself() -> None:
    gate, mail = RoundGate(FakeClock(), done=5), Arrivals()
    gate.add(mail.price("ETH", "1", number=5))
    assert _numbers(gate) == [None]


def test_messages_without_a_round_are_taken_together_at_once() -> None:
    gate, mail = RoundGate(FakeClock()), Arrivals()
    gate.add(mail.price("ETH", "1"))
    gate.add(mail.price("ETH", "2"))
    gate.add(mail.price("BTC", "2", number=9, historical=True))
    (one,) = gate.take()
    assert (one.number, len(one.messages)) == (None, 3)
    assert gate.wait_s() is None


def test_what_waits_can_be_given_back() -> None:
    gate, mail = RoundGate(FakeClock()), Arrivals()
    gate.add(mail.price("ETH", "1", number=1, size=2))
    assert [m.tick.asset for m in gate.waiting()] == ["ETH"]
