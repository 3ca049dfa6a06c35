"""A TCP way to a server that can freeze, be cut and be closed, as networks do."""

import contextlib
import socket
import struct
import threading

from tests.support import Closing

PIECE = 65_536


class Wire(Closing):
    """Listens on a loopback port and carries every connection to `target`, "127.0.0.1:8085".

    `_lock` guards the connections. One thread accepts, two carry each connection.
    """

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._lock = threading.Lock()
        self._pairs: list[_Pair] = []
        self._closed = threading.Event()
        self._open = threading.Event()
        self._open.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.accepted = 0
        self._thread = threading.Thread(target=self._accept, name="wire", daemon=True)
        self._thread.start()

    def freeze(self) -> int:
        """Carry nothing more on today's connections and close none; new ones work. How many."""
        with self._lock:
            frozen = [pair for pair in self._pairs if pair.alive]
            for pair in frozen:
                pair.frozen.set()
        return len(frozen)

    def reset(self) -> int:
        """End today's connections with RST; how many."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        living = [pair for pair in pairs if pair.alive]
        for pair in living:
            pair.reset()
        return len(living)

    def shut(self) -> None:
        """Reset new connections at once, until `reopen`."""
        self._open.clear()

    def reopen(self) -> None:
        """Take connections again."""
        self._open.set()

    def close(self) -> None:
        """End it all."""
        self._closed.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        self.reset()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            try:
                far = socket.create_connection(self._target, 5) if self._open.is_set() else None
            except OSError:
                far = None
            if far is None:
                _reset(near)
                continue
            with self._lock:
                self._pairs = [pair for pair in self._pairs if pair.alive]
                self._pairs.append(_Pair(near, far))


class _Pair:
    """One connection, carried both ways; both ends are closed once nobody reads either."""

    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self.frozen = threading.Event()
        self._ends = (near, far)
        self._threads = [
            threading.Thread(target=self._carry, args=ends, daemon=True)
            for ends in ((near, far), (far, near))
        ]
        for end in self._ends:
            end.settimeout(None)
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> bool:
        """Whether an end may still be open."""
        return any(end.fileno() >= 0 for end in self._ends)

    def reset(self) -> None:
        """RST to both ends."""
        self.frozen.set()  # no farewell by the threads that carry
        for end in self._ends:
            _reset(end)
        for thread in self._threads:
            thread.join(5)

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(PIECE):
                if self.frozen.is_set():
                    continue  # the sender sees its bytes taken and hears nothing
                sink.sendall(piece)
        if self.frozen.is_set():
            return  # whoever is at the other end hears nothing of this one's going
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def _reset(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.shutdown(socket.SHUT_RD)  # wakes who waits to read; the close below sends the RST
    end.close()
