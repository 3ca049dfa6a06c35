"""Answers for people: tables on the terminal instead of a line of JSON."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from cli.jsonio import Answer

ACCOUNT = (
    ("user_id", "account"),
    ("status", "status"),
    ("score_display", "score %"),
    ("health_factor_display", "C/B"),
    ("collateral_usd_display", "collateral USD"),
    ("borrow_usd_display", "borrow USD"),
    ("liquidation_price_drop_percent", "drop to liquidation %"),
    ("reasons", "not known"),
)
TRIGGER = (
    ("user_id", "account"),
    ("asset", "asset"),
    ("direction", "direction"),
    ("price_display", "price USD"),
    ("target", "score %"),
)
CURE = (
    ("user_id", "account"),
    ("kind", "way"),
    ("asset", "asset"),
    ("amount_display", "amount"),
    ("usd_display", "USD"),
    ("target", "score %"),
)

WIDE = 200

STEP = (
    ("user_id", "account"),
    ("edit", "edit"),
    ("score_change", "points"),
    ("score", "score %"),
    ("status", "status"),
)
SOLUTION = (
    ("user_id", "account"),
    ("for", "of"),
    ("target", "score %"),
    ("direction", "direction"),
    ("value", "value"),
    ("status", "status there"),
)
CURVE = (
    ("user_id", "account"),
    ("shock", "shock"),
    ("price", "price USD"),
    ("score", "score %"),
    ("status", "status"),
)
MOVED = (("asset", "asset"), ("was", "was"), ("now", "is"), ("fraction", "move"))

COUNT = (("status", "status"), ("accounts", "accounts"))
MOVER = (("user_id", "account"), ("from", "from"), ("to", "to"))
BIN = (("from", "score from"), ("below", "below"), ("accounts", "accounts"))
DROP = (("drop", "fall"), ("collateral_usd_display", "USD"))

Columns = Sequence[tuple[str, str]]


def show_accounts(answer: Answer) -> None:
    """Accounts, then where each price tips them, what cures them and what may be taken out."""
    accounts = list(_rows(answer["accounts"]))
    show(f"Accounts, policy {answer['policy_version']}", ACCOUNT, accounts)
    for title, key, columns in (
        ("Trigger prices", "triggers", TRIGGER),
        ("Cures: one of these is enough", "cures", CURE),
        ("Headroom: one of these at most", "headroom", CURE),
    ):
        rows = [
            {"user_id": account["user_id"], **row}
            for account in accounts
            for row in _rows(account.get(key, ()))
        ]
        show(title, columns, rows)


def show_what_if(answer: Answer) -> None:
    """Before and after of each account, step by step, and what was solved for."""
    accounts = list(_rows(answer["accounts"]))
    for when in ("before", "after"):
        show(when.capitalize(), ACCOUNT, [account[when] for account in accounts])
    show("Prices that moved since the scenario was made", MOVED, _rows(answer["moved"]))
    for title, key, columns in (
        ("Step by step", "steps", STEP),
        ("Solved for", "solutions", SOLUTION),
        ("Curve", "curve", CURVE),
    ):
        rows = [
            {"user_id": account["user_id"], **row}
            for account in accounts
            for row in _rows(account.get(key, ()))
        ]
        show(title, columns, rows)


def show_book(answer: Answer) -> None:
    """Counts, the accounts to look at first, movers, histogram and drop curve."""
    counts = answer["counts"]
    assert isinstance(counts, Mapping)
    rows = [{"status": status, "accounts": count} for status, count in counts.items()]
    show(f"A book of {answer['size']}, policy {answer['policy_version']}", COUNT, rows)
    show("To look at first", ACCOUNT, _rows(answer["worst"]))
    show("Movers", MOVER, _rows(answer["movers"]))
    show("Scores", BIN, _rows(answer["histogram"]))
    show("Collateral in liquidation after a fall of all of it", DROP, _rows(answer["drop_curve"]))


def show(title: str, columns: Columns, rows: Iterable[Mapping[str, Any]]) -> None:
    """One table; nothing when it has no rows."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for key, heading in columns:
        words = key in ("user_id", "status", "asset", "direction", "kind", "reasons", "edit")
        table.add_column(heading, justify="left" if words else "right")
    for row in rows:
        table.add_row(*(_cell(row.get(key)) for key, _ in columns))
    if table.row_count:
        # a table that is piped somewhere keeps its columns: it is not folded to 80 characters
        width = None if sys.stdout.isatty() else WIDE
        Console(markup=False, highlight=False, emoji=False, width=width).print(table)


def _rows(value: object) -> Iterable[Mapping[str, Any]]:
    return value if isinstance(value, list) else ()


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {reason}" for key, reason in value.items())
    return str(value)
