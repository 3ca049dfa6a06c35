"""`fusion run`: a clear line and a status when it cannot, and a summary when it is headless."""

import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import orjson
import pytest

from embedded.lock import RunLock
from tests.cli.fusion import FUSION, fusion
from tests.collector import Collector
from tests.support import eventually, shared

HEADER = "timestamp,asset_symbol,price_usd,source"


def _market(tmp_path: Path, *more: str) -> Path:
    """A day in which ETH goes 100 -> 52 -> 104 and SOL's feed stops at six."""
    rows = [HEADER]
    path = (100, 97, 92, 88, 84, 77, 70, 66, 62, 58, 55, 53, 52, 55, 60, 66, 71, 79, 85, 90, 96)
    for hour, eth in enumerate((*path, 99, 102, 104)):
        at = f"2022-05-05T{hour:02}:00:00Z"
        rows += [f"{at},ETH,{eth},x", f"{at},BTC,{10 * eth},x"]
        rows += [f"{at},SOL,{eth / 2},x"] if hour < 6 else []
    file = tmp_path / "market.csv"
    file.write_text("\n".join((*rows, *more)) + "\n")
    return file


def _summary(tmp_path: Path, replay: Path, speed: float, **environment: str) -> dict[str, Any]:
    ran = fusion(
        *(
            "run",
            "--headless",
            "--replay",
            replay,
            "--speed",
            speed,
            "--data-dir",
            tmp_path / "var",
        ),
        cwd=tmp_path,
        timeout=110,
        **environment,
    )
    assert ran.returncode == 0, ran.stderr[-2_000:]
    (line,) = ran.stdout.splitlines()
    summary: dict[str, Any] = orjson.loads(line)
    return summary


def test_a_replay_without_a_dashboard_ends_with_one_line_and_is_the_same_at_every_speed(
    tmp_path: Path,
) -> None:
    market = _market(tmp_path)
    slow = _summary(tmp_path, market, 36_000, FUSION_ACCOUNTS="120")
    assert (slow["ticks"], slow["rounds"], slow["lost"]) == (54, 24, 0)
    assert slow["unknown_accounts"] == slow["statuses"]["UNKNOWN"] > 0
    assert slow["alerts_published"] > 20
    assert slow["receipts"] >= slow["alerts_published"]
    assert sum(n for name, n in slow["transitions"].items() if name.startswith("NEW->")) == 120
    assert sum(n for name, n in slow["transitions"].items() if name.endswith("->UNKNOWN")) > 0
    fast = _summary(tmp_path, market, 1_000_000, FUSION_ACCOUNTS="120")
    same = ("ticks", "rounds", "transitions", "alerts_published", "receipts", "statuses", "lost")
    assert {name: fast[name] for name in same} == {name: slow[name] for name in same}
    assert fast["duration_s"] < slow["duration_s"]


def test_a_bad_row_is_named_and_nothing_is_started_or_removed(tmp_path: Path) -> None:
    market = _market(tmp_path, "2022-05-06T00:00:00Z,ETH,abc,x")
    kept = tmp_path / "var" / "replay" / "notifications.jsonl"
    kept.parent.mkdir(parents=True)
    kept.write_text("{}\n")
    ran = fusion("run", "--replay", market, "--port", 0, "--data-dir", "var", cwd=tmp_path)
    assert ran.returncode == 2
    row = "row 55 (line 56 of the file): price_usd 'abc' is not a number"
    assert ran.stderr == f"{market}: {row}\n"
    assert ran.stdout == ""
    assert kept.read_text() == "{}\n"
    assert sorted(p.name for p in (tmp_path / "var").iterdir()) == ["lock", "replay"]


