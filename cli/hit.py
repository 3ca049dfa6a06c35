"""`fusion margin hit`: how likely it is that a price touches a barrier below it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

NUMBERS = ("spot", "barrier", "drift", "vol", "years")
COLUMNS = tuple((name, name) for name in (*NUMBERS, "probability"))


def hit(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="The request; standard input without one."),
    ] = None,
    table: Annotated[bool, typer.Option("--table", help="For people instead of programs.")] = False,
) -> None:
    """Chance to touch a barrier in time; drift and vol are those of the logarithm, by the year."""
    from cli.jsonio import serve

    serve(file, answer, show if table else None)


def answer(value: object) -> dict[str, object]:
    """`{"probability"}` for spot, barrier, drift of the logarithm, vol and years."""
    from cli.margin_request import Faults, mapping, slips
    from core.errors import FieldError
    from core.exact import decimal_of
    from core.probability import hit_probability

    request = mapping(value, "request")
    faults = Faults()
    faults.found += slips(request, NUMBERS)
    numbers: dict[str, float] = {}
    for name in NUMBERS:
        if request.get(name) is None:
            faults.found.append(f"{name}: is missing")
            continue
        number = faults.take(decimal_of, request[name], name)
        if number is not None:
            numbers[name] = float(number)
    faults.settle()
    try:
        return {"probability": hit_probability(**numbers)}
    except OverflowError:
        raise FieldError("drift", "is too large beside vol and years") from None


def show(found: Mapping[str, object]) -> None:
    """One figure for people."""
    typer.echo(f"probability  {found['probability']:.6%}")
