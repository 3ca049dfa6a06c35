"""A policy as text (TOML) or as a table of plain values, and back.

    version = "2026-11"
    hysteresis = 0.5                                      # points of score
    thresholds = { healthy = 50, warning = 30, margin_call = 15 }     # or [50, 30, 15]
    weights = { ETH = 0.83, BTC = 0.78 }                  # collateral weights, 0..1
    reminders = { LIQUIDATION = "15 min", MARGIN_CALL = "1 h" }
    staleness = { default = "90 s", SOL = "30 s" }

    [categories.eth]                                      # e-mode
    weights = { ETH = 0.95, STETH = 0.93 }
    betas = { ETH = 1, STETH = 1 }

    [shocks]
    pegged = ["USDC", "USDT"]
    down = { ETH = -0.35, USDC = -0.03 }                  # signed fractions
    up = { ETH = 0.30 }

Everything may be left out; what is left out is as in `Policy()`. A number may be quoted. A length
of time is seconds, or a number with ms, s, min, h or d. Files are read elsewhere.
"""

import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal, localcontext
from typing import Any

from core.categories import Category
from core.errors import FieldError, PolicyError
from core.exact import CONTEXT, amount_of, decimal_of, plain
from core.policy import Policy, Status
from core.portfolio import symbol_of

_BOUNDS = ("healthy", "warning", "margin_call")
_LENGTH = re.compile(r"([0-9.]+)\s*(ms|s|min|h|d)")
_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_SHORTEST = Decimal("1e-6")
_LONGEST = Decimal(86_400 * 36_500)  # seconds: a hundred years


