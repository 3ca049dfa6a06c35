"""Whether one Avro schema can read what another wrote.

https://avro.apache.org/docs/1.11.1/specification/#schema-resolution
"""

from typing import Any

_READS = {  # reader's primitive: what else it reads
    "long": {"int"},
    "float": {"int", "long"},
    "double": {"int", "long", "float"},
    "bytes": {"string"},
    "string": {"bytes"},
}


class Resolution:
    """Two schemas as fastavro parsed them: `reader`'s eyes on `writer`'s values."""

    def __init__(self, reader: Any, writer: Any) -> None:
        self._reader, self._writer = reader, writer
        self._reader_names, self._writer_names = named(reader), named(writer)
        self._seen: set[tuple[str, str]] = set()

    def fault(self) -> str | None:
        """Why it cannot read them; None if it can."""
        return self._fault(self._reader, self._writer, "the message")

    def _fault(self, reader: Any, writer: Any, where: str) -> str | None:
        reader = self._reader_names.get(reader, reader) if isinstance(reader, str) else reader
        writer = self._writer_names.get(writer, writer) if isinstance(writer, str) else writer
        if isinstance(writer, list):
            found = (self._fault(reader, branch, where) for branch in writer)
            return next((fault for fault in found if fault), None)
        if isinstance(reader, list):
            faults = [self._fault(branch, writer, where) for branch in reader]
            return None if None in faults else f"{where}: {kind_of(writer)} is not in the union"
        kind, written = kind_of(reader), kind_of(writer)
        if kind != written:
            ok = written in _READS.get(kind, ())
            return None if ok else f"{where} is {written} in one and {kind} in the other"
        if kind in ("record", "error", "enum", "fixed"):
            return self._named_fault(kind, reader, writer, where)
        if kind in ("array", "map"):
            inner = "items" if kind == "array" else "values"
            return self._fault(reader[inner], writer[inner], f"{where}'s {inner}")
        return None

    def _named_fault(self, kind: str, reader: Any, writer: Any, where: str) -> str | None:
        pair = (reader["name"], writer["name"])
        if pair in self._seen:
            return None
        self._seen.add(pair)
        names = {_short(reader["name"]), *map(_short, reader.get("aliases", ()))}
        if _short(writer["name"]) not in names:
            return f"{where} is named {writer['name']} in one and {reader['name']} in the other"
        if kind == "fixed":
            same = reader["size"] == writer["size"]
            return None if same else f"{where} has another size"
        if kind == "enum":
            unknown = set(writer["symbols"]) - set(reader["symbols"])
            known = not unknown or "default" in reader
            return None if known else f"{where} knows {', '.join(sorted(unknown))} in one only"
        return self._record_fault(reader, writer, where)

    def _record_fault(self, reader: Any, writer: Any, where: str) -> str | None:
        written = {field["name"]: field for field in writer["fields"]}
        for field in reader["fields"]:
            names = (field["name"], *field.get("aliases", ()))
            source = next((written[name] for name in names if name in written), None)
            if source is None:
                if "default" not in field:
                    return f"{where} lacks field {field['name']} in one, with no default"
                continue
            fault = self._fault(field["type"], source["type"], f"field {field['name']}")
            if fault:
                return fault
        return None


def kind_of(schema: Any) -> str:
    return str(schema["type"]) if isinstance(schema, dict) else str(schema)


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def named(schema: Any) -> dict[str, Any]:
    """All named types defined within `schema`, by full name."""
    found: dict[str, Any] = {}
    waiting = [schema]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting.extend(each)
        elif isinstance(each, dict):
            if each.get("type") in ("record", "error", "enum", "fixed"):
                found.setdefault(each["name"], each)
            waiting.extend(each.get(key) for key in ("type", "items", "values", "fields"))
    return found
