"""A name server for one name, that can fail."""

import socket
import struct
import threading

A, SERVFAIL = 1, 2


class NameServer:
    """Answers A questions with 127.0.0.1, or all of them with SERVFAIL while `failing` is set."""

    def __init__(self) -> None:
        self.failing = threading.Event()
        self.asked = 0
        self._closed = threading.Event()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.2)
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, name="names", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._closed.set()
        self._thread.join(5)
        self._socket.close()

    def _serve(self) -> None:
        while not self._closed.is_set():
            try:
                query, peer = self._socket.recvfrom(512)
            except TimeoutError:
                continue
            self.asked += 1
            self._socket.sendto(self._answer(query), peer)

    def _answer(self, query: bytes) -> bytes:
        end = query.index(b"\0", 12) + 5  # the name, its type and its class
        question = query[12:end]
        (kind,) = struct.unpack("!H", question[-4:-2])
        if self.failing.is_set():
            return query[:2] + struct.pack("!5H", 0x8180 | SERVFAIL, 1, 0, 0, 0) + question
        found = kind == A
        header = query[:2] + struct.pack("!5H", 0x8180, 1, int(found), 0, 0)
        if not found:
            return header + question
        record = struct.pack("!3HIH", 0xC00C, A, 1, 1, 4) + socket.inet_aton("127.0.0.1")
        return header + question + record
