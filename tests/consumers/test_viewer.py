"""What everybody sees tells of the threads that ought to run, not of those alone that do."""

import threading

from consumers.viewer import _threads


def test_a_thread_that_ended_is_told_first() -> None:
    done = threading.Event()
    works = threading.Thread(target=done.wait, name="works", daemon=True)
    works.start()
    told = _threads({"works", "scorer of a test"})
    done.set()
    works.join()
    assert (told[0].name, told[0].alive) == ("scorer of a test", False)
    assert [each.alive for each in told if each.name == "works"] == [True]
    assert [each.alive for each in _threads({"works"}) if each.name == "works"] == [False]
