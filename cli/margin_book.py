"""What `fusion margin book` answers: a whole book at once, and the accounts to look at first."""

from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

from cli.jsonio import InputError, exact
from cli.margin_answer import Row, figures, spelled
from cli.margin_edits import shocks_of
from cli.margin_request import Request, mapping, prices_of, request_of, sequence
from consumers.book_source import load_book
from consumers.errors import BookSourceError
from core.bands import STATUS_ORDER, Floats
from core.book import Book
from core.concentration import Share, concentration, liquidations_at_risk
from core.errors import FieldError
from core.exact import CONTEXT, ONE, decimal_of
from core.policy import Policy
from core.portfolio import Portfolio
from core.position_rows import portfolios_from_rows
from core.valuation import Valuation

KEYS = ("rows", "previous_prices", "edges", "drops", "worst", "falls", "confidence")
LARGEST = 5
CONFIDENCE = "0.99"
WORST = 10
EDGES = tuple(map(Decimal, (0, 15, 30, 50, 75, 100, 150, 200, 300)))
DROPS = tuple(Decimal(percent).scaleb(-2) for percent in range(0, 100, 5))


def book(value: object, policy: Policy | None, positions: Path | None, *, summary: bool) -> Row:
    """Answer one request; `positions` is a CSV that stands for its accounts.

    Raises InputError and CoreError for what cannot be used, and what cannot be read of the book
    is named in `faults` of the answer.
    """
    table = mapping(value, "request")
    elsewhere = positions is not None or "rows" in table
    request = request_of(value, policy, KEYS, accounts=not elsewhere)
    accounts, faults = _accounts(request, table, positions)
    held = Book.from_portfolios(accounts, request.policy)
    now = held.revalue(request.prices)
    answer: Row = {
        "policy_version": request.policy.version,
        "size": len(held),
        "faults": list(faults),
        "counts": {status.value: count for status, count in now.counts().items()},
        "tiles": _tiles(now),
        "worst": [_worst(now, row) for row in _nearest(now, table)],
        "movers": _movers(now, table),
        "histogram": _histogram(now, table),
        "drop_curve": _drop_curve(now, table),
        "concentration": _concentration(now),
    }
    if "falls" in table:
        answer["liquidations_at_risk"] = _at_risk(now, table)
    if not summary:
        answer["accounts"] = [figures(now.assess(user)) for user in held.users]
    return answer


def _accounts(
    request: Request, table: Mapping[str, Any], positions: Path | None
) -> tuple[Sequence[Portfolio], Sequence[str]]:
    if positions is not None:
        try:
            loaded = load_book(positions)
        except BookSourceError as error:
            raise InputError([str(error)]) from None
        return loaded.portfolios, loaded.faults
    if "rows" in table:
        rows = sequence(table["rows"], "rows")
        built = portfolios_from_rows(enumerate(rows, 1))
        return built.portfolios, built.faults
    return request.accounts, ()


def _tiles(now: Valuation) -> Row:
    """The figures of a front page: sums in USD (float64, rounded) over accounts with prices."""
    by_status = now.collateral_by_status()
    return {
        "collateral_usd_display": _cents(sum(by_status.values())),
        "borrow_usd_display": _cents(_known(now.borrow)),
        "collateral_usd_by_status_display": {
            status.value: _cents(usd) for status, usd in by_status.items()
        },
    }


def _nearest(now: Valuation, table: Mapping[str, Any]) -> list[int]:
    count = decimal_of(table.get("worst", WORST), "worst")
    if count != int(count) or count < 0:
        raise FieldError("worst", "must be a whole number")
    return [int(row) for row in now.nearest(min(int(count), len(now)))]


def _worst(now: Valuation, row: int) -> Row:
    found = now.assess(now.book.users[row])
    with localcontext(CONTEXT):
        bound = now.book.policy.lower_bound(found.status)
        gap = None if bound is None or found.score is None else found.score - bound
    return {**figures(found), "points_above_next": spelled(gap)}


def _movers(now: Valuation, table: Mapping[str, Any]) -> list[Row]:
    """Accounts that `previous_prices` would put into another status."""
    if "previous_prices" not in table:
        return []
    before = now.book.revalue(prices_of(table["previous_prices"], "previous_prices"))
    return [
        {
            "user_id": now.book.users[row],
            "from": STATUS_ORDER[before.status[row]].value,
            "to": STATUS_ORDER[now.status[row]].value,
        }
        for row in now.movers(before).tolist()
    ]


def _histogram(now: Valuation, table: Mapping[str, Any]) -> list[Row]:
    """Scored accounts per bin of score, `from` inclusive, `below` exclusive."""
    edges = EDGES
    if "edges" in table:
        given = sequence(table["edges"], "edges")
        edges = tuple(decimal_of(raw, f"edges.{i}") for i, raw in enumerate(given))
        if sorted(set(edges)) != list(edges) or not edges:
            raise FieldError("edges", "must be percentages, each above the one before")
    counts = now.histogram(edges).tolist()
    bounds = [None, *map(exact, edges), None]
    return [
        {"from": low, "below": high, "accounts": count}
        for low, high, count in zip(bounds, bounds[1:], counts, strict=False)
    ]


def _drop_curve(now: Valuation, table: Mapping[str, Any]) -> list[Row]:
    """Collateral in LIQUIDATION after a fall of all collateral by so much (0.2: 20 percent)."""
    drops = shocks_of(table, "request", "drops") if "drops" in table else DROPS
    if any(not 0 <= drop < ONE for drop in drops):
        raise FieldError("drops", "must be fractions from 0 to below 1")
    fallen = now.drop_curve(drops).tolist()
    return [
        {"drop": exact(drop), "collateral_usd_display": _cents(usd)}
        for drop, usd in zip(drops, fallen, strict=True)
    ]


def _concentration(now: Valuation) -> Row:
    """The largest accounts and assets by counted collateral; each list adds up to 100 percent."""
    found = concentration(now, LARGEST)
    return {
        "effective_accounts": round(found.effective_accounts, 2),
        "accounts": [_share(share) for share in found.accounts],
        "assets": [_share(share) for share in found.assets],
        "unpriced": list(found.unpriced),
    }


def _share(share: Share) -> Row:
    return {
        "name": share.name,
        "collateral_usd_display": _cents(share.usd),
        "percent_display": f"{share.percent:.2f}",
    }


def _at_risk(now: Valuation, table: Mapping[str, Any]) -> Row:
    """What falls of the market, such as those of past days, put into LIQUIDATION."""
    given = sequence(table["falls"], "falls")
    falls = [float(decimal_of(raw, f"falls.{i}")) for i, raw in enumerate(given)]
    found = liquidations_at_risk(now, falls, table.get("confidence", CONFIDENCE))
    return {
        "confidence": exact(found.confidence),
        "fall": found.fall,
        "rank": found.rank,
        "of": found.count,
        "accounts": found.accounts,
        "collateral_usd_display": _cents(found.collateral_usd),
        "borrow_usd_display": _cents(found.borrow_usd),
    }


def _known(values: Floats) -> float:
    return float(values[values == values].sum())


def _cents(usd: float) -> str:
    return f"{usd:.2f}"