def test_a_replay_keeps_to_its_own_folder_and_removes_only_what_a_run_left(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "replay"
    folder.mkdir(parents=True)
    (folder / "notifications.jsonl").write_text("of an older run\n")
    (folder / "my-notes.txt").write_text("keep me")
    _summary(tmp_path, _market(tmp_path), 1_000_000, FUSION_ACCOUNTS="20")
    assert "older run" not in (folder / "notifications.jsonl").read_text()
    assert (folder / "my-notes.txt").read_text() == "keep me"
    assert not (tmp_path / "var" / "book.csv").exists()


def test_a_second_room_a_busy_port_and_a_folder_that_is_none_are_one_line_and_status_1(
    tmp_path: Path,
) -> None:
    lock = RunLock(tmp_path / "var")
    lock.acquire()
    ran = fusion("run", "--port", 0, cwd=tmp_path)
    assert (ran.returncode, ran.stderr) == (
        1,
        f"another control room already runs on var/ (pid {os.getpid()})\n",
    )
    lock.release()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = fusion("run", "--port", port, cwd=tmp_path)
    assert (ran.returncode, ran.stderr) == (
        1,
        f"port {port} on 127.0.0.1 is busy: choose another with --port\n",
    )
    (tmp_path / "file").write_text("")
    ran = fusion("run", "--port", 0, "--data-dir", "file/var", cwd=tmp_path)
    assert (ran.returncode, ran.stderr) == (1, "cannot write to file/var/: Not a directory\n")


def test_each_wrong_setting_is_a_line_and_status_2(tmp_path: Path) -> None:
    ran = fusion(
        *("run", "--speed", "-1", "--market", "boom"),
        cwd=tmp_path,
        FUSION_PORT="99999",
        FUSION_ACCOUNTS="many",
        GCP_PROJECT="!",
    )
    assert ran.returncode == 2
    names = {line.partition("=")[0] for line in ran.stderr.splitlines()}
    assert names == {
        "FUSION_REPLAY_SPEED",
        "FUSION_MARKET",
        "FUSION_PORT",
        "FUSION_ACCOUNTS",
        "GCP_PROJECT",
    }
    assert len(ran.stderr.splitlines()) == 5
    assert list(tmp_path.iterdir()) == []


def test_spans_of_both_processes_of_a_run_without_a_dashboard_are_exported(tmp_path: Path) -> None:
    with Collector() as collector:
        _summary(
            tmp_path, _market(tmp_path), 360_000, FUSION_ACCOUNTS="20", **collector.environment
        )
    names = {(service, name.split()[-1]) for service, name in collector.spans}
    assert {("fusion-platform", "create"), ("fusion-platform", "subscribe")} <= names
    assert ("control-room", "subscribe") in names


def test_an_endpoint_for_spans_that_never_answers_holds_up_no_end(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ran = fusion(
            *("run", "--headless", "--replay", _market(tmp_path), "--speed", "360000"),
            *("--data-dir", tmp_path / "var"),
            cwd=tmp_path,
            FUSION_ACCOUNTS="20",
            FUSION_OTEL="true",
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}",
            NO_PROXY="127.0.0.1",
        )
    assert ran.returncode == 0, ran.stderr[-2_000:]
    assert "platform_stopped" in ran.stderr
    assert "platform_killed" not in ran.stderr


def test_a_simulated_market_without_a_dashboard_ends_with_ctrl_c_and_its_summary(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "var"
    command = [*FUSION, "run", "--headless", "--data-dir", str(folder)]
    env = {**os.environ, "FUSION_ACCOUNTS": "40", "FUSION_PRICE_INTERVAL_S": "0.5"}
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(
            command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=log
        ) as process,
    ):
        sink = folder / "notifications.jsonl"
        eventually(lambda: sink.exists() and sink.read_bytes(), 30)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    assert process.returncode == 0, (out, (tmp_path / "log").read_text()[-2_000:])
    summary = orjson.loads(out)
    assert summary["lost"] == 0
    assert summary["ticks"] >= 10


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_ten_real_days_are_the_same_at_ten_times_the_speed_and_end_within_45_seconds(
    tmp_path: Path,
) -> None:
    market = shared("market/2022-05-luna-hourly.csv")
    fast = _summary(tmp_path, market, 36_000)
    faster = _summary(tmp_path, market, 360_000)
    assert (fast["ticks"], fast["rounds"], fast["lost"]) == (3026, 240, 0)
    assert fast["transitions"] == faster["transitions"]
    assert fast["unknown_accounts"] > 20
    assert fast["duration_s"] < 45
