"""The raw protobuf classes of `google.pubsub.v1`, without the client libraries around them.

Importing `google.pubsub_v1` the ordinary way builds three generated clients (0.5 s of CPU) that a
server never uses. While its `types` are imported a bare module stands in for the package, which
leaves 0.08 s; afterwards the stand-in is gone, and a later ordinary import finds these same types.
"""

import importlib
import sys
from types import ModuleType
from typing import Any


def types_of(package: str, module: str) -> Any:
    """`package.types.module`, imported without running `package/__init__.py`."""
    name = f"{package}.types.{module}"
    if package in sys.modules:
        return importlib.import_module(name)
    parent, _, leaf = package.rpartition(".")
    stand_in = ModuleType(package)
    stand_in.__path__ = [f"{path}/{leaf}" for path in importlib.import_module(parent).__path__]
    sys.modules[package] = stand_in
    try:
        return importlib.import_module(name)
    finally:
        del sys.modules[package]


_pubsub = types_of("google.pubsub_v1", "pubsub")
_schema = types_of("google.pubsub_v1", "schema")


def raw(name: str) -> Any:
    """The plain protobuf class behind the proto-plus class `name`."""
    return getattr(_pubsub, name).pb()


def schema_raw(name: str) -> Any:
    """The same for a class of the schema service."""
    return getattr(_schema, name).pb()


PubsubMessage = raw("PubsubMessage")
ReceivedMessage = raw("ReceivedMessage")
Schema = schema_raw("Schema")
Snapshot = raw("Snapshot")
StreamingPullResponse = raw("StreamingPullResponse")
Subscription = raw("Subscription")
Topic = raw("Topic")
