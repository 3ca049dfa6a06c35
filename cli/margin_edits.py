"""The edits, unknowns and ladders of shocks of a what-if request, from JSON."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from cli.margin_request import Faults, mapping, sequence, symbols_of, target_of
from core.categories import betas_of
from core.curve import ladder
from core.errors import FieldError
from core.exact import decimal_of
from core.policy import Policy
from core.policy_text import length_of
from core.portfolio import Side, identifier_of, symbol_of
from core.solve import AmountOf, MoveOf, PriceOf, Unknown
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

Table = Mapping[str, Any]
MOST_STEPS = 10_001


def scenario_of(value: object) -> Scenario:
    """The edits of a request, in their order; InputError with the faults of all of them."""
    faults, edits = Faults(), []
    for i, raw in enumerate(sequence(value, "edits")):
        edit = faults.take(edit_of, raw, f"edits.{i}")
        if edit is not None:
            edits.append(edit)
    faults.settle()
    return Scenario(tuple(edits))


def edit_of(value: object, at: str) -> Edit:
    """One edit, `{"edit": "shock", "asset": "ETH", "fraction": "-0.2"}`; FieldError else."""
    table = mapping(value, at)
    kind = table.get("edit")
    if not isinstance(kind, str) or kind not in EDITS:
        entry = f"{at}.edit"
        raise FieldError(entry, f"is none of {', '.join(EDITS)}")
    edit = EDITS[kind](table, at)
    only(table, ("edit", *FIELDS[kind]), at)
    return edit.checked(at)


def unknown_of(value: object, at: str, policy: Policy) -> tuple[str, Unknown, Decimal]:
    """What to solve for, as written, as a value, and the score to be reached."""
    table = mapping(value, at)
    only(table, ("for", "target", "asset", "side", "category", "betas", "pegged"), at)
    kind = table.get("for")
    target = target_of(_given(table, "target", at), f"{at}.target", policy)
    if kind == "price":
        return "price", PriceOf(_asset(table, at)), target
    if kind == "amount":
        return "amount", AmountOf(_side(table, at), _asset(table, at)), target
    if kind == "drop":
        return "drop", MoveOf(_betas(table, at, policy), _set(table, "pegged", at)), target
    entry = f"{at}.for"
    raise FieldError(entry, "is none of price, amount, drop")


def shocks_of(table: Table, at: str, name: str = "shocks") -> tuple[Decimal, ...]:
    """A list of shocks, or a ladder `{"from", "to", "steps"}` of them."""
    if name in table:
        entry = f"{at}.{name}"
        return tuple(
            decimal_of(raw, f"{entry}.{i}") for i, raw in enumerate(sequence(table[name], entry))
        )
    count = decimal_of(_given(table, "steps", at), f"{at}.steps")
    if count != int(count) or not 1 <= count <= MOST_STEPS:
        entry = f"{at}.steps"
        raise FieldError(entry, f"must be a whole number from 1 to {MOST_STEPS}")
    low, high = (decimal_of(_given(table, key, at), f"{at}.{key}") for key in ("from", "to"))
    return ladder(low, high, int(count))


def only(table: Table, known: Iterable[str], at: str) -> None:
    """FieldError for a key that means nothing here: what was meant must not be left out."""
    strange = [key for key in table if key not in tuple(known)]
    if strange:
        entry = f"{at}.{strange[0]}"
        raise FieldError(entry, f"is none of {', '.join(known)}")


def _given(table: Table, key: str, at: str) -> Any:
    if key not in table:
        entry = f"{at}.{key}"
        raise FieldError(entry, "is missing")
    return table[key]


def _asset(table: Table, at: str) -> str:
    return symbol_of(_given(table, "asset", at), f"{at}.asset")


def _decimal(table: Table, key: str, at: str) -> Decimal:
    return decimal_of(_given(table, key, at), f"{at}.{key}")


def _side(table: Table, at: str) -> Side:
    raw = _given(table, "side", at)
    if raw not in tuple(Side):
        entry = f"{at}.side"
        raise FieldError(entry, "must be collateral or borrow")
    return Side(raw)


def _set(table: Table, key: str, at: str) -> frozenset[str]:
    return frozenset(symbols_of(table.get(key, []), f"{at}.{key}"))


def _betas(table: Table, at: str, policy: Policy) -> Mapping[str, Decimal] | None:
    if table.get("category") is not None:
        return policy.category(identifier_of(table["category"], f"{at}.category")).betas
    given = table.get("betas")
    return None if given is None else betas_of(mapping(given, f"{at}.betas"), f"{at}.betas")


def _group(table: Table, at: str) -> Edit:
    betas = betas_of(mapping(_given(table, "betas", at), f"{at}.betas"), f"{at}.betas")
    return GroupShock(_decimal(table, "fraction", at), betas)


def _thresholds(table: Table, at: str) -> Edit:
    entry = f"{at}.thresholds"
    bounds = sequence(_given(table, "thresholds", at), entry)
    if len(bounds) != len(Policy().thresholds()):
        raise FieldError(entry, "must be three percentages, the highest first")
    healthy, warning, call = (decimal_of(raw, f"{entry}.{i}") for i, raw in enumerate(bounds))
    return SetThresholds(healthy, warning, call)


def _by(table: Table, at: str) -> timedelta:
    return length_of(f"{at}.by", _given(table, "by", at))


FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "set_amount": ("side", "asset", "amount"),
        "add_amount": ("side", "asset", "amount"),
        "set_price": ("asset", "price"),
        "shock": ("asset", "fraction"),
        "shock_all": ("fraction", "pegged"),
        "group_shock": ("fraction", "betas"),
        "set_category": ("category",),
        "set_weight": ("asset", "weight"),
        "set_thresholds": ("thresholds",),
        "outage": ("assets",),
        "delay": ("by", "assets"),
    }
)
"""What an edit may carry beside its name."""

EDITS: Mapping[str, Callable[[Table, str], Edit]] = MappingProxyType(
    {
        "set_amount": lambda t, at: SetAmount(
            _side(t, at), _asset(t, at), _decimal(t, "amount", at)
        ),
        "add_amount": lambda t, at: AddAmount(
            _side(t, at), _asset(t, at), _decimal(t, "amount", at)
        ),
        "set_price": lambda t, at: SetPrice(_asset(t, at), _decimal(t, "price", at)),
        "shock": lambda t, at: Shock(_asset(t, at), _decimal(t, "fraction", at)),
        "shock_all": lambda t, at: ShockAll(_decimal(t, "fraction", at), _set(t, "pegged", at)),
        "group_shock": _group,
        "set_category": lambda t, at: SetCategory(_given(t, "category", at)),
        "set_weight": lambda t, at: SetWeight(_asset(t, at), _decimal(t, "weight", at)),
        "set_thresholds": _thresholds,
        "outage": lambda t, at: Outage(_set(t, "assets", at)),
        "delay": lambda t, at: Delay(_by(t, at), _set(t, "assets", at)),
    }
)
"""What a request calls the edits."""
