"""Settings: one place, one line per fault, nothing secret shown."""

from datetime import timedelta
from decimal import Decimal

import pytest

from consumers.settings import SettingsError, load


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
