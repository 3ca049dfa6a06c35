"""Tokens that expire, over TLS, with the client's own way of fetching new ones."""

import datetime as dt
import subprocess
import time
from pathlib import Path
from typing import Any

import google.auth.credentials
import grpc
import pytest
from google.auth.exceptions import RefreshError

from consumers import pubsub as module
from consumers.feed import FeedState
from embedded.broker import BrokerProcess
from tests.faults.figures import show
from tests.faults.gate import Gate
from tests.faults.line import line
from tests.support import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


class Issuer:
    """Hands out numbered tokens, unless it is down; those before `oldest` are good no more."""

    def __init__(self) -> None:
        self.number = 0
        self.oldest = 0
        self.down = False

    def good(self, metadata: dict[str, Any]) -> bool:
        """Whether a call bears a good token."""
        number = str(metadata.get("authorization", "")).removeprefix("Bearer token-")
        return number.isdigit() and int(number) >= self.oldest


class Tokens(google.auth.credentials.Credentials):  # type: ignore[misc]  # brings no types
    """What Google's libraries find: they fetch another 225 s before a token expires."""

    def __init__(self, issuer: Issuer) -> None:
        super().__init__()
        self._issuer = issuer

    def refresh(self, request: object) -> None:
        """The next token, to be fetched anew five seconds later."""
        del request
        if self._issuer.down:
            raise RefreshError("the issuer does not answer")
        self._issuer.number += 1
        self.token = f"token-{self._issuer.number}"
        self.expiry = dt.datetime.now(dt.UTC).replace(tzinfo=None) + dt.timedelta(seconds=230)


def test_r8_expired_credentials_are_said_and_recover_without_a_restart(
    broker: BrokerProcess, project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = _certificate(tmp_path)
    issuer = Issuer()
    server = grpc.ssl_server_credentials([(key, certificate)])
    with Gate(broker.address, server, issuer.good) as gate:
        trusting = grpc.ssl_channel_credentials(certificate)

        def trusted(call: grpc.CallCredentials) -> grpc.ChannelCredentials:
            return grpc.composite_channel_credentials(trusting, call)

        monkeypatch.setattr(grpc, "compute_engine_channel_credentials", trusted)
        monkeypatch.setenv("no_proxy", "localhost")
        monkeypatch.setattr(module, "CLOUD", f"localhost:{gate.port}")
        monkeypatch.setattr(module, "_found_credentials", lambda: Tokens(issuer))
        with line(project, broker.address, None) as one:
            one.start()
            first = issuer.number
            assert first > 0
            issuer.down = True
            issuer.oldest = issuer.number + 1  # what the client holds is good no more
            gate.cut()
            named = one.turns(FeedState.DENIED, time.monotonic(), 15)
            assert "credentials" in (one.status().last_error or "")
            tries = one.status().restarts
            eventually(lambda: one.status().restarts >= tries + 3, 40)
            issuer.down = False
            took = one.flows_after(time.monotonic(), 20)
            lost, doubled = one.settle()
            show(
                f"\nR8 expired: named after {named:.1f} s, consuming {took:.1f} s after the issuer "
                f"answered, token {first} -> {issuer.number}, lost {lost}, doubled {doubled}, "
                f"streams {gate.streams}"
            )
            assert (lost, gate.streams) == (0, 1)


def _certificate(folder: Path) -> tuple[bytes, bytes]:
    """A key and a certificate for localhost, made for this test."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    subprocess.run(
        [
            *command.split(),
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            str(key),
            "-out",
            str(certificate),
        ],
        check=True,
        capture_output=True,
    )
    return key.read_bytes(), certificate.read_bytes()
