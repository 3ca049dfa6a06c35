"""The same prices give the same alerts, once each, however and whenever they arrive.

One account owes 50 USDC against 1 ETH: at 100 it scores 100, at 74 48, at 60 20, at 55 10.
"""

import random
import sqlite3
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal

import pytest

from consumers.desk import Desk, Turn
from consumers.incidents import EngineState, load
from consumers.rounds import EscrowMessage, PriceMessage
from consumers.stores import PositionStore, Versions
from consumers.stores.prices import MAX_ASSETS
from consumers.topology import SETTLEMENTS
from consumers.wire import Encoded, SettlementEvent, decode_alert
from core.alerts import MarginAlert
from core.book import Book
from core.policy import Policy, Status
from core.portfolio import Portfolio, PriceSnapshot
from core.valuation import Valuation
from tests.consumers.arrivals import NOON, Arrivals, hour
from tests.support import FakeClock

POLICY = Policy(reminder={Status.LIQUIDATION: timedelta(hours=1)})
BOOK = Book.from_portfolios(
    [
        Portfolio.of("long-01", {"ETH": 1}, {"USDC": 50}),
        Portfolio.of("luna-01", {"LUNA": 10}, {"USDC": 50}),
        Portfolio.of("free-01", {"ETH": 1}, {}),
    ],
    POLICY,
)
EMPTY = EngineState({}, {}, None)


def _desk(clock: FakeClock | None = None, state: EngineState = EMPTY) -> Desk:
    return Desk(
        positions=PositionStore(Versions(), BOOK, NOON - timedelta(hours=1)),
        state=state,
        cadence=timedelta(seconds=2),
        clock=clock or FakeClock(NOON),
    )


def _round(
    mail: Arrivals, number: int, eth: str, luna: str | None = "10", *, replay: bool = True
) -> list[PriceMessage]:
    prices = {"ETH": eth, "USDC": "1"} | ({} if luna is None else {"LUNA": luna})
    return [
        mail.price(
            asset,
            price,
            number=number,
            size=len(prices),
            replayed_from=hour(number) if replay else None,
            cadence_s=3600 if replay else 2,
        )
        for asset, price in prices.items()
    ]


def _take(desk: Desk, messages: Iterable[PriceMessage]) -> Turn:
    for message in messages:
        desk.add(message)
    return desk.turn()


def _alerts(turn: Turn) -> list[MarginAlert]:
    alerts = []
    for letter in turn.letters:
        alert = decode_alert(letter.encoded.data, letter.encoded.attributes, NOON)
        assert isinstance(alert, MarginAlert)
        assert letter.key == alert.event_id
        alerts.append(alert)
    return alerts


def test_the_first_round_is_told_for_who_is_in_trouble_already() -> None:
    turn = _take(_desk(), _round(Arrivals(), 1, "60"))
    assert turn.transitions == {"NEW->MARGIN_CALL": 1, "NEW->HEALTHY": 1, "NEW->NO_DEBT": 1}
    (alert,) = _alerts(turn)
    assert (alert.user_id, alert.status, alert.health_score) == (
        "long-01",
        Status.MARGIN_CALL,
        Decimal(20),
    )
    assert alert.prices["ETH"].timestamp == hour(1)


def test_a_transition_is_told_once() -> None:
    desk, mail = _desk(), Arrivals()
    _take(desk, _round(mail, 1, "100"))
    fell = _take(desk, _round(mail, 2, "74"))
    assert fell.transitions == {"HEALTHY->WARNING": 1}
    assert [a.event_type for a in _alerts(fell)] == ["margin_warning"]
    same = _take(desk, _round(mail, 3, "74"))
    assert (same.transitions, same.letters) == ({}, [])


def test_a_recovery_within_the_hysteresis_is_told_when_the_score_clears_it() -> None:
    desk, mail = _desk(), Arrivals()
    _take(desk, _round(mail, 1, "74"))
    assert _take(desk, _round(mail, 2, "75.1")).letters == []  # 50.2: HEALTHY, not clear of 50.5
    cleared = _take(desk, _round(mail, 3, "75.3"))  # 50.6, and no transition in this round
    assert cleared.transitions == {}
    assert [a.event_type for a in _alerts(cleared)] == ["margin_recovered"]
    assert cleared.incidents == {"long-01": None}


def test_an_open_liquidation_is_repeated_at_the_reminder_interval_of_the_market() -> None:
    desk, mail = _desk(), Arrivals()
    told = [_alerts(_take(desk, _round(mail, n, "55"))) for n in (1, 2, 3)]
    assert [[a.sequence for a in alerts] for alerts in told] == [[1], [2], [3]]
    assert len({a.incident_started_at for alerts in told for a in alerts}) == 1


