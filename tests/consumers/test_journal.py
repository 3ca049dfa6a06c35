"""The journal: what was told done is on disk, nothing counts twice, no fault loses a message."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from consumers.clock import SystemClock
from consumers.errors import JournalOpenError, JournalStoppedError
from consumers.journal import Entry, Journal, Kept, Rules, schema, work
from consumers.journal.inbox import Inbox
from consumers.journal.values import COLUMNS, row_of
from tests.support import ROOT, FakeClock, eventually

# near the wall clock, which says what is old enough to be forgotten
AT = datetime.now(UTC).replace(microsecond=123456)
PRICES = "market.prices.v1"


def entry(key: str, topic: str = PRICES, data: bytes = b"{}", at: datetime = AT) -> Entry:
    return Entry(topic, key, f"m-{key}", at, at + timedelta(milliseconds=5), data, {"a": "1"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    journal = Journal(path, SystemClock())
    journal.start()
    yield journal
    journal.stop()
    assert "journal-writer" not in {thread.name for thread in threading.enumerate()}


def write(journal: Journal, *entries: Entry) -> list[bool]:
    """Append and wait until all are told; the answers in order."""
    told: list[bool] = []
    for each in entries:
        journal.append(each, told.append)
    eventually(lambda: len(told) == len(entries), what="all entries told")
    return told


def keys(journal: Journal, topic: str = PRICES, newest: int | None = None) -> list[str]:
    return [each.key for each in journal.replay(topic, newest)]


def hold_writer(journal: Journal) -> tuple[threading.Event, "Future[bool]"]:
    """Keep the writer busy inside a transaction until the event is set."""
    inside, go = threading.Event(), threading.Event()

    def hold(_db: sqlite3.Connection) -> bool:
        inside.set()
        return go.wait(10)

    future = journal.execute(hold)
    assert inside.wait(5)
    return go, future


def test_what_is_told_done_is_there_for_another_connection(journal: Journal, path: Path) -> None:
    seen: list[int] = []

    def done(_inserted: bool) -> None:
        other = sqlite3.connect(path)
        seen.append(other.execute("SELECT count(*) FROM events").fetchone()[0])
        other.close()

    journal.append(entry("1"), done)
    eventually(lambda: seen == [1])


def test_an_entry_comes_back_as_it_went_in(journal: Journal) -> None:
    sent = Entry(
        "t", "k/é", "9", AT, AT + timedelta(microseconds=1), b"\xff\x00", {"kind": "ä", "x": ""}
    )
    write(journal, sent)
    assert list(journal.replay("t")) == [sent]


def test_a_key_counts_once_per_topic(journal: Journal) -> None:
    first, again, elsewhere = entry("1"), entry("1", data=b"other"), entry("1", topic="t2")
    assert write(journal, first, again, elsewhere) == [True, False, True]
    assert write(journal, first, entry("2")) == [False, True]
    assert [each.data for each in journal.replay(PRICES)] == [b"{}", b"{}"]
    status = journal.status()
    assert (status.committed, status.duplicates, status.queued) == (3, 2, 0)


def test_replay_gives_the_newest_oldest_first(journal: Journal) -> None:
    write(journal, *(entry(str(n)) for n in range(2_500)), entry("x", topic="t2"))
    assert keys(journal) == [str(n) for n in range(2_500)]
    assert keys(journal, newest=3) == ["2497", "2498", "2499"]
    assert keys(journal, newest=9_999) == keys(journal)
    assert keys(journal, newest=0) == []
    assert keys(journal, topic="t3") == []


def test_replay_ends_where_the_journal_ended_when_it_began(journal: Journal) -> None:
    write(journal, entry("1"), entry("2"))
    replayed = journal.replay(PRICES)
    assert next(replayed).key == "1"
    write(journal, entry("3"))
    assert [each.key for each in replayed] == ["2"]


def test_what_was_journalled_outlives_a_restart(journal: Journal, path: Path) -> None:
    write(journal, entry("1"))
    journal.stop()
    again = Journal(path, SystemClock())
    again.start()
    assert keys(again) == ["1"]
    assert write(again, entry("1"), entry("2")) == [False, True]
    again.stop()


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


def test_a_workers_statements_commit_with_what_came_before(journal: Journal) -> None:
    told: list[int] = []
    journal.append(entry("1"), lambda _: None)
    count = journal.execute(
        lambda db: int(db.execute("SELECT count(*) FROM events").fetchone()[0]), told.append
    )
    assert count.result(5) == 1
    eventually(lambda: told == [1])


def test_a_worker_that_raises_undoes_only_its_own(journal: Journal) -> None:
    def bad(db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM events")
        raise ZeroDivisionError

    go, held = hold_writer(journal)
    told: list[bool] = []
    journal.append(entry("1"), told.append)
    failing = journal.execute(bad)
    journal.append(entry("2"), told.append)
    go.set()
    assert held.result(5)
    with pytest.raises(ZeroDivisionError):
        failing.result(5)
    eventually(lambda: told == [True, True])
    assert keys(journal) == ["1", "2"]


def test_an_entry_that_cannot_be_written_leaves_the_others_alone(journal: Journal) -> None:
    go, held = hold_writer(journal)
    told: list[str] = []

    def tell(key: str) -> Callable[[bool], None]:
        return lambda _new: told.append(key)

    journal.append(entry("1"), tell("1"))
    journal.append(entry("\ud800"), tell("surrogate"))
    journal.append(entry("2"), tell("2"))
    go.set()
    assert held.result(5)
    eventually(lambda: told == ["1", "2"])
    assert journal.status().queued == 0
    assert write(journal, entry("3")) == [True]


def test_events_that_come_together_are_answered_together_and_one_by_one_where_it_matters(
    journal: Journal,
) -> None:
    told: list[Sequence[Kept]] = []
    write(journal, entry("known"))
    together = [row_of(entry(key)) for key in ("1", "known", "\ud800", "2", "1")]
    journal.append_all(together[:1] + together[3:], told.append)
    eventually(lambda: told == [[True, True, False]])
    journal.append_all(together, told.append)
    eventually(lambda: len(told) == 2)
    assert told[1] == [False, False, None, False, False]
    assert keys(journal) == ["known", "1", "2"]
    status = journal.status()
    assert (status.committed, status.duplicates, status.queued) == (3, 5, 0)


def test_a_callback_that_raises_ends_nothing(journal: Journal) -> None:
    def bad(_inserted: bool) -> None:
        raise ZeroDivisionError

    journal.append(entry("1"), bad)
    assert write(journal, entry("2")) == [True]


def test_a_callback_may_ask_for_more_though_the_queue_is_full(path: Path) -> None:
    journal = Journal(path, SystemClock(), queue=1)
    journal.start()
    done: Future[int] = Future()

    def more(_inserted: bool) -> None:
        for n in range(5):
            journal.append(entry(f"more {n}"), lambda _: None)
        journal.execute(lambda _db: 1, done.set_result)

    journal.append(entry("1"), more)
    assert done.result(5) == 1
    assert len(keys(journal)) == 6
    journal.stop()


def test_a_full_queue_makes_the_sender_wait(path: Path) -> None:
    journal = Journal(path, SystemClock(), queue=2)
    journal.start()
    go, _ = hold_writer(journal)
    told: list[bool] = []

    def send() -> None:
        for n in range(5):
            journal.append(entry(str(n)), told.append)

    sender = threading.Thread(target=send, name="sender", daemon=True)
    sender.start()
    eventually(lambda: journal.status().queued == 3)  # two waiting and the one being held
    sender.join(0.1)
    assert sender.is_alive()
    go.set()
    sender.join(5)
    eventually(lambda: told == [True] * 5)
    journal.stop()


def test_a_stopped_journal_says_so_and_has_written_what_was_waiting(journal: Journal) -> None:
    go, _ = hold_writer(journal)
    told: list[bool] = []
    for n in range(1_200):
        journal.append(entry(str(n)), told.append)
    stopper = threading.Thread(target=journal.stop, name="stopper", daemon=True)
    stopper.start()
    go.set()
    stopper.join(5)
    assert told == [True] * 1_200
    assert len(keys(journal)) == 1_200
    with pytest.raises(JournalStoppedError):
        journal.append(entry("late"), told.append)


def test_a_journal_that_was_never_started_takes_nothing(path: Path) -> None:
    journal = Journal(path, SystemClock())
    with pytest.raises(JournalStoppedError):
        journal.append(entry("1"), lambda _: None)
    journal.stop()


def test_while_the_file_is_locked_nothing_is_told_and_nothing_is_lost(
    journal: Journal, path: Path
) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    told: list[bool] = []
    journal.append(entry("1"), told.append)
    eventually(lambda: journal.status().error is not None, what="the error shown")
    assert "locked" in (journal.status().error or "")
    assert told == []
    assert keys(journal) == []  # readers are not blocked
    other.execute("COMMIT")
    other.close()
    eventually(lambda: told == [True])
    assert journal.status().error is None


def test_when_the_disk_is_full_nothing_is_told_and_it_resumes_by_itself(
    journal: Journal, path: Path
) -> None:
    write(journal, *(entry(f"old {n}", topic="filler", data=bytes(4096)) for n in range(40)))
    pages = journal.execute(lambda db: int(db.execute("PRAGMA page_count").fetchone()[0])).result(5)
    journal.execute(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchone()).result(5)
    told: list[bool] = []
    for n in range(10):
        journal.append(entry(f"new {n}", data=bytes(4096)), told.append)
    eventually(lambda: journal.status().error is not None, what="the error shown")
    assert "full" in (journal.status().error or "")
    assert len(told) == len(keys(journal))
    other = sqlite3.connect(path)
    other.execute("DELETE FROM events WHERE topic = 'filler'")
    other.commit()
    other.close()
    eventually(lambda: told == [True] * 10)
    assert len(keys(journal)) == 10
    assert journal.status().error is None


def test_stopping_while_the_file_cannot_be_written_ends_soon_and_tells_nobody(
    path: Path,
) -> None:
    journal = Journal(path, SystemClock())
    journal.start()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    told: list[bool] = []
    for n in range(2_000):
        journal.append(entry(str(n)), told.append)
    future = journal.execute(lambda _db: 1)
    eventually(lambda: journal.status().error is not None)
    journal.stop(timeout=5)
    assert "journal-writer" not in {thread.name for thread in threading.enumerate()}
    assert told == []
    with pytest.raises(JournalStoppedError):
        future.result(0)
    other.close()


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


def test_pruning_deletes_what_is_older_in_small_chunks(journal: Journal) -> None:
    old = SystemClock().now() - timedelta(days=2)
    fresh = SystemClock().now()
    write(journal, *(entry(f"old {n}", topic="t", at=old) for n in range(1_201)))
    write(journal, entry("fresh", topic="t", at=fresh))
    assert journal.prune(timedelta(days=1), chunk=100) == 1_201
    assert keys(journal, topic="t") == ["fresh"]


def test_prices_are_forgotten_by_themselves_and_alerts_are_not(path: Path) -> None:
    clock = FakeClock()
    journal = Journal(path, clock, rules=Rules(keep={PRICES: timedelta(days=1)}))
    journal.start()
    write(journal, *(entry(str(n), at=clock.now()) for n in range(700)))
    write(journal, entry("1", topic="alerts.margin.v1", at=clock.now()))
    clock.advance(86_401)
    write(journal, entry("young", at=clock.now()))
    for left in (201, 1):
        eventually(lambda left=left: len(keys(journal)) == left)  # type: ignore[misc]
        clock.advance(1)
    assert keys(journal) == ["young"]
    assert keys(journal, topic="alerts.margin.v1") == ["1"]
    journal.stop()


def test_an_inbox_hands_out_batches_and_lingers_for_them_to_fill() -> None:
    inbox: Inbox[str] = Inbox(100)
    for n in range(7):
        inbox.put(str(n))
    assert inbox.take(5, 0.0, 0.0) == ["0", "1", "2", "3", "4"]
    late = threading.Timer(0.05, lambda: [inbox.put(n) for n in "789"])
    late.start()
    assert inbox.take(5, 0.0, 5.0) == ["5", "6", "7", "8", "9"]
    late.join()
    assert inbox.take(5, 0.01, 0.0) == []
    for n in range(5):
        inbox.put(str(n))
    assert len(inbox.take(50, 0.0, 60.0, enough=5)) == 5  # no need to wait for more


def test_an_inbox_counts_what_is_in_its_items() -> None:
    inbox: Inbox[str] = Inbox(6)
    for item in ("abc", "d", "efg", "h"):
        assert inbox.put(item, force=True)
    assert len(inbox) == 8
    assert inbox.take(4, 0.0, 0.0) == ["abc", "d"]
    assert inbox.take(1, 0.0, 0.0) == ["efg"]  # an item stays whole
    assert len(inbox) == 1


CHILD = """
import sys, threading
from datetime import UTC, datetime
from pathlib import Path
from consumers.clock import SystemClock
from consumers.journal import Entry, Journal

