"""Protocol Buffer definitions and the messages that fit them, judged by protobuf itself."""

from typing import Any

from embedded.broker.errors import InvalidArgumentError

_REQUIRED = 2  # FieldDescriptorProto.LABEL_REQUIRED


class ProtoDefinition:
    """One parsed definition; InvalidArgumentError if it is none.

    It must have exactly one message at the top; that is what the messages of a topic are.
    """

    def __init__(self, text: str) -> None:
        from google.protobuf import descriptor_pool, message_factory

        from embedded.broker import proto_source

        try:
            self.file = proto_source.parse(text)
            pool = descriptor_pool.DescriptorPool()
            pool.AddSerializedFile(self.file.SerializeToString())
            roots = pool.FindFileByName(self.file.name).message_types_by_name
        except (proto_source.ProtoSyntaxError, TypeError, KeyError, RecursionError) as error:
            raise InvalidArgumentError("Protocol Buffer definition", _said(error)) from None
        if len(roots) != 1:
            raise InvalidArgumentError(
                "Protocol Buffer definition", f"{len(roots)} messages", "have one at the top"
            )
        (root,) = roots.values()
        self._message = message_factory.GetMessageClass(root)

    def check_json(self, message: bytes) -> None:
        """Refuse what is not one message in protobuf's JSON form, without unknown fields."""
        from google.protobuf import json_format

        try:
            text = message.decode()
            if not text.lstrip().startswith("{"):  # protobuf takes [] for an empty message
                raise _unfit("JSON", "it is no object")
            json_format.Parse(text, self._message())
        except (json_format.ParseError, UnicodeDecodeError, RecursionError) as error:
            raise _unfit("JSON", _said(error)) from None

    def check_binary(self, message: bytes) -> None:
        """Refuse what is not one message, or has fields that the definition does not know."""
        from google.protobuf import unknown_fields
        from google.protobuf.message import DecodeError

        try:
            parsed = self._message.FromString(message)
        except DecodeError as error:
            raise _unfit("binary", _said(error)) from None
        unknown = [str(each.field_number) for each in unknown_fields.UnknownFieldSet(parsed)]
        if unknown:
            raise _unfit("binary", f"unknown fields {', '.join(unknown)}")

    def check_successor(self, later: "ProtoDefinition") -> None:
        """Refuse a revision that does more than add or remove optional fields:
        https://docs.cloud.google.com/pubsub/docs/commit-schema-revision"""
        before, after = _messages(self.file), _messages(later.file)
        fault = None
        if self.file.package != later.file.package or not before.keys() & after.keys():
            fault = "the message has another name"
        for name in before.keys() & after.keys():
            fault = fault or _fault(before[name], after[name])
        if fault:
            raise InvalidArgumentError("schema revision", fault, "fit the one before")


def _messages(file: Any) -> dict[str, Any]:
    """All messages of a file by their names within it."""
    found: dict[str, Any] = {}
    waiting = [("", message) for message in file.message_type]
    while waiting:
        scope, message = waiting.pop()
        name = scope + message.name
        found[name] = message
        waiting += [(f"{name}.", inner) for inner in message.nested_type]
    return found


def _fault(before: Any, after: Any) -> str | None:
    old = {field.number: field for field in before.field}
    new = {field.number: field for field in after.field}
    for number, field in (old | new).items():
        if number in old and number in new:
            if _meaning(old[number]) != _meaning(new[number]):
                return f"field {number} ({field.name}) is changed"
        elif field.label == _REQUIRED:
            return f"field {number} ({field.name}) is required in one and missing in the other"
    return None


def _meaning(field: Any) -> tuple[Any, ...]:
    return field.name, field.label, field.type, field.type_name


def _said(error: Exception) -> str:
    return " ".join(str(part) for part in error.args)[:200].replace("\n", " ")


def _unfit(encoding: str, reason: str) -> InvalidArgumentError:
    return InvalidArgumentError(
        "Invalid data in message: Message failed schema validation. "
        f"It is no {encoding} encoding of its Protocol Buffer schema ({reason})."
    )
