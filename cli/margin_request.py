"""What a margin command is asked: prices, policy and accounts, with every fault named at once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, ParamSpec, TypeVar

from cli.jsonio import InputError, faults_of
from core.errors import CoreError, FieldError
from core.exact import ZERO, amount_of, decimal_of
from core.policy import Policy, Status
from core.policy_text import policy_from_table
from core.portfolio import Portfolio, PricePoint, PriceSnapshot, Side, symbol_of

ACCOUNT = ("user_id", "collateral", "borrow", "weights", "category", "hedges", "cash")
"""What an account may carry, for any of the margin commands."""
ALIASES: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("debt", "debts", "loan", "loans", "liabilities", "owed"), "borrow")
    | dict.fromkeys(("deposit", "deposits", "assets", "supply"), "collateral")
)
"""Words of others for what is called otherwise here: left alone, a debt would not count."""
GIVEN_AT = datetime(1970, 1, 1, tzinfo=UTC)
"""A request's prices are of one unnamed instant."""

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """Prices, policy and accounts of one request, and its options.

    `targets` are the policy's thresholds and those asked for besides, highest first, in percent.
    `steps` are the smallest movable parts of assets, `fee` the fraction of a sale that is lost.
    """

    prices: PriceSnapshot
    policy: Policy
    accounts: tuple[Portfolio, ...]
    targets: tuple[Decimal, ...]
    steps: Mapping[str, Decimal]
    fee: Decimal
    add_with: tuple[str, ...]
    borrow_with: tuple[str, ...]

    def under(self, prices: PriceSnapshot, policy: Policy) -> "Request":
        """The same request on other prices and by another policy, whose thresholds join in."""
        targets = _all_targets(policy, set(self.targets) - set(self.policy.thresholds()))
        return replace(self, prices=prices, policy=policy, targets=targets)


class Faults:
    """Collects what is wrong while reading goes on."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def take(self, read: Callable[P, T], *args: P.args, **options: P.kwargs) -> T | None:
        """What `read` gives, or None and its faults kept."""
        try:
            return read(*args, **options)
        except (CoreError, InputError) as error:
            self.found += faults_of(error)
            return None

    def settle(self) -> None:
        """Raise InputError when anything was wrong."""
        if self.found:
            raise InputError(self.found)


OPTIONS = ("prices", "policy", "accounts", "targets", "steps", "fee", "add_with", "borrow_with")


def request_of(
    value: object, policy: Policy | None = None, known: Sequence[str] = (), *, accounts: bool = True
) -> Request:
    """Read a request; `policy` is used where it has none of its own, `known` are more of its keys.

    Raises InputError with every fault. A key close to a known one is a fault, as a slip of the pen
    must not change a status; any other unknown key is left alone.
    """
    faults = Faults()
    table = mapping(value, "request")
    faults.found += slips(table, (*OPTIONS, *known))
    prices = faults.take(prices_of, table.get("prices"), "prices")
    judged = faults.take(_policy, table, policy)
    held = faults.take(accounts_of, table.get("accounts")) if accounts else ()
    targets = faults.take(targets_of, table.get("targets", []))
    steps = faults.take(_steps, table.get("steps", {}))
    fee = faults.take(fee_of, table.get("fee", ZERO))
    add_with = faults.take(symbols_of, table.get("add_with", []), "add_with")
    borrow_with = faults.take(symbols_of, table.get("borrow_with", []), "borrow_with")
    for i, account in enumerate(held or ()):
        if judged is not None and account.category not in (None, *judged.categories):
            faults.found.append(f"accounts.{i}.category: is not one of policy {judged.version}")
    faults.settle()
    assert prices is not None
    assert judged is not None
    assert fee is not None
    return Request(
        prices=prices,
        policy=judged,
        accounts=held or (),
        targets=_all_targets(judged, targets or ()),
        steps=steps or {},
        fee=fee,
        add_with=add_with or (),
        borrow_with=borrow_with or (),
    )


def mapping(value: object, field: str) -> Mapping[str, Any]:
    """A JSON object; FieldError naming `field` for anything else."""
    if not isinstance(value, Mapping):
        raise FieldError(field, "must be a JSON object")
    return value


def sequence(value: object, field: str) -> Sequence[Any]:
    """A JSON list; FieldError naming `field` for anything else."""
    if not isinstance(value, list):
        raise FieldError(field, "must be a list")
    return value


def slips(table: Mapping[str, Any], known: Iterable[str], at: str = "") -> list[str]:
    """Keys that are nearly a known one: slips of the pen."""
    names = tuple(known)
    found = []
    for key in table:
        near = None if key in names else _meant(key, names)
        found += [f"{at}{key}: is not known here, did you mean {near}?"] if near else []
    return found


def _meant(key: str, names: Sequence[str]) -> str | None:
    """The known name that a key is another word for, begins, or nearly is; None for none."""
    folded = key.casefold()
    if ALIASES.get(folded) in names:
        return ALIASES[folded]
    begun = [name for name in names if len(folded) >= 4 and name.startswith(folded)]
    near = begun or get_close_matches(folded, names, 1, 0.8)
    return near[0] if near else None


def prices_of(value: object, field: str) -> PriceSnapshot:
    """Prices in USD by asset; null is no price. Raises InputError with every fault."""
    if value is None:
        raise FieldError(field, "is missing: USD by asset")
    faults, points = Faults(), {}
    for written, raw in mapping(value, field).items():
        entry = f"{field}.{written}"
        asset = faults.take(symbol_of, written, entry)
        if raw is None:
            continue
        price = faults.take(amount_of, raw, entry)
        if asset in points:
            faults.found.append(f"{entry}: {asset} is given twice")
        elif asset is not None and price is not None:
            points[asset] = PricePoint(asset, price, GIVEN_AT, "request")
    faults.settle()
    return PriceSnapshot("request", GIVEN_AT, MappingProxyType(points))


def accounts_of(value: object) -> tuple[Portfolio, ...]:
    """Every account; InputError with all faults of all of them."""
    if value is None:
        raise FieldError("accounts", "is missing: a list of accounts")
    faults, held = Faults(), []
    for i, raw in enumerate(sequence(value, "accounts")):
        account = faults.take(account_of, raw, f"accounts.{i}")
        if account is not None:
            held.append(account)
    faults.settle()
    return tuple(held)


def account_of(value: object, at: str) -> Portfolio:
    """One account; InputError with all its faults, such as `accounts.0.borrow.USDC: …`."""
    table = mapping(value, at)
    found = slips(table, ACCOUNT, f"{at}.")
    user = table.get("user_id")
    if user is None:
        found.append(f"{at}.user_id: is missing")
        user = "nobody"
    positions: dict[str, Any] = {side.value: table.get(side, {}) for side in Side}
    weights = table.get("weights")
    for name, entries in {**positions, "weights": weights or {}}.items():
        if not isinstance(entries, Mapping):
            found.append(f"{at}.{name}: must map asset symbols to numbers")
            continue
        for asset, amount in entries.items():
            found += _faults(at, "nobody", {name: {asset: amount}})
    category = table.get("category")
    found += _faults(at, user, {"category": category})
    if not found:  # what is wrong between entries, such as one asset given twice
        found = _faults(at, user, {**positions, "weights": weights, "category": category})
    if found:
        raise InputError(found)
    return Portfolio.of(user, positions[Side.COLLATERAL], positions[Side.BORROW], weights, category)


def _faults(at: str, user: str, parts: Mapping[str, Any]) -> list[str]:
    try:
        Portfolio.of(
            user,
            parts.get("collateral", {}),
            parts.get("borrow", {}),
            parts.get("weights"),
            parts.get("category"),
        )
    except FieldError as error:
        return [f"{at}.{error}"]
    return []


def targets_of(value: object, field: str = "targets") -> tuple[Decimal, ...]:
    """Thresholds asked for besides the policy's, in percent above -100."""
    faults = Faults()
    found = [
        faults.take(target_of, raw, f"{field}.{i}") for i, raw in enumerate(sequence(value, field))
    ]
    faults.settle()
    return tuple(target for target in found if target is not None)


