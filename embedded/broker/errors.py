"""What the broker refuses; each leaf is one gRPC status or one way not to start.

BrokerError
├── AlreadyExistsError       a topic or subscription of this name is there
├── NotFoundError            it is not
├── UnknownMetricError       nor is a metric of this type
├── InvalidArgumentError     the request can never be right
├── AckIdsError              exactly-once delivery refuses some acknowledgements or extensions
├── FailedPreconditionError  right in itself, not in the present state (a detached subscription)
├── SnapshotRefusedError     neither is this use of a snapshot
├── AbortedError             somebody else changed it meanwhile; read it again
├── ResourceExhaustedError   messages take all the memory they may; try again later
├── SnapshotSpaceError       so are the snapshots; delete some
├── UnavailableError         the broker is stopping
├── BindError                the address cannot be served (busy port, foreign host)
├── SeedError                the seed file is wrong, a line for each fault
└── BrokerStartError         the child process did not come up
"""

from collections.abc import Mapping
from typing import ClassVar


class BrokerError(Exception):
    """The root; `status` is the name of the gRPC status a caller sees."""

    status: ClassVar[str] = "INTERNAL"


class AlreadyExistsError(BrokerError):
    """A topic or subscription of this name exists."""

    status = "ALREADY_EXISTS"

    def __init__(self, name: str) -> None:
        super().__init__(f"Resource already exists in the project (resource={_id(name)}).")


class NotFoundError(BrokerError):
    """No topic or subscription of this name exists."""

    status = "NOT_FOUND"

    def __init__(self, name: str) -> None:
        super().__init__(f"Resource not found (resource={_id(name)}).")


class UnknownMetricError(BrokerError):
    """No metric is of any of the types that a filter names."""

    status = "NOT_FOUND"

    def __init__(self, metric_type: str) -> None:
        super().__init__(
            f'Cannot find metric(s) that match type = "{metric_type}". This broker has the metrics '
            "that ListMetricDescriptors lists."
        )


class InvalidArgumentError(BrokerError):
    """The request is wrong whatever the broker's state.

    `what` alone is the whole text; with the `value` that was asked for it becomes
    "Invalid <what>: <value>.", followed by what it must be.
    """

    status = "INVALID_ARGUMENT"

    def __init__(self, what: str, value: object = None, must: str = "") -> None:
        text = what if value is None else f"Invalid {what}: {value}."
        super().__init__(f"{text} It must {must}." if must else text)


class AckIdsError(BrokerError):
    """Some ack ids are not taken, by exactly-once delivery; `reasons` says of each why."""

    status = "INVALID_ARGUMENT"

    def __init__(self, reasons: Mapping[str, str]) -> None:
        super().__init__(
            "Some acknowledgement ids in the request were invalid. They may have expired, or never "
            "have been given out."
        )
        self.reasons = reasons


def invalid(message: str, field: str, value: object, must: str) -> InvalidArgumentError:
    """The refusal of a field inside another message of the request."""
    return InvalidArgumentError(f"{message}.{field}", value, must)


class FailedPreconditionError(BrokerError):
    """The request does not fit the present state: the subscription is detached."""

    status = "FAILED_PRECONDITION"

    def __init__(self, name: str) -> None:
        super().__init__(f"Subscription is detached and cannot be used (resource={_id(name)}).")


class SnapshotRefusedError(BrokerError):
    """A snapshot cannot be made now, or not be used here, for a reason."""

    status = "FAILED_PRECONDITION"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"Snapshot {_id(name)} cannot be used: {reason}.")


class AbortedError(BrokerError):
    """A policy was changed since it was read."""

    status = "ABORTED"

    def __init__(self) -> None:
        super().__init__(
            "There were concurrent policy changes. Please retry the whole read-modify-write with "
            "exponential backoff."
        )


class ResourceExhaustedError(BrokerError):
    """Messages take as many bytes as they may; publishers should try again.

    `size` is what is held altogether, `name` the subscription that holds most of it.
    """

    status = "RESOURCE_EXHAUSTED"

    def __init__(self, size: int, name: str, messages: int) -> None:
        culprit = (
            f"Most is of subscription {_id(name)}, with {messages} unacknowledged messages: "
            "consume, purge or delete it."
            if messages
            else "Delete snapshots."
        )
        super().__init__(
            f"Messages take {size >> 20} MiB: the limit of this broker, see --memory-mb. {culprit}"
        )


class SnapshotSpaceError(BrokerError):
    """All snapshots together would keep more bytes than they may."""

    status = "RESOURCE_EXHAUSTED"

    def __init__(self, name: str, size: int) -> None:
        super().__init__(
            f"With {_id(name)} all snapshots together would hold {size >> 20} MiB: more than this "
            "broker keeps. Delete some."
        )


class UnavailableError(BrokerError):
    """The broker is going down; clients reconnect."""

    status = "UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__("The broker is stopping.")


class BindError(BrokerError):
    """The wanted address cannot be served."""

    def __init__(self, host: str, port: int | None, reason: str) -> None:
        address = host if port is None else f"{host}:{port}"
        super().__init__(f"cannot serve {address}: {reason}")


class SeedError(BrokerError):
    """The seed file is wrong; `faults` has a line for each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


class BrokerStartError(BrokerError):
    """The child process ended, or said nothing in time."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the broker did not start: {reason}")


def _id(name: str) -> str:
    return name.rsplit("/", 1)[-1]
