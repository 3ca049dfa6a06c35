"""What can go wrong between us and the world.

Google's exceptions never leave `pubsub` and `monitoring`.

ConsumersError
├── PubSubError                 anything Pub/Sub answered, or failed to answer
│   ├── BrokerUnreachableError  nobody answers at the address, or not in time: retry
│   ├── NotFoundError           the topic or subscription does not exist
│   ├── ExistsError             what should be created is there already
│   ├── DeniedError             known to the broker, but this identity may not
│   ├── CredentialsError        no usable identity at all
│   ├── QuotaError              too much was asked for the moment: retry later
│   └── InvalidRequestError     the broker understood and refuses: retrying cannot help
│       └── UnfitError          it cannot be used as it is: a detached subscription
├── MonitoringError             backlog figures could not be had: NO DATA, never zero
├── JournalError
│   ├── JournalOpenError        the file cannot be opened or is of a newer version
│   └── JournalStoppedError     asked to write after `stop`, or before `start`
└── BookSourceError             the book of positions as a whole cannot be read
"""

from pathlib import Path


class ConsumersError(Exception):
    """The root of this package's errors."""


class PubSubError(ConsumersError):
    """Pub/Sub failed; the text is fit for an operator."""


class BrokerUnreachableError(PubSubError):
    """Nobody answers at `address`, or not in time."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"broker {address} is unreachable: {reason}")
        self.address = address
        self.reason = reason


class NotFoundError(PubSubError):
    """The `kind` ("topic", "subscription") called `name` does not exist."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name} does not exist")
        self.kind = kind
        self.name = name


class ExistsError(PubSubError):
    """There is a `kind` called `name` already."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name} exists already")
        self.kind = kind
        self.name = name


class DeniedError(PubSubError):
    """This identity may not use the `kind` called `name`."""

    def __init__(self, kind: str, name: str, reason: str) -> None:
        super().__init__(f"not allowed to use {kind} {name}: {reason}")
        self.kind = kind
        self.name = name
        self.reason = reason


class CredentialsError(PubSubError):
    """No usable credentials: none found, or the broker does not accept them."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"credentials are missing or not accepted: {reason}")
        self.reason = reason


class QuotaError(PubSubError):
    """A quota or a limit of the broker is used up for now."""

    def __init__(self, kind: str, name: str, reason: str) -> None:
        super().__init__(f"{kind} {name}: quota is used up: {reason}")
        self.kind = kind
        self.name = name
        self.reason = reason


class InvalidRequestError(PubSubError):
    """The broker refuses what was asked of the `kind` called `name`."""

    def __init__(self, kind: str, name: str, reason: str) -> None:
        super().__init__(f"{kind} {name} was refused: {reason}")
        self.kind = kind
        self.name = name
        self.reason = reason


class UnfitError(InvalidRequestError):
    """The `kind` called `name` is there, but not fit for it: a subscription that was detached."""


class MonitoringError(ConsumersError):
    """Cloud Monitoring, or the broker in its place, gave no figures."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"no backlog figures: {reason}")
        self.reason = reason


class JournalError(ConsumersError):
    """The durable journal failed."""


class JournalOpenError(JournalError):
    """The journal at `path` cannot be opened, or was written by a newer version."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"journal {path}: {reason}")
        self.path = path
        self.reason = reason


class JournalStoppedError(JournalError):
    """The journal takes nothing: it was stopped, or never started."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"journal {path} is not running")
        self.path = path


class BookSourceError(ConsumersError):
    """The book of positions at `source`, a file or a database, cannot be read at all."""

    def __init__(self, source: Path | str, reason: str) -> None:
        super().__init__(f"book {source}: {reason}")
        self.source = source
        self.reason = reason
