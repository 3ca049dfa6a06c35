"""The System page: what runs here, without a secret."""

import platform

import pytest
import streamlit

from consumers import door
from dashboard import access
from dashboard.access import Role, Viewer
from tests.dashboard.pages import boards, opened, page, table
from tests.support_runtime import sample_runtime


def pairs(board: dict[str, object]) -> dict[str, str]:
    """A board of two columns as a mapping."""
    return {row[0]: row[1] for row in table(board) if len(row) == 2}


def test_it_names_environment_broker_and_versions() -> None:
    with opened(sample_runtime(emulator_host="127.0.0.1:8085")):
        shown = boards(page("system"))
    environment = pairs(shown["system-environment"])
    assert environment["Environment"] == "embedded"
    assert environment["Broker"] == "127.0.0.1:8085"
    assert environment["You are"] == "local, admin"
    versions = pairs(shown["system-versions"])
    assert versions["Python"] == platform.python_version()
    assert versions["streamlit"] == streamlit.__version__
    assert versions["Margin policy"] == "2026-11"
    assert versions["SQLite"] == "3.40.1"


def test_every_setting_is_shown_by_its_variable() -> None:
    runtime = sample_runtime()
    with opened(runtime):
        shown = boards(page("system"))
    cells = [cell for row in table(shown["system-settings"]) for cell in row]
    assert set(runtime.settings.public()) <= set(cells)


def test_settings_are_not_for_a_viewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "who", lambda: Viewer("v", Role.VIEWER))
    with opened(sample_runtime()):
        shown = boards(page("system"))
    assert shown["system-settings"]["rows"] == []


def test_bad_rows_of_the_book_are_named() -> None:
    runtime = sample_runtime()
    runtime.change(book_faults=("row 7: amount: must be a finite number",))
    with opened(runtime):
        shown = boards(page("system"))
    assert ["row 7: amount: must be a finite number"] in table(shown["system-book"])


def test_it_says_why_it_is_not_ready() -> None:
    with opened(sample_runtime(empty=True)):
        shown = boards(page("system"))
    assert shown["system-ready"]["say"]["v"] == "Not ready."
    assert shown["system-ready"]["say"]["more"] == ["nothing scored yet"]


@pytest.mark.parametrize("name", ["prices", "accounts", "what_if", "pipeline", "alerts", "system"])
def test_without_a_runtime_a_page_says_how_to_start_one(name: str) -> None:
    door.install(None)
    test = page(name)
    assert "fusion run" in test.error[0].value
