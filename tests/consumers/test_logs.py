"""Logs are JSON lines with fields, and never hold a secret."""

import io
from collections.abc import Iterator

import orjson
import pytest
import structlog
from pydantic import SecretStr

from consumers.logs import MASK, configure


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    made = io.StringIO()
    configure("info", made)
    yield made
    structlog.reset_defaults()


def test_an_event_is_one_json_object_a_line_with_level_and_time(stream: io.StringIO) -> None:
    log = structlog.get_logger()
    log.info("alert_delivered", event_id="a1", channels=["email"])
    log.debug("too_fine")
    (line,) = stream.getvalue().splitlines()
    event = orjson.loads(line)
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "event": "alert_delivered",
        "event_id": "a1",
        "channels": ["email"],
        "level": "info",
    }


def test_what_is_called_a_secret_or_is_one_by_type_is_masked(stream: io.StringIO) -> None:
    structlog.get_logger().info("sent", webhook_token="hush", any_name=SecretStr("hush"), user="a")
    event = orjson.loads(stream.getvalue())
    assert (event["webhook_token"], event["any_name"], event["user"]) == (MASK, MASK, "a")
    assert "hush" not in stream.getvalue()


def test_an_exception_is_logged_whole(stream: io.StringIO) -> None:
    try:
        raise ValueError("no market")
    except ValueError:
        structlog.get_logger().exception("oracle_failed")
    assert "ValueError: no market" in orjson.loads(stream.getvalue())["exception"]
