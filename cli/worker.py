"""`fusion worker`: one worker of the platform, or all of them, in this process."""

import sys
from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated

import typer

from cli.faults import BAD_INPUT, FAILED, refuse

if TYPE_CHECKING:
    from consumers.settings import Settings
    from embedded.platform import Platform

ALL = "platform"
STOP_S = 4.0
REPORT_S = 0.25


def worker(
    name: Annotated[
        str, typer.Argument(help="oracle, relayer, risk-engine, settlement, notifier or platform.")
    ],
    fresh_broker: Annotated[
        bool,
        typer.Option("--fresh-broker", help="The broker lost its memory: send again what is new."),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Let the simulated market go on where it was.")
    ] = False,
    report: Annotated[
        bool, typer.Option("--report", help="Write a JSON line of counters four times a second.")
    ] = False,
) -> None:
    """Run a worker until SIGTERM or Ctrl-C; logs go to standard error."""
    from consumers.logs import configure
    from consumers.memory import settle
    from consumers.settings import SettingsError, load
    from consumers.spans import export_spans
    from embedded.platform import WORKERS

    if name not in (*WORKERS, ALL):
        refuse(f"no worker is called {name}: choose one of {', '.join((*WORKERS, ALL))}", BAD_INPUT)
    try:
        settings = load()
        export_spans(settings, f"fusion-{name}")
    except SettingsError as error:
        refuse("\n".join(error.faults), BAD_INPUT)
    if settings.environment == "embedded" and settings.emulator_host is None:
        refuse("PUBSUB_EMULATOR_HOST: no broker is named; `fusion run` starts its own", BAD_INPUT)
    configure(settings.log_level)
    names = WORKERS if name == ALL else (name,)
    platform = _platform(settings, names, fresh_broker=fresh_broker, resume=resume)
    settle()
    _run(platform, report=report, metrics_port=settings.metrics_port)


def _platform(
    settings: "Settings", names: Collection[str], *, fresh_broker: bool, resume: bool
) -> "Platform":
    from consumers.clock import SystemClock
    from embedded.platform import Platform, SimulationRefusedError

    try:
        return Platform(
            settings, SystemClock(), workers=names, fresh_broker=fresh_broker, resume=resume
        )
    except SimulationRefusedError as error:
        refuse(str(error), BAD_INPUT)


def _run(platform: "Platform", *, report: bool, metrics_port: int | None) -> None:
    """Until a signal comes."""
    from consumers.errors import ConsumersError
    from embedded.exposition import Exposition
    from embedded.replay import ReplayError
    from embedded.signals import stop_on_signals

    stop = stop_on_signals()
    exposition = None
    try:
        if metrics_port is not None:
            exposition = Exposition(platform, metrics_port)
        platform.start()
    except ReplayError as error:
        refuse(str(error), BAD_INPUT)
    except (ConsumersError, OSError) as error:
        refuse(str(error), FAILED)
    while not stop.wait(REPORT_S if report else None):
        _report(platform)
    if exposition is not None:
        exposition.stop()
    platform.stop(STOP_S)
    if report:
        _report(platform)


def _report(platform: "Platform") -> None:
    from embedded.report import report_of

    sys.stdout.buffer.write(report_of(platform).line())
    sys.stdout.buffer.flush()
