"""What a person would look at when nothing works, looked at in order and said in plain words."""

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from consumers.book_source import load_positions
from consumers.clock import Clock
from consumers.errors import BookSourceError, PubSubError
from consumers.pubsub import PubSub
from consumers.settings import Settings
from consumers.topology import TOPICS, durable, provision
from embedded.broker.errors import BrokerError
from embedded.broker.process import BrokerProcess
from embedded.lock import Run, running
from embedded.replay import ReplayError, read_replay
from embedded.stack import PortBusyError, free_port

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
PLAYWRIGHT = Path(".cache") / "ms-playwright"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    ok: bool
    text: str


def checkup(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """Every finding, each as soon as it is known. Starts a broker of its own if none is named."""
    run = running(settings.data_dir)
    yield _settings(settings)
    yield _directory(settings.data_dir)
    yield _room(settings, run)
    yield _book(settings)
    if settings.replay_file is not None:
        yield _replay(settings.replay_file, clock)
    yield from _broker(settings, run)
    yield _browser()


def _settings(settings: Settings) -> Finding:
    where = "on this machine" if settings.environment == "embedded" else settings.environment
    return Finding("settings", True, f"project {settings.project}, {where}")


def _directory(directory: Path) -> Finding:
    place = directory
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        return Finding("data directory", False, f"cannot write to {directory}/, see {place}")
    text = (
        f"{directory}/" if directory.exists() else f"{directory}/ will be made at the first start"
    )
    return Finding("data directory", True, text)


def _room(settings: Settings, run: Run | None) -> Finding:
    if run is not None:
        return Finding("control room", True, f"runs (pid {run.pid}) at {run.url or 'no address'}")
    try:
        free_port(settings.host, settings.port)
    except PortBusyError as error:
        return Finding("control room", False, f"does not run, and {error}")
    return Finding("control room", True, f"does not run; port {settings.port} is free for it")


def _book(settings: Settings) -> Finding:
    if settings.demo_book and not settings.book.exists():
        return Finding("book", True, f"{settings.accounts} demo accounts, made at the first start")
    source = settings.book if settings.book_url is None else "the database"
    try:
        loaded = load_positions(settings)
    except BookSourceError as error:
        return Finding("book", False, str(error))
    if loaded.faults:
        more = f" and {len(loaded.faults) - 1} more" if len(loaded.faults) > 1 else ""
        return Finding("book", False, f"{source}: {loaded.faults[0]}{more}")
    return Finding("book", True, f"{len(loaded.portfolios)} accounts in {source}")


def _replay(path: Path, clock: Clock) -> Finding:
    try:
        replay = read_replay(path, clock.now())
    except ReplayError as error:
        return Finding("replay", False, str(error))
    return Finding("replay", True, f"{replay.rows} prices in {len(replay.rounds)} rounds")


def _broker(settings: Settings, run: Run | None) -> Iterator[Finding]:
    address = settings.emulator_host or (run.broker if run is not None else None)
    if address is not None or settings.environment != "embedded":
        yield from _topology(settings, address)
        return
    try:
        with BrokerProcess() as broker:
            yield Finding("broker", True, "none runs; one of our own starts and answers")
            trial = _topology(settings, broker.address, create=True)
            yield from (finding for finding in trial if finding.what != "broker")
    except BrokerError as error:
        yield Finding("broker", False, str(error))


def _topology(
    settings: Settings, address: str | None, *, create: bool = False
) -> Iterator[Finding]:
    name = address or "Google Cloud Pub/Sub"
    try:
        pubsub = PubSub(settings.project, address)
    except PubSubError as error:
        yield Finding("broker", False, str(error))
        return
    specs = durable(settings.price_subscription, settings.alert_subscription)
    dead = [f"{spec.name}.dead" for spec in specs if spec.dead_letter]
    try:
        if create:
            provision(
                pubsub,
                price_subscription=settings.price_subscription,
                alert_subscription=settings.alert_subscription,
            )
        topics, subscriptions = pubsub.topics(), pubsub.subscriptions()
    except PubSubError as error:
        yield Finding("broker", False, str(error))
    else:
        yield Finding("broker", True, f"{name} answers")
        yield _present("topics", [*TOPICS, *dead], topics)
        yield _present("subscriptions", [spec.name for spec in specs], subscriptions)
    finally:
        pubsub.close()


def _present(what: str, wanted: Sequence[str], found: Sequence[str]) -> Finding:
    missing = [name for name in wanted if name not in found]
    if missing:
        return Finding(what, False, f"missing: {', '.join(missing)}")
    return Finding(what, True, f"all {len(wanted)} are there")


def _browser() -> Finding:
    found = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if found is None and any((Path.home() / PLAYWRIGHT).glob("chromium*")):
        found = str(Path.home() / PLAYWRIGHT)
    if found is None:
        return Finding("browser", False, "no Chromium for the tests: `make browser` installs one")
    return Finding("browser", True, f"{found} for the tests")
