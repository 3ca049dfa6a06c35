"""`fusion run`: broker, platform and control room on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.faults import BAD_INPUT, FAILED, refuse

if TYPE_CHECKING:
    from consumers.settings import Settings
    from embedded.lock import RunLock
    from embedded.stack import Stack

# What a run leaves in its directory; the replay's own directory is emptied of these at each start.
LEFT_BEHIND = (
    "platform.db*",
    "control-room.db*",
    "book.csv*",
    "notifications.jsonl",
    "test-sink.jsonl",
    "logs/*.log",
)


def run(
    replay: Annotated[
        Path | None, typer.Option(help="Play this market (CSV) instead of the simulated one.")
    ] = None,
    speed: Annotated[
        float | None, typer.Option(help="Market seconds a wall second in a replay [3600].")
    ] = None,
    market: Annotated[str | None, typer.Option(help="calm or crash [calm].")] = None,
    headless: Annotated[
        bool, typer.Option("--headless", help="No dashboard; one JSON summary at the end.")
    ] = False,
    port: Annotated[int | None, typer.Option(help="The dashboard's port [8501].")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where data is kept [var].")] = None,
) -> None:
    """Start everything and stay; Ctrl-C stops it all."""
    from consumers.logs import configure
    from consumers.settings import SettingsError, load

    try:
        settings = load(
            replay_file=replay, replay_speed=speed, market=market, port=port, data_dir=data_dir
        )
    except SettingsError as error:
        refuse("\n".join(error.faults), BAD_INPUT)
    configure(settings.log_level if headless else "error")
    raise typer.Exit(_locked(settings, headless=headless))


def _locked(settings: "Settings", *, headless: bool) -> int:
    """Hold the data directory's lock while the run lasts."""
    from consumers.errors import BookSourceError
    from embedded.lock import LockedError, RunLock, UnwritableError
    from embedded.replay import ReplayError

    lock = RunLock(settings.data_dir)
    try:
        lock.acquire()
    except (LockedError, UnwritableError) as error:
        refuse(str(error), FAILED)
    try:
        return _run(settings, lock, headless=headless)
    except (ReplayError, BookSourceError) as error:
        refuse(str(error), BAD_INPUT)
    except OSError as error:
        refuse(f"cannot write to {error.filename}: {error.strerror}", FAILED)
    finally:
        lock.release()


def _run(settings: "Settings", lock: "RunLock", *, headless: bool) -> int:
    from consumers.clock import SystemClock
    from embedded.opening import open_market
    from embedded.replay import read_replay
    from embedded.stack import PortBusyError, free_port

    clock = SystemClock()
    if not headless:
        try:
            port = free_port(settings.host, settings.port)
        except PortBusyError as error:
            refuse(str(error), FAILED)
        settings = settings.model_copy(update={"port": port})
    if settings.replay_file is not None:
        read_replay(settings.replay_file, clock.now())  # before what an older run left is removed
        settings = settings.model_copy(update={"data_dir": settings.data_dir / "replay"})
        _empty(settings.data_dir)
    opening = open_market(settings, clock.now())
    return _headless(settings) if headless else _stack(settings, lock, accounts=len(opening.book))


def _headless(settings: "Settings") -> int:
    from consumers.clock import SystemClock
    from consumers.errors import ConsumersError
    from consumers.settings import SettingsError
    from consumers.spans import export_spans
    from embedded.broker.errors import BrokerError
    from embedded.headless import Headless
    from embedded.signals import stop_on_signals
    from embedded.stack import StartError

    try:
        export_spans(settings, "control-room")
        summary = Headless(settings, SystemClock()).run(stop_on_signals())
    except SettingsError as error:
        refuse("\n".join(error.faults), BAD_INPUT)
    except (ConsumersError, BrokerError, StartError) as error:
        refuse(str(error), FAILED)
    typer.echo(summary.line())
    return FAILED if summary.lost else 0


def _stack(settings: "Settings", lock: "RunLock", *, accounts: int) -> int:
    from consumers.clock import SystemClock
    from embedded.broker.errors import BrokerError
    from embedded.signals import stop_on_signals
    from embedded.stack import Stack, StartError

    try:
        stack = Stack(
            settings,
            SystemClock(),
            lock,
            ready=lambda stack: typer.echo(_welcome(settings, stack, accounts)),
            tell=typer.echo,
        )
        typer.echo("Starting broker, platform and control room …")
        stack.run(stop_on_signals())
    except (StartError, BrokerError) as error:
        refuse(str(error), FAILED)
    typer.echo("Stopped.")
    return 0


def _welcome(settings: "Settings", stack: "Stack", accounts: int) -> str:
    if settings.environment != "embedded":
        market = f"Google Cloud project {settings.project}"
    elif settings.replay_file is not None:
        market = f"{settings.replay_file.name} at {settings.replay_speed:g} times its speed"
    else:
        market = f"simulated, {settings.market}, a price every {settings.price_interval_s:g} s"
    return (
        f"\nFusion control room: {stack.url}\n"
        f"  market   {market}\n"
        f"  book     {accounts} accounts in {settings.book}\n"
        f"  logs     {settings.data_dir / 'logs'}\n"
        f"  pids     {', '.join(f'{name} {pid}' for name, pid in stack.pids.items() if pid)}\n"
        "Ctrl-C stops it.\n"
    )


def _empty(directory: Path) -> None:
    """Remove what an earlier replay left, and nothing else."""
    for pattern in LEFT_BEHIND:
        for path in directory.glob(pattern):
            path.unlink()
