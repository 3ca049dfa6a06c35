"""A broker for the pages' server."""

from tests.embedded.broker.fixture import broker, project

__all__ = ["broker", "project"]
