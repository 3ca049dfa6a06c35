"""What is in the sink was delivered; a torn line was not."""

import os
from pathlib import Path

import orjson
import pytest

from consumers.sink import FileSink


def _line(event_id: str, channel: str = "email") -> dict[str, object]:
    return {"event_id": event_id, "channel": channel}


def _events(path: Path) -> list[str]:
    return [orjson.loads(line)["event_id"] for line in path.read_bytes().splitlines()]


def test_the_next_life_knows_what_was_delivered(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "sink.jsonl")
    assert sink.open() == frozenset()
    sink.write([_line("a"), _line("a", "sms")])
    sink.close()
    again = FileSink(tmp_path / "sink.jsonl")
    assert again.open() == {("a", "email"), ("a", "sms")}
    again.close()


def test_a_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "sink.jsonl"
    path.write_bytes(orjson.dumps(_line("a")) + b"\n" + b'{"event_id": "b", "cha')
    sink = FileSink(path)
    assert sink.open() == {("a", "email")}
    sink.write([_line("c")])
    sink.close()
    assert _events(path) == ["a", "c"]


def test_a_line_that_is_no_delivery_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "sink.jsonl"
    path.write_bytes(b'not json\n{"event_id": "a"}\n[1]\n')
    sink = FileSink(path)
    assert sink.open() == frozenset()
    sink.close()


def test_a_write_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sink.jsonl"
    sink = FileSink(path)
    sink.open()
    sink.write([_line("a")])

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        sink.write([_line("b")])
    monkeypatch.undo()
    sink.write([_line("c")])
    sink.close()
    assert _events(path) == ["a", "c"]
