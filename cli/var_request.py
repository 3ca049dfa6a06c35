"""What `fusion var` is asked: a history of returns or prices, and what is held of each asset.

A history is a list of rows, oldest first, each a list of one number per asset or an object by
asset; a list of plain numbers, for one asset; or an object of one list per asset. What is held are
`weights`, `values` (USD), `positions` (units, at the last price) or `accounts` (collateral less
borrow, at the last price). Signs count: what is owed is negative.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from cli.margin_request import Faults, accounts_of, mapping, sequence, slips
from core.errors import FieldError
from core.exact import ONE, Number, decimal_of
from core.portfolio import Portfolio, symbol_of
from core.value_at_risk import Floats, Method, confidence_of, realised
from core.var_monte_carlo import DRAWS, SEED

HOLDINGS = ("weights", "values", "positions", "accounts")
OPTIONS = ("returns", "prices", *HOLDINGS, "assets", "confidence", "horizon_days", "method",
           "scaling", "value", "draws", "seed")  # fmt: skip
SCALINGS = ("realised", "sqrt_time")
MOST_DRAWS = 10_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """Returns (periods x assets), exposures by asset, and how to measure.

    `window_days` is the length of each period, `scaled_days` by how many of them the figures are
    scaled; `accounts` are each account's own exposures.
    """

    assets: tuple[str, ...]
    returns: Floats
    exposures: Floats
    accounts: Mapping[str, Floats]
    unit: str
    confidence: Decimal
    horizon_days: Decimal
    window_days: int
    scaled_days: float
    method: Method
    draws: int
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class _History:
    """Rows by asset; `last` are the present prices, None where only returns are known."""

    assets: tuple[str, ...]
    rows: Floats
    last: Floats | None


def question_of(value: object) -> Question:
    """Read a request; InputError with every fault that can be told at once."""
    asked = mapping(value, "request")
    faults = Faults()
    faults.found += slips(asked, OPTIONS)
    confidence = faults.take(confidence_of, asked.get("confidence", "0.95"))
    days = faults.take(_days, asked.get("horizon_days", 1))
    method = faults.take(_method, asked.get("method", Method.HISTORICAL.value))
    scaling = faults.take(_scaling, asked.get("scaling"))
    draws = faults.take(_whole, asked.get("draws", DRAWS), "draws", 2, MOST_DRAWS)
    seed = faults.take(_whole, asked.get("seed", SEED), "seed", 0, 2**63)
    history = faults.take(_history, asked)
    faults.settle()
    assert confidence is not None
    assert days is not None
    assert method is not None
    assert history is not None
    windows = _windows(asked, method, days, scaling)
    returns = history.rows if asked.get("returns") is not None else realised(history.rows, windows)
    held, unit = _held(asked, history)
    return Question(
        assets=history.assets,
        returns=returns,
        exposures=sum(held.values(), np.zeros(len(history.assets))),
        accounts=held if asked.get("accounts") is not None else {},
        unit=unit,
        confidence=confidence,
        horizon_days=days,
        window_days=windows,
        scaled_days=1.0 if windows > 1 else float(days),
        method=method,
        draws=draws or DRAWS,
        seed=SEED if seed is None else seed,
    )


def _windows(asked: Mapping[str, Any], method: Method, days: Decimal, scaling: str | None) -> int:
    """How many rows a period spans: the horizon, where realised moves are to be had."""
    able = asked.get("returns") is None and method is Method.HISTORICAL and days == int(days)
    if scaling == "realised" and not able and days != 1:
        raise FieldError("scaling", "realised needs prices, whole days and the historical method")
    return int(days) if able and scaling != "sqrt_time" else 1


def _history(asked: Mapping[str, Any]) -> _History:
    returns, prices = asked.get("returns"), asked.get("prices")
    if returns is None and prices is None:
        raise FieldError("returns", "is missing: rows of returns, or prices")
    field = "prices" if returns is None else "returns"
    names = _names(asked.get("assets"))
    names, rows = _matrix(asked[field], field, names)
    if rows.shape[1] != (len(names) or _holdings_size(asked)) == len(rows):
        rows = rows.T  # a row for each asset
    assets = names or _named_holdings(asked, rows.shape[1])
    if len(set(assets)) != len(assets):
        raise FieldError("assets", "name one asset twice")
    if len(assets) != rows.shape[1]:
        raise FieldError("assets", f"names {len(assets)} for rows of {rows.shape[1]}")
    if returns is None:
        return _History(assets, rows, rows[-1])
    return _History(assets, rows, None if prices is None else _present(prices, assets))


def _present(prices: object, assets: Sequence[str]) -> Floats:
    """The prices of now beside returns: by asset, in the order of assets, or the last row."""
    listed = prices
    if isinstance(listed, list) and listed and isinstance(listed[-1], list | Mapping):
        listed = listed[-1]
    if isinstance(listed, Mapping):
        listed = {a: row[-1] if isinstance(row, list) and row else row for a, row in listed.items()}
    return _vector(listed, "prices", assets, whole=True)


def _matrix(value: object, field: str, names: tuple[str, ...]) -> tuple[tuple[str, ...], Floats]:
    """Asset names where the history has them, and its rows."""
    if isinstance(value, Mapping):
        found = tuple(symbol_of(asset, f"{field}.{asset}") for asset in value)
        columns = [_numbers(row, f"{field}.{asset}") for asset, row in value.items()]
        if len({len(column) for column in columns}) != 1:
            raise FieldError(field, "must have lists of one length for all assets")
        return found, np.array(columns).T
    rows = sequence(value, field)
    if not rows:
        raise FieldError(field, "must have at least one row")
    if isinstance(rows[0], Mapping):
        found = tuple(symbol_of(asset, f"{field}.0.{asset}") for asset in rows[0])
        parts = [_vector(row, f"{field}.{i}", found, whole=True) for i, row in enumerate(rows)]
        return found, np.array(parts)
    if not isinstance(rows[0], list):
        return names, np.array(_numbers(rows, field))[:, None]
    parts = [np.array(_numbers(row, f"{field}.{i}")) for i, row in enumerate(rows)]
    for i, part in enumerate(parts):
        if len(part) != len(parts[0]) or not len(part):
            entry = f"{field}.{i}"
            raise FieldError(entry, f"has {len(part)} numbers, the first row {len(parts[0])}")
    return names, np.array(parts)


def _held(asked: Mapping[str, Any], history: _History) -> tuple[dict[str, Floats], str]:
    """Exposures by account (one of no name where there are none), and their unit."""
    given = [name for name in HOLDINGS if asked.get(name) is not None]
    if len(given) > 1:
        raise FieldError(given[1], f"and {given[0]} are given: one of them")
    scale = asked.get("value")
    if scale is not None and given not in ([], ["weights"]):
        raise FieldError("value", f"is for weights, and {given[0]} are given")
    if not given:
        if len(history.assets) > 1:
            raise FieldError("weights", "is missing: weights, values, positions or accounts")
        return _weighted(np.ones(1), scale)
    name = given[0]
    if name == "accounts":
        return _accounts(accounts_of(asked[name]), history), "usd"
    vector = _vector(asked[name], name, history.assets)
    if name == "weights":
        return _weighted(vector, scale)
    return {"": vector if name == "values" else vector * _last(history, name)}, "usd"


def _weighted(weights: Floats, scale: Number | None) -> tuple[dict[str, Floats], str]:
    if scale is None:
        return {"": weights}, "fraction"
    return {"": weights * float(decimal_of(scale, "value"))}, "usd"


def _accounts(accounts: Sequence[Portfolio], history: _History) -> dict[str, Floats]:
    held: dict[str, Floats] = {}
    for i, account in enumerate(accounts):
        if account.user_id in held:
            entry = f"accounts.{i}.user_id"
            raise FieldError(entry, f"{account.user_id} is given twice")
        held[account.user_id] = _account(account, history)
    return held


def _account(account: Portfolio, history: _History) -> Floats:
    units = dict(account.collateral)
    for asset, amount in account.borrow.items():
        units[asset] = units.get(asset, 0 * ONE) - amount
    name = f"accounts.{account.user_id}"
    return _vector(units, name, history.assets) * _last(history, "accounts")


def _last(history: _History, name: str) -> Floats:
    if history.last is None:
        raise FieldError("prices", f"are missing: {name} are units, which returns do not price")
    return history.last


def _vector(value: object, field: str, assets: Sequence[str], *, whole: bool = False) -> Floats:
    """Numbers in the order of assets; with `whole` an object must name every one of them."""
    if not isinstance(value, Mapping):
        numbers = _numbers(value, field)
        if len(numbers) != len(assets):
            raise FieldError(field, f"has {len(numbers)} numbers for {len(assets)} assets")
        return np.array(numbers)
    places = {asset: place for place, asset in enumerate(assets)}
    found = np.full(len(assets), np.nan if whole else 0.0)
    faults, seen = Faults(), set()
    for written, raw in value.items():
        entry = f"{field}.{written}"
        asset = symbol_of(written, entry)
        if asset not in places:
            faults.found.append(f"{entry}: has no history")
            continue
        if asset in seen:
            faults.found.append(f"{entry}: {asset} is given twice")
        seen.add(asset)
        found[places[asset]] = faults.take(_number, raw, entry) or 0.0
    missing = [asset for asset in assets if np.isnan(found[places[asset]])]
    faults.found += [f"{field}.{asset}: is missing" for asset in missing]
    faults.settle()
    return found


def _numbers(value: object, field: str) -> list[float]:
    faults = Faults()
    found = [faults.take(_number, x, f"{field}.{i}") for i, x in enumerate(sequence(value, field))]
    faults.settle()
    return [number for number in found if number is not None]


def _number(value: Any, field: str) -> float:
    return float(decimal_of(value, field))


def _names(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    return tuple(symbol_of(x, f"assets.{i}") for i, x in enumerate(sequence(value, "assets")))


def _holdings_size(asked: Mapping[str, Any]) -> int | None:
    for name in ("weights", "values", "positions"):
        if isinstance(asked.get(name), list | Mapping):
            return len(asked[name])
    return None


def _named_holdings(asked: Mapping[str, Any], size: int) -> tuple[str, ...]:
    """Names by the holdings where rows are plain lists of as many numbers, else their places."""
    for name in ("weights", "values", "positions"):
        held = asked.get(name)
        if isinstance(held, Mapping):
            if len(held) != size:
                raise FieldError("assets", f"is missing: {name} names {len(held)} of {size}")
            return tuple(symbol_of(asset, f"{name}.{asset}") for asset in held)
    return tuple(f"asset_{place + 1}" for place in range(size))


def _days(value: Any) -> Decimal:
    days = decimal_of(value, "horizon_days")
    if not 0 < days <= 10_000:
        raise FieldError("horizon_days", "must be above zero, and 10,000 at most")
    return days


def _method(value: Any) -> Method:
    word = str(value).lower().replace("-", "_").replace(" ", "_")
    if word not in [method.value for method in Method]:
        raise FieldError("method", f"must be one of {', '.join(method.value for method in Method)}")
    return Method(word)


def _scaling(value: Any) -> str | None:
    if value is not None and value not in SCALINGS:
        raise FieldError("scaling", f"must be one of {', '.join(SCALINGS)}")
    return None if value is None else str(value)


def _whole(value: Any, field: str, least: int, most: int) -> int:
    number = decimal_of(value, field)
    if number != int(number) or not least <= number <= most:
        raise FieldError(field, f"must be a whole number from {least} to {most}")
    return int(number)
