"""A scenario as a short text that may stand in a URL as it is, and back.

    1~sETHx-0.2~bUSDCx2e3~z1763899200000000~qETHx3941.34~y1x2k9p

Parts are joined by `~`: the version, one part per edit in its order, the price base, a check sum.
A part is a lower-case letter, then its fields joined by `x`; symbols have no lower-case letters,
so nothing needs escaping. A text that was cut or changed on its way is refused, never guessed at.
"""

import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from types import MappingProxyType

from core.categories import category_name
from core.errors import FieldError
from core.exact import CONTEXT, ONE, decimal_of, plain, quotient
from core.portfolio import PriceSnapshot, Side, symbol_of
from core.what_if import (
    AddAmount,
    Delay,
    Edit,
    GroupShock,
    Outage,
    Scenario,
    SetAmount,
    SetCategory,
    SetPrice,
    SetThresholds,
    SetWeight,
    Shock,
    ShockAll,
)

_VERSION = "1"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LONGEST = 20_000
_LONGEST_DELAY = timedelta(days=36_500)
_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class PriceMove:
    """A price of the base, what it is now, and the signed return between; None: no usable price."""

    asset: str
    was: Decimal
    now: Decimal | None
    fraction: Decimal | None


@dataclass(frozen=True, slots=True)
class PriceBase:
    """The prices a scenario was made on: a shock of -20 percent means another thing on others."""

    as_of: datetime
    prices: Mapping[str, Decimal]

    @classmethod
    def of(cls, prices: PriceSnapshot, assets: Iterable[str]) -> "PriceBase":
        """The usable prices of these assets."""
        usable = {a: prices.points[a].price for a in assets if prices.fault(a) is None}
        return cls(prices.as_of, MappingProxyType(dict(sorted(usable.items()))))

    def moved(self, prices: PriceSnapshot) -> tuple[PriceMove, ...]:
        """Which prices are not what they were, by symbol."""
        moves = []
        for asset, was in self.prices.items():
            if prices.fault(asset) is not None:
                moves.append(PriceMove(asset, was, None, None))
                continue
            now = prices.points[asset].price
            if now != was:
                with localcontext(CONTEXT):
                    moves.append(PriceMove(asset, was, now, quotient(now, was) - ONE))
        return tuple(moves)


def scenario_to_text(scenario: Scenario, base: PriceBase | None = None) -> str:
    """The text; letters, digits and `-._~` alone."""
    parts = [_VERSION, *map(_written, scenario.edits)]
    if base is not None:
        parts.append(f"z{(base.as_of - _EPOCH) // _MICROSECOND}")
        parts += [f"q{asset}x{_short(price)}" for asset, price in base.prices.items()]
    body = "~".join(parts)
    return f"{body}~y{_check(body)}"


def scenario_from_text(text: str) -> tuple[Scenario, PriceBase | None]:
    """The scenario and the prices it was made on, if they were written down.

    Raises FieldError for a text that is damaged, of another version, or says what cannot be.
    """
    body, _, check = text.strip().rpartition("~y")
    if len(text) > _LONGEST or check != _check(body):
        raise FieldError("scenario", "the text is damaged: it was cut, changed or is no scenario")
    version, *parts = body.split("~")
    if version != _VERSION:
        raise FieldError("scenario", f"is of version {version}, known is {_VERSION}")
    edits, prices, as_of = [], {}, None
    for part in parts:
        letter, fields = part[:1], part[1:].split("x")
        if letter == "z":
            as_of = _instant(_whole(fields))
        elif letter == "q":
            asset, price = _fields(fields, 2)
            prices[_symbol(asset)] = _decimal(price)
        elif letter in _READERS:
            edits.append(_READERS[letter](fields))
        else:
            raise FieldError("scenario", f"{part} is no edit")
    base = PriceBase(as_of, MappingProxyType(prices)) if as_of is not None else None
    return Scenario(tuple(edits)), base


def _written(edit: Edit) -> str:
    match edit:
        case SetAmount(side, asset, amount):
            return _join({Side.COLLATERAL: "c", Side.BORROW: "b"}[side], asset, amount)
        case AddAmount(side, asset, amount):
            return _join({Side.COLLATERAL: "i", Side.BORROW: "o"}[side], asset, amount)
        case SetPrice(asset, price):
            return _join("p", asset, price)
        case Shock(asset, fraction):
            return _join("s", asset, fraction)
        case ShockAll(fraction, pegged):
            return _join("a", fraction, *sorted(pegged))
        case GroupShock(fraction, betas):
            return _join("g", fraction, *(field for pair in betas.items() for field in pair))
        case SetCategory(category):
            return f"k{category or ''}"
    return _written_rules(edit)


