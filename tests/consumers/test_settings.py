"""Settings: one place, one line per fault, nothing secret shown."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from consumers.settings import SettingsError, load
from core.policy import Status


def test_defaults_need_no_environment() -> None:
    settings = load({})
    assert settings.price_interval_s == 2
    assert settings.cadence == timedelta(seconds=2)
    assert settings.policy.hysteresis == Decimal("0.5")


def test_five_wrong_settings_give_five_lines_each_naming_its_variable() -> None:
    wrong = {
        "FUSION_PORT": "eighty",
        "GCP_PROJECT": "!",
        "PUBSUB_EMULATOR_HOST": "a b",
        "FUSION_MARKET": "boom",
        "FUSION_PRICE_INTERVAL_S": "-1",
    }
    with pytest.raises(SettingsError) as caught:
        load(wrong)
    assert len(caught.value.faults) == 5
    assert {f.split("=")[0] for f in caught.value.faults} == set(wrong)


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load({"FUSION_PORT": ""}).port == 8501


def test_an_override_wins_over_the_environment() -> None:
    assert load({"FUSION_PORT": "9000"}, port=9100).port == 9100


def test_a_public_address_is_refused_while_there_is_no_sign_in() -> None:
    with pytest.raises(SettingsError, match="loopback"):
        load({"FUSION_HOST": "0.0.0.0"})


def test_reminders_of_the_graver_band_come_at_least_as_often() -> None:
    with pytest.raises(SettingsError, match="FUSION_REMINDER_LIQUIDATION_S"):
        load({"FUSION_REMINDER_LIQUIDATION_S": "7200", "FUSION_REMINDER_MARGIN_CALL_S": "60"})


def test_reminders_are_checked_whatever_else_is_wrong() -> None:
    with pytest.raises(SettingsError) as caught:
        load({"FUSION_REMINDER_LIQUIDATION_S": "20000", "FUSION_PORT": "x"})
    assert sorted(f.split("=")[0] for f in caught.value.faults) == [
        "FUSION_PORT",
        "FUSION_REMINDER_LIQUIDATION_S",
    ]


def test_the_platforms_own_names_are_honoured() -> None:
    settings = load(
        {
            "GCP_PROJECT": "fusion-prod",
            "PRICE_SUBSCRIPTION": "my-prices",
            "ALERT_SUBSCRIPTION": "my-alerts",
            "PUBSUB_EMULATOR_HOST": "127.0.0.1:8085",
        }
    )
    assert (settings.project, settings.price_subscription) == ("fusion-prod", "my-prices")
    assert (settings.alert_subscription, settings.emulator_host) == ("my-alerts", "127.0.0.1:8085")


def test_monitoring_is_asked_once_a_minute_in_the_cloud() -> None:
    assert load({}).backlog_period == timedelta(seconds=60)
    assert load({"PUBSUB_EMULATOR_HOST": "localhost:1"}).backlog_period == timedelta(seconds=3)


def test_the_policy_comes_from_a_file_where_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(
        'version = "desk-7"\nthresholds = [60, 40, 20]\nhysteresis = 2\n'
        'weights = { ETH = "0.83" }\n[staleness]\nETH = "2 min"\n'
    )
    policy = load({"FUSION_POLICY": str(path), "FUSION_HYSTERESIS_POINTS": "1"}).policy
    assert (policy.version, policy.margin_call, policy.hysteresis) == ("desk-7", 20, 2)
    assert policy.weights == {"ETH": Decimal("0.83")}
    assert policy.stale_from("ETH") == timedelta(minutes=2)
    assert Status.LIQUIDATION in policy.reminder


def test_every_fault_of_a_policy_is_a_line_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text("thresholds = [50, 60, 15]\nweights = { ETH = 2 }\n")
    with pytest.raises(SettingsError) as caught:
        load({"FUSION_POLICY": str(path)})
    assert len(caught.value.faults) == 2
    assert all(fault.startswith(f"FUSION_POLICY={path}: ") for fault in caught.value.faults)
    with pytest.raises(SettingsError, match="No such file"):
        load({"FUSION_POLICY": str(tmp_path / "none.toml")})


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("FUSION_SUBSCRIPTIONS", "alerts=alert-notification-service", "take messages away"),
        ("FUSION_SUBSCRIPTIONS", "news=control-room-x", "FEED one of"),
        ("FUSION_SUBSCRIPTIONS", "alerts=control-room-x,prices=control-room-x", "two feeds"),
        ("PRICE_SUBSCRIPTION", "control-room-prices-b2", "belongs to a control room"),
    ],
)
def test_nobody_may_read_what_another_works_on(variable: str, value: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        load({variable: value})
    assert len(caught.value.faults) == 1


def test_a_replicas_name_is_kept_with_its_data_and_is_nobody_elses(tmp_path: Path) -> None:
    one, two = (load({}, data_dir=tmp_path / n) for n in ("one", "two"))
    assert one.replica_name == load({}, data_dir=tmp_path / "one").replica_name
    assert one.replica_name != two.replica_name
    assert load({"FUSION_REPLICA": "b2"}, data_dir=tmp_path).replica_name == "b2"
