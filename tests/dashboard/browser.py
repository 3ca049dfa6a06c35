"""A real server on a port of its own, and a real browser that notes every request."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support import ROOT, eventually

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions")
SAMPLE = ROOT / "tests" / "dashboard" / "sample_server.py"


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def get(url: str, method: str = "GET") -> int:
    """The HTTP status; 0 while nobody answers."""
    request = urllib.request.Request(url, method=method, data=b"" if method == "POST" else None)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


class Server:
    """`streamlit run <script>` as a child process, from the project's root or a copy of it."""

    def __init__(
        self,
        script: Path,
        log: Path,
        port: int | None = None,
        *options: str,
        root: Path = ROOT,
        **environment: str,
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = log.open("ab")
        self._child = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "streamlit",
                "run",
                str(script),
                "--server.port",
                str(self.port),
                *options,
            ],
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root), **environment},
            stdout=self._log,
            stderr=self._log,
        )
        self.path = log
        eventually(lambda: get(f"{self.url}/_stcore/health") == 200, 60, 0.1, "the server is up")

    def act(self, name: str) -> None:
        """Move the sample."""
        assert get(f"{self.url}/sample/{name}", "POST") == 204

    def kill(self) -> None:
        """At once, as a power cut would."""
        self._child.kill()
        self._child.wait(10)

    def stop(self) -> float:
        """As a service manager would; returns after the process is gone."""
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)
        code = self._child.wait(20)
        self._log.close()
        return code


@contextmanager
def served(
    log: Path,
    script: Path = SAMPLE,
    port: int | None = None,
    *options: str,
    root: Path = ROOT,
    **environment: str,
) -> Iterator[Server]:
    """A running server."""
    server = Server(script, log, port, *options, root=root, **environment)
    try:
        yield server
    finally:
        server.stop()


def chromium() -> str | None:
    """The system's Chromium; None leaves the choice to Playwright."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    """One browser for a module; while it is open no test may run an event loop of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One sample server for a module."""
    with served(tmp_path_factory.mktemp("server") / "log") as running:
        yield running


@pytest.fixture
def tab(chrome: Browser) -> Iterator[Page]:
    """A page of a browser that knows nothing yet, 1440x900, dark; fails on a script's error."""
    context = chrome.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    context.close()
    assert faults == []


@pytest.fixture
def requests(tab: Page) -> list[str]:
    """Every URL that this tab asks for, and every one that the page's policy kept it from."""
    seen: list[str] = []
    tab.on("request", lambda request: seen.append(request.url))
    tab.on(
        "console",
        lambda said: seen.append(said.text) if "Content Security Policy" in said.text else None,
    )
    return seen
