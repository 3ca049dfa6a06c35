"""What the settings say of how long each thing is kept."""

from datetime import timedelta

import pytest

from consumers.remembering import PROTECTS, platform_rules, room_rules, rules
from consumers.settings import SettingsError, load
from consumers.topology import ALERTS, PRICES, RECEIPTS, SETTLEMENTS


def test_the_settings_say_what_is_kept() -> None:
    asked = rules(load({"FUSION_PRICE_HISTORY_HOURS": "2", "FUSION_JOURNAL_MAX_MB": "16"}))
    assert asked.thin[PRICES].after == timedelta(hours=2)
    assert asked.keep[PRICES] == timedelta(days=30)
    assert asked.keep[ALERTS] == timedelta(days=400)
    assert asked.most_bytes == 16 * 1024 * 1024
    assert asked.may_go == (PRICES, RECEIPTS, ALERTS)
    assert SETTLEMENTS not in {*asked.keep, *asked.may_go}, "the book rests on them"


def test_what_protects_against_a_second_delivery_is_kept_for_at_least_fifteen_days() -> None:
    settings = load({"FUSION_EVENT_HISTORY_DAYS": "1"})
    own = {table.name: table for table in platform_rules(settings).own}
    assert {name: table.keep for name, table in own.items()} == {
        "outbox": timedelta(days=60),
        "deliveries": timedelta(days=60),
    }
    (runs,) = room_rules(settings).own
    assert runs.keep == PROTECTS
    assert {table.least for table in (*own.values(), runs)} == {timedelta(days=15)}
    with pytest.raises(SettingsError):
        load({"FUSION_DELIVERY_HISTORY_DAYS": "14"})
