"""`google.pubsub.v1.SchemaService`."""

from typing import Any

from embedded.broker import names
from embedded.broker.errors import InvalidArgumentError
from embedded.broker.messages import Schema, schema_raw
from embedded.broker.registry import Registry
from embedded.broker.rpc import EMPTY, Methods, unary
from embedded.broker.schemas import Revision, Schemas

NAME = "google.pubsub.v1.SchemaService"
_BASIC, _FULL = 1, 2
_ListSchemasResponse = schema_raw("ListSchemasResponse")
_ListSchemaRevisionsResponse = schema_raw("ListSchemaRevisionsResponse")


class SchemaService:
    """Schemas, and validation against them."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._schemas: Schemas = registry.schemas

    def methods(self) -> Methods:
        """The service's methods by name."""
        return {
            "CreateSchema": unary(self._create, schema_raw("CreateSchemaRequest")),
            "GetSchema": unary(self._get, schema_raw("GetSchemaRequest")),
            "ListSchemas": unary(self._list, schema_raw("ListSchemasRequest")),
            "ListSchemaRevisions": unary(
                self._list_revisions, schema_raw("ListSchemaRevisionsRequest")
            ),
            "CommitSchema": unary(self._commit, schema_raw("CommitSchemaRequest")),
            "RollbackSchema": unary(self._rollback, schema_raw("RollbackSchemaRequest")),
            "DeleteSchemaRevision": unary(
                self._delete_revision, schema_raw("DeleteSchemaRevisionRequest")
            ),
            "DeleteSchema": unary(self._delete, schema_raw("DeleteSchemaRequest")),
            "ValidateSchema": unary(self._validate, schema_raw("ValidateSchemaRequest")),
            "ValidateMessage": unary(self._validate_message, schema_raw("ValidateMessageRequest")),
        }

    def _create(self, request: Any) -> Any:
        return self._schemas.create(request.parent, request.schema_id, request.schema).message

    def _get(self, request: Any) -> Any:
        return _seen(self._schemas.revision(request.name), request.view or _FULL)

    def _list(self, request: Any) -> Any:
        schemas, token = names.page(
            self._schemas.of_project(request.parent), request.page_size, request.page_token
        )
        return _ListSchemasResponse(
            schemas=[_seen(each, request.view) for each in schemas], next_page_token=token
        )

    def _list_revisions(self, request: Any) -> Any:
        revisions = self._schemas.find(request.name).revisions
        newest_first = {f"{n:06}": each for n, each in enumerate(reversed(revisions))}
        chosen, token = names.page(newest_first, request.page_size, request.page_token)
        return _ListSchemaRevisionsResponse(
            schemas=[_seen(each, request.view) for each in chosen], next_page_token=token
        )

    def _commit(self, request: Any) -> Any:
        return self._schemas.commit(request.name, request.schema).message

    def _rollback(self, request: Any) -> Any:
        return self._schemas.rollback(request.name, request.revision_id).message

    def _delete_revision(self, request: Any) -> Any:
        return self._schemas.delete_revision(request.name, request.revision_id).message

    def _delete(self, request: Any) -> Any:
        self._registry.delete_schema(request.name)
        return EMPTY

    def _validate(self, request: Any) -> Any:
        names.project(request.parent)
        self._schemas.parse(request.schema)
        return EMPTY

    def _validate_message(self, request: Any) -> Any:
        names.project(request.parent)
        given = request.WhichOneof("schema_spec")
        if given is None:
            raise InvalidArgumentError("A schema, or the name of one, must be given.")
        by_name = given == "name"
        schemas = self._schemas
        revision = schemas.revision(request.name) if by_name else schemas.parse(request.schema)
        revision.check(request.message, request.encoding)
        return EMPTY


def _seen(revision: Revision, view: int) -> Any:
    """The Schema message, its definition only in the full view."""
    if view == _FULL:
        return revision.message
    basic = Schema()
    basic.CopyFrom(revision.message)
    basic.ClearField("definition")
    return basic
