"""A seeded book of demo accounts, shaped so that every status is seen at the first prices.

Sizes are log-normal, debts mostly stablecoins, and each account is given the score its status asks
for: about 85 % HEALTHY, 10 % WARNING, 4 % MARGIN_CALL, 1 % LIQUIDATION of those that owe anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import numpy as np
from numpy.random import Generator

from consumers.book_source import write_book
from core.policy import Status
from core.portfolio import Portfolio

DEBT_IN = ("USDC", "USDT", "DAI", "BUSD", "TUSD")  # nobody here borrows an algorithmic stablecoin
SHARES = {Status.WARNING: 0.10, Status.MARGIN_CALL: 0.04, Status.LIQUIDATION: 0.01}
NO_DEBT_SHARE = 0.02
CRYPTO_DEBT_SHARE = 0.10  # of those that owe stablecoins: a part of their debt is in crypto
# Of the troubled accounts, the short ones: stablecoins posted, crypto owed. A fall cures them.
# In a replay nobody tops up for ten days, so that fewer may be long and in trouble all the time.
SHORTS, REPLAY_SHORTS = 0.15, 0.80
HEALTHY_SHORTS = 0.05
POPULARITY = {"ETH": 6.0, "BTC": 5.0, "SOL": 3.0, "LUNA": 0.5, "UST": 0.4, "USDC": 0.5, "USDT": 0.4}
MEDIAN_USD, SPREAD = 24_000.0, 1.4  # collateral of an account: median, and sigma of its logarithm
SMALLEST_USD, LARGEST_USD = 800.0, 20_000_000.0
# Clear of the thresholds, so that the first quiet minute does not reshuffle the book.
BANDS = {
    Status.WARNING: (30.8, 49.0),
    Status.MARGIN_CALL: (15.8, 29.0),
    Status.LIQUIDATION: (3.0, 14.0),
}
WORDS = """
    auk avocet bittern bunting chough coot crake crane curlew dipper dove dunlin dunnock egret
    eider falcon finch gadwall gannet godwit goshawk grebe grouse gull harrier heron hobby ibis
    jackdaw jay kestrel kite knot lapwing lark linnet magpie mallard martin merlin nuthatch
    osprey ouzel owl partridge petrel pipit plover puffin quail rail raven redstart robin rook
    ruff sanderling serin shrike siskin skua smew snipe starling stilt stint stork swan swift
    tern thrush tit turnstone twite wagtail warbler wheatear whimbrel wigeon wren yaffle
"""


@dataclass(frozen=True, slots=True)
class _Market:
    """The prices a book is built on, and what may be posted and owed."""

    prices: Mapping[str, Decimal]
    posted: tuple[str, ...]
    odds: np.ndarray[tuple[int], np.dtype[np.float64]]
    owed: tuple[str, ...]
    floating: tuple[str, ...]
    shorts: float


def build_book(
    prices: Mapping[str, Decimal], accounts: int, seed: int, shorts: float = SHORTS
) -> tuple[Portfolio, ...]:
    """`accounts` portfolios over the assets of `prices` (USD); the same arguments, the same book.

    A market without a stablecoin is given USDC and USDT at 1.00 to borrow.
    """
    rng = np.random.default_rng(seed)
    market = _market(prices, shorts)
    return tuple(
        _account(rng, market, name, status)
        for name, status in zip(_names(accounts), _statuses(rng, accounts), strict=True)
    )


def ensure_book(
    path: Path,
    prices: Mapping[str, Decimal],
    accounts: int,
    seed: int,
    shorts: float = SHORTS,
) -> bool:
    """Write a demo book to `path` unless one is there, so that a restart keeps it; True if so."""
    if path.exists():
        return False
    write_book(path, build_book(prices, accounts, seed, shorts))
    return True


def _market(prices: Mapping[str, Decimal], shorts: float) -> _Market:
    par = {asset: Decimal("1.00") for asset in ("USDC", "USDT") if asset not in prices}
    known = {**prices, **par}
    posted = tuple(sorted(known))
    odds = np.array([POPULARITY.get(asset, 1.0) for asset in posted])
    return _Market(
        prices=known,
        posted=posted,
        odds=odds / odds.sum(),
        owed=tuple(asset for asset in DEBT_IN if asset in known),
        shorts=shorts,
        floating=tuple(a for a in ("BTC", "ETH", "SOL", "LINK") if a in known),
    )


def _names(count: int) -> list[str]:
    """`wren-02`: a word and a number, unique and within the ids the wire allows."""
    words = WORDS.split()
    width = max(2, len(str((count - 1) // len(words) + 1)))
    return [f"{words[i % len(words)]}-{i // len(words) + 1:0{width}}" for i in range(count)]


def _statuses(rng: Generator, count: int) -> list[Status]:
    """One status an account in a random order, in the shares of the module's docstring."""
    free = round(NO_DEBT_SHARE * count)
    wanted = [Status.NO_DEBT] * free
    for status, share in SHARES.items():
        wanted += [status] * max(1, round(share * (count - free)))
    wanted += [Status.HEALTHY] * (count - len(wanted))
    return [wanted[index] for index in rng.permutation(count)]


