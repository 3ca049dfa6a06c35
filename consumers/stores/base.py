"""Where threads and sessions meet: one lock, the thing it guards, and a version that grows."""

import threading


class Versions:
    """A counter that grows with every change of any store, and lets threads wait for it.

    The condition guards `_version` alone.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._version = 0

    @property
    def version(self) -> int:
        """The number of changes so far."""
        return self._version

    def bump(self) -> int:
        """Count one change and wake who waits."""
        with self._changed:
            self._version += 1
            self._changed.notify_all()
            return self._version

    def wait(self, version: int, timeout: float) -> int:
        """Block until the version exceeds `version` or `timeout` seconds passed; the version."""
        with self._changed:
            self._changed.wait_for(lambda: self._version > version, timeout)
            return self._version
