"""`fusion`: the one command. Each sub-command imports what it needs when it is called."""

import typer

from cli.bench import bench
from cli.broker import broker
from cli.doctor import doctor
from cli.margin import app as margin
from cli.run import run
from cli.var import var
from cli.worker import worker

app = typer.Typer(
    name="fusion",
    help="Margin-pipeline control room for Fusion Prime.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (run, worker, doctor, broker, var, bench):
    app.command()(command)
app.add_typer(margin, name="margin")


def main() -> None:
    """The console script."""
    app()


if __name__ == "__main__":
    main()
