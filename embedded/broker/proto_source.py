"""From the text of a .proto file to its FileDescriptorProto, without a compiler.

What a Pub/Sub schema may hold: proto2 and proto3 messages and enums, no imports, services, groups
or extensions. Options are passed over. https://protobuf.dev/reference/protobuf/proto3-spec/
"""

import re
from collections.abc import Iterator
from typing import Any

from google.protobuf import descriptor_pb2 as descriptors

_TOKEN = re.compile(
    r"""\s+|//[^\n]*|/\*.*?\*/|(?P<token>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'"""
    r"""|\.?[A-Za-z_][\w.]*|-?\d[\w.]*|[{}\[\]()<>=;,:+-])""",
    re.DOTALL,
)
_FIELD = descriptors.FieldDescriptorProto
_SCALARS = {
    name.removeprefix("TYPE_").lower(): number
    for name, number in _FIELD.Type.items()
    if name not in ("TYPE_GROUP", "TYPE_MESSAGE", "TYPE_ENUM")
}
_LABELS = {
    "optional": _FIELD.LABEL_OPTIONAL,
    "required": _FIELD.LABEL_REQUIRED,
    "repeated": _FIELD.LABEL_REPEATED,
}
_KEYS = set(_SCALARS) - {"double", "float", "bytes"}


class ProtoSyntaxError(ValueError):
    """The text is not what may be written in a schema."""


def parse(text: str) -> Any:
    """The FileDescriptorProto of a definition; ProtoSyntaxError if it is none."""
    return _Source(text).file()


def _tokens(text: str) -> Iterator[str]:
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            line = text.count("\n", 0, place) + 1
            raise ProtoSyntaxError("line", line, text[place : place + 20])
        place = found.end()
        if found["token"]:
            yield found["token"]
    yield ""


class _Source:
    """The tokens of a file, read from front to end."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._place = 0
        self._proto3 = False

    def file(self) -> Any:
        file = descriptors.FileDescriptorProto(name="schema.proto")
        while self._next_is_not(""):
            word = self._take()
            if word == "syntax":
                self._expect("=")
                file.syntax = self._take().strip("\"'")
                self._proto3 = file.syntax == "proto3"
                self._expect(";")
            elif word == "package":
                file.package = self._take()
                self._expect(";")
            elif word == "message":
                self._message(file.message_type.add())
            elif word == "enum":
                self._enum(file.enum_type.add())
            elif word == "option":
                self._skip_to(";")
            elif word != ";":
                raise ProtoSyntaxError("unexpected", word)
        return file

    def _message(self, message: Any) -> None:
        message.name = self._take()
        self._expect("{")
        while self._next_is_not("}"):
            word = self._take()
            if word == "message":
                self._message(message.nested_type.add())
            elif word == "enum":
                self._enum(message.enum_type.add())
            elif word == "oneof":
                self._oneof(message)
            elif word in ("option", "reserved"):
                self._skip_to(";")
            elif word != ";":
                self._field(message, word)
        self._expect("}")
        _add_oneofs(message)

    def _oneof(self, message: Any) -> None:
        index = len(message.oneof_decl)
        message.oneof_decl.add(name=self._take())
        self._expect("{")
        while self._next_is_not("}"):
            word = self._take()
            if word == "option":
                self._skip_to(";")
            elif word != ";":
                self._field(message, word, oneof=index)
        self._expect("}")

    def _field(self, message: Any, word: str, oneof: int | None = None) -> None:
        field = message.field.add(label=_LABELS.get(word, _FIELD.LABEL_OPTIONAL))
        if word in _LABELS:
            field.proto3_optional = self._proto3 and word == "optional"
            word = self._take()
        if word == "map" and self._peek() == "<":
            self._map_type(message, field)
        else:
            self._type(field, word)
            field.name = self._take()
        self._expect("=")
        field.number = self._number()
        self._options()
        if oneof is not None:
            field.oneof_index = oneof

    def _map_type(self, message: Any, field: Any) -> None:
        self._expect("<")
        key = self._take()
        if key not in _KEYS:
            raise ProtoSyntaxError("map key", key)
        self._expect(",")
        value = self._take()
        self._expect(">")
        field.name = self._take()
        field.label = _FIELD.LABEL_REPEATED
        name = "".join(part[:1].upper() + part[1:] for part in field.name.split("_")) + "Entry"
        field.type_name = name
        entry = message.nested_type.add(name=name)
        entry.options.map_entry = True
        for number, (part, kind) in enumerate((("key", key), ("value", value)), start=1):
            self._type(entry.field.add(name=part, number=number, label=1), kind)

    def _type(self, field: Any, word: str) -> None:
        if word in _SCALARS:
            field.type = _SCALARS[word]
        else:
            field.type_name = word

    def _enum(self, enum: Any) -> None:
        enum.name = self._take()
        self._expect("{")
        while self._next_is_not("}"):
            word = self._take()
            if word in ("option", "reserved"):
                self._skip_to(";")
            elif word != ";":
                self._expect("=")
                enum.value.add(name=word, number=self._number())
                self._options()
        self._expect("}")

    def _options(self) -> None:
        if self._peek() == "[":
            self._skip_to("]")
        self._expect(";")

    def _number(self) -> int:
        word = self._take()
        sign = -1 if word == "-" else 1
        try:
            return sign * int(self._take() if word == "-" else word, 0)
        except ValueError:
            raise ProtoSyntaxError("number", word) from None

    def _peek(self) -> str:
        return self._tokens[self._place]

    def _next_is_not(self, end: str) -> bool:
        if end and self._peek() == "":
            raise ProtoSyntaxError("it ends before", end)
        return self._peek() != end

    def _take(self) -> str:
        token = self._peek()
        if token == "":
            raise ProtoSyntaxError("it ends too early")
        self._place += 1
        return token

    def _expect(self, wanted: str) -> None:
        token = self._take()
        if token != wanted:
            raise ProtoSyntaxError("wanted", wanted, "found", token)

    def _skip_to(self, end: str) -> None:
        while self._take() != end:
            pass


def _add_oneofs(message: Any) -> None:
    """What proto3 calls optional is a oneof of its own, after the written ones."""
    for field in message.field:
        if field.proto3_optional:
            field.oneof_index = len(message.oneof_decl)
            message.oneof_decl.add(name=f"_{field.name}")
