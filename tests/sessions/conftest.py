"""A broker for the drills."""

from tests.embedded.broker.fixture import broker, project

__all__ = ["broker", "project"]
