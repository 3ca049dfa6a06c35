"""A seed file: the schemas, topics and subscriptions that a broker has from its start.

TOML or JSON, with the fields of `google.pubsub.v1` under their own names; names may be short:

    project = "my-project"

    [[topics]]
    name = "market.prices.v1"
    message_retention_duration = "86400s"

    [[subscriptions]]
    name = "reader"
    topic = "market.prices.v1"
    ack_deadline_seconds = 30
"""

import json
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import json_format

from embedded.broker import names
from embedded.broker.errors import BrokerError, SeedError
from embedded.broker.messages import Schema, Subscription, Topic
from embedded.broker.registry import Registry

_KINDS = {"schemas": Schema, "topics": Topic, "subscriptions": Subscription}
_PROJECT = "project"
# Fields that name another resource, and what it is one of.
_REFERENCES = {
    "topics": (("schema_settings.schema", "schemas"),),
    "subscriptions": (
        ("topic", "topics"),
        ("dead_letter_policy.dead_letter_topic", "topics"),
    ),
}


@dataclass(frozen=True, slots=True)
class Seed:
    """What a file asks for: (where it says so, collection, message), in an order that works."""

    path: Path
    wanted: tuple[tuple[str, str, Any], ...]

    def sow(self, registry: Registry) -> None:
        """Create it all; SeedError with a line for each that cannot be."""
        creators: dict[str, Callable[[Any], object]] = {
            "schemas": lambda schema: registry.schemas.create(
                "/".join(schema.name.split("/")[:2]), names.id_of(schema.name), schema
            ),
            "topics": registry.create_topic,
            "subscriptions": registry.create_subscription,
        }
        faults = []
        for where, collection, message in self.wanted:
            try:
                creators[collection](message)
            except BrokerError as error:
                faults.append(f"{self.path}: {where}: {error}")
        if faults:
            raise SeedError(faults)


def read(path: Path) -> Seed:
    """The seed in a file; SeedError with a line for each thing that is wrong in it."""
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise SeedError([f"{path}: {str(error.strerror).lower()}"]) from None
    except ValueError as error:
        raise SeedError([f"{path}: {error}"]) from None
    faults: list[str] = []
    wanted = tuple(_wanted(content, faults))
    if faults:
        raise SeedError([f"{path}: {fault}" for fault in faults])
    return Seed(path, wanted)


def _wanted(content: Any, faults: list[str]) -> Iterator[tuple[str, str, Any]]:
    if not isinstance(content, dict):
        faults.append("it must be a table of topics and subscriptions")
        return
    for key in sorted(content.keys() - _KINDS.keys() - {_PROJECT}):
        faults.append(f"{key}: only project, {', '.join(_KINDS)} are known")
    for collection in _KINDS:
        entries = content.get(collection, [])
        if not isinstance(entries, list):
            faults.append(f"{collection}: it must be a list")
            continue
        for number, entry in enumerate(entries, start=1):
            where = f"{collection} {number}"
            try:
                message = _message(collection, entry, content.get(_PROJECT))
            except (json_format.ParseError, BrokerError, AttributeError, TypeError) as error:
                faults.append(f"{where}: {str(error).splitlines()[0]}")
            else:
                yield f"{where} ({names.id_of(message.name)})", collection, message


def _message(collection: str, entry: Any, project: Any) -> Any:
    message = _KINDS[collection]()
    json_format.ParseDict(entry, message)
    for path, kind in (("name", collection), *_REFERENCES.get(collection, ())):
        _lengthen(message, path, kind, project)
    return message


def _lengthen(message: Any, path: str, kind: str, project: Any) -> None:
    """Make the name in the field `path` of `message`, if there is one, a whole one."""
    *parents, leaf = path.split(".")
    for parent in parents:
        if not message.HasField(parent):
            return
        message = getattr(message, parent)
    name = getattr(message, leaf)
    if name and "/" not in name:
        if not isinstance(project, str):
            raise SeedError([f"short name {name!r}, and no project is given"])
        setattr(message, leaf, f"projects/{project}/{kind}/{name}")
