"""Schemas: their revisions, and the messages of topics that hold to one.

https://docs.cloud.google.com/pubsub/docs/schemas
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from consumers.clock import Clock
from embedded.broker import names
from embedded.broker.avro import AvroDefinition
from embedded.broker.errors import AlreadyExistsError, InvalidArgumentError, NotFoundError
from embedded.broker.messages import Schema as SchemaMessage
from embedded.broker.proto_definition import ProtoDefinition

DELETED_SCHEMA = "_deleted-schema_"
_MOST_REVISIONS = 20
_LONGEST_DEFINITION = 300_000
_JSON, _BINARY = 1, 2  # google.pubsub.v1.Encoding
_ENCODINGS = {_JSON: "JSON", _BINARY: "BINARY"}


class Definition(Protocol):
    """What a revision demands; its checks raise InvalidArgumentError."""

    def check_json(self, message: bytes) -> None:
        """Refuse what is not one message in JSON."""

    def check_binary(self, message: bytes) -> None:
        """Refuse what is not one message in the schema type's binary encoding."""

    def check_successor(self, later: Any) -> None:
        """Refuse a definition of the same type that may not follow this one."""


# By google.pubsub.v1.Schema.Type.
_DEFINITIONS: dict[int, Callable[[str], Definition]] = {1: ProtoDefinition, 2: AvroDefinition}


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision: `message` is its Schema message, `definition` what it demands."""

    message: Any
    definition: Definition

    @property
    def id(self) -> str:
        """Eight hexadecimal digits."""
        return str(self.message.revision_id)

    def check(self, data: bytes, encoding: int) -> None:
        """Refuse `data` that does not fit in this encoding."""
        if encoding == _JSON:
            self.definition.check_json(data)
        elif encoding == _BINARY:
            self.definition.check_binary(data)
        else:
            raise InvalidArgumentError("An encoding, JSON or BINARY, must be given.")


class Schema:
    """One schema, by its name without a revision: its revisions, oldest first, at least one."""

    def __init__(self, name: str, first: Revision) -> None:
        self.name = name
        self.revisions = [first]

    @property
    def latest(self) -> Revision:
        """The newest revision."""
        return self.revisions[-1]

    def index(self, revision_id: str) -> int:
        """Where the revision of this id is."""
        for index, revision in enumerate(self.revisions):
            if revision.id == revision_id:
                return index
        raise NotFoundError("@".join((self.name, revision_id)))

    def span(self, settings: Any) -> list[Revision]:
        """The revisions that a topic's SchemaSettings allow, newest first.

        A bound whose revision was deleted allows nothing any more.
        """
        first, last = settings.first_revision_id, settings.last_revision_id
        start = self.index(first) if first else 0
        end = self.index(last) if last else len(self.revisions) - 1
        if start > end:
            raise InvalidArgumentError("first_revision_id", first, "not be after the last one")
        return self.revisions[start : end + 1][::-1]


class Schemas:
    """All schemas of the broker."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._schemas: dict[str, Schema] = {}

    def create(self, parent: str, schema_id: str, wanted: Any) -> Revision:
        """A new schema with a first revision."""
        names.project(parent)
        name = names.check(f"{parent}/schemas/{schema_id}", "schemas")
        revision = self._revision(name, wanted)
        if name in self._schemas:
            raise AlreadyExistsError(name)
        self._schemas[name] = Schema(name, revision)
        return revision

    def find(self, name: str) -> Schema:
        """The schema of this name; a revision in it is not looked at."""
        bare = names.check(name.partition("@")[0], "schemas")
        found = self._schemas.get(bare)
        if found is None:
            raise NotFoundError(name)
        return found

    def revision(self, name: str) -> Revision:
        """The revision that `name` (".../schemas/id@revision") says; else the latest."""
        schema, revision_id = self.find(name), name.partition("@")[2]
        return schema.revisions[schema.index(revision_id)] if revision_id else schema.latest

    def of_project(self, parent: str) -> Mapping[str, Revision]:
        """The latest revision of each schema of `projects/<id>`."""
        prefix = f"projects/{names.project(parent)}/"
        return {n: s.latest for n, s in self._schemas.items() if n.startswith(prefix)}

    def commit(self, name: str, wanted: Any) -> Revision:
        """A further revision, of the same type; it must fit the latest one.

        https://docs.cloud.google.com/pubsub/docs/commit-schema-revision
        """
        schema = self.find(name)
        if wanted.type_ != schema.latest.message.type_:
            raise InvalidArgumentError("schema type", wanted.type_, "stay what it was")
        revision = self._revision(schema.name, wanted)
        schema.latest.definition.check_successor(revision.definition)
        return self._append(schema, revision)

    def rollback(self, name: str, revision_id: str) -> Revision:
        """A further revision, with the definition of an old one."""
        schema = self.find(name)
        old = schema.revisions[schema.index(revision_id)]
        return self._append(schema, self._revision(schema.name, old.message))

    def delete_revision(self, name: str, revision_id: str) -> Revision:
        """Delete one of several; returns the deleted one."""
        schema = self.find(name)
        index = schema.index(name.partition("@")[2] or revision_id)
        if len(schema.revisions) == 1:
            raise InvalidArgumentError("Cannot delete the only revision; delete the schema.")
        return schema.revisions.pop(index)

    def delete(self, name: str) -> None:
        """The schema and all its revisions; topics that hold to it refuse messages from now on."""
        del self._schemas[self.find(name).name]

    def parse(self, wanted: Any) -> Revision:
        """A Schema message that is not kept, checked."""
        return self._revision(wanted.name, wanted)

    def check_settings(self, settings: Any) -> None:
        """Refuse a topic's SchemaSettings that name what is not there."""
        if settings.schema == DELETED_SCHEMA:
            return
        if settings.encoding not in _ENCODINGS:
            raise InvalidArgumentError("schema encoding", settings.encoding, "be JSON or BINARY")
        self.find(settings.schema).span(settings)

    def stamp(self, settings: Any, messages: Any) -> None:
        """Check raw PubsubMessages against SchemaSettings, newest revision first, and say in their
        attributes which they fit; the first that fits none is refused, and all with it."""
        schema = self._schemas.get(settings.schema)
        if schema is None:
            raise NotFoundError(settings.schema)
        revisions = schema.span(settings)
        for message in messages:
            fitting = _first_fitting(revisions, message.data, settings.encoding)
            message.attributes["googclient_schemaname"] = schema.name
            message.attributes["googclient_schemaencoding"] = _ENCODINGS[settings.encoding]
            message.attributes["googclient_schemarevisionid"] = fitting.id

    def _revision(self, name: str, wanted: Any) -> Revision:
        definition = _definition(wanted)
        message = SchemaMessage(
            name=name,
            type_=wanted.type_,
            definition=wanted.definition,
            revision_id=secrets.token_hex(4),
        )
        message.revision_create_time.FromDatetime(self._clock.now())
        return Revision(message, definition)

    def _append(self, schema: Schema, revision: Revision) -> Revision:
        if len(schema.revisions) >= _MOST_REVISIONS:
            raise InvalidArgumentError(
                "number of revisions", _MOST_REVISIONS + 1, f"be at most {_MOST_REVISIONS}"
            )
        schema.revisions.append(revision)
        return revision


def _definition(wanted: Any) -> Definition:
    if len(wanted.definition) > _LONGEST_DEFINITION:
        raise InvalidArgumentError(
            "size of the schema definition", len(wanted.definition), "be at most 300 kB"
        )
    kind = _DEFINITIONS.get(wanted.type_)
    if kind is None:
        raise InvalidArgumentError("schema type", wanted.type_, "be AVRO or PROTOCOL_BUFFER")
    return kind(wanted.definition)


def _first_fitting(revisions: list[Revision], data: bytes, encoding: int) -> Revision:
    refusal: InvalidArgumentError | None = None
    for revision in revisions:
        try:
            revision.check(data, encoding)
        except InvalidArgumentError as error:
            refusal = refusal or error  # of the newest revision: what a publisher should go by
        else:
            return revision
    assert refusal is not None, "a span has at least one revision"
    raise refusal