path, ack_first = Path(sys.argv[1]), sys.argv[2] == "ack-first"
journal = Journal(path, SystemClock())
journal.start()
if ack_first:
    journal.execute(lambda db: threading.Event().wait(0.2))
for n in range(1_000_000):
    at = datetime.now(UTC)
    key = str(n)
    entry = Entry("t", key, key, at, at, b"x" * 200, {})
    tell = lambda _new, key=key: print(key, flush=True)
    if ack_first:
        tell(True)
        journal.append(entry, lambda _new: None)
    else:
        journal.append(entry, tell)
"""


def killed(path: Path, mode: str, told: int) -> tuple[set[str], set[str]]:
    """Kill -9 a writing process after it told `told` keys; what it told, and what is on disk."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path), mode],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(told)]
        child.kill()
        lines += child.stdout.readlines()
    acked = {line.strip() for line in lines if line.endswith("\n")}
    journal = Journal(path, SystemClock())
    journal.start()
    assert journal.status().set_aside is None
    kept = [each.key for each in journal.replay("t")]
    journal.stop()
    assert len(kept) == len(set(kept))
    return acked, set(kept)


def test_kill_minus_nine_loses_nothing_that_was_told_done(path: Path) -> None:
    for told in (200, 1_500):
        acked, kept = killed(path, "ack-after-commit", told)
        assert len(acked) >= told
        assert acked <= kept


def test_the_control_that_acknowledges_first_does_lose(path: Path) -> None:
    acked, kept = killed(path, "ack-first", 500)
    assert acked - kept
