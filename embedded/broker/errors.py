"""What the broker refuses; each leaf is one gRPC status.

BrokerError
├── AlreadyExistsError       a topic or subscription of this name is there
├── NotFoundError            it is not
├── InvalidArgumentError     the request can never be right
├── FailedPreconditionError  right in itself, not in the present state (a detached subscription)
├── ResourceExhaustedError   the backlog is at its byte limit; try again later
├── UnavailableError         the broker is stopping
├── BindError                the address cannot be served (busy port, foreign host)
└── BrokerStartError         the child process did not come up
"""

from typing import ClassVar


class BrokerError(Exception):
    """The root; `status` is the name of the gRPC status a caller sees."""

    status: ClassVar[str] = "INTERNAL"


class AlreadyExistsError(BrokerError):
    """A topic or subscription of this name exists."""

    status = "ALREADY_EXISTS"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Resource already exists in the project (resource={name.split('/')[-1]})."
        )


class NotFoundError(BrokerError):
    """No topic or subscription of this name exists."""

    status = "NOT_FOUND"

    def __init__(self, name: str) -> None:
        super().__init__(f"Resource not found (resource={name.split('/')[-1]}).")


class InvalidArgumentError(BrokerError):
    """The request is wrong whatever the broker's state."""

    status = "INVALID_ARGUMENT"


class FailedPreconditionError(BrokerError):
    """The request does not fit the present state."""

    status = "FAILED_PRECONDITION"


class ResourceExhaustedError(BrokerError):
    """A subscription holds as many unacknowledged bytes as it may; publishers should retry."""

    status = "RESOURCE_EXHAUSTED"


class UnavailableError(BrokerError):
    """The broker is going down; clients reconnect."""

    status = "UNAVAILABLE"


class BindError(BrokerError):
    """The wanted address cannot be served."""


class BrokerStartError(BrokerError):
    """The child process ended, or said nothing in time."""
