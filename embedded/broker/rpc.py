"""The broker's plain functions as gRPC methods; its errors as gRPC statuses."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import grpc

from embedded.broker.errors import AckIdsError, BrokerError
from embedded.broker.refusals import status_details

EMPTY = b""  # google.protobuf.Empty, serialised

# What a service offers: the method's name and its handler.
Methods = Mapping[str, Any]


async def refuse(context: Any, error: BrokerError) -> None:
    """End the call with the error's status; does not return."""
    code, text = grpc.StatusCode[error.status], str(error)
    if isinstance(error, AckIdsError):
        details = status_details(code.value[0], text, error.reasons)
        await context.abort(code, text, (("grpc-status-details-bin", details),))
    await context.abort(code, text)


def unary(answer: Callable[[Any], Any], request: Any) -> Any:
    """A method that answers at once; `request` is the raw class of its request."""

    async def handle(message: Any, context: Any) -> Any:
        try:
            return answer(message)
        except BrokerError as error:
            await refuse(context, error)

    return grpc.unary_unary_rpc_method_handler(handle, request.FromString, _bytes)


def waiting(answer: Callable[[Any, Any], Awaitable[Any]], request: Any) -> Any:
    """A method that may take its time; it gets the call's context too."""

    async def handle(message: Any, context: Any) -> Any:
        try:
            return await answer(message, context)
        except BrokerError as error:
            await refuse(context, error)

    return grpc.unary_unary_rpc_method_handler(handle, request.FromString, _bytes)


def streaming(serve: Callable[[Any], Awaitable[None]], request: Any) -> Any:
    """A method with a stream each way, driven by the context's `read` and `write`."""

    async def handle(_requests: Any, context: Any) -> None:
        try:
            await serve(context)
        except BrokerError as error:
            await refuse(context, error)

    return grpc.stream_stream_rpc_method_handler(handle, request.FromString, _bytes)


def service(name: str, methods: Methods) -> Any:
    """A service for `grpc.aio.Server.add_generic_rpc_handlers`."""
    return grpc.method_handlers_generic_handler(name, dict(methods))


def _bytes(answer: Any) -> bytes:
    """Answers are messages, or bytes that were built by hand."""
    if isinstance(answer, bytes):
        return answer
    serialised: bytes = answer.SerializeToString()
    return serialised
