"""Hostile Avro is refused; it ends neither the broker nor its patience."""

import json
from typing import Any

import pytest

from embedded.broker.avro import AvroDefinition
from embedded.broker.errors import InvalidArgumentError

TREE = {"type": "array", "items": "Node"}
NODE = {"type": "record", "name": "Node", "fields": [{"name": "in", "type": TREE}]}
SELF = {"type": "record", "name": "Self", "fields": [{"name": "me", "type": "Self"}]}


def _avro(definition: Any) -> AvroDefinition:
    return AvroDefinition(json.dumps(definition))


@pytest.mark.parametrize("definition", [NODE, SELF])
def test_a_value_nested_without_end_is_refused(definition: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        _avro(definition).check_binary(b"\x02" * 1_000_000)
    deep = b'{"in":[' * 100_000
    with pytest.raises(InvalidArgumentError):
        _avro(definition).check_json(deep)


def test_a_definition_nested_without_end_is_refused() -> None:
    deep = '{"type":"array","items":' * 50_000 + '"int"' + "}" * 50_000
    with pytest.raises(InvalidArgumentError):
        AvroDefinition(deep)


EMPTY = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "null"}]}
TWICE = [{"name": "a", "type": "int"}, {"name": "a", "type": "string"}]


@pytest.mark.parametrize(
    ("definition", "why"),
    [
        ({"type": "array", "items": "null"}, "without bytes"),
        ({"type": "map", "values": {"type": "array", "items": EMPTY}}, "without bytes"),
        ({"type": "array", "items": {"type": "fixed", "name": "F", "size": 0}}, "without bytes"),
        ([EMPTY, {"type": "array", "items": "R"}], "without bytes"),
        ({"type": "record", "name": "R", "fields": TWICE}, "one name"),
        ({"type": "record", "name": "1R", "fields": []}, "no name"),
        ({"type": "record", "name": "R", "fields": [{"name": "a b", "type": "int"}]}, "no name"),
    ],
)
def test_a_definition_that_only_fastavro_would_take_is_refused(definition: Any, why: str) -> None:
    with pytest.raises(InvalidArgumentError, match=why):
        _avro(definition)


def test_a_count_that_the_message_cannot_hold_is_refused() -> None:
    count = b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f"
    with pytest.raises(InvalidArgumentError):
        _avro({"type": "array", "items": "int"}).check_binary(count + b"\x02" * 10)
    with pytest.raises(InvalidArgumentError):
        _avro("bytes").check_binary(count)
