"""`fusion doctor`: what is wrong here, in plain words, a line for each thing looked at."""

import typer

from cli.faults import BAD_INPUT, FAILED, refuse


def doctor() -> None:
    """Look at settings, data directory, book, broker, subscriptions and browser; 1 on a fault."""
    from consumers.clock import SystemClock
    from consumers.logs import configure
    from consumers.settings import SettingsError, load
    from embedded.checkup import checkup

    configure("error")
    try:
        settings = load()
    except SettingsError as error:
        refuse("\n".join(f"fault  settings: {fault}" for fault in error.faults), BAD_INPUT)
    findings = [*checkup(settings, SystemClock())]
    for one in findings:
        typer.echo(f"{'ok   ' if one.ok else 'fault'}  {one.what}: {one.text}")
    raise typer.Exit(0 if all(one.ok for one in findings) else FAILED)
