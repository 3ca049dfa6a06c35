"""`fusion margin`: the shared risk module on the command line."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.hit import hit
from cli.stress import stress

if TYPE_CHECKING:
    from core.policy import Policy

app = typer.Typer(
    help="Assess accounts, ask what if, revalue a book. JSON or JSON Lines in and out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Input = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="The request; standard input without one.")
]
Table = Annotated[bool, typer.Option("--table", help="For people instead of programs.")]
PolicyFile = Annotated[
    Path | None, typer.Option("--policy", help="TOML; for requests without a policy of their own.")
]


@app.command()
def assess(file: Input = None, table: Table = False, policy: PolicyFile = None) -> None:
    """Score, status, trigger prices, cures and headroom of each account, exactly."""
    from cli.jsonio import serve
    from cli.margin_answer import account_answer
    from cli.margin_request import request_of
    from cli.margin_table import show_accounts

    given = _policy(policy)

    def answer(value: object) -> dict[str, object]:
        request = request_of(value, given)
        accounts = [account_answer(account, request) for account in request.accounts]
        return {"policy_version": request.policy.version, "accounts": accounts}

    serve(file, answer, show_accounts if table else None)


@app.command("what-if")
def what_if(file: Input = None, table: Table = False, policy: PolicyFile = None) -> None:
    """Edit accounts, prices, policy or plumbing; before, after, and what was solved for."""
    from cli import margin_what_if
    from cli.jsonio import serve
    from cli.margin_table import show_what_if

    given = _policy(policy)
    serve(file, lambda value: margin_what_if.what_if(value, given), show_what_if if table else None)


@app.command()
def book(
    file: Input = None,
    positions: Annotated[
        Path | None,
        typer.Option(help="CSV of user_id,side,asset,amount instead of the request's accounts."),
    ] = None,
    summary: Annotated[
        bool, typer.Option("--summary", help="Leave out the list of all accounts.")
    ] = False,
    table: Table = False,
    policy: PolicyFile = None,
) -> None:
    """Revalue a book: counts, sums, the worst, movers, histogram and drop curve."""
    from cli import margin_book
    from cli.jsonio import Answer, fail, serve, write
    from cli.margin_table import show_book

    given, faults = _policy(policy), list[str]()
    show = show_book if table else write

    def answer(value: object) -> dict[str, object]:
        return margin_book.book(value, given, positions, summary=summary)

    def tell(found: Answer) -> None:
        show(found)
        left_out = found["faults"]
        faults.extend(left_out if isinstance(left_out, list) else ())

    serve(file, answer, tell)
    if faults:
        fail(faults)


app.command()(stress)
app.command()(hit)


def _policy(path: Path | None) -> "Policy | None":
    if path is None:
        return None
    from cli.jsonio import fail
    from consumers.policy_source import load_policy
    from core.errors import PolicyError

    try:
        return load_policy(path)
    except PolicyError as error:
        fail(error.faults)
