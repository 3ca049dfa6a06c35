"""pytest fixtures for anybody's tests: `pytest_plugins = ["embedded.testing"]` in a conftest.py.

Nothing else imports this module, so that pytest is no dependency of the product.
"""

from collections.abc import Iterator

import pytest

from embedded.broker import BrokerProcess


@pytest.fixture(scope="session")
def pubsub_broker() -> Iterator[BrokerProcess]:
    """One broker process for the session; `pubsub_broker.address` is "127.0.0.1:PORT"."""
    with BrokerProcess() as process:
        yield process


@pytest.fixture
def pubsub_emulator_host(pubsub_broker: BrokerProcess, monkeypatch: pytest.MonkeyPatch) -> str:
    """The broker's address, and Google's clients that are made in this test find it."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub_broker.address)
    return pubsub_broker.address
