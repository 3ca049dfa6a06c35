"""What must be there before anything starts: a market that can be played and a book to judge."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import orjson

from consumers.book_source import load_positions
from consumers.oracle import PriceSource
from consumers.settings import Settings
from core.book import Book
from embedded.demo_book import REPLAY_SHORTS, SHORTS, ensure_book
from embedded.market import LISTINGS, Regime
from embedded.replay import Replay, read_replay
from embedded.sources import ReplaySource, SimulatedSource


@dataclass(frozen=True, slots=True)
class Opening:
    """The book of positions, when they were true, and in a replay the market it goes through."""

    book: Book
    as_of: datetime
    replay: Replay | None


def open_market(settings: Settings, now: datetime) -> Opening:
    """Read the replay, if any, and the book; on one machine a demo book is made if none is named.

    Raises ReplayError and BookSourceError. Nothing is started.
    """
    replay = None if settings.replay_file is None else read_replay(settings.replay_file, now)
    if settings.demo_book:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        ensure_book(
            settings.book,
            _first_prices(replay),
            settings.accounts,
            settings.market_seed,
            SHORTS if replay is None else REPLAY_SHORTS,
        )
    loaded = load_positions(settings)
    book = Book.from_portfolios(loaded.portfolios, settings.policy)
    par = None if replay is None else replay.with_par(frozenset(book.assets))
    return Opening(book, loaded.as_of, par)


def price_source(
    settings: Settings, opening: Opening, *, published: str | None, scored: str | None, resume: bool
) -> PriceSource:
    """Where the oracle goes on from.

    `published` and `scored` are what oracle and risk engine recorded: a replay goes on after the
    last round that was scored, so that a kill in between changes no transition.
    """
    if opening.replay is not None:
        done = min(_round(published), _scored_round(scored) if scored else _round(published))
        return ReplaySource(opening.replay, settings.replay_speed, str(done))
    return SimulatedSource(
        seed=settings.market_seed,
        regime=Regime(settings.market),
        interval_s=settings.price_interval_s,
        reached=published,
        resume=resume,
    )


def _first_prices(replay: Replay | None) -> Mapping[str, Decimal]:
    if replay is not None:
        return replay.first_prices()
    return {one.asset: one.price for one in LISTINGS}


def _round(published: str | None) -> int:
    return int(published) if published is not None and published.isdecimal() else 0


def _scored_round(scored: str) -> int:
    number = orjson.loads(scored)["round"]
    return number if isinstance(number, int) else 0
