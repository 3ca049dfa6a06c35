"""Fixtures for the tests of everything that talks to a broker."""

from tests.embedded.broker.fixture import broker, project

__all__ = ["broker", "project"]
