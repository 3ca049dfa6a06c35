"""What may be written in a Protocol Buffer schema, what fits it, and what may follow it."""

import pytest

from embedded.broker.errors import InvalidArgumentError
from embedded.broker.proto_definition import ProtoDefinition

STATE = """
syntax = "proto3";
package utilities;  // of the United States
/* A state,
   and what is in it. */
message State {
  option deprecated = true;
  reserved 9, 12 to 14;
  reserved "code";
  string name = 1 [deprecated = true];
  optional int64 population = 3;
  repeated City cities = 4;
  map<string, City> by_name = 5;
  oneof which { string nickname = 6; Kind kind = 7; }
  message City { int32 size = 1; utilities.State in = 2; }
  enum Kind { UNKNOWN = 0; LOST = -1; NEW = 0x10; }
}
"""
V1 = 'syntax = "proto3"; message M { string a = 1; }'


@pytest.mark.parametrize(
    "message",
    [
        b"{}",
        b'{"name": "Ohio", "population": "3", "cities": [{"size": 1, "in": {"name": "x"}}]}',
        b'{"byName": {"x": {"size": 2}}, "kind": "NEW"}',
        b'{"by_name": {}, "nickname": "Buckeye"}',
    ],
)
def test_json_that_fits_is_taken(message: bytes) -> None:
    ProtoDefinition(STATE).check_json(message)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"nam": "Ohio"}',
        b'{"name": 1}',
        b'{"kind": "OLD"}',
        b'{"nickname": "x", "kind": "NEW"}',
    ],
)
def test_json_that_does_not_fit_is_refused(message: bytes) -> None:
    with pytest.raises(InvalidArgumentError, match="no JSON encoding"):
        ProtoDefinition(STATE).check_json(message)


def test_binary_is_read_by_protobuf_and_has_no_unknown_fields() -> None:
    state = ProtoDefinition(STATE)
    state.check_binary(b"\x0a\x04Ohio\x18\x03")
    for other in (b"\x0a\x04Ohi", b"\xa2\x06\x01x", b"\x08\x01"):
        with pytest.raises(InvalidArgumentError, match="no binary encoding"):
            state.check_binary(other)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "0 messages"),
        ("message M {} message N {}", "2 messages"),
        ("message M {", "ends before }"),
        ("message M { string a = 1 }", "wanted ;"),
        ("message M { colour a = 1; }", "colour"),
        ("message M { string a = 1; int32 b = 1; }", "duplicate"),
        ("message M { int32 a = x; }", "number x"),
        ("message M { map<double, int32> a = 1; }", "map key double"),
        ('import "other.proto"; message M {}', "unexpected import"),
        ("service S {}", "unexpected service"),
        ("§", "line 1"),
        ("message M {" * 3000, "recursion"),
    ],
)
def test_what_is_no_definition_is_refused(text: str, why: str) -> None:
    with pytest.raises(InvalidArgumentError, match=why):
        ProtoDefinition(text)


@pytest.mark.parametrize(
    "later",
    [
        V1,
        'syntax = "proto3"; message M { string a = 1; int32 b = 2; }',
        'syntax = "proto3"; message M { }',
    ],
)
def test_optional_fields_may_come_and_go(later: str) -> None:
    ProtoDefinition(V1).check_successor(ProtoDefinition(later))


@pytest.mark.parametrize(
    ("before", "later", "why"),
    [
        (V1, 'syntax = "proto3"; message N { string a = 1; }', "another name"),
        (V1, 'syntax = "proto3"; package p; message M { string a = 1; }', "another name"),
        (V1, 'syntax = "proto3"; message M { bytes a = 1; }', "changed"),
        (V1, 'syntax = "proto3"; message M { string b = 1; }', "changed"),
        ("message M { }", "message M { required int32 a = 1; }", "required"),
        ("message M { required int32 a = 1; }", "message M { }", "required"),
    ],
)
def test_nothing_else_may_change(before: str, later: str, why: str) -> None:
    with pytest.raises(InvalidArgumentError, match=why):
        ProtoDefinition(before).check_successor(ProtoDefinition(later))