def _written_rules(edit: SetWeight | SetThresholds | Outage | Delay) -> str:
    match edit:
        case SetWeight(asset, weight):
            return _join("w", asset, weight)
        case SetThresholds(healthy, warning, margin_call):
            return _join("t", healthy, warning, margin_call)
        case Outage(assets):
            return _join("u", *sorted(assets))
        case Delay(by, assets):
            with localcontext(CONTEXT):
                return _join("d", Decimal(by // _MICROSECOND).scaleb(-6), *sorted(assets))


def _position(kind: Callable[[Side, str, Decimal], Edit], side: Side) -> Callable[..., Edit]:
    def read(fields: list[str]) -> Edit:
        asset, amount = _fields(fields, 2)
        return kind(side, asset, _decimal(amount))

    return read


def _priced(kind: Callable[[str, Decimal], Edit]) -> Callable[[list[str]], Edit]:
    def read(fields: list[str]) -> Edit:
        asset, number = _fields(fields, 2)
        return kind(asset, _decimal(number))

    return read


def _all(fields: list[str]) -> Edit:
    return ShockAll(_decimal(fields[0]), frozenset(map(_symbol, fields[1:])))


def _group(fields: list[str]) -> Edit:
    if not len(fields) % 2:
        raise FieldError("scenario", "each asset of a group needs a beta")
    pairs = zip(fields[1::2], fields[2::2], strict=True)
    return GroupShock(_decimal(fields[0]), {_symbol(a): _decimal(beta) for a, beta in pairs})


def _category(fields: list[str]) -> Edit:
    name = "x".join(fields)  # a name may have the letter x
    return SetCategory(category_name(name, "scenario") if name else None)


def _thresholds(fields: list[str]) -> Edit:
    healthy, warning, call = map(_decimal, _fields(fields, 3))
    return SetThresholds(healthy, warning, call)


def _outage(fields: list[str]) -> Edit:
    return Outage(frozenset(map(_symbol, fields if fields != [""] else ())))


def _delay(fields: list[str]) -> Edit:
    with localcontext(CONTEXT):
        micro = _decimal(fields[0]).scaleb(6)
    if not 0 <= micro <= _LONGEST_DELAY // _MICROSECOND:
        raise FieldError("scenario", "its delay is not one")
    return Delay(timedelta(microseconds=int(micro)), frozenset(map(_symbol, fields[1:])))


def _instant(micro: str) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=int(micro))
    except OverflowError:
        raise FieldError("scenario", "its time is not one") from None


_READERS: Mapping[str, Callable[[list[str]], Edit]] = MappingProxyType(
    {
        "c": _position(SetAmount, Side.COLLATERAL),
        "b": _position(SetAmount, Side.BORROW),
        "i": _position(AddAmount, Side.COLLATERAL),
        "o": _position(AddAmount, Side.BORROW),
        "p": _priced(SetPrice),
        "s": _priced(Shock),
        "w": _priced(SetWeight),
        "a": _all,
        "g": _group,
        "k": _category,
        "t": _thresholds,
        "u": _outage,
        "d": _delay,
    }
)


def _join(letter: str, *fields: str | Decimal) -> str:
    return letter + "x".join(_short(f) if isinstance(f, Decimal) else f for f in fields)


def _short(number: Decimal) -> str:
    """The value without needless digits: `-0.2`, `3941.34`, `1e40`."""
    with localcontext(CONTEXT):
        scientific = str(number.normalize()).replace("E+", "e").replace("E", "e")
    return min(plain(number), scientific, key=len)


def _fields(fields: list[str], count: int) -> list[str]:
    if len(fields) != count:
        raise FieldError("scenario", f"{'x'.join(fields)} must have {count} fields")
    return fields


def _decimal(text: str) -> Decimal:
    return decimal_of(text, "scenario")


def _symbol(text: str) -> str:
    return symbol_of(text, "scenario")


def _whole(fields: list[str]) -> str:
    [text] = _fields(fields, 1)
    if not re.fullmatch(r"-?[0-9]{1,17}", text):
        raise FieldError("scenario", "its time is not one")
    return text


def _check(body: str) -> str:
    """Thirty-two bits over the text, in base 36."""
    rest, letters = zlib.crc32(body.encode(errors="replace")), ""
    while rest or not letters:
        rest, digit = divmod(rest, 36)
        letters = _LETTERS[digit] + letters
    return letters
