"""What exactly-once delivery says of an acknowledgement or extension that it does not take.

https://docs.cloud.google.com/pubsub/docs/exactly-once-delivery ; the reasons are those that the
clients read: permanent ones fail what the application waits for, transient ones are asked again.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

_MOST_DETAILS = 7_500  # bytes; above 8 KiB a plain gRPC channel refuses the trailing metadata


class Refusal(StrEnum):
    """Why an ack id was not taken.

    INVALID: unknown, its deadline is over, or the message went out again under a newer id.
    UNORDERED: an older message of its ordering key is not settled. OTHERS: nothing is wrong with
    it, but the call failed for the sake of others.
    """

    INVALID = "PERMANENT_FAILURE_INVALID_ACK_ID"
    UNORDERED = "TRANSIENT_FAILURE_UNORDERED_ACK_ID"
    OTHERS = "TRANSIENT_FAILURE_OTHER"


Refusals = Mapping[str, Refusal]


def of_call(ack_ids: Iterable[str], refused: Refusals) -> dict[str, Refusal]:
    """The reasons that a failing call gives, for every id: a client takes one without a reason as
    failed for good. As many as fit; those to be asked again first."""
    reasons = {ack_id: refused.get(ack_id, Refusal.OTHERS) for ack_id in ack_ids}
    told: dict[str, Refusal] = {}
    size = 0
    for ack_id, reason in sorted(reasons.items(), key=lambda each: each[1] is Refusal.INVALID):
        size += len(ack_id) + len(reason) + 8
        if size > _MOST_DETAILS:
            break
        told[ack_id] = reason
    return told


def status_details(code: int, text: str, reasons: Mapping[str, str]) -> bytes:
    """A serialised google.rpc.Status with the reasons, for `grpc-status-details-bin`."""
    from google.rpc.error_details_pb2 import ErrorInfo
    from google.rpc.status_pb2 import Status

    status = Status(code=code, message=text)
    status.details.add().Pack(
        ErrorInfo(
            reason="EXACTLY_ONCE_ACKID_FAILURE", domain="pubsub.googleapis.com", metadata=reasons
        )
    )
    serialised: bytes = status.SerializeToString()
    return serialised
