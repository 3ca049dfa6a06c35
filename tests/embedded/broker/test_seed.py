"""A broker that has its topics and subscriptions from the start."""

import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from embedded.broker import BrokerProcess

COMMAND = [sys.executable, "-m", "embedded.broker"]
FUSION = [sys.executable, "-c", "import typer; from cli.broker import broker; typer.run(broker)"]

TOML = """
project = "pro"

[[schemas]]
name = "price"
type = "AVRO"
definition = '{"type": "record", "name": "Price", "fields": []}'

[[topics]]
name = "prices"
labels = { team = "risk" }
schema_settings = { schema = "price", encoding = "JSON" }

[[topics]]
name = "prices.dead"

[[subscriptions]]
name = "reader"
topic = "prices"
ack_deadline_seconds = 30
dead_letter_policy = { dead_letter_topic = "prices.dead", max_delivery_attempts = 7 }
"""
JSON = '{"topics": [{"name": "projects/pro/topics/prices", "messageRetentionDuration": "600s"}]}'


def _file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def _faults(command: list[str], path: Path) -> list[str]:
    done = subprocess.run(
        [*command, "--seed", str(path)], capture_output=True, timeout=20, check=False
    )
    assert (done.returncode, done.stdout) == (2, b"")
    return [line.removeprefix(f"broker: {path}: ") for line in done.stderr.decode().splitlines()]


def test_what_a_toml_file_names_is_there_before_the_first_client(tmp_path: Path) -> None:
    seed = _file(tmp_path, "seed.toml", TOML)
    with BrokerProcess(seed=seed) as broker, grpc.insecure_channel(broker.address) as channel:
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        topic = publisher.get_topic(topic="projects/pro/topics/prices")
        assert dict(topic.labels) == {"team": "risk"}
        assert topic.schema_settings.schema == "projects/pro/schemas/price"
        reader = subscriber.get_subscription(subscription="projects/pro/subscriptions/reader")
        assert (reader.topic, reader.ack_deadline_seconds) == (topic.name, 30)
        policy = reader.dead_letter_policy
        assert policy.dead_letter_topic == "projects/pro/topics/prices.dead"
        assert policy.max_delivery_attempts == 7


def test_a_json_file_does_too(tmp_path: Path) -> None:
    seed = _file(tmp_path, "seed.json", JSON)
    with BrokerProcess(seed=seed) as broker, grpc.insecure_channel(broker.address) as channel:
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        (topic,) = publisher.list_topics(project="projects/pro")
        assert topic.message_retention_duration.total_seconds() == 600


@pytest.mark.parametrize("command", [COMMAND, FUSION])
def test_every_fault_of_the_broker_s_own_is_a_line(tmp_path: Path, command: list[str]) -> None:
    text = (
        'project = "pro"\n[[topics]]\nname = "prices"\n[[topics]]\nname = "prices"\n'
        '[[topics]]\nname = "x"\n[[subscriptions]]\nname = "reader"\ntopic = "missing"\n'
    )
    assert _faults(command, _file(tmp_path, "seed.toml", text)) == [
        "topics 2 (prices): Resource already exists in the project (resource=prices).",
        "topics 3 (x): Invalid [topics] name: (name=projects/pro/topics/x).",
        "subscriptions 1 (reader): Resource not found (resource=missing).",
    ]


def test_every_fault_of_form_is_a_line(tmp_path: Path) -> None:
    text = (
        'lights = 3\n[[topics]]\nnam = "prices"\n[[topics]]\nname = "prices"\n'
        '[[topics]]\nname = "projects/pro/topics/prices"\nmessage_retention_duration = 5\n'
    )
    other, field, short, retention = _faults(COMMAND, _file(tmp_path, "seed.toml", text))
    assert other == "lights: only project, schemas, topics, subscriptions are known"
    assert field.startswith("topics 1: ")
    assert '"nam"' in field
    assert short == "topics 2: short name 'prices', and no project is given"
    assert retention.startswith("topics 3: ")
    assert "message_retention_duration" in retention


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("seed.toml", "topics = [", "Invalid"),
        ("seed.json", "{", "line 1"),
        ("seed.json", "[]", "table of topics"),
        ("seed.json", '{"topics": {}}', "topics: it must be a list"),
        ("seed.json", '{"topics": [3]}', "topics 1: "),
    ],
)
def test_a_file_of_the_wrong_shape_is_one_line(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    (line,) = _faults(COMMAND, _file(tmp_path, name, text))
    assert said in line


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    assert _faults(COMMAND, tmp_path / "seed.toml") == ["no such file or directory"]
