"""What cannot be decoded is kept whole and once, and only so much of it."""

from dataclasses import replace

import pytest

from consumers.journal import Entry, Journal, work
from tests.consumers.journal.entries import AT, PRICES, entry
from tests.support import eventually


def test_undecodable_messages_are_kept_whole_and_once(journal: Journal) -> None:
    told: list[bool] = []
    bad = Entry(PRICES, "", "77", AT, AT, b"\xff{", {"source": "x"})
    journal.quarantine(bad, "not JSON", told.append)
    journal.quarantine(bad, "not JSON", told.append)
    eventually(lambda: told == [True, False])
    (kept,) = journal.quarantined()
    assert (kept.entry, kept.reason) == (bad, "not JSON")
    assert journal.status().quarantined == 1


def test_quarantine_keeps_only_the_newest(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "QUARANTINE_ROWS", 3)
    told: list[bool] = []
    for n in range(5):
        journal.quarantine(replace(entry("", data=b"x"), message_id=str(n)), "bad", told.append)
    eventually(lambda: len(told) == 5)
    assert [each.entry.message_id for each in journal.quarantined()] == ["4", "3", "2"]


def test_quarantine_keeps_only_so_many_bytes_and_always_the_newest(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "QUARANTINE_BYTES", 3_000)
    told: list[bool] = []
    for n, size in enumerate((1_000, 1_000, 1_500, 9_000)):
        bad = replace(entry("", data=bytes(size)), message_id=str(n))
        journal.quarantine(bad, "bad", told.append)
        eventually(lambda n=n: len(told) == n + 1)  # type: ignore[misc]
        ids = [each.entry.message_id for each in journal.quarantined()]
        assert ids == [["0"], ["1", "0"], ["2", "1"], ["3"]][n]


def test_a_list_reads_but_the_beginning_of_what_is_large(journal: Journal) -> None:
    told: list[bool] = []
    journal.quarantine(entry("", data=b"ab" * 2_000_000), "not JSON", told.append)
    eventually(lambda: told == [True])
    (held,) = journal.quarantined(most=5)
    assert (held.entry.data, held.size, held.reason) == (b"ababa", 4_000_000, "not JSON")
    (held,) = journal.quarantined()
    assert (len(held.entry.data), held.size) == (4_000_000, 4_000_000)