def test_a_feed_that_stops_makes_unknown_and_tells_nothing() -> None:
    desk, mail = _desk(), Arrivals()
    _take(desk, _round(mail, 1, "100", "4"))  # 40 against 50: LIQUIDATION
    turns = [_take(desk, _round(mail, n, "100", None)) for n in (2, 3, 4, 5)]
    assert sum((t.transitions for t in turns), Counter()) == {"LIQUIDATION->UNKNOWN": 1}
    assert [len(t.letters) for t in turns] == [1, 1, 1, 0]  # reminders, then silence
    back = _take(desk, _round(mail, 6, "100", "10"))
    (alert,) = _alerts(back)
    assert (alert.user_id, alert.event_type, alert.sequence) == ("luna-01", "margin_recovered", 5)


def test_a_live_price_grows_stale_without_any_message() -> None:
    clock = FakeClock(NOON)
    desk = _desk(clock)
    _take(desk, _round(Arrivals(), 1, "100", replay=False))
    clock.advance(16)  # three times the floor of 5 s, and a little
    assert desk.turn().transitions == {"HEALTHY->UNKNOWN": 2}


def _escrow(mail: Arrivals, event: str, amount: str, log_index: int = 0) -> EscrowMessage:
    """An escrow that `long-01` pays, or is paid out of."""
    parties = {"payer": "long-01", "payee": "free-01"}
    if event == "EscrowReleased":
        parties = {"payer": "free-01", "payee": "long-01"}
    settlement = SettlementEvent(
        event=event,
        chain_id=1,
        transaction_hash="0xa",
        log_index=log_index,
        escrow="0xe1",
        amount=Decimal(amount),
        block_number=1,
        timestamp=NOON,
        **parties,
    )
    return EscrowMessage(settlement, mail.incoming(SETTLEMENTS, Encoded(b"", {})))


def _next_second(desk: Desk, clock: FakeClock, *escrows: EscrowMessage) -> Turn:
    for escrow in escrows:
        desk.add_escrow(escrow)
    clock.advance(1)
    return desk.turn()


def test_what_an_escrow_takes_counts_from_the_next_second_on() -> None:
    clock, mail = FakeClock(NOON), Arrivals()
    desk = _desk(clock)
    _take(desk, _round(mail, 1, "100", replay=False))
    paid = _escrow(mail, "EscrowDeployed", "0.4")  # 60 against 50: 20 percent
    turn = _next_second(desk, clock, paid)
    assert turn.transitions == {"HEALTHY->MARGIN_CALL": 1}
    (alert,) = _alerts(turn)
    assert (alert.user_id, alert.health_score, alert.previous_health_score) == (
        "long-01",
        Decimal(20),
        Decimal(100),
    )
    again = _next_second(desk, clock, paid)
    assert (again.transitions, again.received) == ({}, (paid,))  # counted once, acknowledged again
    back = _next_second(desk, clock, _escrow(mail, "EscrowRefunded", "0.4", 1))
    assert [a.event_type for a in _alerts(back)] == ["margin_recovered"]


def test_a_payment_out_of_what_has_not_arrived_yet_makes_unknown_and_tells_nothing() -> None:
    clock, mail = FakeClock(NOON), Arrivals()
    desk = _desk(clock)
    _take(desk, _round(mail, 1, "100", replay=False))
    short = _next_second(desk, clock, _escrow(mail, "EscrowDeployed", "1.5"))
    assert (short.transitions, short.letters) == ({"HEALTHY->UNKNOWN": 1}, [])
    arrived = _next_second(desk, clock, _escrow(mail, "EscrowReleased", "1.5", 1))
    assert arrived.transitions == {"UNKNOWN->HEALTHY": 1}


def test_a_settled_book_outlives_the_desk() -> None:
    clock, mail = FakeClock(NOON), Arrivals()
    connection = sqlite3.connect(":memory:")
    desk = _desk(clock, load(connection))
    for message in _round(mail, 1, "100", replay=False):
        desk.add(message)
    desk.add_escrow(_escrow(mail, "EscrowDeployed", "0.4"))
    desk.turn().write(connection)
    again = _desk(clock, load(connection))
    assert again.valuation is not None
    assert again.valuation.counts()[Status.MARGIN_CALL] == 1
    connection.close()


