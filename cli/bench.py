"""`fusion bench`: how fast risk and messaging are, beside peers and the machine's own limits."""

from typing import Annotated

import typer

from cli.faults import BAD_INPUT, FAILED, refuse

NAMES = ("book", "tick", "grid", "stress", "var", "consumer", "broker")


def bench(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(NAMES)}.")],
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")] = False,
) -> None:
    """Measure ours and the peers in one run; goals are judged on ratios alone."""
    if name not in NAMES:
        refuse(f"name: {name} is none of {', '.join(NAMES)}", BAD_INPUT)
    import orjson

    try:
        from benchmarks.run import run
    except ModuleNotFoundError as error:
        refuse(f"benches run from the source tree: {error.name} is not there", FAILED)
    report = run(name)
    typer.echo(orjson.dumps(report.as_dict()).decode() if json else report.table())
