"""Google's client of another language, through the same broker."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from embedded.broker import BrokerProcess

CLIENT = "@google-cloud/pubsub@5.3.0"
SCRIPT = Path(__file__).with_name("node_client.mjs")
NPM = ("install", "--no-audit", "--no-fund", "--no-save", "--no-package-lock", "--ignore-scripts")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of its own with the client installed and the script beside it."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node and npm are not installed")
    place = tmp_path_factory.mktemp("node")
    done = subprocess.run(
        [npm, *NPM, CLIENT], cwd=place, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode:
        pytest.skip(f"npm could not install {CLIENT}: {done.stderr.strip().splitlines()[-1:]}")
    shutil.copy(SCRIPT, place)
    return place


def test_node_publishes_streams_nacks_and_dead_letters(folder: Path) -> None:
    with BrokerProcess() as broker:
        done = subprocess.run(
            ["node", SCRIPT.name],
            cwd=folder,
            env=os.environ | {"PUBSUB_EMULATOR_HOST": broker.address},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    sys.stdout.write(f"\n{CLIENT}: {done.stdout}")
    said = json.loads(done.stdout)
    assert (said["published"], said["received"], said["missing"]) == (101, 100, 5)
    assert said["attempts"] == [1, 2, 3, 4, 5]
    assert said["dead"] == "poison"
    source = said["deadFrom"]
    assert source["from"] == "node"
    assert source["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
    assert source["CloudPubSubDeadLetterSourceSubscription"] == "reader"
    assert source["CloudPubSubDeadLetterSourceSubscriptionProject"] == "node-pro"
