"""The file: of which version, whose, how it is synced, and what becomes of a corrupt one."""

import sqlite3
from pathlib import Path

import pytest

from consumers.clock import SystemClock
from consumers.errors import JournalOpenError
from consumers.journal import Journal, schema
from consumers.journal.values import COLUMNS, row_of
from tests.consumers.journal.entries import entry, keys, write
from tests.support import FakeClock


@pytest.mark.parametrize("damage", ["overwritten", "no database at all"])
def test_a_corrupt_file_is_set_aside_and_said(path: Path, damage: str) -> None:
    journal = Journal(path, SystemClock())
    journal.start()
    write(journal, *(entry(str(n), data=bytes(1_000)) for n in range(200)))
    journal.stop()
    content = bytearray(path.read_bytes())
    content[4096 : 4096 + 8192] = b"\xaa" * 8192
    broken = bytes(content) if damage == "overwritten" else b"hello " * 1_000
    path.write_bytes(broken)

    again = Journal(path, FakeClock())
    again.start()
    aside = again.status().set_aside
    assert aside is not None
    assert aside.name == "journal.db.corrupt-20261123T120000000000"
    assert aside.read_bytes() == broken
    assert write(again, entry("1")) == [True]
    again.stop()

    later = Journal(path, FakeClock())
    later.start()
    assert later.status().set_aside == aside  # as long as it lies there
    later.stop()
    aside.unlink()
    last = Journal(path, FakeClock())
    last.start()
    assert last.status().set_aside is None
    last.stop()


def test_a_newer_file_is_not_touched(path: Path) -> None:
    journal = Journal(path, SystemClock())
    journal.start()
    journal.stop()
    other = sqlite3.connect(path)
    other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(JournalOpenError, match="newer version"):
        Journal(path, SystemClock()).start()


@pytest.mark.parametrize("version", range(len(schema.MIGRATIONS)))
def test_a_file_of_every_older_version_is_brought_up_to_date(path: Path, version: int) -> None:
    path.parent.mkdir()
    old = sqlite3.connect(path)
    for script in schema.MIGRATIONS[:version]:
        old.executescript(script)
    if version:
        old.execute(work_insert(), row_of(entry("1")))
    old.execute(f"PRAGMA user_version = {version}")
    old.commit()
    old.close()
    journal = Journal(path, SystemClock())
    journal.start()
    assert keys(journal) == ["1"][:version]
    assert write(journal, entry("2")) == [True]
    with journal.reader() as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == len(schema.MIGRATIONS)
    journal.stop()
    fresh = Journal(path.with_name("fresh.db"), SystemClock())
    fresh.start()
    assert tables(fresh) == tables(journal)
    fresh.stop()


def work_insert() -> str:
    return f"INSERT INTO events ({COLUMNS}) VALUES (?,?,?,?,?,?,?)"


def tables(journal: Journal) -> list[tuple[str, str]]:
    with journal.reader() as db:
        return db.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()


def test_a_migration_that_fails_leaves_the_file_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(path, SystemClock())
    journal.start()
    write(journal, entry("1"))
    journal.stop()
    known = schema.MIGRATIONS
    monkeypatch.setattr(schema, "MIGRATIONS", (*known, "CREATE TABLE later (x); DROP TABLE none;"))
    with pytest.raises(JournalOpenError, match="no such table: none"):
        Journal(path, SystemClock()).start()
    monkeypatch.setattr(schema, "MIGRATIONS", known)
    again = Journal(path, SystemClock())
    again.start()
    assert keys(again) == ["1"]
    assert "later" not in dict(tables(again))
    again.stop()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("x")
    with pytest.raises(JournalOpenError, match=r"file/journal\.db"):
        Journal(blocker / "journal.db", SystemClock()).start()


def test_a_second_writer_is_refused_until_the_first_has_ended(path: Path) -> None:
    first, second = Journal(path, SystemClock()), Journal(path, SystemClock())
    first.start()
    with pytest.raises(JournalOpenError, match="another process writes it"):
        second.start()
    first.stop()
    second.start()
    second.stop()


def test_readers_cannot_write(journal: Journal) -> None:
    with journal.reader() as db, pytest.raises(sqlite3.OperationalError):
        db.execute("DELETE FROM events")


def test_every_commit_is_synced_and_only_the_writer_checkpoints(journal: Journal) -> None:
    def pragma(name: str) -> object:
        return journal.execute(lambda db: db.execute(f"PRAGMA {name}").fetchone()[0]).result(5)

    assert pragma("journal_mode") == "wal"
    assert pragma("synchronous") == 2
    assert not pragma("mmap_size")
