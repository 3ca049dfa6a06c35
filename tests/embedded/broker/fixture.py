"""A running broker for any test that needs one.

In a `conftest.py` or a test module:
`from tests.embedded.broker.fixture import broker, project  # noqa: F401`
"""

import uuid
from collections.abc import Iterator

import pytest

from embedded.broker import BrokerProcess


@pytest.fixture(scope="session")
def broker() -> Iterator[BrokerProcess]:
    """One broker process for the whole session; `broker.address` is "127.0.0.1:PORT"."""
    with BrokerProcess() as process:
        yield process


@pytest.fixture
def project() -> str:
    """A project id of this test's own, so that tests sharing a broker never meet."""
    return f"test-{uuid.uuid4().hex[:12]}"
