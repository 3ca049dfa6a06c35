"""One session as a browser's tab opens it: Streamlit's websocket and its messages, no pixels."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from tests.support import eventually

DONE = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_WITH_COMPILE_ERROR)


class Tab:
    """Runs pages one after the other. The thread `tab` reads; the lock guards what it found."""

    def __init__(self, socket: ClientConnection, page: str) -> None:
        self._socket = socket
        self._page = page
        self._lock = threading.Lock()
        self._runs = 0
        self._faults: list[str] = []
        self._thread = threading.Thread(target=self._read, name="tab", daemon=True)
        self._thread.start()

    @property
    def runs(self) -> int:
        """Runs of the page that ended."""
        with self._lock:
            return self._runs

    @property
    def faults(self) -> list[str]:
        """What a page raised, or did not compile."""
        with self._lock:
            return list(self._faults)

    def run(self) -> None:
        """Ask for the page and wait until it is complete."""
        before = self.runs
        self.send(rerun_script={"page_name": self._page})
        eventually(lambda: self.runs > before, 30, what=f"{self._page} ends: {self.faults}")

    def clear_cache(self) -> None:
        """What the menu's entry sends; any client may."""
        self.send(clear_cache=True)

    def send(self, **message: Any) -> None:
        """One message to the server."""
        self._socket.send(BackMsg(**message).SerializeToString())

    def join(self) -> None:
        """Once the socket is closed."""
        self._thread.join(5)

    def _read(self) -> None:
        try:
            for frame in self._socket:
                assert isinstance(frame, bytes)
                self._take(ForwardMsg.FromString(frame))
        except ConnectionClosed:
            return

    def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        with self._lock:
            if kind == "script_finished" and message.script_finished in DONE:
                self._runs += 1
                if message.script_finished != ForwardMsg.FINISHED_SUCCESSFULLY:
                    self._faults.append("does not compile")
            elif kind == "delta" and message.delta.new_element.HasField("exception"):
                self._faults.append(message.delta.new_element.exception.message)


@contextmanager
def tabs(port: int, *pages: str) -> Iterator[list[Tab]]:
    """One tab for each of the pages, all complete; closed at the end."""
    with ExitStack() as stack:
        opened = []
        for page in pages:
            socket = connect(
                f"ws://127.0.0.1:{port}/_stcore/stream",
                origin=Origin(f"http://127.0.0.1:{port}"),
                subprotocols=[Subprotocol("streamlit")],
                max_size=None,
                compression=None,
                proxy=None,
            )
            opened.append(Tab(stack.enter_context(socket), page))
        for tab in opened:
            tab.run()
        yield opened
    for tab in opened:
        tab.join()