def target_of(raw: Any, field: str, policy: Policy | None = None) -> Decimal:
    """A threshold in percent, or with a policy also the name of a band that begins somewhere."""
    if policy is not None and isinstance(raw, str) and raw.upper() in Status.__members__:
        bound = policy.lower_bound(Status[raw.upper()])
        if bound is None:
            raise FieldError(field, f"{raw} has no lower end to reach")
        return bound
    target = decimal_of(raw, field)
    if target <= -100:
        raise FieldError(field, "must be above -100: a score of -100 is no collateral at all")
    return target


def fee_of(raw: Any) -> Decimal:
    """The fraction of a sale that is lost."""
    fee = amount_of(raw, "fee")
    if fee >= 1:
        raise FieldError("fee", "must be below 1: it is a fraction of the sale")
    return fee


def symbols_of(value: object, field: str) -> tuple[str, ...]:
    """A list of asset symbols."""
    listed = sequence(value, field)
    return tuple(symbol_of(raw, f"{field}.{i}") for i, raw in enumerate(listed))


def _steps(value: object) -> dict[str, Decimal]:
    steps = {}
    for written, raw in mapping(value, "steps").items():
        entry = f"steps.{written}"
        step = amount_of(raw, entry)
        if not step:
            raise FieldError(entry, "must be above zero")
        steps[symbol_of(written, entry)] = step
    return steps


def _policy(table: Mapping[str, Any], policy: Policy | None) -> Policy:
    given = table.get("policy")
    if given is None:
        return policy or Policy()
    try:
        return policy_from_table(mapping(given, "policy"))
    except CoreError as error:
        raise InputError(
            fault if fault.startswith("policy:") else f"policy.{fault}"
            for fault in faults_of(error)
        ) from None


def _all_targets(policy: Policy, more: Iterable[Decimal]) -> tuple[Decimal, ...]:
    return tuple(sorted({*policy.thresholds(), *more}, reverse=True))
