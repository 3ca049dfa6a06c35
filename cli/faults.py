"""How a command says no: lines on standard error and a status."""

from typing import NoReturn

import typer

BAD_INPUT, FAILED = 2, 1


def refuse(text: str, status: int) -> NoReturn:
    """Say what is wrong, one line for each fault, and end with `status`."""
    typer.echo(text, err=True)
    raise typer.Exit(status)
