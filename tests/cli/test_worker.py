"""`fusion worker`: one worker or all, on a broker that is named."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from embedded.broker import BrokerProcess
from embedded.report import read_report
from tests.cli.fusion import FUSION, fusion
from tests.embedded.broker.fixture import broker, project  # noqa: F401


def test_an_unknown_worker_is_refused_with_the_names_there_are(tmp_path: Path) -> None:
    ran = fusion("worker", "nobody", cwd=tmp_path)
    assert ran.returncode == 2
    assert ran.stderr.startswith("no worker is called nobody: choose one of notifier, settlement,")


def test_without_a_broker_it_says_which_setting_is_missing(tmp_path: Path) -> None:
    ran = fusion("worker", "platform", cwd=tmp_path, PUBSUB_EMULATOR_HOST="")
    assert (ran.returncode, ran.stderr.split(":")[0]) == (2, "PUBSUB_EMULATOR_HOST")


def test_nothing_is_simulated_in_the_cloud(tmp_path: Path) -> None:
    ran = fusion(
        *("worker", "oracle"),
        cwd=tmp_path,
        FUSION_ENVIRONMENT="prod",
        PUBSUB_EMULATOR_HOST="127.0.0.1:1",
    )
    assert ran.returncode == 2
    assert ran.stderr == "oracle: nothing is simulated in the prod environment\n"


def test_it_reports_runs_and_ends_on_sigterm(
    broker: BrokerProcess,  # noqa: F811
    project: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    env = {
        **os.environ,
        "PUBSUB_EMULATOR_HOST": broker.address,
        "GCP_PROJECT": project,
        "FUSION_DATA_DIR": str(tmp_path / "var"),
        "FUSION_ACCOUNTS": "20",
        "FUSION_PRICE_INTERVAL_S": "0.2",
    }
    command = [*FUSION, "worker", "platform", "--report"]
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            report = read_report(line)
            if (
                report.of("notifier", "receipts_published")
                and report.of("risk-engine", "rounds") > 2
            ):
                break
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read().splitlines()
        assert process.wait(8) == 0
    assert read_report(rest[-1]).counters["oracle"]["rounds"] > 2
    assert sum(read_report(rest[-1]).statuses.values()) == 20


@pytest.mark.slow  # it waits twenty seconds for a broker that may still be starting
def test_a_broker_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    ran = fusion("worker", "notifier", cwd=tmp_path, PUBSUB_EMULATOR_HOST="127.0.0.1:1")
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].startswith("broker 127.0.0.1:1 is unreachable")