def policy_from_text(text: str) -> Policy:
    """Read TOML. Raises PolicyError with every fault at once, or with where it is no TOML."""
    try:
        table = tomllib.loads(text, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise PolicyError((f"policy: is not TOML: {error}",)) from None
    return policy_from_table(table)


def policy_from_table(table: Mapping[str, object]) -> Policy:
    """Read the same from plain values, such as JSON. Raises PolicyError with every fault."""
    reader = _Reader()
    fields = reader.fields(table)
    try:
        policy = Policy(**fields)
    except PolicyError as error:
        raise PolicyError((*reader.faults, *error.faults)) from None
    if reader.faults:
        raise PolicyError(tuple(reader.faults))
    return policy


def policy_to_text(policy: Policy) -> str:
    """TOML that reads back as the same policy."""
    bounds = dict(zip(_BOUNDS, policy.thresholds(), strict=True))
    default = {} if policy.stale_after is None else {"default": policy.stale_after}
    staleness = {**default, **policy.staleness}
    lines = [
        f"version = {json.dumps(policy.version)}",
        f"hysteresis = {_quoted(policy.hysteresis)}",
        f"thresholds = {_inline(bounds)}",
        f"weights = {_inline(policy.weights)}",
        f"reminders = {_inline(policy.reminder)}",
        f"staleness = {_inline(staleness)}",
    ]
    for name, category in policy.categories.items():
        lines += [
            "",
            f"[categories.{json.dumps(name)}]",
            f"weights = {_inline(category.weights)}",
            f"betas = {_inline(category.betas)}",
        ]
    lines += [
        "",
        "[shocks]",
        f"pegged = {json.dumps(sorted(policy.pegged))}",
        f"down = {_inline(policy.shocks_down)}",
        f"up = {_inline(policy.shocks_up)}",
    ]
    return "\n".join(lines) + "\n"


class _Reader:
    """Reads a table part by part, and keeps what is wrong instead of stopping at it."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def fields(self, table: Mapping[str, object]) -> dict[str, Any]:
        parts: dict[str, Callable[[str, Any], dict[str, Any]]] = {
            "version": self._version,
            "hysteresis": lambda name, raw: {name: decimal_of(raw, name)},
            "thresholds": self._thresholds,
            "weights": lambda name, raw: {name: self._each(name, raw, _weight)},
            "reminders": self._reminders,
            "staleness": self._staleness,
            "categories": self._categories,
            "shocks": self._shocks,
        }
        found: dict[str, Any] = {}
        for name, raw in self._known("", table, tuple(parts)).items():
            found.update(self._try(parts[name], name, raw) or {})
        return found

    def _try(self, read: Callable[[str, Any], Any], name: str, raw: object) -> Any:
        try:
            return read(name, raw)
        except FieldError as error:
            self.faults.append(str(error))
            return None

    def _known(self, name: str, raw: object, keys: Sequence[str]) -> dict[str, Any]:
        """The keys of a table that mean something; the others are faults."""
        at = f"{name}." if name else ""
        if not isinstance(raw, Mapping):
            raise FieldError(name or "policy", f"must be a table of {', '.join(keys)}")
        self.faults += [
            f"{at}{key}: is not known here ({', '.join(keys)} are)"
            for key in raw
            if key not in keys
        ]
        return {key: raw[key] for key in raw if key in keys}

    def _each(self, name: str, raw: object, read: Callable[[str, Any], Any]) -> dict[str, Any]:
        """A table by asset; what cannot be read is left out."""
        if not isinstance(raw, Mapping):
            raise FieldError(name, "must be a table by asset symbol")
        found: dict[str, Any] = {}
        for written, value in raw.items():
            entry = f"{name}.{written}"
            asset = self._try(lambda at, symbol: symbol_of(symbol, at), entry, written)
            number = self._try(read, entry, value)
            if asset in found:
                self.faults.append(f"{entry}: {asset} is given twice")
            elif asset is not None and number is not None:
                found[asset] = number
        return found

    def _version(self, name: str, raw: object) -> dict[str, Any]:
        if not isinstance(raw, str) or not raw.isprintable() or not 1 <= len(raw) <= 64:
            raise FieldError(name, "must be a text of 1 to 64 characters")
        return {name: raw}

    def _thresholds(self, name: str, raw: object) -> dict[str, Any]:
        if isinstance(raw, Mapping):
            given = self._known(name, raw, _BOUNDS)
        elif isinstance(raw, Sequence) and not isinstance(raw, str) and len(raw) == len(_BOUNDS):
            given = dict(zip(_BOUNDS, raw, strict=True))
        else:
            raise FieldError(name, f"must be three percentages: {', '.join(_BOUNDS)}")
        read = {key: self._try(_number, f"{name}.{key}", value) for key, value in given.items()}
        # one that cannot be read is a fault by itself: the others are not held against a default
        return {} if None in read.values() else read

    def _reminders(self, name: str, raw: object) -> dict[str, Any]:
        told = (Status.LIQUIDATION, Status.MARGIN_CALL, Status.WARNING)
        given = self._known(name, raw, told)
        read = {Status(k): self._try(length_of, f"{name}.{k}", v) for k, v in given.items()}
        return {"reminder": {status: length for status, length in read.items() if length}}

    def _staleness(self, name: str, raw: object) -> dict[str, Any]:
        if not isinstance(raw, Mapping):
            raise FieldError(name, "must be a table of `default` and asset symbols")
        found: dict[str, Any] = {}
        if "default" in raw:
            length = self._try(length_of, f"{name}.default", raw["default"])
            found = {"stale_after": length} if length else {}
        assets = {key: value for key, value in raw.items() if key != "default"}
        return {**found, "staleness": self._each(name, assets, length_of)}

    def _categories(self, name: str, raw: object) -> dict[str, Any]:
        if not isinstance(raw, Mapping):
            raise FieldError(name, "must be a table by category")
        read = {key: self._try(self._category, key, value) for key, value in raw.items()}
        return {name: {key: category for key, category in read.items() if category is not None}}

    def _category(self, name: str, raw: object) -> Category:
        at = f"categories.{name}"
        given = self._known(at, raw, ("weights", "betas"))
        weights = self._each(f"{at}.weights", given.get("weights", {}), _weight)
        betas = self._each(f"{at}.betas", given.get("betas", {}), _number)
        return Category(name, weights, betas)

    def _shocks(self, name: str, raw: object) -> dict[str, Any]:
        given = self._known(name, raw, ("pegged", "down", "up"))
        pegged = given.get("pegged", [])
        if not isinstance(pegged, Sequence) or isinstance(pegged, str):
            entry = f"{name}.pegged"
            raise FieldError(entry, "must be a list of asset symbols")
        symbols = [
            self._try(lambda at, asset: symbol_of(asset, at), f"{name}.pegged.{i}", asset)
            for i, asset in enumerate(pegged)
        ]
        moves = {
            f"shocks_{way}": self._each(f"{name}.{way}", given.get(way, {}), _number)
            for way in ("down", "up")
        }
        return {"pegged": frozenset(filter(None, symbols)), **moves}


def _number(name: str, raw: Any) -> Decimal:
    return decimal_of(raw, name)


def _weight(name: str, raw: Any) -> Decimal:
    weight = amount_of(raw, name)
    if weight > 1:
        raise FieldError(name, "must be between 0 and 1")
    return weight


def length_of(name: str, raw: Any) -> timedelta:
    """A length of time: seconds, or a text such as `15 min`; FieldError naming `name` else."""
    match = _LENGTH.fullmatch(raw.strip()) if isinstance(raw, str) else None
    number, unit = match.groups() if match else (raw, "s")
    with localcontext(CONTEXT):
        seconds = decimal_of(number, name) * Decimal(str(_UNITS[unit].total_seconds()))
        if not _SHORTEST <= seconds <= _LONGEST:
            raise FieldError(name, 'must be a length of time, such as 90, "90 s" or "15 min"')
        return timedelta(microseconds=int(seconds.scaleb(6)))


def _inline(table: Mapping[Any, Decimal | timedelta]) -> str:
    pairs = (f"{json.dumps(str(key))} = {_quoted(value)}" for key, value in table.items())
    return f"{{ {', '.join(pairs)} }}" if table else "{}"


def _quoted(value: Decimal | timedelta) -> str:
    if isinstance(value, Decimal):
        return f'"{plain(value)}"'
    micro = Decimal(value // timedelta(microseconds=1))
    with localcontext(CONTEXT):
        return f'"{plain(micro.scaleb(-6))} s"'