def _account(rng: Generator, market: _Market, name: str, status: Status) -> Portfolio:
    size = float(np.clip(MEDIAN_USD * rng.lognormal(0.0, SPREAD), SMALLEST_USD, LARGEST_USD))
    short = rng.random() < (HEALTHY_SHORTS if status is Status.HEALTHY else market.shorts)
    short = short and status is not Status.NO_DEBT and bool(market.floating)
    assets = [str(rng.choice(market.owed))] if short else _posted(rng, market)
    collateral = _amounts(rng, market, assets, Decimal(repr(size)))
    if status is Status.NO_DEBT:
        return Portfolio.of(name, collateral, {})
    worth = sum((q * market.prices[a] for a, q in collateral.items()), Decimal(0))
    usd = worth / (1 + Decimal(repr(_score(rng, status))) / 100)
    owed = [str(rng.choice(market.floating))] if short else _owed(rng, market, collateral)
    return Portfolio.of(name, collateral, _amounts(rng, market, owed, usd))


def _posted(rng: Generator, market: _Market) -> list[str]:
    """One to four assets, the popular ones more often."""
    kinds = min(int(rng.choice((1, 2, 3, 4), p=(0.35, 0.35, 0.2, 0.1))), len(market.posted))
    return [str(a) for a in rng.choice(market.posted, size=kinds, replace=False, p=market.odds)]


def _score(rng: Generator, status: Status) -> float:
    """A health score, in percent, inside the band of `status`."""
    if status is Status.HEALTHY:
        return round(51.5 + min(220.0 * float(rng.lognormal(0.0, 0.8)), 3_000.0), 2)
    return round(float(rng.uniform(*BANDS[status])), 2)


def _owed(rng: Generator, market: _Market, posted: Mapping[str, Decimal]) -> list[str]:
    """A stablecoin or two, and now and then a crypto asset beside them."""
    stable = [a for a in market.owed if a not in posted] or list(market.owed)
    chosen = [str(a) for a in rng.permutation(stable)[: 2 if rng.random() < 0.25 else 1]]
    crypto = [a for a in market.floating if a not in posted]
    if crypto and rng.random() < CRYPTO_DEBT_SHARE:
        chosen.append(str(rng.choice(crypto)))
    return chosen


def _amounts(
    rng: Generator, market: _Market, assets: Sequence[str], usd: Decimal
) -> dict[str, Decimal]:
    """`usd` spread over `assets` as amounts with the decimals their price asks for."""
    parts = rng.dirichlet([3.0] * len(assets))
    amounts = {}
    for asset, part in zip(assets, parts, strict=True):
        price = market.prices[asset]
        exact = usd * Decimal(repr(float(part))) / price
        amounts[asset] = max(exact.quantize(_step(price), ROUND_HALF_EVEN), _step(price))
    return amounts


def _step(price: Decimal) -> Decimal:
    """The smallest amount: 2 decimals for what costs a dollar, up to 8 for what costs thousands."""
    return Decimal(1).scaleb(-min(8, max(2, price.adjusted() + 4 if price > 2 else 2)))
