"""Avro definitions and the messages that fit them, judged by fastavro.

Avro: https://avro.apache.org/docs/1.11.1/specification/ ; fastavro is imported with the first
definition. It raises whatever it stumbles over on bad input, which is why everything is caught.

Its compiled reader dies of a value that is nested deep enough, and the process with it. Its Python
reader, which it falls back to itself where there is no compiled one, is stopped by the recursion
limit of the interpreter; so is a deep definition, by looking through it before it is parsed.
"""

import io
import json
from typing import Any

from embedded.broker.avro_defects import defect
from embedded.broker.avro_resolution import Resolution
from embedded.broker.errors import InvalidArgumentError


class AvroDefinition:
    """One parsed definition; InvalidArgumentError if it is none."""

    def __init__(self, text: str) -> None:
        import fastavro
        from fastavro import _read_py

        self._reader, self._read_binary = fastavro, _read_py.schemaless_reader
        # Avro's JSON form names every field of a record: a default is for readers of old messages.
        self._complete = _parsed(text, _without_defaults)
        self._schema = _parsed(text, lambda loaded: loaded)
        found = defect(self._schema)
        if found:
            raise InvalidArgumentError("Avro schema definition", found)

    def check_json(self, message: bytes) -> None:
        """Refuse what is not one value in Avro's JSON encoding."""
        try:
            text = message.decode()
            json.loads(text, parse_constant=_no_number)
            (value,) = self._reader.json_reader(io.StringIO(text), self._complete)
            self._reader.validate(value, self._schema)
        except Exception as error:  # noqa: BLE001 - see the module
            raise _unfit("JSON", _said(error)) from None

    def check_binary(self, message: bytes) -> None:
        """Refuse what is not one value in Avro's binary encoding, to the last byte."""
        stream = io.BytesIO(message)
        try:
            self._read_binary(stream, self._schema, None)
        except Exception as error:  # noqa: BLE001 - see the module
            raise _unfit("binary", _said(error)) from None
        if stream.tell() != len(message):
            raise _unfit("binary", f"{len(message) - stream.tell()} bytes follow the value")

    def check_successor(self, later: "AvroDefinition") -> None:
        """Refuse a revision that could not read this one's messages, or whose messages this one
        could not read: https://docs.cloud.google.com/pubsub/docs/commit-schema-revision"""
        for reader, writer in ((later, self), (self, later)):
            try:
                fault = Resolution(reader.schema, writer.schema).fault()
            except RecursionError:
                fault = "it is nested too deep"
            if fault:
                raise InvalidArgumentError("schema revision", fault, "fit the one before")

    @property
    def schema(self) -> Any:
        """The definition as fastavro holds it: full names, defaults included."""
        return self._schema


def _parsed(text: str, prepare: Any) -> Any:
    import fastavro

    try:
        return fastavro.parse_schema(prepare(json.loads(text)))
    except Exception as error:  # noqa: BLE001 - see the module
        raise InvalidArgumentError("Avro schema definition", _said(error)) from None


def _without_defaults(loaded: Any) -> Any:
    if isinstance(loaded, list):
        return [_without_defaults(each) for each in loaded]
    if not isinstance(loaded, dict):
        return loaded
    kept = {key: _without_defaults(value) for key, value in loaded.items() if key != "fields"}
    if "fields" in loaded:
        kept["fields"] = [
            {key: _without_defaults(value) for key, value in field.items() if key != "default"}
            for field in loaded["fields"]
        ]
    return kept


def _no_number(constant: str) -> Any:
    """JSON has no NaN and no Infinity; Python's reader takes them."""
    raise ValueError(constant)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:200]}".replace("\n", " ")


def _unfit(encoding: str, reason: str) -> InvalidArgumentError:
    return InvalidArgumentError(
        "Invalid data in message: Message failed schema validation. "
        f"It is no {encoding} encoding of its Avro schema ({reason})."
    )
