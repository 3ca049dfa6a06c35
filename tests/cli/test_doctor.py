"""`fusion doctor` says in plain words what is wrong, a line for each thing it looked at."""

from pathlib import Path

from consumers.pubsub import PubSub
from consumers.topology import RISK_EVENTS, provision
from embedded.broker import BrokerProcess
from tests.cli.fusion import fusion
from tests.embedded.broker.fixture import broker, project  # noqa: F401


def _lines(text: str) -> dict[str, tuple[str, str]]:
    """What -> (ok or fault, the rest)."""
    found = {}
    for line in text.splitlines():
        verdict, _, rest = line.partition(" ")
        what, _, said = rest.strip().partition(": ")
        found[what] = (verdict, said)
    return found


def test_on_a_fresh_machine_it_tries_a_broker_of_its_own(tmp_path: Path) -> None:
    ran = fusion("doctor", cwd=tmp_path, FUSION_PORT="0", PUBSUB_EMULATOR_HOST="")
    lines = _lines(ran.stdout)
    assert lines["settings"] == ("ok", "project fusion-local, on this machine")
    assert lines["data directory"] == ("ok", "var/ will be made at the first start")
    assert lines["book"] == ("ok", "1000 demo accounts, made at the first start")
    assert lines["broker"] == ("ok", "none runs; one of our own starts and answers")
    assert lines["topics"][0] == lines["subscriptions"][0] == "ok"
    assert set(lines) - {"browser"} == {
        "settings",
        "data directory",
        "control room",
        "book",
        "broker",
        "topics",
        "subscriptions",
    }
    assert ran.returncode == (0 if lines["browser"][0] == "ok" else 1)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_subscription_is_named(
    broker: BrokerProcess,  # noqa: F811
    project: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    pubsub = PubSub(project, broker.address)
    provision(pubsub)
    pubsub.delete_subscription(RISK_EVENTS)
    pubsub.close()
    env = {"PUBSUB_EMULATOR_HOST": broker.address, "GCP_PROJECT": project, "FUSION_PORT": "0"}
    ran = fusion("doctor", cwd=tmp_path, **env)
    lines = _lines(ran.stdout)
    assert ran.returncode == 1
    assert lines["broker"] == ("ok", f"{broker.address} answers")
    assert lines["subscriptions"] == ("fault", f"missing: {RISK_EVENTS}")
    assert lines["topics"][0] == "ok"


def test_a_broker_that_is_gone_a_bad_book_and_a_bad_replay_are_each_a_fault(tmp_path: Path) -> None:
    (tmp_path / "book.csv").write_text("user_id,side,asset,amount\nwren-02,collateral,ETH,x\n")
    (tmp_path / "file").write_text("")
    ran = fusion(
        "doctor",
        cwd=tmp_path,
        PUBSUB_EMULATOR_HOST="127.0.0.1:1",
        FUSION_BOOK="book.csv",
        FUSION_REPLAY="none.csv",
        FUSION_DATA_DIR="file/var",
        FUSION_PORT="0",
    )
    lines = _lines(ran.stdout)
    assert ran.returncode == 1
    assert lines["data directory"] == ("fault", "cannot write to file/var/, see file")
    assert lines["book"][0] == "fault"
    assert "row 2" in lines["book"][1]
    assert lines["replay"] == ("fault", "none.csv: cannot be read: No such file or directory")
    assert lines["broker"][0] == "fault"
    assert "127.0.0.1:1 is unreachable" in lines["broker"][1]


def test_wrong_settings_are_a_line_each_and_status_2(tmp_path: Path) -> None:
    ran = fusion("doctor", cwd=tmp_path, FUSION_MARKET="boom", FUSION_PORT="x")
    assert ran.returncode == 2
    assert len(ran.stderr.splitlines()) == 2
    assert all(line.startswith("fault  settings: FUSION_") for line in ran.stderr.splitlines())


def test_it_says_nothing_secret(tmp_path: Path) -> None:
    ran = fusion("doctor", cwd=tmp_path, FUSION_WEBHOOK_TOKEN="hush-hush", FUSION_PORT="0")
    assert "hush-hush" not in ran.stdout + ran.stderr
