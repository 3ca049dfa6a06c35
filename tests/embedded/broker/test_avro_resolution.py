"""Which Avro schemas can read each other's values."""

from typing import Any

import fastavro
import pytest

from embedded.broker.avro_resolution import Resolution

INNER = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}
FACES = {"type": "enum", "name": "Face", "symbols": ["UP", "DOWN"]}
KEY = {"type": "fixed", "name": "Key", "size": 8}


def _fault(reader: Any, writer: Any) -> str | None:
    return Resolution(fastavro.parse_schema(reader), fastavro.parse_schema(writer)).fault()


def _record(kind: Any, **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": "R", "fields": [{"name": "f", "type": kind, **more}]}


@pytest.mark.parametrize(
    ("reader", "writer"),
    [
        ("double", "int"),
        ("string", "bytes"),
        (["null", "long"], "int"),
        (["null", "string"], ["string"]),
        (INNER, INNER),
        ({"type": "array", "items": "long"}, {"type": "array", "items": "int"}),
        (FACES | {"symbols": ["UP", "DOWN", "EDGE"]}, FACES),
        (FACES | {"symbols": ["UP"], "default": "UP"}, FACES),
        (_record("int", aliases=["g"]) | {"aliases": ["S"]}, _record("int") | {"name": "S"}),
        (_record("int", default=0), {"type": "record", "name": "R", "fields": []}),
    ],
)
def test_a_reader_takes_what_the_specification_lets_it_take(reader: Any, writer: Any) -> None:
    assert _fault(reader, writer) is None


@pytest.mark.parametrize(
    ("reader", "writer", "why"),
    [
        ("int", "double", "double in one and int in the other"),
        ("string", ["null", "string"], "null"),
        (["null", "string"], "int", "not in the union"),
        (FACES, FACES | {"symbols": ["UP", "EDGE"]}, "EDGE"),
        (KEY, KEY | {"size": 4}, "size"),
        ({"type": "map", "values": "int"}, {"type": "map", "values": "string"}, "values"),
        (_record("int"), {"type": "record", "name": "R", "fields": []}, "no default"),
        (_record(_record("int") | {"name": "S"}), _record(KEY), "fixed"),
    ],
)
def test_a_reader_refuses_what_it_cannot_take(reader: Any, writer: Any, why: str) -> None:
    assert why in str(_fault(reader, writer))
