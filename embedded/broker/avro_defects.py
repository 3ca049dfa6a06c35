"""What fastavro lets pass in a definition, though Avro does not or a broker cannot."""

import re
from typing import Any

from embedded.broker.avro_resolution import kind_of, named

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)


def defect(schema: Any) -> str | None:
    """What is wrong with a schema as fastavro parsed it; None if nothing is."""
    names = named(schema)
    waiting = [schema, *names.values()]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting.extend(each)
        elif isinstance(each, dict):
            found = _defect_of(each, names)
            if found:
                return found
            waiting.extend(each.get(key) for key in ("type", "items", "values", "fields"))
    return None


def _defect_of(schema: dict[str, Any], names: dict[str, Any]) -> str | None:
    name = schema.get("name", "x")
    if not _NAME.fullmatch(name):
        return f"{name!r} is no name"
    fields = [field["name"] for field in schema.get("fields", ())]
    if len(set(fields)) < len(fields):
        return f"two fields of {name} have one name"
    # Eight bytes can say that there are 10^18 of them.
    if schema.get("type") == "array" and not _takes_bytes(schema["items"], names, ()):
        return "an array of items without bytes"
    return None


def _takes_bytes(schema: Any, names: dict[str, Any], within: tuple[str, ...]) -> bool:
    """Whether every value of `schema` takes at least a byte in the binary encoding."""
    schema = names.get(schema, schema) if isinstance(schema, str) else schema
    if isinstance(schema, list):
        return True
    kind = kind_of(schema)
    if kind in ("record", "error"):
        if schema["name"] in within:
            return False
        inside = (*within, schema["name"])
        return any(_takes_bytes(field["type"], names, inside) for field in schema["fields"])
    return bool(schema["size"]) if kind == "fixed" else kind != "null"