def test_a_replays_book_stands_still() -> None:
    desk, mail = _desk(), Arrivals()
    _take(desk, _round(mail, 1, "100"))
    desk.add_escrow(_escrow(mail, "EscrowDeployed", "0.4"))
    turn = _take(desk, _round(mail, 2, "100"))
    assert (turn.transitions, len(turn.settled), len(turn.escrows)) == ({}, 1, 1)


def test_the_policy_says_from_when_a_live_price_is_stale() -> None:
    policy = Policy(staleness={"ETH": timedelta(seconds=40)})
    book = Book.from_portfolios([Portfolio.of("ann", {"ETH": 1}, {"ETH": "0.1"})], policy)
    clock = FakeClock(NOON)
    positions = PositionStore(Versions(), book, NOON)
    desk = Desk(positions=positions, state=EMPTY, cadence=timedelta(seconds=2), clock=clock)
    _take(desk, [Arrivals().price("ETH", "100", number=1, cadence_s=2)])
    clock.advance(39)
    assert desk.turn().transitions == {}
    clock.advance(2)
    assert desk.turn().transitions == {"HEALTHY->UNKNOWN": 1}


def test_late_and_repeated_prices_move_nothing() -> None:
    desk, mail = _desk(), Arrivals()
    _take(desk, _round(mail, 1, "100"))
    _take(desk, _round(mail, 2, "100"))
    turn = _take(desk, _round(mail, 1, "55"))
    assert (turn.evaluations, turn.letters, len(turn.messages)) == (0, [], 3)


PATH = ("100", "74", "60", "55", "60", "78", "100", "61", "50", "90")


def _whole(messages: list[PriceMessage], desk: Desk) -> tuple[Counter[str], list[str]]:
    transitions: Counter[str] = Counter()
    told: list[str] = []
    for message in messages:
        turn = _take(desk, [message])
        transitions.update(turn.transitions)
        told += [letter.key for letter in turn.letters]
    return transitions, told


@pytest.mark.parametrize("seed", range(20))
def test_shuffled_and_repeated_messages_give_the_same_alerts_in_the_same_order(seed: int) -> None:
    mail = Arrivals()
    clean = [m for n, eth in enumerate(PATH, 1) for m in _round(mail, n, eth)]
    expected = _whole(clean, _desk())
    rng = random.Random(seed)
    mixed = clean + rng.sample(clean, 9)
    rng.shuffle(mixed)
    assert _whole(mixed, _desk()) == expected
    assert len(expected[1]) == len(set(expected[1])) == 8


@pytest.mark.parametrize("cut", range(1, len(PATH)))
def test_a_desk_made_from_the_last_commit_goes_on_as_if_never_stopped(cut: int) -> None:
    mail = Arrivals()
    rounds = [_round(mail, n, eth) for n, eth in enumerate(PATH, 1)]
    expected = _whole([m for one in rounds for m in one], _desk())
    connection = sqlite3.connect(":memory:")
    desk, transitions, told = _desk(state=load(connection)), Counter[str](), list[str]()
    for number, one in enumerate(rounds):
        if number == cut:
            desk = _desk(state=load(connection))
        turn = _take(desk, one)
        turn.write(connection)
        transitions.update(turn.transitions)
        told += [letter.key for letter in turn.letters]
    assert (transitions, told) == expected
    connection.close()


def test_what_a_failing_turn_took_is_still_waiting() -> None:
    mail = Arrivals()

    def revalue(book: Book, prices: PriceSnapshot) -> Valuation:
        raise ZeroDivisionError

    desk = Desk(
        positions=PositionStore(Versions(), BOOK, NOON - timedelta(hours=1)),
        state=EMPTY,
        cadence=timedelta(seconds=2),
        clock=FakeClock(NOON),
        revalue=revalue,
    )
    rounds = [*_round(mail, 1, "100", replay=False), *_round(mail, 2, "60", replay=False)]
    with pytest.raises(ZeroDivisionError):
        _take(desk, rounds)
    assert list(desk.waiting()) == rounds


def test_names_that_are_made_up_fill_neither_memory_nor_disk() -> None:
    connection, mail, desk = sqlite3.connect(":memory:"), Arrivals(), _desk(FakeClock(NOON))
    load(connection)
    names = ["ETH", *(f"A{number}" for number in range(MAX_ASSETS + 3))]
    for place, name in enumerate(names):
        at = NOON - timedelta(hours=1) + timedelta(seconds=place)
        _take(desk, [mail.price(name, "100", at=at)]).write(connection)
    kept = {f"A{n + 3}" for n in range(MAX_ASSETS)}
    assert load(connection).prices.keys() == {"ETH", *kept}  # ETH is in the book
