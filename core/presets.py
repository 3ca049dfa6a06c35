"""Scenario presets: what prices did on days people remember, and a ladder of plain falls.

A shock is a signed fraction of the price (-0.2: 20 percent down). Where a figure comes from a
series of prices its source says between which instants it was computed; what is only known from
the press says so, and is no more exact than that.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType

from core.errors import FieldError
from core.exact import ZERO

PEGGED = frozenset(
    ("USD", "USDC", "USDT", "DAI", "FDUSD", "TUSD", "USDP", "PYUSD", "GUSD", "LUSD", "USDE", "USDS")
)
"""Assets that mean to be worth a dollar: a preset moves them only where it names them."""


@dataclass(frozen=True, slots=True)
class Preset:
    """One scenario.

    `shocks` are the assets it names, `others` is the shock of every asset that is neither named
    nor pegged. `day` is when it was at its worst, None for a step of the ladder.
    """

    name: str
    title: str
    day: date | None
    shocks: Mapping[str, Decimal]
    others: Decimal
    source: str

    def shock_of(self, asset: str) -> Decimal:
        """The signed fraction by which `asset` moves."""
        named = self.shocks.get(asset)
        if named is not None:
            return named
        return ZERO if asset in PEGGED else self.others

    def shocks_for(self, assets: Iterable[str]) -> Mapping[str, Decimal]:
        """The shocks of these assets."""
        return MappingProxyType({asset: self.shock_of(asset) for asset in assets})


def preset(name: str) -> Preset:
    """The preset of that name; FieldError naming those that there are."""
    for one in PRESETS:
        if one.name == name:
            return one
    known = ", ".join(one.name for one in PRESETS)
    raise FieldError("preset", f"is none of {known}")


def _episode(
    day: date, name: str, title: str, named: str, others: str, source: str, rest: str = ""
) -> Preset:
    """`named` is written as `BTC -0.40 ETH -0.43`; `rest` says where `others` comes from."""
    words = named.split()
    shocks = {a: Decimal(s) for a, s in zip(words[::2], words[1::2], strict=True)}
    text = f"{source} {rest}".strip()
    return Preset(name, title, day, MappingProxyType(shocks), Decimal(others), text)


def _step(percent: int) -> Preset:
    return Preset(
        name=f"down-{percent}",
        title=f"Everything unpegged falls {percent} percent",
        day=None,
        shocks=MappingProxyType({}),
        others=Decimal(-percent).scaleb(-2),
        source="A step of the ladder, no episode: every asset that is not pegged, the same fall.",
    )


_MEDIAN = "Assets not named: the median of the ten large ones."
_PRESS = "Approximate, press reports:"
_GUESS = "Assets not named: a round figure in the range reported for smaller ones."

PRESETS: tuple[Preset, ...] = (
    _episode(
        date(2020, 3, 12),
        "2020-03-12",
        "Black Thursday",
        "BTC -0.40 ETH -0.43",
        "-0.43",
        f"{_PRESS} the day's closes by Coin Metrics, as told by NewsBTC on 13 March 2020; the lows "
        "of the night after were about 50 percent down.",
        "Assets not named: as ETH.",
    ),
    _episode(
        date(2021, 5, 19),
        "2021-05-19",
        "19 May 2021",
        "BTC -0.1438 ETH -0.2774 SOL -0.3750 LINK -0.3839 AAVE -0.3410 AVAX -0.3749 "
        "MATIC -0.3365 UNI -0.3386 DOGE -0.3075 ADA -0.2682",
        "-0.3376",
        "Daily closes: 19 May over 18 May 2021, minus 1; the lows within the day were deeper.",
        _MEDIAN,
    ),
    _episode(
        date(2022, 5, 12),
        "2022-05-luna",
        "LUNA and UST",
        "BTC -0.3163 ETH -0.3727 SOL -0.5660 LINK -0.5131 AAVE -0.5590 AVAX -0.6223 "
        "MATIC -0.5315 UNI -0.4855 DOGE -0.4557 ADA -0.5186 LUNA -0.9981 UST -0.4813",
        "-0.5159",
        "Binance hourly closes: 12 May 07:00 over 5 May 2022 01:00 UTC, minus 1, all at the one "
        "hour at which BTC was lowest; USDC, then 5 percent above USDT, is left at par.",
        _MEDIAN,
    ),
    _episode(
        date(2022, 11, 9),
        "2022-11-ftx",
        "FTX",
        "BTC -0.2651 ETH -0.3326 SOL -0.6423 LINK -0.3295 AAVE -0.3898 AVAX -0.3695 "
        "MATIC -0.3746 UNI -0.3776 DOGE -0.4326 ADA -0.2729 FTT -0.9070",
        "-0.3721",
        "Binance hourly closes: 9 November 22:00 over 5 November 2022 01:00 UTC, minus 1, all at "
        "the one hour at which BTC was lowest.",
        _MEDIAN,
    ),
    _episode(
        date(2023, 3, 11),
        "2023-03-usdc-depeg",
        "USDC loses its peg",
        "USDC -0.1254 BTC 0.0155 ETH 0.0524 SOL 0.0748 LINK 0.0188 AAVE 0.0257 AVAX 0.0146 "
        "MATIC 0.0696",
        "0",
        "The last price by 11 March 07:51 UTC, USDC's lowest minute, over the first of 10 March "
        "2023 from 12:00, minus 1; USDC is BTC/USD over BTC/USDC by the minute, the others are "
        "hourly closes.",
        "Assets not named stand still.",
    ),
    _episode(
        date(2024, 8, 5),
        "2024-08-05",
        "The yen carry trade unwinds",
        "BTC -0.15 ETH -0.21 BNB -0.17 DOGE -0.16 DOT -0.21",
        "-0.20",
        f"{_PRESS} the fall to the low of 5 August 2024 within a day, BTC from about 58,350 to "
        "49,500 and ETH from about 2,695 to 2,118 USD.",
        _GUESS,
    ),
    _episode(
        date(2025, 10, 10),
        "2025-10-10",
        "The tariff night",
        "BTC -0.14 ETH -0.20 SOL -0.25 USDE -0.35",
        "-0.40",
        f"{_PRESS} the lows of 10 October 2025, BTC from about 122,000 to 105,000 USD; USDE was at "
        "0.65 on one exchange and near par elsewhere.",
        _GUESS,
    ),
    *(_step(percent) for percent in (5, 10, 20, 30, 50)),
)
"""Every preset, oldest first, then the ladder."""
